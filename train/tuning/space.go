package tuning

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"vzsl/train/method"
	"vzsl/train/settings"
)

// draw sets the values of the settings' dimensions, each drawn for itself: what one gets does not depend on the others.
func draw(s *settings.Settings, space []method.Dimension, seed uint64, trial int) (settings.Settings, error) {
	c := s.Clone()
	for _, d := range space {
		h := fnv.New64a()
		fmt.Fprintf(h, "trial %d %s", trial, d.Setting)
		if err := set(&c, d, rand.New(rand.NewPCG(seed, h.Sum64()))); err != nil {
			return settings.Settings{}, err
		}
	}
	return c, c.Validate()
}

func set(s *settings.Settings, d method.Dimension, r *rand.Rand) error {
	setting, err := s.Setting(d.Setting)
	if err != nil {
		return err
	}
	to := setting.Value
	var value any
	switch {
	case d.Values != nil:
		value = d.Values[r.IntN(len(d.Values))]
	case d.Log:
		// Three digits: a value that is read off a report gives the same run.
		value = rounded(math.Exp(math.Log(d.Low) + r.Float64()*(math.Log(d.High)-math.Log(d.Low))))
	default:
		value = rounded(d.Low + r.Float64()*(d.High-d.Low))
	}
	v := reflect.ValueOf(value)
	if f, ok := value.(float64); ok && to.CanInt() {
		v = reflect.ValueOf(math.Round(f))
	}
	if !v.Type().ConvertibleTo(to.Type()) {
		return fmt.Errorf("setting %s of %s: tuning would give it the value %v", d.Setting, s.Method, value)
	}
	to.Set(v.Convert(to.Type()))
	return nil
}

func rounded(x float64) float64 {
	if x == 0 {
		return 0
	}
	digits := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*digits) / digits
}

// values are the settings of the space's dimensions.
func values(s *settings.Settings, space []method.Dimension) (map[string]any, error) {
	m := map[string]any{}
	for _, d := range space {
		v, err := s.Setting(d.Setting)
		if err != nil {
			return nil, err
		}
		m[d.Setting] = v.Value.Interface()
	}
	return m, nil
}

// pinned is space without the settings that the user decided.
func pinned(space []method.Dimension, names []string) []method.Dimension {
	return slices.DeleteFunc(slices.Clone(space), func(d method.Dimension) bool { return slices.Contains(names, d.Setting) })
}

// choiceText makes a choice comparable.
func choiceText(c method.Choice) string {
	var parts []string
	for k, v := range c {
		parts = append(parts, fmt.Sprintf("%s=%g", k, v))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
