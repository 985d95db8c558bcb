package methods

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// ampMethod is Fu, Xiang, Kodirov and Gong's absorbing Markov chain on the classes' graph (CVPR 2015). Two
// seen classes, or a seen class and a candidate, are linked if one is among the nearest of the other, with the weights
//
//	exp(-|s_i - s_j|^2 / (2 sigma^2))
//
// normalised to transition probabilities Q (seen to seen) and R (seen to candidate). A walk starts at a seen class with
// the classifier's probability p(c|x) and ends at the first candidate it meets, in closed form at candidate j with the
// probability
//
//	(p' (I - Q)^-1 R)_j
//
// The original's classifier are one-against-all SVMs of the seen classes on GoogLeNet's features, its image node linked
// to the best of them; here it is a softmax regression, all of whose probabilities count. sigma is set against the mean
// distance between nearest seen classes, so that one grid serves all attributes.
//
// Any classes can be scored. In GZSL a seen class among the candidates is met with the greatest weight, being at no
// distance from itself; labelled images of unseen classes can join the training.
type ampMethod struct {
	Neighbours []float64 `toml:"neighbours" range:"[1, inf) whole" comment:"grid of the number of nearest seen classes and candidates that a class is linked to, selected on the validation classes"`
	Width      []float64 `toml:"width" range:"(0, inf)" comment:"grid of sigma, as a fraction of the mean distance between nearest seen classes"`
	Epochs     int       `toml:"epochs" range:"[1, 1e9]" comment:"epochs of the classifier of the seen classes"`
}

var ampSpec = method.Spec{
	Name: "amp", Title: "AMP",
	Paper:   "Fu, Xiang, Kodirov and Gong, Zero-shot object recognition by semantic manifold distance, CVPR 2015",
	Default: method.Of(defaultAMP), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultAMP is a grid around what CUB's validation classes choose.
func defaultAMP() ampMethod {
	return ampMethod{Neighbours: []float64{1, 2, 3, 5, 10, 20, 50}, Width: []float64{0.2, 0.35, 0.5, 0.7, 1}, Epochs: classifierEpochs}
}

// Validate explains the first setting that cannot work.
func (m *ampMethod) Validate() error { return method.Check("amp", m) }

// Space are the normalisations: the grid costs one fit.
func (m *ampMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "standardise", "centre-l2"}},
	}
}

// Fit trains the classifier and chooses the graph on the validation classes.
func (m *ampMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	neighbours, widths := axis{"neighbours", m.Neighbours}, axis{"width", m.Width}
	c, seen, attribute, g, err := fitClassified(ctx, p, s, classifierTraining(m.Epochs), "AMP", &neighbours, &widths)
	if err != nil {
		return nil, err
	}
	for _, k := range neighbours.values {
		for _, w := range widths.values {
			if err := g.point(ctx, ampModel(c, seen, attribute, int(k), w), method.Choice{"neighbours": k, "width": w}); err != nil {
				return nil, err
			}
		}
	}
	return &g.out, nil
}

// Load makes a model of a file of Model.Tensors.
func (m *ampMethod) Load(f *safetensors.File) (method.Model, error) {
	c, err := loadClassifier(f)
	if err != nil {
		return nil, err
	}
	seen, err := tensor(f, "seen", c.classes, -1)
	if err != nil {
		return nil, err
	}
	graph, err := tensor(f, "graph", 2)
	if err != nil {
		return nil, err
	}
	if k := graph[0]; !(k >= 1) || !(graph[1] > 0) {
		return nil, fmt.Errorf("a graph of %v neighbours and width %v", k, graph[1])
	}
	return ampModel(c, seen, len(seen)/c.classes, int(graph[0]), float64(graph[1])), nil
}

// ampModel scores by the probability of ending at each class.
func ampModel(c *classifier, seen []float32, attribute, neighbours int, width float64) *model {
	width = float64(float32(width)) // as a file keeps it
	var last absorbed
	return &model{feature: c.feature, attribute: attribute,
		tensors: append(c.tensors(),
			safetensors.Tensor{Name: "seen", Shape: []int{c.classes, attribute}, F32: seen},
			safetensors.Tensor{Name: "graph", Shape: []int{2}, F32: []float32{float32(neighbours), float32(width)}}),
		score: func(x []float32, n int, s []float32, candidates int) []float32 {
			ends := last.of(s, func() *mat.Dense { return absorption(seen, s, attribute, neighbours, width) })
			scores := make([]float32, n*candidates)
			kernels.Sgemm(false, false, n, candidates, c.classes, 1, c.probabilities(x, n), c.classes, ends, candidates, 0, scores, candidates)
			return scores
		}}
}

