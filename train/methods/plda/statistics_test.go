package plda

import (
	"runtime"
	"testing"

	"gonum.org/v1/gonum/mat"

	"vzsl/train/method"
)

// TestPrincipal: the subspace holds nearly all that the best one of its dimensions does, and images that repeat each other are no
// obstacle.
func TestPrincipal(t *testing.T) {
	w := newWorld(7, 60, 12)
	x := w.seen.Samples.(*samples)
	for i := range x.x {
		if i%20 >= 10 {
			x.x[i] = x.x[i-i%20] // twelve classes of ten images and ten copies of one
		}
	}
	s, err := gather(t.Context(), &method.Problem{Train: w.seen}, 20)
	if err != nil {
		t.Fatal(err)
	}
	d, k := s.basis.Dims()
	if d != 60 || k != 20 {
		t.Fatalf("a basis of %d x %d", d, k)
	}
	var one mat.Dense
	one.Mul(s.basis.T(), s.basis)
	for i := range k {
		one.Set(i, i, one.At(i, i)-1)
	}
	if n := mat.Norm(&one, 2); n > 1e-10 {
		t.Errorf("the basis is %.3g from orthonormal", n)
	}
	total := mat.NewSymDense(60, nil)
	mean := make([]float64, 60)
	for j := range mean {
		mean[j] = s.mean[j]
	}
	for _, row := range x.x {
		v := mat.NewVecDense(60, nil)
		for j, f := range row {
			v.SetVec(j, float64(f)-mean[j])
		}
		total.SymRankOne(total, 1, v)
	}
	values, _, err := eigen(total)
	if err != nil {
		t.Fatal(err)
	}
	best := 0.0
	for _, v := range values[:20] {
		best += v
	}
	var half, kept mat.Dense
	half.Mul(total, s.basis)
	kept.Mul(s.basis.T(), &half)
	if got := mat.Trace(&kept); got < 0.98*best {
		t.Errorf("the subspace holds %.4g of %.4g", got, best)
	}
	// Fewer different images than dimensions.
	few := method.Data{Samples: &samples{}, Attributes: w.seen.Attributes[:3]}
	y := few.Samples.(*samples)
	for c := range 3 {
		for i := range 12 {
			y.x, y.labels = append(y.x, x.x[c*20+i%2]), append(y.labels, c)
		}
	}
	c := Default()
	if _, err := c.Fit(t.Context(), &method.Problem{Train: few}, &method.Session{}); err != nil {
		t.Error(err)
	}
}

// drawn are samples that are made as they are read.
type drawn struct{ n, dim, classes int }

func (d drawn) Len() int        { return d.n }
func (d drawn) Dim() int        { return d.dim }
func (d drawn) Label(i int) int { return i % d.classes }
func (d drawn) Row(i int, dst []float32) {
	x := uint32(i)*2654435761 + 1
	for j := range dst {
		x = x*1664525 + 1013904223
		dst[j] = float32(x>>8)/(1<<24) + float32((i%d.classes*(j+1))%7)
	}
}

// TestOnePass: memory does not grow with the number of images but for a number each; ImageNet's 200,000 are read once.
func TestOnePass(t *testing.T) {
	took := func(n int) uint64 {
		d := method.Data{Samples: drawn{n, 128, 10}}
		for c := range 10 {
			d.Attributes = append(d.Attributes, []float32{float32(c % 3), float32(c % 4), 1})
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := gather(t.Context(), &method.Problem{Train: d}, 1024); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	took(1000) // what is allocated once
	small, large := took(1000), took(21000)
	if grown := int64(large) - int64(small); grown > 20000*100 { // a feature has 512 bytes
		t.Errorf("%d bytes for 20,000 images more", grown)
	}
}
