package description

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"vzsl/predict"
)

var missing = float32(math.NaN())

// animals has one group whose values add up to 1, and two attributes of their own.
func animals() *Space {
	return New([]string{"colour:red", "colour:blue", "has_tail", "weight"}, predict.Classes{
		Names:   []string{"a", "b", "c", "d"},
		Vectors: [][]float32{{1, 0, 1, 10}, {0, 1, 1, 20}, {1, 0, 0, 30}, {0, 1, missing, 40}}})
}

func TestSpace(t *testing.T) {
	s := animals()
	w := s.Attributes[3]
	if w.Low != 10 || w.High != 40 || w.Mean != 25 || w.Bins[0] != 1 || w.Bins[bins-1] != 1 {
		t.Errorf("%+v", w)
	}
	total := 0
	for _, n := range s.Attributes[2].Bins {
		total += n
	}
	if total != 3 || s.Attributes[0].Group != "Colour" || s.Attributes[0].Label.Name != "red" {
		t.Errorf("%+v", s.Attributes)
	}
	text, err := json.Marshal(s.Attributes[0])
	if want := `{"attribute":"colour:red","group":"Colour","name":"red","low":0`; err != nil || !strings.HasPrefix(string(text), want) {
		t.Errorf("%s, want %s", text, want)
	}
	// The same in any order of the classes.
	if d := s.distance([]float32{1, 0, missing, 25}, []float32{1, 0, s.Attributes[2].Mean, 25}); d != 0 {
		t.Errorf("a missing value is %v from the mean", d)
	}
}

func TestJudge(t *testing.T) {
	s := animals()
	others := &predict.Classes{Names: []string{"p", "q", "own"}, Vectors: [][]float32{{1, 0, 1, 20}, {0, 1, 0, 40}, {1, 0, 1, 21}}}
	for _, c := range []struct {
		name   string
		vector []float32
		rival  string
		says   []string // each in one doubt, in order
	}{
		{"own", []float32{1, 0, 1, 30}, "p", nil},
		{"own", []float32{1, 0, 1, 20}, "p", []string{"that of p: the two classes cannot be distinguished"}},
		{"own", []float32{1, 0, 1, 20.01}, "p", []string{"almost the same as that of p"}},
		{"own", []float32{0, 1, 0, 52}, "q", nil},
		{"own", []float32{1, 1, 1, 35}, "p", []string{"Colour: the values add up to 2"}},
		{"own", []float32{0, 0, 1, 35}, "p", []string{"Colour: the values add up to 0"}},
		{"own", []float32{1, missing, 1, 30}, "p", nil},
		{"own", []float32{1, 0, -1, 35}, "q", []string{"Has tail is -1: it is not negative"}},
		{"own", []float32{1, 0, 1, 300}, "q", []string{"Weight is 300: for the seen classes it is between 10 and 40"}},
		{"own", []float32{missing, missing, missing, missing}, "p", []string{"is still empty"}},
		{"new", []float32{1, 0, 1, 21}, "own", []string{"that of own", "almost the same as that of p"}},
	} {
		j := s.Judge(c.name, c.vector, others)
		if j.Rival == nil || j.Rival.Class != c.rival && c.vector[3] != 300 {
			t.Errorf("%v: rival %+v, want %s", c.vector, j.Rival, c.rival)
		}
		if len(j.Doubts) != len(c.says) {
			t.Errorf("%v: %q, want %q", c.vector, j.Doubts, c.says)
			continue
		}
		for i := range c.says {
			if !strings.Contains(j.Doubts[i], c.says[i]) {
				t.Errorf("%v: %q, want %q", c.vector, j.Doubts[i], c.says[i])
			}
		}
	}
	if j := s.Judge("own", others.Vectors[2], &predict.Classes{}); j.Rival != nil || len(j.Telling) != 0 {
		t.Errorf("alone: %+v", j)
	}
}

// What separates is what differs; what would is what does not yet, by the end of the range that is farther from the rival; and
// giving the class such a value takes it away from the rival.
func TestSeparating(t *testing.T) {
	s := animals()
	own, p := []float32{1, 0, 1, 32}, []float32{1, 0, 1, 20}
	others := &predict.Classes{Names: []string{"p"}, Vectors: [][]float32{p}}
	r := s.Judge("own", own, others).Rival
	if len(r.Separating) != 1 || r.Separating[0].Label != "Weight" || *r.Separating[0].Own != 32 || *r.Separating[0].Other != 20 {
		t.Errorf("%+v", r.Separating)
	}
	if len(r.Would) != 2 {
		t.Fatalf("%+v", r.Would)
	}
	before := s.distance(own, p)
	for _, w := range r.Would {
		k := slices.IndexFunc(s.Attributes, func(a Attribute) bool { return a.Name == w.Attribute })
		v := slices.Clone(own)
		v[k] = *w.Value
		if after := s.distance(v, p); after <= before {
			t.Errorf("%s to %v: from %v to %v", w.Attribute, *w.Value, before, after)
		}
	}
	if j := s.Judge("own", own, others); j.Telling[0] != 3 {
		t.Errorf("%v", j.Telling)
	}
}

// Without seen classes there are no doubts but of other classes.
func TestNothingSeen(t *testing.T) {
	s := New([]string{"a"}, predict.Classes{})
	if j := s.Judge("x", []float32{7}, &predict.Classes{Names: []string{"y"}, Vectors: [][]float32{{7}}}); len(j.Doubts) != 1 || s.Attributes[0].High != 1 {
		t.Errorf("%+v", j)
	}
}
