package vzsl

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"

	"vzsl/internal/kernels"
)

// graph is the objective for batches of one size, with its derivatives by all parameters.
type graph[T float] struct {
	vm         G.VM
	parameters []*parameter[T]
	gradients  []*G.Node
	loss       *G.Node
	parts      terms    // of the last run, unweighted
	weights    []T      // kl, margin, reconstruction, unlabelled
	labelled   *side[T] // samples
	second     *side[T] // nil without unlabelled samples
}

// side is where a batch enters the graph.
type side[T float] struct {
	x      *G.Node
	labels *G.Node   // nil on the unlabelled side
	target *G.Node   // nil where it is x
	noise  *G.Node   // nil without reconstruction
	masks  []*G.Node // of the encoder's, then the decoder's hidden layers; none without dropout
	// sharpened are the unlabelled samples' targets, n x classes: whoever binds a batch writes its there.
	sharpened []T
}

// unlabelled are the samples of unseen classes that a graph takes beside the labelled ones.
type unlabelled[T float] struct {
	first      *batch[T]
	attributes []T // of the unseen classes
	classes    int
}

// building guards Gorgonia's shared constants, which a graph under construction changes.
var building sync.Mutex

// useKernels makes the project's BLAS Gorgonia's own, for the few operations that are not ours.
var useKernels = sync.OnceFunc(func() { G.Use(kernels.BLAS{}) })

// newGraph builds the objective over the parameters' own memory. attributes holds the seen classes' vectors.
func newGraph[T float](c *Config, all []*parameter[T], first *batch[T], attributes []T, classes int, second *unlabelled[T]) (*graph[T], error) {
	useKernels()
	building.Lock()
	defer building.Unlock()
	b := &builder[T]{g: G.NewGraph()}
	g := &graph[T]{parameters: all, weights: []T{1, T(c.Margin), T(c.ReconstructionWeight), T(c.UnlabelledWeight)}}
	m := &model[T]{b: b, c: c, weights: map[string]*G.Node{}}
	var inputs G.Nodes
	for _, p := range all {
		n := b.input(p.name, p.shape(), p.values)
		m.weights[p.name] = n
		inputs = append(inputs, n)
	}
	coefficients := b.input("weights", []int{len(g.weights)}, g.weights)

	g.labelled = m.enter("", first)
	g.labelled.labels = b.input("labels", []int{first.n}, first.labels)
	mu, logVariance := m.encoder("", g.labelled)
	classMu, classLogVariance := m.prior("", attributes, classes)
	loss := b.margin(b.divergences(mu, logVariance, classMu, classLogVariance), g.labelled.labels, coefficients, &g.parts)
	if c.Reconstruction {
		loss = b.add(loss, m.reconstruction("", g.labelled, mu, logVariance, coefficients, &g.parts.reconstruction))
	}
	if second != nil {
		const of = "unlabelled "
		s := m.enter(of, second.first)
		s.sharpened = make([]T, second.first.n*second.classes)
		targets := b.input(of+"targets", []int{second.first.n, second.classes}, s.sharpened)
		mu, logVariance := m.encoder(of, s)
		classMu, classLogVariance := m.prior(of, second.attributes, second.classes)
		loss = b.add(loss, b.unlabelled(b.divergences(mu, logVariance, classMu, classLogVariance), targets, coefficients, &g.parts.unlabelled))
		if c.Reconstruction {
			loss = b.add(loss, m.reconstruction(of, s, mu, logVariance, coefficients, nil))
		}
		g.second = s
	}
	if b.err != nil {
		return nil, fmt.Errorf("building the graph: %w", b.err)
	}
	g.loss = loss
	var err error
	if g.gradients, err = G.Grad(loss, inputs...); err != nil {
		return nil, fmt.Errorf("differentiating the graph: %w", err)
	}
	g.vm = G.NewTapeMachine(b.g)
	return g, nil
}

// model adds the networks to a graph, each as often as there are batches; of tells their nodes apart.
type model[T float] struct {
	b       *builder[T]
	c       *Config
	weights map[string]*G.Node
}

