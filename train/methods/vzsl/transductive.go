package vzsl

import (
	"context"
	"errors"
	"fmt"
	"math"

	"vzsl/internal/kernels"
	"vzsl/train/gradient"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// transduction is the second part of a transductive training: it continues from the inductive model with the unlabelled
// images of the unseen classes beside the labelled ones. With q(c|x) the softmax over the unseen classes of
// -KL(q(z|x) || p(z|a_c)) it adds to the labelled objective, for each unlabelled x,
//
//	E_q[log p(x|z)] - weight KL(p(c|x) || q(c|x)),    p(c|x) in proportion to q(c|x)^2 / g_c,   g_c = sum_x q(c|x)
//
// the sharpened target of Xie, Girshick and Farhadi (ICML 2016), which the paper takes over: predictions that are sure
// pull those that are less so, and dividing by g_c keeps a class from swallowing the others. Targets are computed over
// all unlabelled images at the beginning of every epoch. An epoch is one round of the unlabelled images. Their labels
// do not exist here.
type transduction struct {
	t                   *training
	u                   *method.Unlabelled
	size, steps, epochs int // of the unlabelled images
	step                int
	begun               bool // the parameters are past the inductive part
	targets             []float32
	best                int // epoch of the best parameters, from 1; 0: the inductive model's
	tried               bool
	graph               *graph[float32]
}

// nameless gives unlabelled features their row in place of a label.
type nameless struct{ method.Features }

func (nameless) Label(i int) int { return i }

func newTransduction(t *training) (*transduction, error) {
	u := t.p.Unlabelled
	s := &transduction{t: t, u: u}
	var err error
	if s.epochs, err = gradient.Epochs(t.Session.Choice, "transductive_epochs", t.c.TransductiveEpochs); err != nil {
		return nil, err
	}
	if u.Len() == 0 || len(u.Attributes) == 0 {
		return nil, errors.New("the transductive setting needs unlabelled images and the classes they may be of; there are none")
	}
	if u.Dim() != t.p.Train.Dim() {
		return nil, fmt.Errorf("labelled features of %d values and unlabelled ones of %d", t.p.Train.Dim(), u.Dim())
	}
	s.size = min(t.c.Batch, u.Len())
	s.steps = u.Len() / s.size
	return s, nil
}

// chosen is the number of epochs that the outcome's model has had.
func (s *transduction) chosen() int {
	if s.tried {
		return s.best
	}
	return s.epochs
}

// validates reports whether the number of epochs is to be chosen here.
func (s *transduction) validates() bool {
	_, given := s.t.Session.Choice["transductive_epochs"]
	v := s.t.p.Validation
	return !given && v != nil && v.Len() > 0
}

func (s *transduction) run(ctx context.Context) error {
	t, c := s.t, s.t.c
	if !s.begun {
		t.TakeBest()
		t.Restart()
		s.begun, t.loss, t.sums = true, 0, terms{}
		// From here on the state has the inductive part's best parameters: the file of the best is about to be another's.
		if err := t.save(); err != nil {
			return err
		}
	}
	if s.step == 0 && !s.tried && s.validates() {
		// That the inductive model is best is one of the answers.
		a, err := method.Accuracy(t.model, t.p.Validation)
		if err != nil {
			return err
		}
		s.tried = true
		t.KeepBest(s.mark(), a)
		if err := s.point(0, a); err != nil {
			return err
		}
	}
	total := s.epochs * s.steps
	if s.step >= total {
		return nil
	}
	sizes := t.model.sizes
	var vectors, unseen []float32
	for _, a := range t.p.Train.Attributes {
		vectors = append(vectors, a...)
	}
	for i, a := range s.u.Attributes {
		if len(a) != sizes.attribute {
			return fmt.Errorf("unseen class %d has %d attributes, the seen ones %d", i, len(a), sizes.attribute)
		}
		unseen = append(unseen, a...)
	}
	classes := len(s.u.Attributes)
	second := &unlabelled[float32]{first: newBatch[float32](c, sizes.feature, s.size), attributes: unseen, classes: classes}
	_ = t.graph.vm.Close()
	var err error
	if s.graph, err = newGraph(c, t.model.parameters, newBatch[float32](c, sizes.feature, t.size), vectors, len(t.p.Train.Attributes), second); err != nil {
		return err
	}
	t.graph = s.graph // closed with the training

	feeds := [2]*feed[float32]{}
	for i, d := range []*method.Data{&t.p.Train, {Samples: nameless{s.u}}} {
		var batches []*batch[float32]
		samples, n, steps := t.samples, t.size, t.steps
		if i == 1 {
			samples, n, steps = epochSamples(&method.Problem{Train: *d}, 0), s.size, s.steps
		}
		for range prefetched {
			batches = append(batches, newBatch[float32](c, sizes.feature, n))
		}
		// Draws of their own, apart from the inductive part's and each other's.
		feeds[i] = newFeed(ctx, c, d, samples, n, steps, s.step, total, t.p.Seed^(0x7a11<<uint(i)), batches)
		defer feeds[i].close()
	}
	targets := s.graph.second.sharpened
	return t.Run(ctx, gradient.Loop{Step: &s.step, Steps: s.steps, Epochs: s.epochs, Epoch: s.epochDone, Done: t.stepDone, Save: t.save,
		One: func(ctx context.Context) error {
			if s.step%s.steps == 0 {
				if err := s.aim(ctx); err != nil {
					return err
				}
			}
			var pair [2]*batch[float32]
			for i := range pair {
				if pair[i], err = t.next(ctx, feeds[i]); err != nil {
					return err
				}
			}
			for i, l := range pair[1].labels {
				copy(targets[i*classes:(i+1)*classes], s.targets[int(l)*classes:(int(l)+1)*classes])
			}
			if err := s.one(pair[0], pair[1]); err != nil {
				return err
			}
			for i := range pair {
				feeds[i].free <- pair[i]
			}
			return nil
		}})
}

// mark is that of the best parameters: beyond every epoch of the inductive part.
func (s *transduction) mark() int { return s.t.epochs + 1 + s.best }

// one is one step: a labelled and an unlabelled batch.
func (s *transduction) one(labelled, nameless *batch[float32]) error {
	t, c, g := s.t, s.t.c, s.graph
	g.weights[0], g.weights[1], g.weights[2], g.weights[3] = 1, float32(c.Margin), float32(c.ReconstructionWeight), float32(c.UnlabelledWeight)
	if err := g.labelled.bind(labelled); err != nil {
		return err
	}
	if err := g.second.bind(nameless); err != nil {
		return err
	}
	a := kernels.Adam{Rate: c.TransductiveRate, Step: s.step + 1}
	if c.Schedule == "cosine" {
		a.Rate = gradient.Cosine(a.Rate, s.step, c.TransductiveEpochs*s.steps)
	}
	if err := t.update(g, a, s.steps); err != nil {
		return err
	}
	s.step++
	return nil
}

// aim computes the targets of all unlabelled images with the parameters as they are.
func (s *transduction) aim(ctx context.Context) error {
	classes, n := len(s.u.Attributes), s.u.Len()
	s.targets = make([]float32, n*classes)
	err := method.Scores(s.t.model, s.u, s.u.Attributes, func(i int, scores []float32) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		softmax(s.targets[i*classes:(i+1)*classes], scores)
		return nil
	})
	if err != nil {
		return err
	}
	sharpen(s.targets, n, classes)
	return nil
}

