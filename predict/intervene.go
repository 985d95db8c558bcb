package predict

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Intervention is what would change if the model saw another value of one attribute in an image.
//
// With e the model's estimate of the image's attributes, a_c the normalised vector of class c and m the mean over the
// classes, the contribution of the attributes to the class is g_c = sum_k e_k (a_ck - m_k). The scores are, by least
// squares over the classes,
//
//	s_c = b g_c + constant + rest,
//
// and with the value v in place of e_k they become s_c + b (v - e_k) (a_ck - m_k). Fit is the fraction of the scores'
// variance that the attributes explain in this way: for a bilinear model it is 1 and the new scores are exact; below 1
// they are an approximation.
type Intervention struct {
	Attribute string      `json:"attribute"`
	Was       float64     `json:"was"` // the estimate, in the model's normalised values
	Now       float64     `json:"now"`
	Low       float64     `json:"low"` // minimum and maximum of the classes' values and the estimate
	High      float64     `json:"high"`
	Fit       float64     `json:"fit"` // R^2, 0 to 1
	Before    []Candidate `json:"before"`
	After     []Candidate `json:"after"` // best first
}

// ErrNoEstimate is returned for models that do not estimate attributes.
var ErrNoEstimate = errors.New("models of this method do not estimate the attributes of an image")

// Intervene computes how the ranking of an image, given by its raw feature, changes with another normalised value of an
// attribute; nil: the estimated value is kept.
func Intervene(ctx context.Context, m Model, feature []float32, classes *Classes, attribute string, value *float64, top int) (*Intervention, error) {
	k := slices.Index(m.Attributes(), attribute)
	if k < 0 {
		return nil, fmt.Errorf("the model has no attribute %q", attribute)
	}
	if len(classes.Names) == 0 {
		return nil, ErrNoClasses
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	scores, err := m.Score(feature, 1, classes.Vectors)
	if err != nil {
		return nil, err
	}
	e, err := m.Describe(feature, 1)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, ErrNoEstimate
	}
	x, err := newExplainer(m, classes, 1)
	if err != nil {
		return nil, err
	}
	said := make([]float64, len(scores))
	meanSaid, meanScore := 0.0, 0.0
	for c, v := range x.vectors {
		for j := range e {
			said[c] += float64(e[j]) * (float64(v[j]) - x.mean[j])
		}
		meanSaid += said[c] / float64(len(scores))
		meanScore += float64(scores[c]) / float64(len(scores))
	}
	var both, ofSaid, ofScores float64
	for c := range said {
		g, s := said[c]-meanSaid, float64(scores[c])-meanScore
		both, ofSaid, ofScores = both+g*s, ofSaid+g*g, ofScores+s*s
	}
	r := &Intervention{Attribute: attribute, Was: float64(e[k]), Now: float64(e[k]), Low: float64(e[k]), High: float64(e[k])}
	slope := 0.0
	if ofSaid > 0 && ofScores > 0 {
		slope, r.Fit = both/ofSaid, both*both/(ofSaid*ofScores)
	}
	if value != nil {
		r.Now = *value
	}
	changed := make([]float32, len(scores))
	for c, v := range x.vectors {
		r.Low, r.High = math.Min(r.Low, float64(v[k])), math.Max(r.High, float64(v[k]))
		changed[c] = scores[c] + float32(slope*(r.Now-r.Was)*(float64(v[k])-x.mean[k]))
	}
	r.Before, r.After = candidates(m, classes, scores, top), candidates(m, classes, changed, top)
	return r, nil
}

// candidates returns the best of a row of scores.
func candidates(m Model, classes *Classes, row []float32, top int) []Candidate {
	t := m.Temperature()
	if t <= 0 {
		t = 1
	}
	p := probabilities(row, t)
	var all []Candidate
	for _, j := range best(row, min(top, len(row)), nil) {
		all = append(all, Candidate{classes.Names[j], p[j], row[j]})
	}
	return all
}
