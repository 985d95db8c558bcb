package vzsl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"vzsl/internal/kernels"
	"vzsl/train/gradient"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// errDiverged is wrapped by the error of a training whose loss ran away.
var errDiverged = errors.New("training diverged")

// prefetched is the number of mini-batches gathered before their turn.
const prefetched = 2

// training is a fit under way.
type training struct {
	*gradient.Training
	c     *Config
	p     *method.Problem
	graph *graph[float32]
	model *Model

	samples             []int         // that an epoch shows
	size, steps, epochs int           // of a batch, an epoch; to do
	second              *transduction // nil in the inductive setting
	sums                terms         // of the epoch so far
	wait                time.Duration // for data, in the epoch so far
	loss                float64
	bestEpoch           int // of the inductive part, from 1; 0: none yet
}

// Fit trains on p.Train. With validation classes it keeps the parameters of the epoch that was best on them; with a
// choice made earlier it trains for as many epochs as chosen. Interrupted, it saves its state and returns ctx's error.
func (m *Config) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	c := *m
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, errors.New("no samples to train on")
	}
	if c.Closed {
		return m.fitJoint(ctx, p, s)
	}
	t := &training{c: &c, p: oneView(p, firstView)}
	if err := t.prepare(s); err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	o := &method.Outcome{Model: t.model, Choice: method.Choice{"epochs": float64(t.epochs)}}
	if t.bestEpoch > 0 {
		o.Choice["epochs"], o.Accuracy = float64(t.bestEpoch), t.Accuracy
	}
	if t.second != nil {
		o.Choice["transductive_epochs"] = float64(t.second.chosen())
	}
	t.TakeBest()
	t.model.views = p.Views
	return o, nil
}

func (t *training) prepare(session *method.Session) error {
	c, d := t.c, &t.p.Train
	var err error
	if t.epochs, err = gradient.Epochs(session.Choice, "epochs", c.Epochs); err != nil {
		return err
	}
	t.Training = &gradient.Training{Session: session}
	if t.p.Unlabelled != nil {
		if t.second, err = newTransduction(t); err != nil {
			return err
		}
	}
	t.samples = epochSamples(t.p, c.ShotRepeat)
	t.size = min(c.Batch, len(t.samples))
	t.steps = len(t.samples) / t.size
	s := shape{feature: d.Dim(), attribute: len(d.Attributes[0])}
	all := parameters[float32](c, s)
	vectors := make([]float32, 0, len(d.Attributes)*s.attribute)
	length := 0.0
	for _, a := range d.Attributes {
		if len(a) != s.attribute {
			return fmt.Errorf("classes with %d and %d attributes", s.attribute, len(a))
		}
		sum := 0.0
		for _, v := range a {
			sum += float64(v) * float64(v)
		}
		length += math.Sqrt(sum) / float64(len(d.Attributes))
		vectors = append(vectors, a...)
	}
	start(all, t.p.Seed, length)
	t.model = newModel(*c, s, all)
	var trained []gradient.Parameter
	for _, p := range all {
		decay := 0.0
		switch {
		case p.prior:
			decay = c.PriorWeightDecay
		case p.rows > 0:
			decay = c.WeightDecay
		}
		trained = append(trained, gradient.Parameter{Name: p.name, Shape: p.shape(), Values: p.values, Decay: decay})
	}
	t.Training = gradient.New(session, trained)
	if err := t.resume(); err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	t.graph, err = newGraph(c, all, newBatch[float32](c, s.feature, t.size), vectors, len(d.Attributes), nil)
	return err
}

func (t *training) run(ctx context.Context) error {
	defer func() { _ = t.graph.vm.Close() }() // the last one's: a transductive part has its own
	if total := t.epochs * t.steps; t.Step < total {
		var batches []*batch[float32]
		for range prefetched {
			batches = append(batches, newBatch[float32](t.c, t.p.Train.Dim(), t.size))
		}
		f := newFeed(ctx, t.c, &t.p.Train, t.samples, t.size, t.steps, t.Step, total, t.p.Seed, batches)
		defer f.close()
		if err := t.Run(ctx, gradient.Loop{Step: &t.Step, Steps: t.steps, Epochs: t.epochs, Epoch: t.epochDone, Done: t.stepDone, Save: t.save,
			One: func(ctx context.Context) error {
				b, err := t.next(ctx, f)
				if err != nil {
					return err
				}
				defer func() { f.free <- b }()
				return t.one(b)
			}}); err != nil {
			return err
		}
	}
	if t.second != nil {
		if err := t.second.run(ctx); err != nil {
			return err
		}
	}
	return t.save()
}