// softmax writes exp(score) / sum exp(score).
func softmax(to, scores []float32) {
	most := scores[0]
	for _, v := range scores {
		most = max(most, v)
	}
	sum := 0.0
	for _, v := range scores {
		sum += math.Exp(float64(v - most))
	}
	for i, v := range scores {
		to[i] = float32(math.Exp(float64(v-most)) / sum)
	}
}

// sharpen makes of n rows of probabilities q the targets p in proportion to q^2 / g, g the sum of each column.
func sharpen(q []float32, n, classes int) {
	g := make([]float64, classes)
	for i := range n {
		for c, v := range q[i*classes : (i+1)*classes] {
			g[c] += float64(v)
		}
	}
	for i := range n {
		row := q[i*classes : (i+1)*classes]
		sum := 0.0
		for c, v := range row {
			if g[c] > 0 {
				sum += float64(v) * float64(v) / g[c]
			}
		}
		for c, v := range row {
			if row[c] = 0; g[c] > 0 && sum > 0 {
				row[c] = float32(float64(v) * float64(v) / g[c] / sum)
			}
		}
	}
}

// epochDone validates and reports.
func (s *transduction) epochDone(epoch int) error {
	t, accuracy := s.t, 0.0
	if s.validates() {
		var err error
		if accuracy, err = method.Accuracy(t.model, t.p.Validation); err != nil {
			return fmt.Errorf("transductive epoch %d: %w", epoch, err)
		}
		if accuracy > t.Accuracy {
			s.best = epoch
			t.KeepBest(s.mark(), accuracy)
		}
	}
	return s.point(epoch, accuracy)
}

func (s *transduction) point(epoch int, accuracy float64) error {
	t, n := s.t, float64(s.steps)
	inductive := t.epochs
	if t.bestEpoch > 0 {
		inductive = t.bestEpoch
	}
	pt := method.Point{Done: t.epochs + epoch, Total: t.epochs + s.epochs, Accuracy: accuracy, Validated: s.validates(),
		Choice: method.Choice{"epochs": float64(inductive), "transductive_epochs": float64(epoch)},
		Values: map[string]float64{"transductive_epoch": float64(epoch)}}
	if epoch > 0 {
		pt.Values["loss"], pt.Values["kl"], pt.Values["margin"] = t.loss/n, t.sums.kl/n, t.sums.margin/n
		pt.Values["unlabelled"] = t.sums.unlabelled / n
		if t.c.Reconstruction {
			pt.Values["reconstruction"] = t.sums.reconstruction / n
		}
	}
	pt.Wait = t.wait
	t.loss, t.sums, t.wait = 0, terms{}, 0
	return t.Report(pt)
}

// tensors are what a checkpoint needs beside the training's own: the targets of the epoch under way.
func (s *transduction) tensors() []safetensors.Tensor {
	if len(s.targets) == 0 {
		return nil
	}
	return []safetensors.Tensor{{Name: "targets", Shape: []int{s.u.Len(), len(s.u.Attributes)}, F32: s.targets}}
}

// resume takes up a checkpoint's step and targets.
func (s *transduction) resume(f *safetensors.File, step, best int, tried bool) error {
	s.begun, s.step, s.best, s.tried = true, step, best, tried
	if step < 0 || step > s.epochs*s.steps || best < 0 || best > s.epochs {
		return fmt.Errorf("step %d of %d", step, s.epochs*s.steps)
	}
	if step%s.steps == 0 {
		return nil // an epoch begins with new ones
	}
	t, ok := f.Get("targets")
	if !ok || len(t.F32) != s.u.Len()*len(s.u.Attributes) {
		return errors.New("the targets of the unlabelled images are missing")
	}
	s.targets = append([]float32(nil), t.F32...)
	return nil
}
