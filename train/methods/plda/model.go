package plda

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// Model scores by class posteriors. Coordinates y of a feature x are project x - offset; the seen classes' means span the first
// rank of them.
type Model struct {
	feature, attribute int
	rank, dims         int
	project            []float32 // dims x feature
	offset             []float32
	centre             []float32   // m: what has the coordinates 0
	seen               [][]float32 // attribute vectors of the seen classes
	counts             []float64   // of their images
	alpha              *mat.Dense  // S x rank: p(a) = k(a)' alpha
	means, prior       *mat.Dense  // S x rank: the seen classes' means, and what the regression without each class gives it
	tau                []float64   // rank
	floor              float64     // tau of all other coordinates
	shotWeight         float64     // images that an image of an unseen class counts as
	transductive       bool        // scores have no log term, and known classes a bias
	known              []known     // classes of which there are images beside the seen ones'

	index map[string]int          // of vectors: a seen class, or S + a known one, which wins
	last  *atomic.Pointer[scored] // candidates are mostly those of the last call
}

// scored are candidates with their posteriors.
type scored struct {
	classes [][]float32
	g       *gaussians
}

// known is a class with images.
type known struct {
	vector []float32
	n      float64   // of images that count; their coordinates' sum
	sum    []float64 // dims
	bias   float64   // added to its scores
}

var (
	_ method.Model     = (*Model)(nil)
	_ method.Learner   = (*Model)(nil)
	_ method.Describer = (*Model)(nil)
	_ method.Grapher   = (*Model)(nil)
)

// ready builds what is looked up by.
func (m *Model) ready() {
	m.last = new(atomic.Pointer[scored])
	m.index = make(map[string]int, len(m.seen)+len(m.known))
	for i, v := range slices.Backward(m.seen) { // of equal ones the first
		m.index[bits(v)] = i
	}
	for i, k := range m.known {
		m.index[bits(k.vector)] = len(m.seen) + i
	}
}

func bits(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return string(b)
}

// Dims are the lengths of a feature and of an attribute vector.
func (m *Model) Dims() (feature, attribute int) { return m.feature, m.attribute }

// coordinates returns the first k coordinates of n features.
func (m *Model) coordinates(x []float32, n, k int) []float64 {
	y := make([]float32, n*k)
	kernels.Sgemm(false, true, n, k, m.feature, 1, x, m.feature, m.project, m.feature, 0, y, k)
	out := make([]float64, n*k)
	for i, v := range y {
		out[i] = float64(v) - float64(m.offset[i%k])
	}
	return out
}

// WithoutImages is the model as it was before it knew images of unseen classes.
func (m *Model) WithoutImages() *Model {
	out := *m
	out.known, out.transductive = nil, false
	out.ready()
	return &out
}

// Images tells of each class how many images the model counts for it, and whether it is a seen class.
func (m *Model) Images(classes [][]float32) (n []float64, seen []bool) {
	n, seen = make([]float64, len(classes)), make([]bool, len(classes))
	for i, v := range classes {
		at, ok := m.index[bits(v)]
		if !ok {
			continue
		}
		if at >= len(m.seen) {
			n[i] = m.known[at-len(m.seen)].n
			at = m.seenRow(v)
		}
		if at >= 0 {
			n[i], seen[i] = n[i]+m.counts[at], true
		}
	}
	return n, seen
}

// BesideOthers is the part of its weight that another model's score keeps beside these scores of candidates: images of them,
// seen, labelled or unlabelled, tell this model what they do not tell the other.
func (m *Model) BesideOthers(classes [][]float32) float64 {
	n, seen := m.Images(classes)
	known, shots := 0.0, 0.0
	for i, k := range n {
		if seen[i] {
			return 0.5
		}
		if k > 0 {
			known, shots = known+1, shots+k/m.shotWeight
		}
	}
	switch {
	case known == 0:
		return 1
	case m.transductive:
		return 0.5
	}
	return 0.6 / (1 + shots/known/10)
}

