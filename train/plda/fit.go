package plda

import (
	"context"
	"errors"
	"fmt"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// Method fits with these settings.
type Method struct{ Config Config }

var (
	_ method.Method       = (*Method)(nil)
	_ method.Transductive = (*Config)(nil)
)

// Name is "plda".
func (m *Method) Name() string { return "plda" }

// Fit solves for all of the grid and keeps the point best on the validation classes; without these it takes the first value of
// each coefficient.
func (m *Method) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Config.Validate(); err != nil {
		return nil, err
	}
	out := &method.Outcome{Accuracy: -1}
	err := m.Config.Grid(ctx, p, s.Choice, func(c method.Choice, model *Model, done, total int) error {
		if p.Unlabelled != nil {
			t, err := model.Transduce(ctx, p.Unlabelled, &m.Config, Evidence{})
			if err != nil {
				return err
			}
			model = t.Model
		}
		pt := method.Point{Done: done, Total: total, Values: c, Choice: c}
		if s.Choice == nil && p.Validation != nil && p.Validation.Len() > 0 {
			var err error
			if pt.Accuracy, err = method.Accuracy(model, p.Validation); err != nil {
				return err
			}
			pt.Validated = true
		}
		if pt.Accuracy > out.Accuracy {
			*out = method.Outcome{Model: model, Choice: c, Accuracy: pt.Accuracy}
		}
		if s.Step != nil {
			s.Step(done, total)
		}
		if s.Point != nil {
			return s.Point(pt)
		}
		return nil
	})
	return out, err
}

// Grid gives a model for each point of the grid, or for the choice made; where nothing validates, for the first value of each
// coefficient. The models know the images of the classes known by a few.
func (c *Config) Grid(ctx context.Context, p *method.Problem, choice method.Choice, each func(c method.Choice, m *Model, done, total int) error) error {
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return errors.New("no samples to train on")
	}
	for i, a := range p.Train.Attributes {
		if len(a) != len(p.Train.Attributes[0]) {
			return fmt.Errorf("class %d has %d attributes, not %d", i, len(a), len(p.Train.Attributes[0]))
		}
	}
	grids := c.grids(p)
	total := 1
	for i := range grids {
		g := &grids[i]
		switch {
		case choice != nil:
			v, ok := choice[g.name]
			if !ok || !(v > 0) {
				return fmt.Errorf("the choice %v is none: %s is missing or not positive", choice, g.name)
			}
			g.values = []float64{v}
		case p.Validation == nil || p.Validation.Len() == 0:
			g.values = g.values[:1]
		}
		total *= len(g.values)
	}
	s, err := Gather(ctx, p, c.Dimensions)
	if err != nil {
		return err
	}
	done := 0
	for _, shrink := range grids[0].values {
		sp, err := s.Whiten(shrink)
		if err != nil {
			return err
		}
		for _, ridge := range grids[1].values {
			for _, floor := range grids[2].values {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				m, err := sp.Model(ridge, floor, true)
				if err != nil {
					return err
				}
				m.shotWeight = c.ShotWeight
				if err := m.learnFew(p); err != nil {
					return err
				}
				done++
				if err := each(method.Choice{"shrink": shrink, "ridge": ridge, "floor": floor}, m, done, total); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// learnFew adds the images of the classes known by a few.
func (m *Model) learnFew(p *method.Problem) error {
	if p.Few == nil {
		return nil
	}
	rows := make([][]float32, len(p.Few))
	n := make([]int, len(p.Few))
	x := make([]float32, p.Train.Dim())
	for i := range p.Train.Len() {
		if l := p.Train.Label(i); p.Few[l] {
			p.Train.Row(i, x)
			rows[l] = append(rows[l], x...)
			n[l]++
		}
	}
	for l, k := range n {
		if k == 0 {
			continue
		}
		learned, err := m.Learn(p.Train.Attributes[l], rows[l], k)
		if err != nil {
			return err
		}
		*m = *learned.(*Model)
	}
	return nil
}

// Load makes a model of a file of Model.Tensors.
func (m *Method) Load(f *safetensors.File) (method.Model, error) { return Load(f, "") }