func (m *model[T]) enter(of string, first *batch[T]) *side[T] {
	n := first.n
	s := &side[T]{x: m.b.input(of+"features", []int{n, len(first.x) / n}, first.x)}
	if first.target != nil {
		s.target = m.b.input(of+"whole features", []int{n, len(first.target) / n}, first.target)
	}
	if first.noise != nil {
		s.noise = m.b.input(of+"noise", []int{m.c.Samples * n, m.c.Latent}, first.noise)
	}
	for i, v := range first.masks {
		rows := n
		if i >= len(m.c.Hidden) {
			rows *= m.c.Samples
		}
		s.masks = append(s.masks, m.b.input(fmt.Sprintf("%smask %d", of, i), []int{rows, len(v) / rows}, v))
	}
	return s
}

func (m *model[T]) linear(of, name string, h, mask *G.Node, relu, inner bool) *G.Node {
	return m.b.linear(of+name, h, m.weights[name+".weight"], m.weights[name+".bias"], mask, relu, inner)
}

func (s *side[T]) mask(i int) *G.Node {
	if len(s.masks) == 0 {
		return nil
	}
	return s.masks[i]
}

// encoder returns mean and log variance of q(z|x).
func (m *model[T]) encoder(of string, s *side[T]) (mu, logVariance *G.Node) {
	h := s.x
	for i := range m.c.Hidden {
		h = m.linear(of, fmt.Sprintf("encoder.%d", i), h, s.mask(i), true, i > 0)
	}
	inner := len(m.c.Hidden) > 0
	mu = m.linear(of, "encoder.mu", h, nil, false, inner)
	logVariance = m.linear(of, "encoder.log_variance", h, nil, false, inner)
	return mu, m.b.bounded(of+"bound", logVariance, m.c.LogVarianceBound)
}

// prior returns mean and log variance of p(z|a) of classes.
func (m *model[T]) prior(of string, attributes []T, classes int) (mu, logVariance *G.Node) {
	a := m.b.input(of+"attributes", []int{classes, len(attributes) / classes}, attributes)
	mu = m.linear(of, "prior.mu", a, nil, false, false)
	logVariance = m.linear(of, "prior.log_variance", a, nil, false, false)
	return mu, m.b.bounded(of+"prior bound", logVariance, m.c.LogVarianceBound)
}

// reconstruction samples z, decodes it and measures what is lost, in the mean over the Monte-Carlo samples: these are
// rows like others, each image's sample after sample.
func (m *model[T]) reconstruction(of string, s *side[T], mu, logVariance, coefficients *G.Node, part *float64) *G.Node {
	h := m.b.sample(mu, logVariance, s.noise)
	for i := range m.c.Hidden {
		h = m.linear(of, fmt.Sprintf("decoder.%d", i), h, s.mask(len(m.c.Hidden)+i), true, true)
	}
	mean := m.linear(of, "decoder.mean", h, nil, false, true)
	target := s.x
	if s.target != nil {
		target = s.target
	}
	return m.b.reconstruction(mean, target, m.weights["decoder.log_variance"], coefficients, part)
}

// bind makes b the next run's input.
func (s *side[T]) bind(b *batch[T]) error {
	nodes := append([]*G.Node{s.x, s.labels, s.target, s.noise}, s.masks...)
	if b.bound == nil {
		b.bound = make([]G.Value, len(nodes))
		for i, v := range append([][]T{b.x, b.labels, b.target, b.noise}, b.masks...) {
			if nodes[i] != nil {
				b.bound[i] = newTensor(nodes[i].Shape(), v)
			}
		}
	}
	for i, n := range nodes {
		if n == nil {
			continue
		}
		if err := G.Let(n, b.bound[i]); err != nil {
			return fmt.Errorf("binding a batch: %w", err)
		}
	}
	return nil
}

// run computes the loss and all derivatives of the bound batch.
func (g *graph[T]) run() (loss float64, err error) {
	defer g.vm.Reset()
	if err := g.vm.RunAll(); err != nil {
		return 0, fmt.Errorf("running the graph: %w", err)
	}
	m, err := memory[T](g.loss.Value())
	if err != nil {
		return 0, err
	}
	return float64(m[0]), nil
}

// gradient is the derivative by parameter i of the last run.
func (g *graph[T]) gradient(i int) ([]T, error) { return memory[T](g.gradients[i].Value()) }