// seenRow is a seen class's row by its vector, -1 where there is none.
func (m *Model) seenRow(v []float32) int {
	return slices.IndexFunc(m.seen, func(s []float32) bool { return slices.Equal(s, v) })
}

// Score returns n rows of one log score for each class.
func (m *Model) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	l, err := m.LogScores(features, n, classes)
	if err != nil {
		return nil, err
	}
	return single(l), nil
}

// LogScores is Score in double precision.
func (m *Model) LogScores(features []float32, n int, classes [][]float32) ([]float64, error) {
	const chunk = 512
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	if err := m.check(classes); err != nil {
		return nil, err
	}
	g := m.cached(classes)
	out := make([]float64, n*g.c)
	for lo := 0; lo < n; lo += chunk {
		k := min(chunk, n-lo)
		g.score(out[lo*g.c:(lo+k)*g.c], m.coordinates(features[lo*m.feature:(lo+k)*m.feature], k, g.k), k)
	}
	return out, nil
}

func (m *Model) check(classes [][]float32) error {
	if len(classes) == 0 {
		return errors.New("no classes to score")
	}
	for i, v := range classes {
		if len(v) != m.attribute {
			return fmt.Errorf("class %d has %d attributes, the model %d", i, len(v), m.attribute)
		}
	}
	return nil
}

// Learn returns the model that has seen n more images of a class, at once: the posterior needs their sum alone. The model itself
// stays as it is.
func (m *Model) Learn(vector []float32, features []float32, n int) (method.Model, error) {
	if err := m.check([][]float32{vector}); err != nil {
		return nil, err
	}
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	sum := make([]float64, m.dims)
	y := m.coordinates(features, n, m.dims)
	for i, v := range y {
		sum[i%m.dims] += m.shotWeight * v
	}
	out := *m
	out.known = slices.Clone(m.known)
	out.add(vector, m.shotWeight*float64(n), sum)
	out.ready()
	return &out, nil
}

// add counts images of a class: n of that sum.
func (m *Model) add(vector []float32, n float64, sum []float64) {
	i := slices.IndexFunc(m.known, func(k known) bool { return slices.Equal(k.vector, vector) })
	if i < 0 {
		m.known = append(m.known, known{vector: vector, n: n, sum: sum})
		return
	}
	was := &m.known[i]
	total := slices.Clone(was.sum)
	for j, v := range sum {
		total[j] += v
	}
	m.known[i] = known{vector: was.vector, n: was.n + n, sum: total, bias: was.bias}
}

// Tensors are the model.
func (m *Model) Tensors() []safetensors.Tensor {
	var ts []safetensors.Tensor
	f32 := func(name string, v []float32, shape ...int) {
		ts = append(ts, safetensors.Tensor{Name: name, Shape: shape, F32: v})
	}
	f64 := func(name string, v []float64, shape ...int) {
		ts = append(ts, safetensors.Tensor{Name: name, Shape: shape, F64: v})
	}
	dense := func(name string, d *mat.Dense) {
		r, c := d.Dims()
		f64(name, d.RawMatrix().Data, r, c)
	}
	f32("project", m.project, m.dims, m.feature)
	f32("offset", m.offset, m.dims)
	f32("centre", m.centre, m.feature)
	f32("seen", slices.Concat(m.seen...), len(m.seen), m.attribute)
	f64("seen.images", m.counts, len(m.counts))
	dense("seen.means", m.means)
	dense("seen.prior", m.prior)
	dense("alpha", m.alpha)
	f64("tau", m.tau, m.rank)
	f64("floor", []float64{m.floor, m.shotWeight}, 2)
	if len(m.known) > 0 {
		var vectors []float32
		var n, sums, bias []float64
		for _, k := range m.known {
			vectors, n, sums, bias = append(vectors, k.vector...), append(n, k.n), append(sums, k.sum...), append(bias, k.bias)
		}
		c := len(m.known)
		f32("known", vectors, c, m.attribute)
		f64("known.images", n, c)
		f64("known.sums", sums, c, m.dims)
		if m.transductive {
			f64("known.bias", bias, c)
		}
	}
	return ts
}

