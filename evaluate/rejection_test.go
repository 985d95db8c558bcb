package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"vzsl/features"
	"vzsl/internal/rejection"
)

// one is features of one value, a model that scores by nearness, and eight classes on a line.
type one struct {
	at      []float32
	images  []string
	classes []string
}

func (o *one) Rows() int               { return len(o.at) }
func (o *one) Dim() int                { return 1 }
func (o *one) Images() []string        { return o.images }
func (o *one) Classes() []string       { return o.classes }
func (o *one) Feature(i int) []float32 { return o.at[i : i+1] }
func (o *one) Score(x []float32, n int, classes [][]float32) ([]float32, error) {
	var out []float32
	for _, v := range x[:n] {
		for _, c := range classes {
			out = append(out, float32(math.Exp(-float64((v-c[0])*(v-c[0])))))
		}
	}
	return out, nil
}

// Each image is judged twice, among the half with its class and among the other; by hand of the best scores, from which the same is
// subtracted of all.
func TestRejection(t *testing.T) {
	o := &one{}
	table := &features.ClassTable{Attributes: []string{"place"}}
	roles := &features.Split{Name: "line", Seen: []string{"s"}}
	for c := range 8 {
		name := fmt.Sprint("c", c)
		table.Classes, table.Values = append(table.Classes, name), append(table.Values, []float32{float32(4 * c)})
		roles.Unseen = append(roles.Unseen, name)
		for i := range 5 {
			image := fmt.Sprint(name, i)
			o.at, o.images, o.classes = append(o.at, float32(4*c)+0.1*float32(i)), append(o.images, image), append(o.classes, name)
			roles.Images, roles.Roles = append(roles.Images, image), append(roles.Roles, features.RoleTestUnseen)
		}
	}
	asked := 0
	total := 0
	res, err := ZeroShot(context.Background(), o, o, table, roles, Options{Resamples: 10, Temperature: 0.2,
		Expected: func(x []float32, n, candidates int) ([]float64, error) {
			if candidates != 4 || len(x) != n {
				t.Errorf("expected of %d features among %d", n, candidates)
			}
			return slices.Repeat([]float64{0.25}, n), nil
		},
		NoneBelow: func(n int) *rejection.Point { asked = n; return &rejection.Point{Candidates: 5, Threshold: 0.25} },
		Progress:  func(done, all int) { total = all - done }})
	if err != nil {
		t.Fatal(err)
	}
	r := res.Rejection
	if r == nil || asked != 4 || r.Candidates != 4 || r.Known != 40 || r.Unknown != 40 || total != 0 {
		t.Fatalf("%+v, asked for %d, %d left", r, asked, total)
	}
	// An image of a candidate has exp(-d^2) of nearly 1 for it and 0 for the others; one of none has nearly 0 for all.
	if r.Selected.Candidates != 5 || r.AUROC != 1 || r.At95 != 0 || r.Chosen.FalseAcceptance != 0 || r.Chosen.FalseRejection != 0 || r.Chosen.Accuracy != 1 {
		t.Errorf("%+v", r)
	}
	last := len(r.Curve) - 1
	if least := r.Curve[last].Threshold; least < -0.25 || least > -0.24 {
		t.Errorf("the smallest excess is %v", least)
	}
	if c := r.Curve[0]; c.FalseAcceptance != 0 || c.FalseRejection != 1 {
		t.Errorf("it begins with %+v", c)
	}
	if c := r.Curve[last]; c.FalseAcceptance != 1 || c.FalseRejection != 0 {
		t.Errorf("it ends with %+v", c)
	}
	for i := 1; i <= last; i++ {
		if r.Curve[i].Threshold >= r.Curve[i-1].Threshold || r.Curve[i].FalseAcceptance < r.Curve[i-1].FalseAcceptance {
			t.Errorf("%+v after %+v", r.Curve[i], r.Curve[i-1])
		}
	}
	roles.Unseen, roles.Images, roles.Roles = roles.Unseen[:3], roles.Images[:15], roles.Roles[:15]
	if res, err := ZeroShot(context.Background(), o, o, table, roles, Options{Resamples: 10, Temperature: 0.2}); err != nil || res.Rejection != nil {
		t.Errorf("of three classes: %+v %v", res.Rejection, err)
	}
}