// absorbed keeps where walks end among the candidates last asked for: they are the same from one block of samples to the
// next, and a thousand classes cost a second.
type absorbed struct {
	mu               sync.Mutex
	candidates, ends []float32
}

func (a *absorbed) of(candidates []float32, absorption func() *mat.Dense) []float32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ends == nil || !slices.Equal(a.candidates, candidates) {
		all := absorption().RawMatrix().Data
		a.candidates, a.ends = slices.Clone(candidates), make([]float32, len(all))
		for i, v := range all {
			a.ends[i] = float32(v)
		}
	}
	return a.ends
}

// absorption is (I - Q)^-1 R, seen x candidates: where walks from each seen class end.
func absorption(seen, candidates []float32, attribute, neighbours int, width float64) *mat.Dense {
	useKernels()
	n, c := len(seen)/attribute, len(candidates)/attribute
	among, to := distances(seen, seen, attribute), distances(seen, candidates, attribute)
	mean := 0.0
	for i := range n {
		least := math.Inf(1)
		for j := range n {
			if j != i {
				least = min(least, among.At(i, j))
			}
		}
		if n > 1 {
			mean += math.Sqrt(least) / float64(n)
		}
	}
	sharpness := 0.0 // 1/(2 sigma^2); classes all alike leave nothing to tell near from far
	if mean > 0 {
		sharpness = 1 / (2 * width * width * mean * mean)
	}
	links := mat.NewDense(n, n+c, nil) // 1 where there is one
	for i := range n {
		for _, j := range closest(among.RawRowView(i), neighbours, i) {
			links.Set(i, j, 1)
			links.Set(j, i, 1)
		}
		for _, j := range closest(to.RawRowView(i), neighbours, -1) {
			links.Set(i, n+j, 1)
		}
	}
	for j := range c {
		for _, i := range closest(mat.Col(nil, j, to), neighbours, -1) {
			links.Set(i, n+j, 1)
		}
	}
	system, r := mat.NewDense(n, n, nil), mat.NewDense(n, c, nil) // I - Q, R
	for i := range n {
		row, least := links.RawRowView(i), math.Inf(1)
		distance := append(slices.Clone(among.RawRowView(i)), to.RawRowView(i)...)
		for j, linked := range row {
			if linked > 0 {
				least = min(least, distance[j])
			}
		}
		sum := 0.0
		for j, linked := range row {
			if linked > 0 {
				// Against the nearest of all, so that none of the weights is lost below the smallest number, and no less
				// than a billionth, so that every walk ends.
				row[j] = math.Max(math.Exp(-sharpness*(distance[j]-least)), 1e-9)
				sum += row[j]
			}
		}
		for j, weight := range row {
			if j < n {
				system.Set(i, j, -weight/sum)
			} else {
				r.Set(i, j-n, weight/sum)
			}
		}
		system.Set(i, i, 1)
	}
	var ends mat.Dense
	if err := ends.Solve(system, r); err != nil {
		var condition mat.Condition
		if !errors.As(err, &condition) || math.IsInf(float64(condition), 0) {
			panic(err) // I - Q is diagonally dominant
		}
	}
	return &ends
}

// distances are the squared ones between all vectors of a and of b.
func distances(a, b []float32, length int) *mat.Dense {
	n, m := len(a)/length, len(b)/length
	d := mat.NewDense(n, m, nil)
	for i := range n {
		for j := range m {
			sum := 0.0
			for k, v := range a[i*length : (i+1)*length] {
				x := float64(v - b[j*length+k])
				sum += x * x
			}
			d.Set(i, j, sum)
		}
	}
	return d
}

// closest are the places of the k smallest values, the smallest first, but for one place.
func closest(values []float64, k, but int) []int {
	var places []int
	for j := range values {
		if j != but {
			places = append(places, j)
		}
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return places[:min(k, len(places))]
}