// next waits for a mini-batch.
func (t *training) next(ctx context.Context, f *feed[float32]) (*batch[float32], error) {
	asked := time.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case b := <-f.ready:
		t.wait += time.Since(asked)
		return b, nil
	}
}

// stepDone reports a step among those of both parts.
func (t *training) stepDone() {
	if t.Session.Step == nil {
		return
	}
	done, total := t.Step, t.epochs*t.steps
	if u := t.second; u != nil {
		done, total = done+u.step, total+u.epochs*u.steps
	}
	t.Session.Step(done, total)
}

// one is one training step: loss and derivatives of a batch, clipped, given to Adam.
func (t *training) one(b *batch[float32]) error {
	c, g := t.c, t.graph
	ramp := 1.0
	if c.Warmup > 0 {
		// The margin grows with the KL term: alone at full weight it would be a lambda above 1.
		ramp = min(1, float64(t.Step+1)/float64(c.Warmup*t.steps))
	}
	g.weights[0], g.weights[1], g.weights[2] = float32(ramp), float32(ramp*c.Margin), float32(c.ReconstructionWeight)
	if err := g.labelled.bind(b); err != nil {
		return err
	}
	a := kernels.Adam{Rate: c.LearningRate, Step: t.Step + 1}
	if c.Schedule == "cosine" {
		// Over all epochs of the settings, so that a choice of fewer ends where validation saw it.
		a.Rate = gradient.Cosine(a.Rate, t.Step, c.Epochs*t.steps)
	}
	if err := t.update(g, a, t.steps); err != nil {
		return err
	}
	t.Step++
	return nil
}

// update runs the graph's bound batches and gives the derivatives, clipped, to Adam. An epoch has so many steps.
func (t *training) update(g *graph[float32], a kernels.Adam, epoch int) error {
	c := t.c
	loss, err := g.run()
	if err != nil {
		return err
	}
	gradients := make([][]float32, len(g.parameters))
	for i := range gradients {
		if gradients[i], err = g.gradient(i); err != nil {
			return err
		}
	}
	if a.Step == 1 {
		t.First = loss
	}
	norm := t.norm(gradients)
	if math.IsNaN(loss) || math.IsInf(loss, 0) || math.IsNaN(norm) || math.IsInf(norm, 0) || math.Abs(loss) > 1000*(1+math.Abs(t.First)) {
		return t.diverged(g, loss, norm, (a.Step-1)/epoch+1, (a.Step-1)%epoch+1)
	}
	a.Beta1, a.Beta2, a.Epsilon, a.Scale = c.Beta1, c.Beta2, 1e-8, 1
	if c.ClipNorm > 0 && norm > c.ClipNorm {
		a.Scale = c.ClipNorm / norm
	}
	t.Update(a, func(i int) []float32 { return gradients[i] })
	t.loss += loss
	t.sums.kl += g.parts.kl
	t.sums.margin += g.parts.margin
	t.sums.reconstruction += g.parts.reconstruction
	t.sums.unlabelled += g.parts.unlabelled
	return nil
}

// norm is the length of all gradients together.
func (t *training) norm(gradients [][]float32) float64 {
	sum := 0.0
	for _, g := range gradients {
		sum += squares(g)
	}
	return math.Sqrt(sum)
}