// Load makes a model of a file of Model.Tensors, each name after prefix.
func Load(f *safetensors.File, prefix string) (*Model, error) {
	l := loader{f: f, prefix: prefix}
	m := &Model{}
	project := l.get("project", false, -1, -1)
	if l.err != nil {
		return nil, fmt.Errorf("no zero-shot PLDA: %w", l.err)
	}
	m.dims, m.feature, m.project = project.Shape[0], project.Shape[1], project.F32
	m.offset, m.centre = l.get("offset", false, m.dims).F32, l.get("centre", false, m.feature).F32
	seen := l.get("seen", false, -1, -1)
	tau := l.get("tau", true, -1)
	if l.err != nil {
		return nil, fmt.Errorf("no zero-shot PLDA: %w", l.err)
	}
	classes := seen.Shape[0]
	m.attribute, m.rank, m.tau = seen.Shape[1], tau.Shape[0], tau.F64
	m.seen = cut(seen.F32, m.attribute)
	m.counts = l.get("seen.images", true, classes).F64
	m.means, m.prior, m.alpha = l.dense("seen.means", classes, m.rank), l.dense("seen.prior", classes, m.rank), l.dense("alpha", classes, m.rank)
	if floor := l.get("floor", true, 2).F64; len(floor) == 2 {
		m.floor, m.shotWeight = floor[0], floor[1]
	}
	if _, ok := f.Get(prefix + "known"); ok {
		vectors := l.get("known", false, -1, m.attribute)
		c := 0
		if l.err == nil {
			c = vectors.Shape[0]
		}
		n, sums := l.get("known.images", true, c).F64, l.get("known.sums", true, c, m.dims).F64
		bias := make([]float64, c)
		if _, ok := f.Get(prefix + "known.bias"); ok {
			m.transductive, bias = true, l.get("known.bias", true, c).F64
		}
		if l.err == nil {
			for i, v := range cut(vectors.F32, m.attribute) {
				m.known = append(m.known, known{v, n[i], sums[i*m.dims : (i+1)*m.dims], bias[i]})
			}
		}
	}
	if l.err == nil && (m.rank > m.dims || !(m.floor > 0) || slices.ContainsFunc(m.tau, func(t float64) bool { return !(t > 0) })) {
		l.err = errors.New("its sizes or variances are impossible")
	}
	if l.err != nil {
		return nil, fmt.Errorf("no zero-shot PLDA: %w", l.err)
	}
	m.ready()
	return m, nil
}

func cut(v []float32, length int) [][]float32 {
	var rows [][]float32
	for at := 0; at < len(v); at += length {
		rows = append(rows, v[at:at+length])
	}
	return rows
}

// loader reads tensors and keeps the first error.
type loader struct {
	f      *safetensors.File
	prefix string
	err    error
}

func (l *loader) get(name string, double bool, shape ...int) *safetensors.Tensor {
	t, ok := l.f.Get(l.prefix + name)
	fits := ok && len(t.Shape) == len(shape) && (t.F64 != nil) == double
	for i := range shape {
		fits = fits && t.Shape[i] > 0 && (shape[i] == -1 || shape[i] == t.Shape[i])
	}
	if !fits {
		if l.err == nil {
			l.err = fmt.Errorf("the tensor %s is missing or not of the right shape and type", l.prefix+name)
		}
		return &safetensors.Tensor{}
	}
	return t
}

func (l *loader) dense(name string, r, c int) *mat.Dense {
	t := l.get(name, true, r, c)
	if t.F64 == nil {
		return &mat.Dense{}
	}
	return mat.NewDense(r, c, t.F64)
}
