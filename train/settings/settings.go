// Package settings holds what a run depends on beside its data: the method with its settings, the normalisations, the seed.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/internal/spelling"
	"vzsl/train/method"
	"vzsl/train/methods"
)

// Settings are all that a run depends on beside its data. They are written to config.toml.
type Settings struct {
	Method        string `toml:"method" comment:"'vzsl methods' lists them"`
	FeatureNorm   string `toml:"features" comment:"feature normalisation: none, l2, sqrt-l2 (l2 of the signed square root); each method has its own default"`
	AttributeNorm string `toml:"attributes" comment:"attribute normalisation, fitted on the seen classes: none, l2, standardise, centre-l2, sqrt-centre-l2 (of the signed square roots), both-centre-l2 (both, concatenated: VZSL's learned block uses the first, its closed-form block the second); each method has its own default"`
	Missing       string `toml:"missing" comment:"missing attribute values: error, class-mean"`
	Weights       string `toml:"weights" comment:"weights of descriptions side by side (attributes+text), in the class table's order, as in 3,1: fractions of a class vector's squared length; empty: equal; auto: selected on the validation classes"`
	Seed          uint64 `toml:"seed" comment:"random seed"`
	Refit         bool   `toml:"refit" comment:"after selection on the validation classes, train again on all seen classes"`
	Transductive  bool   `toml:"transductive" comment:"also train on the unseen classes' test images, without labels"`

	// Config are the method's own settings.
	Config method.Config `toml:"-"`
}

// defaultPreset is the set of settings that every method has.
const defaultPreset = "default"

// Presets are the names of the sets of settings that some method has.
func Presets() []string {
	names := map[string]bool{}
	for _, m := range methods.All() {
		for name := range m.Presets {
			names[name] = true
		}
	}
	return append([]string{defaultPreset}, slices.Sorted(maps.Keys(names))...)
}

// HasPreset reports whether a method has a set of settings of that name; "" is the default one.
func HasPreset(name, methodName string) bool {
	m := methods.Lookup(methodName)
	return m != nil && (name == "" || name == defaultPreset || m.Presets[name] != nil)
}

// Preset returns a method's set of settings by name; "" is the default one. A method without one of that name has its
// default.
func Preset(name, methodName string) (Settings, error) {
	m := methods.Lookup(methodName)
	if m == nil {
		return Settings{}, fmt.Errorf("unknown method %q; there are %s", methodName, strings.Join(methods.Names(), ", "))
	}
	if name != "" && !slices.Contains(Presets(), name) {
		return Settings{}, fmt.Errorf("unknown preset %q; there are %s", name, strings.Join(Presets(), ", "))
	}
	config := m.Default
	if c := m.Presets[name]; c != nil {
		config = c
	}
	s := Settings{Method: methodName, Missing: attributes.MissingError, Seed: 1, Refit: true, FeatureNorm: m.Features, Config: config()}
	s.AttributeNorm = m.AttributeNorm(s.Config)
	return s, nil
}

// Title is a method's name as the literature writes it.
func Title(methodName string) string {
	if m := methods.Lookup(methodName); m != nil {
		return m.Title
	}
	return methodName
}

// Title is the method's name as the literature writes it, and the setting where it is not the inductive one.
func (s *Settings) Title() string {
	if s.Transductive {
		return Title(s.Method) + ", transductive"
	}
	return Title(s.Method)
}

// Validate explains the first setting that cannot work.
func (s *Settings) Validate() error {
	for _, x := range []struct {
		name, value string
		known       []string
	}{
		{"method", s.Method, methods.Names()},
		{"features", s.FeatureNorm, method.FeatureKinds()},
		{"attributes", s.AttributeNorm, attributes.Kinds()},
		{"missing", s.Missing, attributes.MissingPolicies()},
	} {
		if !slices.Contains(x.known, x.value) {
			return fmt.Errorf("setting %s = %q; there are %s", x.name, x.value, strings.Join(x.known, ", "))
		}
	}
	if reflect.TypeOf(s.Config) != reflect.TypeOf(methods.Lookup(s.Method).Default()) {
		return fmt.Errorf("method %s beside settings of another, %T", s.Method, s.Config)
	}
	if _, ok := s.Config.(method.Transductive); s.Transductive && !ok {
		return fmt.Errorf("the method %s has no transductive form", s.Method)
	}
	if _, err := s.Shares(0); err != nil {
		return err
	}
	if s.Seed > math.MaxInt64 {
		return fmt.Errorf("setting seed = %d; it is at most %d", s.Seed, math.MaxInt64)
	}
	return s.Config.Validate()
}

// Clone is a copy whose method settings can be changed for themselves.
func (s *Settings) Clone() Settings {
	c := *s
	v := reflect.ValueOf(s.Config)
	copied := reflect.New(v.Type().Elem())
	copied.Elem().Set(v.Elem())
	c.Config = copied.Interface().(method.Config)
	return c
}

// ErrUnknown is wrapped by the error of a setting that there is not.
var ErrUnknown = errors.New("unknown setting")

// Setting is one by its name in config.toml: the method's own, or one that every run has.
func (s *Settings) Setting(name string) (method.Setting, error) {
	if x, ok := method.Find(s.Config, name); ok {
		return x, nil
	}
	if x, ok := method.Find(s, name); ok && name != "method" {
		return x, nil
	}
	return method.Setting{}, s.unknown(name)
}

// Set sets one from text.
func (s *Settings) Set(name, text string) error {
	x, err := s.Setting(name)
	if err != nil {
		return err
	}
	was := methods.Lookup(s.Method).AttributeNorm(s.Config)
	if err := x.Set(text); err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	// A setting that brings another default normalisation, such as VZSL's closed, brings it where the last was the default.
	if now := methods.Lookup(s.Method).AttributeNorm(s.Config); now != was && s.AttributeNorm == was {
		s.AttributeNorm = now
	}
	return nil
}

// unknown explains that the method has no setting of that name, and which is probably meant.
func (s *Settings) unknown(name string) error {
	var own, others []string
	for _, x := range method.Settings(s.Config) {
		own = append(own, x.Name)
	}
	for _, m := range methods.All() {
		if _, ok := method.Find(m.Default(), name); ok {
			others = append(others, m.Name)
		}
	}
	err := fmt.Errorf("%w: the method %s has no %q", ErrUnknown, s.Method, name)
	see := fmt.Sprintf("'vzsl methods %s' lists its settings", s.Method)
	if near := spelling.Close(name, own); near != "" {
		return fmt.Errorf("%w; did you mean %q? %s", err, near, see)
	}
	if most := 5; len(others) > most {
		others = append(others[:most:most], "others")
	}
	if others != nil {
		err = fmt.Errorf("%w (a setting of %s)", err, strings.Join(others, ", "))
	}
	return fmt.Errorf("%w; %s", err, see)
}
