package methods

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/onnxfile"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// clipMethod is naming by the cosine of images' and texts' embeddings, of Radford et al. (ICML 2021).
//
// clipMethod scores an image x against a class's text embedding t by
//
//	scale cos(x, t)
//
// where both are of one model for images and texts (CLIP, SigLIP and the like), t the mean over templates and sentences of
// embeddings of length 1, brought to length 1 again. Nothing is trained: seen classes serve to fit the temperature of the
// probabilities and to measure. A class that is known by images x_1 ... x_n too is scored by the cosine with
//
//	prior t + sum_i x_i / |x_i|
//
// the mean of its images with the text as so many of them; prior is chosen on validation classes. The table must hold the
// text embeddings alone, as 'vzsl attributes --text-model' makes them of the text tower beside the images' network; a pair
// of networks that no file says to share a space is refused.
type clipMethod struct {
	Scale float64   `toml:"scale" range:"[0, inf)" comment:"factor that cosines are multiplied by; 0: as in the text model's files, otherwise 100, the final value of CLIP's training. The temperature fitted on validation classes divides the product"`
	Prior []float64 `toml:"prior" range:"(0, inf)" comment:"few-shot: grid of the number of images that a class's text is equivalent to, selected on the validation classes"`
}

var clipSpec = method.Spec{
	Name: "clip", Title: "CLIP",
	Paper:   "Radford et al., Learning transferable visual models from natural language supervision, ICML 2021",
	Default: method.Of(defaultCLIP), Features: method.FeaturesL2, Attributes: attributes.L2,
	Seedless: true, SharedSpace: true,
}

// defaultCLIP is the scale of the model, and a grid of decades for few images.
func defaultCLIP() clipMethod { return clipMethod{Prior: []float64{0.3, 1, 3, 10, 30}} }

// clipScale is e^4.6052, where CLIP's logit scale is clipped and ends in training.
const clipScale = 100

// Validate explains the first setting that cannot work.
func (m *clipMethod) Validate() error { return method.Check("clip", m) }

// Space is empty: nothing is trained.
func (m *clipMethod) Space() []method.Dimension { return nil }

// SetScale takes what the text model multiplies cosines by, where the settings do not say it; 0: unknown.
func (m *clipMethod) SetScale(scale float64) {
	if m.Scale == 0 {
		if m.Scale = clipScale; scale > 0 {
			m.Scale = scale
		}
	}
}

// Fit chooses the prior where there are classes known by few images, and measures on the validation classes.
func (m *clipMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, errors.New("no samples of seen classes")
	}
	if d := p.Train.Dim(); d != len(p.Train.Attributes[0]) {
		return nil, fmt.Errorf("images have embeddings of %d values and classes of %d: they are not in the same embedding space. Use features and class vectors of one image-text model ('vzsl extract --model FOLDER', 'vzsl attributes --text-model FOLDER')", d, len(p.Train.Attributes[0]))
	}
	priors := axis{"prior", m.Prior}
	if p.Few == nil {
		priors.values = priors.values[:1] // there is nothing that it weighs
	}
	g, err := newGrid("CLIP", p, s, &priors)
	if err != nil {
		return nil, err
	}
	config := *m
	config.SetScale(0)
	few, images := fewRows(p)
	try := func(c method.Choice) (method.Model, error) {
		model := &clipModel{dim: p.Train.Dim(), scale: config.Scale, prior: c["prior"]}
		for i, l := range few {
			learned, err := model.Learn(p.Train.Attributes[l], images[i], len(images[i])/model.dim)
			if err != nil {
				return nil, err
			}
			model = learned.(*clipModel)
		}
		return model.public(), nil
	}
	for _, prior := range priors.values {
		c := method.Choice{"prior": prior}
		model, err := try(c)
		if err != nil {
			return nil, err
		}
		if err := g.point(ctx, model, c); err != nil {
			return nil, err
		}
	}
	return &g.out, nil
}

// fewRows are the images of the classes known by a few, one after another.
func fewRows(p *method.Problem) (classes []int, images [][]float32) {
	for c, few := range p.Few {
		if few {
			classes, images = append(classes, c), append(images, nil)
		}
	}
	for i := range p.Train.Len() {
		if k := slices.Index(classes, p.Train.Label(i)); k >= 0 {
			row := make([]float32, p.Train.Dim())
			p.Train.Row(i, row)
			images[k] = append(images[k], row...)
		}
	}
	return classes, images
}

// clipModel scores by cosines. It knows the images of some classes, by the classes' vectors.
type clipModel struct {
	dim          int
	scale, prior float64
	known        []clipClass
}

// clipClass is a class that images of are known: their sum, each of length 1.
type clipClass struct {
	vector, sum []float32
}

