package description

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"vzsl/predict"
)

const (
	rivals  = 3  // nearest classes that the discriminative attributes are computed against
	telling = 40 // discriminative attributes listed
	doubts  = 5  // doubts about values listed
)

// Judgement is an assessment of a description.
type Judgement struct {
	Rival   *Rival   `json:"rival"`   // null if there is no other class
	Telling []int    `json:"telling"` // indices of the attributes that separate the class best from its nearest classes, best first
	Doubts  []string `json:"doubts"`  // reasons why the description may be wrong
}

// Rival is the class with the most similar description.
type Rival struct {
	Class      string  `json:"class"`
	Distance   float64 `json:"distance"`   // in standard deviations of the seen classes
	Separating []Side  `json:"separating"` // at most two attributes, those that differ most
	Would      []Side  `json:"would"`      // at most two attributes that would add most to the distance if their values were changed to Value
}

// Side is an attribute with its values in the class and in its rival.
type Side struct {
	Attribute string   `json:"attribute"`
	Label     string   `json:"label"`
	Own       *float32 `json:"own"`   // value in the class; null: missing
	Other     *float32 `json:"other"` // value in the rival; null: missing
	Value     *float32 `json:"value,omitempty"`
}

// Judge assesses the raw vector (NaN: missing) of a class of this name among others; the other class of the same name
// is ignored.
func (s *Space) Judge(name string, vector []float32, others *predict.Classes) *Judgement {
	j := &Judgement{Telling: []int{}, Doubts: []string{}}
	type near struct {
		class    int
		distance float64
	}
	var all []near
	for i, v := range others.Vectors {
		if others.Names[i] != name {
			all = append(all, near{i, s.distance(vector, v)})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	some := all[:min(len(all), rivals)]

	weight := make([]float64, len(s.Attributes))
	for _, r := range some {
		for k := range weight {
			weight[k] += math.Abs(s.at(vector, k) - s.at(others.Vectors[r.class], k))
		}
	}
	j.Telling = append(j.Telling, highest(weight, telling)...)

	if len(some) > 0 {
		r := &Rival{Class: others.Names[some[0].class], Distance: some[0].distance, Separating: []Side{}, Would: []Side{}}
		other := others.Vectors[some[0].class]
		now, more := make([]float64, len(s.Attributes)), make([]float64, len(s.Attributes))
		value := make([]float32, len(s.Attributes))
		for k, a := range s.Attributes {
			now[k] = math.Abs(s.at(vector, k) - s.at(other, k))
			if a.High == a.Low {
				continue
			}
			// The end of the seen classes' range that is farther from the rival.
			value[k] = a.High
			if ends := []float32{a.Low, a.High}; s.far(ends[0], other, k) > s.far(ends[1], other, k) {
				value[k] = a.Low
			}
			more[k] = s.far(value[k], other, k) - now[k]
		}
		for _, k := range highest(now, 2) {
			r.Separating = append(r.Separating, s.side(k, vector, other))
		}
		for _, k := range highest(more, 2) {
			side := s.side(k, vector, other)
			side.Value = &value[k]
			r.Would = append(r.Would, side)
		}
		j.Rival = r
		for _, n := range some {
			switch {
			case n.distance < 1e-6:
				j.Doubts = append(j.Doubts, fmt.Sprintf("the description is the same as that of %s: the two classes cannot be distinguished", others.Names[n.class]))
			case n.distance < s.near/4:
				j.Doubts = append(j.Doubts, fmt.Sprintf("the description is almost the same as that of %s: no two seen classes are this similar", others.Names[n.class]))
			}
		}
	}
	j.Doubts = append(j.Doubts, s.impossible(vector)...)
	return j
}

// far is the distance of a value from v[k], in standard deviations.
func (s *Space) far(value float32, v []float32, k int) float64 {
	return math.Abs((float64(value)-float64(s.Attributes[k].Mean))/s.spread[k] - s.at(v, k))
}

// impossible lists values unlike those of the seen classes.
func (s *Space) impossible(v []float32) []string {
	if len(s.Seen.Vectors) == 0 {
		return nil
	}
	var all []string
	says := false
	for k, a := range s.Attributes {
		if v[k] != v[k] {
			continue
		}
		says = says || s.at(v, k) != 0
		switch room := a.High - a.Low; {
		case v[k] < 0 && a.Low >= 0:
			all = append(all, fmt.Sprintf("%s is %s: it is not negative for any seen class", a.Label, short(v[k])))
		case v[k] > a.High+room || v[k] < a.Low-room:
			all = append(all, fmt.Sprintf("%s is %s: for the seen classes it is between %s and %s", a.Label, short(v[k]), short(a.Low), short(a.High)))
		}
	}
	if !says {
		all = append(all, "the description is still empty: all values are missing or equal to the mean")
	}
	var done []string
	for _, a := range s.Attributes {
		g := s.groups[a.Group]
		if len(g.of) < 2 || slices.Contains(done, a.Group) {
			continue
		}
		done = append(done, a.Group)
		whole := !slices.ContainsFunc(g.of, func(k int) bool { return v[k] != v[k] })
		switch total := g.total(v); {
		case total > 1.25*g.high && g.high > 0:
			all = append(all, fmt.Sprintf("%s: the values add up to %s, for the seen classes at most to %s: can all be true of one class?", a.Group, short(float32(total)), short(float32(g.high))))
		case whole && total < g.low/2:
			all = append(all, fmt.Sprintf("%s: the values add up to %s, for the seen classes at least to %s: is a value missing?", a.Group, short(float32(total)), short(float32(g.low))))
		}
	}
	if n := len(all); n > doubts {
		all = append(all[:doubts], fmt.Sprintf("and %d more", n-doubts))
	}
	return all
}

func (s *Space) side(k int, own, other []float32) Side {
	value := func(v float32) *float32 {
		if v != v {
			return nil
		}
		return &v
	}
	return Side{Attribute: s.Attributes[k].Name, Label: s.Attributes[k].String(), Own: value(own[k]), Other: value(other[k])}
}

// highest returns the indices of the largest positive weights, largest first.
func highest(weight []float64, most int) []int {
	var all []int
	for k, w := range weight {
		if w > 0 {
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(weight[b], weight[a]) })
	return all[:min(len(all), most)]
}

func short(v float32) string { return fmt.Sprintf("%.4g", v) }
