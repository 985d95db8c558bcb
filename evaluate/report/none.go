package report

import (
	"fmt"
	"html/template"
	"math"

	"vzsl/evaluate"
)

// apart is the difference of a rate from that on the validation classes above which the page warns.
const apart = 0.1

// none is how well images of none of the candidates are told.
type none struct {
	*evaluate.Rejection
	Warning string
	Chart   template.HTML
}

func newNone(r *evaluate.Rejection) (*none, error) {
	if r == nil {
		return nil, nil
	}
	v := &none{Rejection: r}
	if s, c := r.Selected, r.Chosen; s != nil && c != nil {
		accepted, rejected := c.FalseAcceptance-s.FalseAcceptance, c.FalseRejection-s.FalseRejection
		if math.Abs(accepted) > apart || math.Abs(rejected) > apart {
			v.Warning = fmt.Sprintf("The rates measured on the validation classes do not hold here: false acceptances %s, false rejections %s percentage points.",
				points(accepted), points(rejected))
		}
	}
	l, chance := line{}, line{}
	for _, p := range r.Curve {
		l.xy = append(l.xy, struct{ X, Y float64 }{p.FalseAcceptance, 1 - p.FalseRejection})
	}
	if c := r.Chosen; c != nil {
		l.marks = append(l.marks, struct{ X, Y float64 }{c.FalseAcceptance, 1 - c.FalseRejection})
	}
	chance.xy = append(chance.xy, struct{ X, Y float64 }{0, 0}, struct{ X, Y float64 }{1, 1})
	c := chart{lines: []line{l, chance}, xLabel: "Others accepted (%)", yLabel: "Candidates accepted (%)", width: 420, height: 340, unit: true}
	var err error
	v.Chart, err = c.svg()
	return v, err
}

// points are percentage points.
func points(v float64) string {
	sign := "+"
	if v < 0 {
		sign = "\u2212"
	}
	return sign + plainPercent(math.Abs(v))
}
