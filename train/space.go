package train

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"vzsl/train/method"
)

// clone is a copy whose method settings can be changed for themselves.
func (s *Settings) clone() Settings {
	c := *s
	v := reflect.ValueOf(s.Config())
	copied := reflect.New(v.Type().Elem())
	copied.Elem().Set(v.Elem())
	c.Configs = map[string]method.Config{s.Method: copied.Interface().(method.Config)}
	return c
}

// setting is the place of a setting by its toml name: one of the method's, or features or attributes.
func (s *Settings) setting(name string) (reflect.Value, error) {
	switch name {
	case "features":
		return reflect.ValueOf(&s.FeatureNorm).Elem(), nil
	case "attributes":
		return reflect.ValueOf(&s.AttributeNorm).Elem(), nil
	}
	v := reflect.ValueOf(s.Config()).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Tag.Get("toml") == name {
			return v.FieldByIndex(f.Index), nil
		}
	}
	return reflect.Value{}, fmt.Errorf("the method %s has no setting %q", s.Method, name)
}

// draw gives the settings' dimensions values, each drawn for itself: what one gets does not depend on the others.
func (s *Settings) draw(space []method.Dimension, seed uint64, trial int) (Settings, error) {
	c := s.clone()
	for _, d := range space {
		h := fnv.New64a()
		fmt.Fprintf(h, "trial %d %s", trial, d.Setting)
		if err := c.set(d, rand.New(rand.NewPCG(seed, h.Sum64()))); err != nil {
			return Settings{}, err
		}
	}
	return c, c.Validate()
}

func (s *Settings) set(d method.Dimension, r *rand.Rand) error {
	to, err := s.setting(d.Setting)
	if err != nil {
		return err
	}
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
func (s *Settings) values(space []method.Dimension) (map[string]any, error) {
	m := map[string]any{}
	for _, d := range space {
		v, err := s.setting(d.Setting)
		if err != nil {
			return nil, err
		}
		m[d.Setting] = v.Interface()
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
