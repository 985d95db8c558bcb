// Package description assesses the description of a class while it is being written: [Space.Judge] compares it with the
// values of the seen classes, which a [Space] holds, and with the other candidate classes.
package description

import (
	"math"
	"slices"

	"vzsl/internal/readable"
	"vzsl/predict"
)

// bins is the number of columns of an attribute's histogram.
const bins = 16

// Attribute is an attribute of the model with statistics of its values in the seen classes.
type Attribute struct {
	Name string `json:"attribute"`
	readable.Label
	Low  float32 `json:"low"`  // minimum and maximum of the values: the range of a slider
	High float32 `json:"high"` // at least Low
	Mean float32 `json:"mean"`
	Bins []int   `json:"histogram"` // numbers of classes in equal parts of [Low, High]
}

// Space holds the attributes of a model with the values of its seen classes. It is safe for concurrent use.
type Space struct {
	Attributes []Attribute
	Seen       predict.Classes

	spread []float64      // standard deviations; 1 if all values are equal
	groups map[string]sum // by group of attributes
	near   float64        // distance of the two most similar seen classes
}

// sum is the range of the sum of a group's values over the seen classes.
type sum struct {
	of        []int // attributes
	low, high float64
}

// mostPairs bounds the comparison of seen classes with each other.
const mostPairs = 1000

// New makes a Space from attribute names and the raw vectors of the seen classes (NaN: missing). Without seen classes,
// values are assumed to be between 0 and 1.
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

// total is the sum of a vector's values in the group; a missing value counts as 0.
func (g sum) total(v []float32) float64 {
	total := 0.0
	for _, k := range g.of {
		if v[k] == v[k] {
			total += float64(v[k])
		}
	}
	return total
}

// at is the distance of v[k] from the seen classes' mean, in standard deviations; 0 if it is missing.
func (s *Space) at(v []float32, k int) float64 {
	if v[k] != v[k] {
		return 0
	}
	return (float64(v[k]) - float64(s.Attributes[k].Mean)) / s.spread[k]
}

// distance is the Euclidean distance in standard deviations.
func (s *Space) distance(a, b []float32) float64 {
	d := 0.0
	for k := range s.Attributes {
		x := s.at(a, k) - s.at(b, k)
		d += x * x
	}
	return math.Sqrt(d)
}

// nearest is the smallest non-zero distance of two seen classes; 0: there is none, or there are too many pairs to
// compare.
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
