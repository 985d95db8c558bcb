package train

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"vzsl/train/method"
	"vzsl/train/settings"
)

// phaseWeigh fits the method with each of several weights of the descriptions, before the fit that chooses the rest.
const phaseWeigh = "weigh"

// weigh selects the weights of descriptions side by side, where that is asked for: those with the best accuracy on the validation
// classes, of equal ones the first of settings.WeightGrid. The settings then have them.
func (r *run) weigh(ctx context.Context) error {
	if r.o.Weights != settings.WeightsAuto {
		return nil
	}
	if r.f.Weights != "" { // of a checkpoint
		r.o.Weights = r.f.Weights
		return nil
	}
	grid, err := settings.WeightGrid(len(r.o.Classes.BlockWidths()))
	if err != nil {
		return err
	}
	if len(r.p.Validation) == 0 {
		return fmt.Errorf("setting weights = %s: split %q has no validation images to select them by; give the weights", settings.WeightsAuto, r.o.Roles.Name)
	}
	if r.o.Tuned != nil {
		return fmt.Errorf("setting weights = %s of a tuned run, whose search has selected them", settings.WeightsAuto)
	}
	best := -1.0
	for i, weights := range grid {
		began := time.Now()
		s := r.o.Clone()
		s.Weights = weights
		g, err := r.p.Build(&s, r.o.Roles.Validation)
		if err != nil {
			return err
		}
		o, err := s.Config.Fit(ctx, &g.Problem, &method.Session{Log: r.o.Log, Step: func(done, total int) {
			if r.o.Progress != nil {
				r.o.Progress(phaseWeigh, i*max(total, 1)+done, len(grid)*max(total, 1))
			}
		}})
		if err != nil {
			return fmt.Errorf("%s, weights %s: %w", r.o.Method, weights, err)
		}
		r.o.Log.Info("weights of the descriptions", "descriptions", strings.Join(r.o.Classes.Kinds(), "+"), "weights", weights, "validation", fmt.Sprintf("%.1f%%", 100*o.Accuracy))
		if err := r.f.WriteMetrics(map[string]any{"phase": phaseWeigh, "weights": weights, "validation_accuracy": o.Accuracy, "seconds": time.Since(began).Seconds()}); err != nil {
			return err
		}
		if o.Accuracy > best {
			best, r.f.Weights = o.Accuracy, weights
		}
	}
	r.o.Weights = r.f.Weights
	return nil
}

// withWeights adds the weights to what was chosen, by the descriptions' kinds.
func (r *run) withWeights(c method.Choice) method.Choice {
	shares, err := r.o.Shares(0)
	if err != nil {
		return c // they are of the grid
	}
	out := maps.Clone(c)
	for i, kind := range r.o.Classes.Kinds() {
		name := "weight_" + strings.ReplaceAll(kind, " ", "_")
		if _, twice := out[name]; twice {
			name += fmt.Sprintf("_%d", i+1)
		}
		out[name] = shares[i]
	}
	return out
}