// squares adds up v^2, blocks in single precision, the blocks in double.
func squares(v []float32) float64 {
	const block = 1024
	sum := 0.0
	for len(v) >= block {
		b := v[:block:block]
		v = v[block:]
		var s0, s1, s2, s3, s4, s5, s6, s7 float32
		for i := 0; i+8 <= len(b); i += 8 {
			q := b[i : i+8 : i+8]
			s0 += q[0] * q[0]
			s1 += q[1] * q[1]
			s2 += q[2] * q[2]
			s3 += q[3] * q[3]
			s4 += q[4] * q[4]
			s5 += q[5] * q[5]
			s6 += q[6] * q[6]
			s7 += q[7] * q[7]
		}
		sum += float64((s0 + s1) + (s2 + s3) + ((s4 + s5) + (s6 + s7)))
	}
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

func (t *training) diverged(g *graph[float32], loss, norm float64, epoch, step int) error {
	c := t.c
	advice := fmt.Sprintf("try a smaller learning_rate (it is %v)", c.LearningRate)
	if c.ClipNorm == 0 {
		advice += ", a clip_norm (not set; 10 is usual)"
	} else {
		advice += fmt.Sprintf(", a smaller clip_norm (%v)", c.ClipNorm)
	}
	if c.LogVarianceBound == 0 {
		advice += ", a log_variance_bound (not set; 5 is usual)"
	}
	if c.Scale > 1 || c.Reconstruction && c.ReconstructionWeight > 1 {
		advice += fmt.Sprintf(", a smaller scale (%v) or reconstruction_weight (%v)", c.Scale, c.ReconstructionWeight)
	}
	return fmt.Errorf("%w in epoch %d, step %d: loss %.4g, initially %.4g (KL %.4g, margin %.4g, reconstruction %.4g), gradient norm %.4g: %s, and l2-normalised features and attributes",
		errDiverged, epoch, step, loss, t.First, g.parts.kl, g.parts.margin, g.parts.reconstruction, norm, advice)
}

// epochDone validates and reports.
func (t *training) epochDone(epoch int) error {
	n := float64(t.steps)
	pt := method.Point{Done: epoch, Total: t.epochs, Values: map[string]float64{
		"loss": t.loss / n, "kl": t.sums.kl / n, "margin": t.sums.margin / n}, Choice: method.Choice{"epochs": float64(epoch)}}
	if t.c.Reconstruction {
		pt.Values["reconstruction"] = t.sums.reconstruction / n
	}
	pt.Wait = t.wait
	t.loss, t.sums, t.wait = 0, terms{}, 0
	if err := t.Validate(t.model, t.p.Validation, &pt); err != nil {
		return err
	}
	t.bestEpoch = t.Best
	return t.Report(pt)
}

// save hands the state to the session.
func (t *training) save() error {
	values := map[string]string{"loss": gradient.Exact(t.loss), "kl": gradient.Exact(t.sums.kl),
		"margin": gradient.Exact(t.sums.margin), "reconstruction": gradient.Exact(t.sums.reconstruction),
		"unlabelled": gradient.Exact(t.sums.unlabelled), "best_epoch": strconv.Itoa(t.bestEpoch)}
	u := t.second
	if u == nil || !u.begun {
		return t.Save(values)
	}
	values["transductive_step"], values["transductive_best"] = strconv.Itoa(u.step), strconv.Itoa(u.best)
	values["transductive_validated"] = strconv.FormatBool(u.tried)
	return t.Save(values, u.tensors()...)
}

// resume takes up the session's state, if there is one.
func (t *training) resume() error {
	v, err := t.Resume()
	if v == nil || err != nil {
		return err
	}
	t.loss, t.bestEpoch = v.Number("loss"), int(v.Number("best_epoch"))
	t.sums = terms{kl: v.Number("kl"), margin: v.Number("margin"), reconstruction: v.Number("reconstruction"), unlabelled: v.Number("unlabelled")}
	if t.Step < 0 || t.Step > t.epochs*t.steps {
		return fmt.Errorf("step %d of %d", t.Step, t.epochs*t.steps)
	}
	state := t.Session.Resume
	if u := t.second; u != nil && state.Values["transductive_step"] != "" {
		step, best := int(v.Number("transductive_step")), int(v.Number("transductive_best"))
		if v.Err == nil {
			return u.resume(&safetensors.File{Tensors: state.Tensors}, step, best, state.Values["transductive_validated"] == "true")
		}
	}
	return v.Err
}

// Load makes a model of a file of Model.Tensors.
func (m *Config) Load(f *safetensors.File) (method.Model, error) {
	c := *m
	if err := c.Validate(); err != nil {
		return nil, err
	}
	// The first layer on the features is a head where nothing is hidden.
	name, units := "encoder.mu.weight", c.Latent
	if len(c.Hidden) > 0 {
		name, units = "encoder.0.weight", c.Hidden[0]
	}
	first, ok := f.Get(name)
	prior, ok2 := f.Get("prior.mu.weight")
	if !ok || !ok2 || len(first.Shape) != 2 || len(prior.Shape) != 2 || first.Shape[1] < 1 || prior.Shape[1] < 1 {
		return nil, fmt.Errorf("no VZSL model: %s or prior.mu.weight is missing or no matrix", name)
	}
	if first.Shape[0] != units || prior.Shape[0] != c.Latent {
		return nil, fmt.Errorf("a model whose first layer has %d units and whose latent space %d dimensions; the settings say %d and %d", first.Shape[0], prior.Shape[0], units, c.Latent)
	}
	s := shape{feature: first.Shape[1], attribute: prior.Shape[1]}
	all := parameters[float32](&c, s)
	if err := restore(f, "", all, func(i int) []float32 { return all[i].values }); err != nil {
		return nil, err
	}
	model := newModel(c, s, all)
	if t, ok := f.Get("attribute_views"); ok {
		if len(t.F32) != 1 || t.F32[0] != 2 {
			return nil, errors.New("no VZSL model: the tensor attribute_views is not the number 2")
		}
		model.views = 2
	}
	return loadJoint(&c, model, f)
}
