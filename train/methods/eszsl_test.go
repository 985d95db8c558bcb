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

type rows struct {
	X [][]float32 `json:"x"`
	Y []int       `json:"y"`
}

func (r *rows) Len() int                 { return len(r.X) }
func (r *rows) Dim() int                 { return len(r.X[0]) }
func (r *rows) Row(i int, dst []float32) { copy(dst, r.X[i]) }
func (r *rows) Label(i int) int          { return r.Y[i] }

// TestESZSL compares V and the scores with NumPy's (testdata/eszsl.py).
func TestESZSL(t *testing.T) {
	text, err := os.ReadFile("testdata/eszsl.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		rows
		S             [][]float32
		Gamma, Lambda float64
		V, Scores     []float64
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	m := &eszslMethod{Gamma: []float64{want.Gamma}, Lambda: []float64{want.Lambda}}
	o, err := m.Fit(context.Background(), &method.Problem{Train: method.Data{Samples: &want.rows, Attributes: want.S}}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.Load(&safetensors.File{Tensors: o.Model.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range back.Tensors()[0].F64 {
		if math.Abs(v-want.V[i]) > 1e-10 {
			t.Errorf("V[%d] = %v, want %v", i, v, want.V[i])
		}
	}
	var x []float32
	for _, r := range want.X {
		x = append(x, r...)
	}
	scores, err := back.Score(x, len(want.X), want.S)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range scores {
		if math.Abs(float64(s)-want.Scores[i]) > 1e-6 {
			t.Errorf("score %d = %v, want %v", i, s, want.Scores[i])
		}
	}
}

// TestSolve crosses the edges of its blocks.
func TestSolve(t *testing.T) {
	useKernels()
	r := rand.New(rand.NewPCG(1, 1))
	for _, d := range []int{1, 5, 63, 64, 65, 150} {
		random := func(r0, c int) *mat.Dense {
			v := make([]float64, r0*c)
			for i := range v {
				v[i] = r.NormFloat64()
			}
			return mat.NewDense(r0, c, v)
		}
		half, b := random(d, d), random(d, 7)
		var gram mat.Dense
		gram.Mul(half.T(), half)
		x, err := solve(&gram, 0.5, b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d {
			gram.Set(i, i, gram.At(i, i)+0.5)
		}
		var back mat.Dense
		back.Mul(&gram, x)
		if !mat.EqualApprox(&back, b, 1e-8) {
			t.Errorf("d = %d: the solution does not solve", d)
		}
	}
}

// TestGrid: the point is chosen by validation, the refit uses the choice, and one without validation is refused.
func TestGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	world := func(classes int, mix [][]float64) *method.Data {
		s := &rows{}
		d := &method.Data{Samples: s}
		for c := range classes {
			a := make([]float32, 6)
			for i := range a {
				a[i] = float32(r.NormFloat64())
			}
			d.Attributes = append(d.Attributes, a)
			for range 10 {
				x := make([]float32, 12)
				for j := range x {
					for i, v := range a {
						x[j] += v * float32(mix[i][j])
					}
					x[j] += float32(0.5 * r.NormFloat64())
				}
				s.X, s.Y = append(s.X, x), append(s.Y, c)
			}
		}
		return d
	}
	mix := make([][]float64, 6)
	for i := range mix {
		mix[i] = make([]float64, 12)
		for j := range mix[i] {
			mix[i][j] = r.NormFloat64()
		}
	}
	train, validation, unseen := world(20, mix), world(8, mix), world(8, mix)
	m := &eszslMethod{Gamma: []float64{1e-3, 1, 1e6}, Lambda: []float64{1e-2, 1}}
	best, points := 0.0, 0
	o, err := m.Fit(context.Background(), &method.Problem{Train: *train, Validation: validation}, &method.Session{Point: func(p method.Point) error {
		points++
		best = max(best, p.Accuracy)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if points < 6 || o.Accuracy != best { // more where the best lay on an edge
		t.Errorf("%d points, best %v, outcome %v", points, best, o.Accuracy)
	}
	again, err := m.Fit(context.Background(), &method.Problem{Train: *train}, &method.Session{Choice: o.Choice})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range again.Model.Tensors()[0].F64 {
		if v != o.Model.Tensors()[0].F64[i] {
			t.Fatal("the same choice on the same data gave another model")
		}
	}
	if accuracy, err := method.Accuracy(o.Model, unseen); err != nil || accuracy < 0.6 {
		t.Errorf("accuracy on 8 unseen classes: %v (%v)", accuracy, err)
	}
	if _, err := m.Fit(context.Background(), &method.Problem{Train: *train}, &method.Session{}); err == nil {
		t.Error("a grid without validation was accepted")
	}
}
