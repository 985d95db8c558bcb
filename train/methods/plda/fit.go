package plda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

var _ method.Transductive = (*Config)(nil)

// Fit solves for all of the grid and keeps the point best on the validation classes; without these it takes the first value of
// each coefficient.
func (m *Config) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	m.WarnPrior(p, s.Log)
	if own := *s; Foreign(p, s.Choice) {
		own.Choice = nil
		s = &own
	}
	out := &method.Outcome{Accuracy: -1}
	notes, err := m.Grid(ctx, p, s, func(c method.Choice, model *Model, done, total int) (float64, error) {
		if p.Unlabelled != nil {
			t, err := model.Transduce(ctx, p.Unlabelled, m, Evidence{})
			if err != nil {
				return 0, err
			}
			model = t.Model
		}
		if p.Unlabelled != nil {
			c = maps.Clone(c)
			c[Transductive] = 1
		}
		pt := method.Point{Done: done, Total: total, Values: c, Choice: c}
		if s.Choice == nil && p.Validation != nil && p.Validation.Len() > 0 {
			var err error
			if pt.Accuracy, err = method.Accuracy(model, p.Validation); err != nil {
				return 0, err
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
			return pt.Accuracy, s.Point(pt)
		}
		return pt.Accuracy, nil
	})
	out.Notes = notes
	return out, err
}

// Transductive marks a choice made in the transductive setting.
const Transductive = "transductive"

// Foreign tells of a choice of the inductive setting, from which a transductive search continues: what it chose does not hold here.
func Foreign(p *method.Problem, c method.Choice) bool {
	return p.Unlabelled != nil && c != nil && c[Transductive] == 0
}

// WarnPrior says what a uniform class prior costs where it does not hold.
func (c *Config) WarnPrior(p *method.Problem, log *slog.Logger) {
	if p.Unlabelled != nil && c.ClassPrior == priorUniform && log != nil {
		log.Warn("class_prior is uniform: every class gets the same number of unlabelled images; if the true numbers differ much, accuracy is lower than without unlabelled images (the default is estimated)")
	}
}

// Grid returns a model for each point of the grid, or for the choice made; where nothing validates, for the first value of each
// coefficient. The models know the images of the classes known by a few. each tells the accuracy.
func (c *Config) Grid(ctx context.Context, p *method.Problem, s *method.Session, each func(c method.Choice, m *Model, done, total int) (accuracy float64, err error)) (notes []string, err error) {
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, errors.New("no samples to train on")
	}
	for i, a := range p.Train.Attributes {
		if len(a) != len(p.Train.Attributes[0]) {
			return nil, fmt.Errorf("class %d has %d attributes, not %d", i, len(a), len(p.Train.Attributes[0]))
		}
	}
	validates := s.Choice == nil && p.Validation != nil && p.Validation.Len() > 0
	axes := c.grids(p)
	for i := range axes {
		a := &axes[i]
		if s.Choice != nil {
			v, ok := s.Choice[a.Name]
			if !ok || !(v > 0) {
				return nil, fmt.Errorf("the choice %v is none: %s is missing or not positive", s.Choice, a.Name)
			}
			a.Values = []float64{v}
		} else if !validates {
			a.Values = a.Values[:1]
		}
	}
	stats, err := gather(ctx, p, c.Dimensions)
	if err != nil {
		return nil, err
	}
	spaces := map[float64]*space{}
	grow := method.Fixed
	if validates { // it does not grow: accuracies are flat over decades, and a few classes would lead it anywhere
		grow = method.Told
	}
	return method.Search(axes, grow, s.Log, func(choice method.Choice, done, total int) (float64, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		sp := spaces[choice["shrink"]]
		if sp == nil {
			if sp, err = stats.whiten(choice["shrink"]); err != nil {
				return 0, err
			}
			spaces[choice["shrink"]] = sp
		}
		m, err := sp.model(choice["ridge"], choice["floor"], true)
		if err != nil {
			return 0, err
		}
		m.shotWeight = c.ShotWeight
		if err := m.learnFew(p); err != nil {
			return 0, err
		}
		return each(choice, m, done, total)
	})
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
func (m *Config) Load(f *safetensors.File) (method.Model, error) { return Load(f, "") }
