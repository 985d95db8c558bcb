package methods

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"gonum.org/v1/gonum/mat"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// golden reads a file of testdata.
func golden(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatal(err)
	}
}

// near compares values with expected ones.
func near[T float32 | float64](t *testing.T, what string, got []T, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, not %d", what, len(got), len(want))
	}
	for i, v := range got {
		if !(math.Abs(float64(v)-want[i]) <= tolerance*max(1, math.Abs(want[i]))) {
			t.Errorf("%s[%d] = %v, want %v", what, i, v, want[i])
			return
		}
	}
}

// fitted fits a model and loads it from its tensors.
func fitted(t *testing.T, m method.Config, p *method.Problem) (*method.Outcome, method.Model) {
	t.Helper()
	o, err := m.Fit(context.Background(), p, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.Load(&safetensors.File{Tensors: o.Model.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	return o, back
}

// scores are the model's of all samples.
func scores(t *testing.T, m method.Model, r *rows, s [][]float32) []float32 {
	t.Helper()
	var x []float32
	for _, row := range r.X {
		x = append(x, row...)
	}
	v, err := m.Score(x, len(r.X), s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSAE compares W and both directions' cosines with SciPy's (testdata/sae.py).
func TestSAE(t *testing.T) {
	var cases []struct {
		rows
		S            [][]float32
		Lambda       float64
		Reduction    float64
		W            []float64
		ToFeatures   []float64 `json:"to-features"`
		ToAttributes []float64 `json:"to-attributes"`
	}
	golden(t, "sae.json", &cases)
	for _, c := range cases {
		for direction, want := range map[string][]float64{saeToFeatures: c.ToFeatures, saeToAttributes: c.ToAttributes} {
			m := &saeMethod{Lambda: []float64{c.Lambda}, Reduction: []float64{c.Reduction}, Direction: direction}
			_, back := fitted(t, m, &method.Problem{Train: method.Data{Samples: &c.rows, Attributes: c.S}})
			near(t, "W", back.Tensors()[0].F64, c.W, 1e-9)
			near(t, direction, scores(t, back, &c.rows, c.S), want, 1e-6)
		}
	}
}

// TestTridiagonal crosses the edges of its panels, with shifts of each row's own.
func TestTridiagonal(t *testing.T) {
	useKernels()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 31, 32, 33, 64, 65, 97, 100} {
		half := mat.NewDense(n, n+2, nil)
		b := mat.NewDense(3, n, nil)
		for _, m := range []*mat.Dense{half, b} {
			for i := range m.RawMatrix().Data {
				m.RawMatrix().Data[i] = r.NormFloat64()
			}
		}
		if n > 2 { // a row with nothing to reflect
			for j := range n + 2 {
				half.Set(0, j, 0)
			}
		}
		a, x := mat.NewDense(n, n, nil), mat.DenseCopyOf(b)
		a.Mul(half, half.T())
		form, err := reduce(context.Background(), mat.DenseCopyOf(a))
		if err != nil {
			t.Fatal(err)
		}
		form.rotate(x, false)
		if err := form.solveAll([]float64{0.5, 1.5, 2.5}, x); err != nil {
			t.Fatal(err)
		}
		form.rotate(x, true)
		var back mat.Dense
		back.Mul(x, a)
		for i := range 3 {
			for j := range n {
				back.Set(i, j, back.At(i, j)+(float64(i)+0.5)*x.At(i, j))
			}
		}
		if !mat.EqualApprox(&back, b, 1e-9) {
			t.Errorf("n = %d: the solution does not solve", n)
		}
	}
}
