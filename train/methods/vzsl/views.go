package vzsl

import "vzsl/train/method"

// A class's attribute vector may hold two views of the attributes (attributes.BothCentreL2). The learned block takes the first,
// the closed-form block the last: so their errors are less alike, and the sum of their scores has fewer. Where there is one
// view both take it.

func firstView(v []float32, views int) []float32 { return v[:len(v)/max(views, 1)] }

func lastView(v []float32, views int) []float32 { return v[len(v)-len(v)/max(views, 1):] }

// oneView is a problem with one view of each attribute vector.
func oneView(p *method.Problem, view func(v []float32, views int) []float32) *method.Problem {
	if p.Views <= 1 {
		return p
	}
	of := func(all [][]float32) [][]float32 {
		out := make([][]float32, len(all))
		for i, v := range all {
			out[i] = view(v, p.Views)
		}
		return out
	}
	q := *p
	q.Views = 1
	q.Train.Attributes = of(p.Train.Attributes)
	if v := p.Validation; v != nil {
		q.Validation = &method.Data{Samples: v.Samples, Attributes: of(v.Attributes)}
	}
	if u := p.Unlabelled; u != nil {
		q.Unlabelled = &method.Unlabelled{Features: u.Features, Attributes: of(u.Attributes)}
	}
	return &q
}
