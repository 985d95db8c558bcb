package methods

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vzsl/train/method"
)

// axis is a coefficient and the values it takes in a closed form's grid.
type axis struct {
	name   string
	values []float64
}

// grid is the choice under way of a closed form's coefficients: every point's model is tried on the validation classes and
// the best is kept.
type grid struct {
	p          *method.Problem
	s          *method.Session
	validation *method.Data
	done       int
	total      int
	last       float64 // accuracy
	out        method.Outcome
}

// newGrid checks that there are samples and something to choose by. With a choice made earlier it leaves each axis that
// choice's value alone. title is the method's, for errors.
func newGrid(title string, p *method.Problem, s *method.Session, axes ...*axis) (*grid, error) {
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, errors.New("no samples to train on")
	}
	for i, a := range p.Train.Attributes {
		if len(a) != len(p.Train.Attributes[0]) {
			return nil, fmt.Errorf("class %d has %d attributes, not %d", i, len(a), len(p.Train.Attributes[0]))
		}
	}
	g := &grid{p: p, s: s, total: 1, out: method.Outcome{Accuracy: -1}}
	if s.Choice == nil && p.Validation != nil && p.Validation.Len() > 0 {
		g.validation = p.Validation
	}
	var names []string
	for _, a := range axes {
		if s.Choice != nil {
			v, ok := s.Choice[a.name]
			if !ok || !(v > 0) {
				return nil, fmt.Errorf("the choice %v is none: %s is missing or not positive", s.Choice, a.name)
			}
			a.values = []float64{v}
		}
		g.total *= len(a.values)
		names = append(names, a.name)
	}
	if g.validation == nil && g.total > 1 {
		return nil, fmt.Errorf("%s selects %s on validation classes, but the split has none: make a split with some, or give one value of each",
			title, strings.Join(names, " and "))
	}
	return g, nil
}

// search tries the model of every point of the axes and, where something validates, beyond the edges of the grid that the best one
// lies on.
func (g *grid) search(ctx context.Context, axes []*axis, model func(c method.Choice) (method.Model, error)) error {
	all := make([]method.Axis, len(axes))
	for i, a := range axes {
		all[i] = method.Axis{Name: a.name, Values: a.values}
	}
	grow := method.Fixed
	if g.validation != nil {
		grow = method.Widened
	}
	notes, err := method.Search(all, grow, g.s.Log, func(c method.Choice, _, total int) (float64, error) {
		m, err := model(c)
		if err != nil {
			return 0, err
		}
		g.total = total
		err = g.point(ctx, m, c)
		return g.last, err
	})
	g.out.Notes = notes
	return err
}

// point tries the model of a point.
func (g *grid) point(ctx context.Context, m method.Model, c method.Choice) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.done++
	pt := method.Point{Done: g.done, Total: g.total, Values: c, Choice: c}
	accuracy := 0.0
	if g.validation != nil {
		var err error
		if accuracy, err = method.Accuracy(m, g.validation); err != nil {
			return err
		}
		pt.Accuracy, pt.Validated = accuracy, true
	}
	g.last = accuracy
	if accuracy > g.out.Accuracy {
		g.out = method.Outcome{Model: m, Choice: c, Accuracy: accuracy}
	}
	if g.s.Step != nil {
		g.s.Step(g.done, g.total)
	}
	if g.s.Point != nil {
		return g.s.Point(pt)
	}
	return nil
}
