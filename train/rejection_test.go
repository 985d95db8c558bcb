package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/internal/rejection"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// near scores a class by how near its one attribute is to the feature.
type near struct{}

func (near) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	var out []float32
	for _, x := range features[:n] {
		for _, c := range classes {
			out = append(out, float32(math.Exp(-float64((x-c[0])*(x-c[0])))))
		}
	}
	return out, nil
}
func (near) Dims() (int, int)              { return 1, 1 }
func (near) Tensors() []safetensors.Tensor { return nil }

// Features near their own class, of ten on a line: of a class that is no candidate they are like none, and the best score tells.
func TestRejection(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var d rows
	data := &method.Data{}
	seen := [][]float32{{0.5}, {3.5}, {5.5}, {8.5}} // near no image
	for c := range 10 {
		data.Attributes = append(data.Attributes, []float32{float32(c)})
		for range 40 {
			d.x, d.labels = append(d.x, []float32{float32(c) + 0.1*float32(r.NormFloat64())}), append(d.labels, c)
		}
	}
	data.Samples = d
	points, err := fitRejection(near{}, seen, data, 7)
	if err != nil || len(points) != 2 || points[0].Candidates != 2 || points[1].Candidates != 5 {
		t.Fatalf("%+v %v", points, err)
	}
	for _, p := range points {
		if p.Threshold < -1 || p.Threshold > 1 || p.AUROC < 0.8 || p.FalseAcceptance+p.FalseRejection > 0.5 || p.Known != 40*rejection.Draws*p.Candidates || p.Known+p.Unknown != 400*rejection.Draws {
			t.Errorf("%+v", p)
		}
	}
	again, _ := fitRejection(near{}, seen, data, 7)
	if again[1] != points[1] {
		t.Error("another threshold by the same seed")
	}
}
