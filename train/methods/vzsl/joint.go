package vzsl

import (
	"errors"

	"vzsl/internal/kernels"
	"vzsl/onnxfile"
	"vzsl/train/method"
	"vzsl/train/methods/plda"
	"vzsl/train/safetensors"
)

// The log scores that a joint model can give.
const (
	scoreJoint   = "joint"
	scoreLearned = "learned"
	scoreClosed  = "closed"
)

// Joint is VZSL with a second block of the latent space, in closed form: an image's code is (z, y), z the encoder's, y the
// feature whitened, and a class is a Gaussian over both. The KL divergence to it is a sum, and so is the score,
//
//	s(x, c) = L(x, c) / sd(L) - w KL(q(z|x) || p(z|a_c)) / sd(KL)
//
// with L the log score of zero-shot PLDA. The deviations are those of the scores about each image's mean, over seen classes
// that took no part in the fit or, in the transductive setting, over the unlabelled images.
type Joint struct {
	*Model
	closed              *plda.Model
	closedSD, learnedSD float64
	weight              float64 // w where candidates are known by their attributes alone
	gives               string
}

var (
	_ method.Model     = (*Joint)(nil)
	_ method.Learner   = (*Joint)(nil)
	_ method.Describer = (*Joint)(nil)
	_ method.Grapher   = (*Joint)(nil)
)

func newJoint(c *Config, learned *Model, closed *plda.Model, closedSD, learnedSD, weight float64) *Joint {
	return &Joint{Model: learned, closed: closed, closedSD: closedSD, learnedSD: learnedSD, weight: weight, gives: c.Score}
}

// Score returns n rows of one score for each class.
func (m *Joint) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	if m.gives == scoreLearned {
		return m.Model.Score(features, n, classes)
	}
	ofClosed := m.closedViews(classes)
	l, err := m.closed.LogScores(features, n, ofClosed)
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(l))
	if m.gives == scoreClosed || m.weight == 0 {
		for i, v := range l {
			out[i] = float32(v / m.closedSD)
		}
		return out, nil
	}
	kl, err := m.Model.Score(features, n, classes)
	if err != nil {
		return nil, err
	}
	w := m.weight * m.closed.BesideOthers(ofClosed)
	for i, v := range l {
		out[i] = float32(v/m.closedSD + w*float64(kl[i])/m.learnedSD)
	}
	return out, nil
}

// Describe tells how much speaks for each attribute in n samples: what is linear in a class's vector of both blocks' scores, of
// the learned one's with variances of 1, W_mu' mu(x).
func (m *Joint) Describe(features []float32, n int) ([]float32, error) {
	if m.gives == scoreLearned {
		return m.Model.Describe(features, n)
	}
	out, err := m.closed.Describe(features, n)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] /= float32(m.closedSD)
	}
	if m.gives == scoreJoint && m.weight > 0 {
		mu, _ := m.encode(features, n)
		w := m.byName["prior.mu.weight"]
		kernels.Sgemm(false, false, n, w.cols, w.rows, float32(m.weight/m.learnedSD), mu, w.rows, w.values, w.cols, 1, out, w.cols)
	}
	return out, nil
}

// closedViews are the views of class vectors that the closed block takes.
func (m *Joint) closedViews(classes [][]float32) [][]float32 {
	if m.views <= 1 {
		return classes
	}
	out := make([][]float32, len(classes))
	for i, v := range classes {
		out[i] = lastView(v, m.views)
	}
	return out
}

// View is the view of the attributes that Describe tells of. Both blocks' parts are told of the closed one's: the two views of an
// attribute rise and fall together.
func (m *Joint) View(vector []float32) []float32 {
	if m.gives == scoreLearned {
		return m.Model.View(vector)
	}
	return lastView(vector, m.views)
}

// Learn returns the model that has seen n more images of a class: the closed block takes them in at once.
func (m *Joint) Learn(attributes, features []float32, n int) (method.Model, error) {
	closed, err := m.closed.Learn(lastView(attributes, m.views), features, n)
	if err != nil {
		return nil, err
	}
	out := *m
	out.closed = closed.(*plda.Model)
	return &out, nil
}

// Graph adds Score to an ONNX graph.
func (m *Joint) Graph(g *onnxfile.Graph, features, attributes string) string {
	if m.gives == scoreLearned {
		return m.Model.Graph(g, features, attributes)
	}
	double, single := onnxfile.Attr("to", int(onnxfile.Double)), onnxfile.Attr("to", int(onnxfile.Float))
	ofClosed := attributes
	if m.views > 1 {
		views := g.Nodes("Split", m.views, []string{attributes}, onnxfile.Attr("axis", 1))
		ofClosed = views[m.views-1]
	}
	scores, share := m.closed.Graphs(g, closedPrefix, features, ofClosed)
	scores = g.Node("Div", []string{scores, g.Doubles(closedPrefix+"deviation", []float64{m.closedSD}, 1, 1)})
	if m.gives == scoreJoint && m.weight > 0 {
		kl := g.Node("Cast", []string{m.Model.Graph(g, features, attributes)}, double)
		by := g.Node("Mul", []string{share, g.Doubles("learned.weight", []float64{m.weight / m.learnedSD}, 1, 1)})
		scores = g.Node("Add", []string{scores, g.Node("Mul", []string{kl, by})})
	}
	return g.Node("Cast", []string{scores}, single)
}

// closedPrefix stands before the names of the closed block's tensors.
const closedPrefix = "closed."

// Tensors are those of both blocks.
func (m *Joint) Tensors() []safetensors.Tensor {
	ts := m.Model.Tensors()
	for _, t := range m.closed.Tensors() {
		t.Name = closedPrefix + t.Name
		ts = append(ts, t)
	}
	return append(ts, safetensors.Tensor{Name: closedPrefix + "deviations", Shape: []int{3}, F64: []float64{m.closedSD, m.learnedSD, m.weight}})
}

// loadJoint makes a joint model of a file with a closed block, and is the learned one else.
func loadJoint(c *Config, learned *Model, f *safetensors.File) (method.Model, error) {
	if _, ok := f.Get(closedPrefix + "project"); !ok {
		return learned, nil
	}
	closed, err := plda.Load(f, closedPrefix)
	if err != nil {
		return nil, err
	}
	t, ok := f.Get(closedPrefix + "deviations")
	if !ok || len(t.F64) != 3 || !(t.F64[0] > 0) || !(t.F64[1] > 0) || !(t.F64[2] >= 0) {
		return nil, errors.New("the tensor " + closedPrefix + "deviations is missing or not two positive numbers and a weight")
	}
	x, a := learned.sizes.feature, learned.sizes.attribute
	if x2, a2 := closed.Dims(); x != x2 || a != a2 {
		return nil, errors.New("the learned and the closed-form block need features or attributes of different lengths")
	}
	return newJoint(c, learned, closed, t.F64[0], t.F64[1], t.F64[2]), nil
}
