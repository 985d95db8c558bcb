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
	parts      terms // of the last run, unweighted
	weights    []T   // kl, margin, reconstruction
	x, labels  *G.Node
	target     *G.Node   // nil where it is x
	noise      *G.Node   // nil without reconstruction
	masks      []*G.Node // of the encoder's, then the decoder's hidden layers; none without dropout
}

// building guards Gorgonia's shared constants, which a graph under construction changes.
var building sync.Mutex

// useKernels makes the project's BLAS Gorgonia's own, for the few operations that are not ours.
var useKernels = sync.OnceFunc(func() { G.Use(kernels.BLAS{}) })

// newGraph builds the objective over the parameters' own memory. attributes holds the seen classes' vectors.
func newGraph[T float](c *Config, all []*parameter[T], first *batch[T], attributes []T, classes int) (*graph[T], error) {
	useKernels()
	building.Lock()
	defer building.Unlock()
	b := &builder[T]{g: G.NewGraph()}
	g := &graph[T]{parameters: all, weights: []T{1, T(c.Margin), T(c.ReconstructionWeight)}}
	weights := map[string]*G.Node{}
	var inputs G.Nodes
	for _, p := range all {
		n := b.input(p.name, p.shape(), p.values)
		weights[p.name] = n
		inputs = append(inputs, n)
	}
	n := first.n
	g.x = b.input("features", []int{n, len(first.x) / n}, first.x)
	g.labels = b.input("labels", []int{n}, first.labels)
	coefficients := b.input("weights", []int{3}, g.weights)
	for i, m := range first.masks {
		g.masks = append(g.masks, b.input(fmt.Sprintf("mask %d", i), []int{n, len(m) / n}, m))
	}
	mask := func(i int) *G.Node {
		if len(g.masks) == 0 {
			return nil
		}
		return g.masks[i]
	}

	h := g.x
	target := h
	if first.target != nil {
		g.target = b.input("targets", []int{n, len(first.target) / n}, first.target)
		target = g.target
	}
	for i := range c.Hidden {
		name := fmt.Sprintf("encoder.%d", i)
		h = b.linear(name, h, weights[name+".weight"], weights[name+".bias"], mask(i), true, i > 0)
	}
	inner := len(c.Hidden) > 0
	mu := b.linear("encoder.mu", h, weights["encoder.mu.weight"], weights["encoder.mu.bias"], nil, false, inner)
	logVariance := b.linear("encoder.log_variance", h, weights["encoder.log_variance.weight"], weights["encoder.log_variance.bias"], nil, false, inner)
	logVariance = b.bounded("bound", logVariance, c.LogVarianceBound)

	a := b.input("attributes", []int{classes, len(attributes) / classes}, attributes)
	classMu := b.linear("prior.mu", a, weights["prior.mu.weight"], nil, nil, false, false)
	classLogVariance := b.linear("prior.log_variance", a, weights["prior.log_variance.weight"], nil, nil, false, false)
	classLogVariance = b.bounded("prior bound", classLogVariance, c.LogVarianceBound)

	loss := b.margin(b.divergences(mu, logVariance, classMu, classLogVariance), g.labels, coefficients, &g.parts)
	if c.Reconstruction {
		g.noise = b.input("noise", []int{n, c.Latent}, first.noise)
		h = b.sample(mu, logVariance, g.noise)
		for i := range c.Hidden {
			name := fmt.Sprintf("decoder.%d", i)
			h = b.linear(name, h, weights[name+".weight"], weights[name+".bias"], mask(len(c.Hidden)+i), true, true)
		}
		mean := b.linear("decoder.mean", h, weights["decoder.mean.weight"], weights["decoder.mean.bias"], nil, false, true)
		rec := b.reconstruction(mean, target, coefficients, &g.parts.reconstruction)
		if b.err == nil {
			loss, b.err = G.Add(loss, rec)
		}
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

// bind makes b the next run's input.
func (g *graph[T]) bind(b *batch[T]) error {
	if b.bound == nil {
		add := func(n *G.Node, values []T) {
			if n != nil {
				b.bound = append(b.bound, newTensor(n.Shape(), values))
			}
		}
		add(g.x, b.x)
		add(g.labels, b.labels)
		add(g.target, b.target)
		add(g.noise, b.noise)
		for i, m := range b.masks {
			add(g.masks[i], m)
		}
	}
	i := 0
	let := func(n *G.Node) error {
		if n == nil {
			return nil
		}
		i++
		return G.Let(n, b.bound[i-1])
	}
	for _, n := range append([]*G.Node{g.x, g.labels, g.target, g.noise}, g.masks...) {
		if err := let(n); err != nil {
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

// nodes are the graph's.
func (g *graph[T]) nodes() G.Nodes { return g.loss.Graph().AllNodes() }
