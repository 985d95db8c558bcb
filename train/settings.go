package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/train/baselines"
	"vzsl/train/method"
	"vzsl/train/vzsl"
)

// Settings are all that a run depends on beside its data. They are written to config.toml.
type Settings struct {
	Method        string `toml:"method" comment:"vzsl, eszsl"`
	FeatureNorm   string `toml:"features" comment:"feature normalisation: none, l2, sqrt-l2 (l2 of the signed square root)"`
	AttributeNorm string `toml:"attributes" comment:"attribute normalisation, fitted on the seen classes: none, l2, standardise, centre-l2"`
	Missing       string `toml:"missing" comment:"missing attribute values: error, class-mean"`
	Seed          uint64 `toml:"seed" comment:"of everything random"`
	Refit         bool   `toml:"refit" comment:"after choosing on the validation classes, train anew on all seen classes"`

	VZSL  vzsl.Config     `toml:"vzsl"`
	ESZSL baselines.ESZSL `toml:"eszsl"`
}

// Methods are the names of the methods.
func Methods() []string { return []string{"vzsl", "eszsl"} }

// Presets are the names of the sets of settings.
func Presets() []string { return []string{"default", "paper"} }

// Preset returns a set of settings by name; "" is the default one.
func Preset(name string) (Settings, error) {
	s := Settings{
		Method: "vzsl", FeatureNorm: FeaturesSqrtL2, AttributeNorm: attributes.CentreL2, Missing: attributes.MissingError, Seed: 1, Refit: true,
		VZSL: vzsl.Default(), ESZSL: baselines.DefaultESZSL(),
	}
	switch name {
	case "", "default":
	case "paper":
		s.VZSL = vzsl.Paper()
	default:
		return Settings{}, fmt.Errorf("unknown preset %q; there are %s", name, strings.Join(Presets(), ", "))
	}
	return s, nil
}

// Validate explains the first setting that cannot work.
func (s *Settings) Validate() error {
	for _, x := range []struct {
		name, value string
		known       []string
	}{
		{"method", s.Method, Methods()},
		{"features", s.FeatureNorm, FeatureKinds()},
		{"attributes", s.AttributeNorm, attributes.Kinds()},
		{"missing", s.Missing, attributes.MissingPolicies()},
	} {
		if !slices.Contains(x.known, x.value) {
			return fmt.Errorf("setting %s = %q; there are %s", x.name, x.value, strings.Join(x.known, ", "))
		}
	}
	if s.Seed > math.MaxInt64 {
		return fmt.Errorf("setting seed = %d; it is at most %d", s.Seed, math.MaxInt64)
	}
	switch s.Method {
	case "vzsl":
		return s.VZSL.Validate()
	default:
		return s.ESZSL.Validate()
	}
}

// method is the settings' own.
func (s *Settings) method() method.Method {
	switch s.Method {
	case "vzsl":
		return &vzsl.Method{Config: s.VZSL}
	default:
		return &baselines.ESZSLMethod{Config: s.ESZSL}
	}
}
