package analysis

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/evaluate"
	"vzsl/features"
)

// bilinear scores by the product of an estimate of the attributes with the class's: the features are the estimate.
type bilinear struct{ silent bool }

func (bilinear) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	var out []float32
	for i := range n {
		for _, c := range classes {
			a, s := known0(c), float32(0)
			for k, v := range a {
				s += features[i*len(a)+k] * v
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func (b bilinear) Describe(features []float32, n int) ([]float32, error) {
	if b.silent {
		return nil, nil
	}
	return features, nil
}

func (bilinear) DescribedClass(raw []float32) ([]float32, error) { return known0(raw), nil }

// known0 puts zero for missing values.
func known0(raw []float32) []float32 {
	out := make([]float32, len(raw))
	for k, v := range raw {
		if v == v {
			out[k] = v
		}
	}
	return out
}

// matrix names the rows of features.
type matrix struct{ images, classes []string }

func (m *matrix) Rows() int         { return len(m.images) }
func (m *matrix) Images() []string  { return m.images }
func (m *matrix) Classes() []string { return m.classes }

// scorer only scores.
type scorer struct{}

func (scorer) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	return bilinear{}.Score(features, n, classes)
}

// drawn is features that are given.
type drawn struct {
	matrix
	x [][]float32
}

func (d *drawn) Dim() int                  { return len(d.x[0]) }
func (d *drawn) Feature(row int) []float32 { return d.x[row] }

func TestMistakes(t *testing.T) {
	nan := float32(math.NaN())
	table := &features.ClassTable{Dataset: "made up", Attributes: []string{"red", "blue", "long", "small"},
		Classes: []string{"s", "a", "b"}, Values: [][]float32{{0, 0, 0, 0}, {1, 0, 2, 1}, {0, 3, 1, nan}}}
	roles := &features.Split{Name: "half", Dataset: "made up", Provenance: "test", Seen: []string{"s"}, Unseen: []string{"a", "b"}}
	f := &drawn{}
	add := func(image, class string, x ...float32) {
		f.images, f.classes, f.x = append(f.images, image), append(f.classes, class), append(f.x, x)
		roles.Images, roles.Roles = append(roles.Images, image), append(roles.Roles, features.RoleTestUnseen)
	}
	add("right", "a", 1, 0, 0, 0)
	add("a little", "a", -1, 0, 0, 0)
	add("much", "a", -1, 2, -1, 0.5) // b outscores a by 1 + 6 + 1 - 0.5
	add("more", "a", 0, 3, 0, 0)
	add("other", "b", 1, 0, 0, 0)
	ctx := context.Background()
	r, err := evaluate.ZeroShot(ctx, bilinear{}, f, table, roles, evaluate.Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	wrong, all := r.ConfidentMistakes()
	var order []string
	for _, p := range wrong {
		order = append(order, p.Image)
	}
	if d := cmp.Diff([]string{"more", "much", "other"}, order); all != 4 || d != "" { // the third of class a is left out
		t.Error(all, d)
	}
	got, err := Mistakes(ctx, r, bilinear{}, f, table)
	if err != nil {
		t.Fatal(err)
	}
	value := func(v float32) *float32 { return &v }
	want := evaluate.Mistake{Image: "much", Contributions: []evaluate.Contribution{
		{Attribute: "blue", Weight: 6, Estimate: 2, Predicted: value(3), True: value(0)},
		{Attribute: "red", Weight: 1, Estimate: -1, Predicted: value(0), True: value(1)},
		{Attribute: "long", Weight: 1, Estimate: -1, Predicted: value(1), True: value(2)},
	}}
	if len(got) != 3 || !cmp.Equal(want, got[1]) {
		t.Error(cmp.Diff(want, got[1]))
	}
	if d := cmp.Diff(evaluate.Mistake{Image: "other", Contributions: []evaluate.Contribution{{Attribute: "red", Weight: 1, Estimate: 1, Predicted: value(1), True: value(0)}}}, got[2], cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	// What speaks for the wrong class less what speaks against it is the gap of a bilinear model's scores.
	if g := wrong[1].Gap(); g != 6+1+1-0.5 {
		t.Error(g)
	}
	for _, m := range []evaluate.Scorer{bilinear{silent: true}, scorer{}} {
		if got, err = Mistakes(ctx, r, m, f, table); got != nil || err != nil {
			t.Error(got, err)
		}
	}
}

// More attributes are kept than a page shows, which leaves out the dimensions of word vectors.
func TestContributionsKept(t *testing.T) {
	const width = 20
	table := &features.ClassTable{Dataset: "made up", Classes: []string{"s", "a", "b"}, Values: [][]float32{make([]float32, width), make([]float32, width), make([]float32, width)}}
	roles := &features.Split{Name: "half", Dataset: "made up", Provenance: "test", Seen: []string{"s"}, Unseen: []string{"a", "b"}, Images: []string{"i"}, Roles: []features.Role{features.RoleTestUnseen}}
	x := make([]float32, width)
	for k := range width {
		table.Attributes = append(table.Attributes, string(rune('a'+k)))
		table.Values[2][k], x[k] = 1, float32(k+1)
	}
	f := &drawn{matrix{images: []string{"i"}, classes: []string{"a"}}, [][]float32{x}}
	r, err := evaluate.ZeroShot(context.Background(), bilinear{}, f, table, roles, evaluate.Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Mistakes(context.Background(), r, bilinear{}, f, table)
	if err != nil || len(m) != 1 || len(m[0].Contributions) != contributions || m[0].Contributions[0].Weight != width || m[0].Contributions[contributions-1].Weight != width-contributions+1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// A value that is missing in the class table stays missing in what is told of a mistake.
func TestMissingValue(t *testing.T) {
	if orNil(float32(math.NaN())) != nil || *orNil(0.5) != 0.5 {
		t.Error("a missing value is not nil, or a value is")
	}
}
