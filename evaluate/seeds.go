package evaluate

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Spread is a figure measured once for each seed.
type Spread struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"` // by seed
	Mean   float64   `json:"mean"`
	SD     float64   `json:"sd"` // of the sample, n - 1 below; 0 with one value
	// Interval is a 95 % interval: of several values that of their mean, of a single one that of its own result, where it has one.
	Interval *Interval `json:"interval,omitempty"`
	Over     string    `json:"interval_over,omitempty"` // OverSeed or OverImage
}

// What an interval of a Spread is over: chance in training, or in the choice of images.
const (
	OverSeed  = "seeds"
	OverImage = "images"
)

// NewSpread sums up values, at least one, each a share, 0..1. The interval of the mean is Student's t with n - 1 degrees of freedom
// cut to 0..1: as the mean of shares lies there, the cut takes nothing away that could be true, and the interval holds the mean as
// often as before.
func NewSpread(name string, values []float64) Spread {
	s := Spread{Name: name, Values: values}
	if len(values) == 1 {
		s.Mean = values[0]
		return s
	}
	s.Mean, s.SD = stat.MeanStdDev(values, nil)
	n := float64(len(values))
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile((1+level)/2) * s.SD / math.Sqrt(n)
	s.Interval, s.Over = &Interval{Low: max(0, s.Mean-half), High: min(1, s.Mean+half)}, OverSeed
	return s
}

// The figures of Headline that the literature has: of attribute datasets, of ImageNet.
const (
	Top1PerImage = "top-1, per image"
	Top5PerImage = "top-5, per image"
)

// Headline are the figures that a run is known by, 0..1.
func (r *Result) Headline() []NamedFigure {
	var f []NamedFigure
	add := func(name string, e *Estimate) { f = append(f, NamedFigure{name, e.Value, e}) }
	add("top-1, mean per class", &r.Top1.MeanPerClass)
	add(Top1PerImage, &r.Top1.PerImage)
	for i := range r.Hits {
		if h := &r.Hits[i]; h.K == 5 {
			add(Top5PerImage, &h.PerImage)
		}
	}
	if g := r.Generalised; g != nil {
		add("U", &g.Plain.U)
		add("S", &g.Plain.S)
		add("H", &g.Plain.H)
		if c := g.Calibrated; c != nil {
			add("U, calibrated", &c.U)
			add("S, calibrated", &c.S)
			add("H, calibrated", &c.H)
		}
		f = append(f, NamedFigure{"AUSUC", g.AUSUC, nil})
	}
	return f
}

// NamedFigure is a figure, 0..1, and what it is.
type NamedFigure struct {
	Name     string
	Value    float64
	Estimate *Estimate // with its intervals; nil where it has none
}

// OverSeeds sums up the headline figures of one run's results, one per seed, in the order in which they stand in the first;
// a figure that not all of them have is left out. The figures of one result keep its bootstrap intervals over images.
func OverSeeds(results []*Result) []Spread {
	values := map[string][]float64{}
	for _, r := range results {
		for _, f := range r.Headline() {
			values[f.Name] = append(values[f.Name], f.Value)
		}
	}
	var all []Spread
	for _, f := range results[0].Headline() {
		if v := values[f.Name]; len(v) == len(results) {
			s := NewSpread(f.Name, v)
			if len(results) == 1 && f.Estimate != nil && f.Estimate.OverImages != nil {
				s.Interval, s.Over = f.Estimate.OverImages, OverImage
			}
			all = append(all, s)
		}
	}
	return all
}
