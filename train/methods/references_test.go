package methods

import (
	"context"
	bytesAs "encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/train/method"
)

// reference is the problem that independent programs have solved too.
type reference struct {
	train method.Data
	z     [][]float32 // samples to score
	u     [][]float32 // for these classes
}

// decay is the L2 weight of the methods trained by descent. It makes their minima well conditioned: with the small weights
// that suit images, single precision ends further from them.
const decay = 0.05

// fit trains with a method's settings and loads the model from its file.
func (r *reference) fit(t *testing.T, c method.Config) method.Model {
	t.Helper()
	_, back := fitted(t, c, &method.Problem{Train: r.train, Seed: 1})
	return back
}

// trained are the methods fitted by descent, with all samples in each step, and so many steps where it is to reach the
// minimum.
func (r *reference) trained(t *testing.T, steps int) map[string]method.Model {
	t.Helper()
	n, rate := r.train.Len(), 0.02
	k, err := fitClassifier(context.Background(), &r.train, 1, Training{LearningRate: rate, WeightDecay: decay, Batch: n, Epochs: steps}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	seen, a, err := classVectors(&method.Problem{Train: r.train})
	if err != nil {
		t.Fatal(err)
	}
	// An attribute that all seen classes have has no minimum: without L2, DAP's bias grows forever.
	b := newBinary(seen, a, overAttribute)
	return map[string]method.Model{
		"iap":   iapModel(k, b, b.of(seen), 0.01),
		"conse": conseModel(k, seen, a, 3),
		"amp":   ampModel(k, seen, a, 3, 0.6),
		"dap":   r.fit(t, &dapMethod{Threshold: overAttribute, Training: Training{LearningRate: rate, WeightDecay: decay, Batch: n, Epochs: steps}}),
		"sync":  r.fit(t, &syncMethod{Sigma: []float64{0.5}, Training: Training{LearningRate: rate, WeightDecay: decay, Batch: n, Epochs: steps}}),
		"sdl":   r.fit(t, &sdlMethod{Ridge: 0.1, CodeRidge: 0.5, Training: Training{LearningRate: 0.01, WeightDecay: decay, Batch: n, Epochs: 60}}),
		"sse":   r.fit(t, &sseMethod{Ridge: 0.01, Margin: 0.5, Training: Training{LearningRate: 0.01, WeightDecay: decay, Batch: n, Epochs: 60}}),
	}
}

// compare demands the expected scores, to a part of the largest of them: they are of single precision, and sums whose
// terms are larger than the sum.
func (r *reference) compare(t *testing.T, name string, m method.Model, want []float64, tolerance float64) {
	t.Helper()
	got := scores(t, m, &rows{X: r.z}, r.u)
	if len(got) != len(want) {
		t.Fatalf("%s: %d scores, not %d", name, len(got), len(want))
	}
	worst, largest := 0.0, 0.0
	for i, v := range got {
		worst, largest = max(worst, math.Abs(float64(v)-want[i])), max(largest, math.Abs(want[i]))
	}
	t.Logf("%s: scores up to %.3g, the largest difference %.2g of that", name, largest, worst/largest)
	if !(worst <= tolerance*largest) {
		t.Errorf("%s: a score is %v off, of %v at most", name, worst, largest)
	}
}

// TestTrained compares scores with those of SciPy's minima and PyTorch's descent (testdata/trained.py).
func TestTrained(t *testing.T) {
	var g struct {
		rows
		S, Z, U [][]float32
		Scores  map[string][]float64
		Minimum []float64 `json:"sdl_minimum"`
	}
	golden(t, "trained.json", &g)
	r := &reference{method.Data{Samples: &g.rows, Attributes: g.S}, g.Z, g.U}
	models := r.trained(t, 20000)
	if len(models) != len(g.Scores) {
		t.Errorf("%d methods, %d references", len(models), len(g.Scores))
	}
	for name, m := range models {
		r.compare(t, name, m, g.Scores[name], 1e-6)
	}
	// SDL's minimum is at kinks of its hinges. There a loss in single precision cannot tell on which side it is, and
	// steps go to and fro by their length.
	m := r.fit(t, &sdlMethod{Ridge: 0.1, CodeRidge: 0.5, Training: Training{LearningRate: 0.001, WeightDecay: decay, Batch: r.train.Len(), Epochs: 40000}})
	r.compare(t, "sdl's minimum", m, g.Minimum, 5e-6)
}

// TestRealReferences compares scores on a little of CUB with NumPy's, SciPy's and PyTorch's (testdata/real.py).
func TestRealReferences(t *testing.T) {
	filetest.Slow(t)
	r := cub(t)
	var want map[string][]float64
	golden(t, "real.json", &want)
	models := r.trained(t, 10000)
	one := []float64{0.5}
	models["eszsl"] = r.fit(t, &eszslMethod{Gamma: one, Lambda: one})
	models["bidilel"] = r.fit(t, &bidilelMethod{Ridge: one, Iterations: 10000})
	for _, direction := range []string{saeToFeatures, saeToAttributes} {
		models["sae "+direction] = r.fit(t, &saeMethod{Lambda: one, Reduction: []float64{0}, Direction: direction})
	}
	for _, kernel := range []string{gfzslLinear, gfzslPolynomial} {
		c := &gfzslMethod{Kernel: kernel, MeanRidge: one, VarianceRidge: []float64{2}, VarianceFloor: one, TransductiveEM: 3, Variances: gfzslEstimated}
		models["gfzsl "+kernel] = r.fit(t, c)
		_, models["gfzsl "+kernel+" em"] = fitted(t, c, &method.Problem{Train: r.train,
			Unlabelled: &method.Unlabelled{Features: &rows{X: r.z}, Attributes: r.u}})
	}
	if len(models) != len(want) {
		t.Errorf("%d methods, %d references", len(models), len(want))
	}
	for name, m := range models {
		r.compare(t, name, m, want[name], 1e-6)
	}
}

// cub is the part of CUB that testdata/real.py describes.
func cub(t *testing.T) *reference {
	t.Helper()
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	if _, err := os.Stat(filepath.Join(dir, "cub-vgg19-fc7")); err != nil {
		t.Skipf("no real data in %s (set VZSL_TEST_DATA)", dir)
	}
	// Arrays as NumPy writes them, a header of its own length, then the values.
	open := func(name string) (*os.File, int64) {
		f, err := os.Open(filepath.Join(dir, "cub-vgg19-fc7", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		head := make([]byte, 10)
		if _, err := f.ReadAt(head, 0); err != nil || string(head[:7]) != "\x93NUMPY\x01" {
			t.Fatalf("%s: not a NumPy array of version 1 (%v)", name, err)
		}
		return f, 10 + int64(bytesAs.LittleEndian.Uint16(head[8:]))
	}
	f, at := open("labels.npy")
	size, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	labels := make([]byte, size.Size()-at)
	if _, err := f.ReadAt(labels, at); err != nil {
		t.Fatal(err)
	}
	images := map[int][]int{} // of a class's id
	for i := range len(labels) / 4 {
		id := int(bytesAs.LittleEndian.Uint32(labels[4*i:]))
		images[id] = append(images[id], i)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cub", "CUB_200_2011", "attributes", "class_attribute_labels_continuous.txt"))
	if err != nil {
		t.Fatal(err)
	}
	described := strings.Split(string(text), "\n")

	features, start := open("features.npy")
	const dim = 4096
	row := func(i int) (x []float32) {
		b := make([]byte, 4*dim)
		if _, err := features.ReadAt(b, start+int64(i)*4*dim); err != nil {
			t.Fatal(err)
		}
		for j := 0; j < dim; j += 128 {
			x = append(x, math.Float32frombits(bytesAs.LittleEndian.Uint32(b[4*j:]))/4)
		}
		return x
	}
	r, seen := &reference{}, &rows{}
	for id, k := 1, 0; k < 16; id++ {
		if len(images[id]) == 0 {
			continue
		}
		var a []float32
		for j, field := range strings.Fields(described[id-1]) {
			if j%16 > 0 {
				continue
			}
			v, err := strconv.ParseFloat(field, 32)
			if err != nil {
				t.Fatal(err)
			}
			a = append(a, float32(v)/128)
		}
		if k < 12 {
			r.train.Attributes = append(r.train.Attributes, a)
			for _, i := range images[id][:8] {
				seen.X, seen.Y = append(seen.X, row(i)), append(seen.Y, k)
			}
		} else {
			r.u = append(r.u, a)
			for _, i := range images[id][:3] {
				r.z = append(r.z, row(i))
			}
		}
		k++
	}
	r.train.Samples = seen
	return r
}