// clipText is a clipModel that knows no images, which can be written as a graph.
type clipText struct{ clipModel }

var (
	_ method.Model   = (*clipModel)(nil)
	_ method.Learner = (*clipModel)(nil)
	_ method.Grapher = (*clipText)(nil)
)

func (m *clipModel) public() method.Model {
	if m.known == nil {
		return &clipText{*m}
	}
	return m
}

func (m *clipModel) Dims() (feature, attribute int) { return m.dim, m.dim }

func (m *clipModel) Tensors() []safetensors.Tensor {
	var vectors, sums []float32
	for _, k := range m.known {
		vectors, sums = append(vectors, k.vector...), append(sums, k.sum...)
	}
	ts := []safetensors.Tensor{{Name: "cosine", Shape: []int{3}, F64: []float64{float64(m.dim), m.scale, m.prior}}}
	if n := len(m.known); n > 0 {
		ts = append(ts, safetensors.Tensor{Name: "known.vectors", Shape: []int{n, m.dim}, F32: vectors}, safetensors.Tensor{Name: "known.sums", Shape: []int{n, m.dim}, F32: sums})
	}
	return ts
}

// Load makes a model of a file of Model.Tensors.
func (m *clipMethod) Load(f *safetensors.File) (method.Model, error) {
	t, ok := f.Get("cosine")
	if !ok || len(t.F64) != 3 || !(t.F64[0] >= 1) || t.F64[0] > 1<<20 || t.F64[0] != math.Trunc(t.F64[0]) {
		return nil, errors.New("no CLIP model: the tensor cosine is missing or not of three numbers")
	}
	out := &clipModel{dim: int(t.F64[0]), scale: t.F64[1], prior: t.F64[2]}
	if _, ok := f.Get("known.vectors"); ok {
		vectors, err := tensor(f, "known.vectors", -1, out.dim)
		if err != nil {
			return nil, err
		}
		sums, err := tensor(f, "known.sums", len(vectors)/out.dim, out.dim)
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(vectors); i += out.dim {
			out.known = append(out.known, clipClass{vectors[i : i+out.dim], sums[i : i+out.dim]})
		}
	}
	return out.public(), nil
}

// Score returns scale times the cosines.
func (m *clipModel) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	if len(features) != n*m.dim {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.dim)
	}
	s, err := joined(classes, m.dim)
	if err != nil {
		return nil, err
	}
	for i, v := range classes {
		row := s[i*m.dim : (i+1)*m.dim]
		method.Normalise(method.FeaturesL2, row, row)
		for _, k := range m.known {
			if slices.Equal(k.vector, v) {
				for j := range row {
					row[j] = float32(m.prior*float64(row[j]) + float64(k.sum[j]))
				}
				method.Normalise(method.FeaturesL2, row, row)
			}
		}
	}
	c := len(classes)
	scores := make([]float32, n*c)
	x := slices.Clone(features)
	for i := range n {
		row := x[i*m.dim : (i+1)*m.dim]
		method.Normalise(method.FeaturesL2, row, row)
	}
	kernels.Sgemm(false, true, n, c, m.dim, float32(m.scale), x, m.dim, s, m.dim, 0, scores, c)
	return scores, nil
}

// Learn returns the model that has seen n more images of a class. The model itself stays as it is.
func (m *clipModel) Learn(vector, features []float32, n int) (method.Model, error) {
	if len(vector) != m.dim || len(features) != n*m.dim {
		return nil, fmt.Errorf("%d values for %d features of %d, and a class vector of %d", len(features), n, m.dim, len(vector))
	}
	sum := make([]float32, m.dim)
	row := make([]float32, m.dim)
	for i := range n {
		method.Normalise(method.FeaturesL2, features[i*m.dim:(i+1)*m.dim], row)
		for j, v := range row {
			sum[j] += v
		}
	}
	out := *m
	out.known = slices.Clone(m.known)
	at := slices.IndexFunc(out.known, func(k clipClass) bool { return slices.Equal(k.vector, vector) })
	if at < 0 {
		out.known = append(out.known, clipClass{slices.Clone(vector), sum})
		return &out, nil
	}
	for j, v := range out.known[at].sum {
		sum[j] += v
	}
	out.known[at].sum = sum
	return &out, nil
}

// Graph adds Score to an ONNX graph.
func (m *clipText) Graph(g *onnxfile.Graph, features, classes string) string {
	unit := func(x string) string {
		return g.Node("LpNormalization", []string{x}, onnxfile.Attr("axis", -1), onnxfile.Attr("p", 2))
	}
	return g.Node("Gemm", []string{unit(features), unit(classes)}, onnxfile.Attr("transB", 1), onnxfile.Attr("alpha", float32(m.scale)))
}
