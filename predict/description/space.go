// Package description judges the description of a class while it is written: against the values of the classes that the model was
// trained on, and against the classes that it is to be told from. A [Space] holds the former, [Space.Judge] gives the latter.
package description

import (
	"math"
	"slices"

	"vzsl/internal/readable"
	"vzsl/predict"
)

// bins is the number of columns of an attribute's histogram.
const bins = 16

// Attribute is one of the model's, with the values that the seen classes have.
type Attribute struct {
	Name string `json:"attribute"`
	readable.Label
	Low  float32 `json:"low"`  // of the values; the range of a slider
	High float32 `json:"high"` // at least Low
	Mean float32 `json:"mean"`
	Bins []int   `json:"histogram"` // classes in equal parts of [Low, High]
}

// Space is the attributes of a model as its seen classes have them. It is safe for concurrent use.
type Space struct {
	Attributes []Attribute
	Seen       predict.Classes

	spread []float64      // standard deviation; 1 where all are the same
	groups map[string]sum // sums of the values of a group
	near   float64        // distance of the two seen classes that are most alike
}

// sum is what the values of a group of attributes add up to in the seen classes.
type sum struct {
	of        []int // attributes
	low, high float64
}

// mostPairs bounds the comparison of seen classes with each other.
const mostPairs = 1000

// New makes a space of attribute names and of the seen classes' raw vectors, NaN where missing. Without seen classes the values
// are taken to lie between 0 and 1.
func New(names []string, seen predict.Classes) *Space {
	s := &Space{Seen: seen, groups: map[string]sum{}}
	for k, name := range names {
		a := Attribute{Name: name, Label: readable.Attribute(name), High: 1, Bins: make([]int, bins)}
		var values []float32
		for _, v := range seen.Vectors {
			if v[k] == v[k] {
				values = append(values, v[k])
			}
		}
		spread := 0.0
		if len(values) > 0 {
			a.Low, a.High = slices.Min(values), slices.Max(values)
			total := 0.0
			for _, v := range values {
				total += float64(v)
			}
			mean := total / float64(len(values))
			a.Mean = float32(mean)
			for _, v := range values {
				spread += (float64(v) - mean) * (float64(v) - mean)
				if a.High > a.Low {
					a.Bins[min(int(float64(bins)*(float64(v)-float64(a.Low))/(float64(a.High)-float64(a.Low))), bins-1)]++
				}
			}
			spread = math.Sqrt(spread / float64(len(values)))
		}
		if spread == 0 {
			spread = 1
		}
		s.Attributes, s.spread = append(s.Attributes, a), append(s.spread, spread)
		if a.Group != "" {
			g := s.groups[a.Group]
			g.of = append(g.of, k)
			s.groups[a.Group] = g
		}
	}
	for name, g := range s.groups {
		g.low, g.high = math.Inf(1), math.Inf(-1)
		for _, v := range seen.Vectors {
			total := g.total(v)
			g.low, g.high = min(g.low, total), max(g.high, total)
		}
		s.groups[name] = g
	}
	s.near = s.nearest()
	return s
}

// total is the sum of a vector's values of the group; a missing value counts as nothing.
func (g sum) total(v []float32) float64 {
	total := 0.0
	for _, k := range g.of {
		if v[k] == v[k] {
			total += float64(v[k])
		}
	}
	return total
}

// at is a vector's value k in standard deviations from the seen classes' mean; a missing one is the mean.
func (s *Space) at(v []float32, k int) float64 {
	if v[k] != v[k] {
		return 0
	}
	return (float64(v[k]) - float64(s.Attributes[k].Mean)) / s.spread[k]
}

// distance is Euclidean, in standard deviations.
func (s *Space) distance(a, b []float32) float64 {
	d := 0.0
	for k := range s.Attributes {
		x := s.at(a, k) - s.at(b, k)
		d += x * x
	}
	return math.Sqrt(d)
}

// nearest is the smallest distance of two seen classes that differ; 0: there are none, or too many to compare all.
func (s *Space) nearest() float64 {
	if len(s.Seen.Vectors) > mostPairs {
		return 0
	}
	near := math.Inf(1)
	for i, a := range s.Seen.Vectors {
		for _, b := range s.Seen.Vectors[:i] {
			if d := s.distance(a, b); d > 0 {
				near = min(near, d)
			}
		}
	}
	if math.IsInf(near, 1) {
		return 0
	}
	return near
}
