// Package settings holds what a run depends on beside its data: the method with its settings, the normalisations, the seed.
package settings

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/methods/plda"
	"vzsl/train/methods/vzsl"
)

// Settings are all that a run depends on beside its data. They are written to config.toml.
type Settings struct {
	Method        string `toml:"method" comment:"see the list of methods"`
	FeatureNorm   string `toml:"features" comment:"feature normalisation: none, l2, sqrt-l2 (l2 of the signed square root); each method has its own default"`
	AttributeNorm string `toml:"attributes" comment:"attribute normalisation, fitted on the seen classes: none, l2, standardise, centre-l2, sqrt-centre-l2 (of the signed square roots), both-centre-l2 (both, one after the other: VZSL's learned block takes the first, its closed-form block the second); each method has its own default"`
	Missing       string `toml:"missing" comment:"missing attribute values: error, class-mean"`
	Seed          uint64 `toml:"seed" comment:"of everything random"`
	Refit         bool   `toml:"refit" comment:"after choosing on the validation classes, train anew on all seen classes"`
	Transductive  bool   `toml:"transductive" comment:"the unseen classes' test images join the training, without their labels"`

	// Configs are the settings of each method, by its name.
	Configs map[string]method.Config `toml:"-"`
}

// known is a method with its defaults.
type known struct {
	name, title          string // title as the literature writes it
	config               func() method.Config
	features, attributes string // normalisations
	seedless             bool   // with settings and choice given, the model does not depend on the seed
}

// methods lists all there are, the project's own first.
var registered = []known{
	{"vzsl", "VZSL", func() method.Config { c := vzsl.Default(); return &c }, method.FeaturesSqrtL2, attributes.BothCentreL2, false},
	{"vzsl-sharp", "VZSL#", func() method.Config { c := vzsl.DefaultSharp(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"plda", "Zero-shot PLDA", func() method.Config { c := plda.Default(); return &c }, method.FeaturesSqrtL2, attributes.SqrtCentreL2, true},
	{"eszsl", "ESZSL", func() method.Config { c := methods.DefaultESZSL(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, true},
	{"sae", "SAE", func() method.Config { c := methods.DefaultSAE(); return &c }, method.FeaturesSqrtL2, attributes.L2, true},
	{"gfzsl", "GFZSL", func() method.Config { c := methods.DefaultGFZSL(); return &c }, method.FeaturesSqrtL2, attributes.L2, true},
	{"dap", "DAP", func() method.Config { c := methods.DefaultDAP(); return &c }, method.FeaturesSqrtL2, attributes.None, false},
	{"iap", "IAP", func() method.Config { c := methods.DefaultIAP(); return &c }, method.FeaturesSqrtL2, attributes.None, false},
	{"conse", "ConSE", func() method.Config { c := methods.DefaultConSE(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"sse", "SSE-ReLU", func() method.Config { c := methods.DefaultSSE(); return &c }, method.FeaturesSqrtL2, attributes.L2, false},
	{"bidilel", "BiDiLEL", func() method.Config { c := methods.DefaultBiDiLEL(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, true},
	{"sdl", "SDL", func() method.Config { c := methods.DefaultSDL(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"sync", "SYNC", func() method.Config { c := methods.DefaultSYNC(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"devise", "DeViSE", func() method.Config { c := methods.DefaultDeViSE(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"ale", "ALE", func() method.Config { c := methods.DefaultALE(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"sje", "SJE", func() method.Config { c := methods.DefaultSJE(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"amp", "AMP", func() method.Config { c := methods.DefaultAMP(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"cada-vae", "CADA-VAE", func() method.Config { c := methods.DefaultCADAVAE(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"cmt", "CMT", func() method.Config { c := methods.DefaultCMT(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"mlzsc", "MLZSC", func() method.Config { c := methods.DefaultMLZSC(); return &c }, method.FeaturesSqrtL2, attributes.L2, false},
	{"jfa", "JFA", func() method.Config { c := methods.DefaultJFA(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"ss-voc", "SS-Voc", func() method.Config { c := methods.DefaultSSVoc(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"latem", "LATEM", func() method.Config { c := methods.DefaultLATEM(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
	{"logistic", "Logistic regression", func() method.Config { c := methods.DefaultLogistic(); return &c }, method.FeaturesSqrtL2, attributes.CentreL2, false},
}

// Methods are the names of the methods.
func Methods() []string {
	var names []string
	for _, m := range registered {
		names = append(names, m.name)
	}
	return names
}

// Title is the method's name as the literature writes it, and the setting where it is not the inductive one.
func (s *Settings) Title() string {
	if s.Transductive {
		return Title(s.Method) + ", transductive"
	}
	return Title(s.Method)
}

// Title is a method's name as the literature writes it.
func Title(methodName string) string {
	for _, m := range registered {
		if m.name == methodName {
			return m.title
		}
	}
	return methodName
}

// Seedless tells whether a method's scores do not depend on the seed once its settings and choice are given. The constant
// and the temperature are chosen on drawn images, and so do.
func Seedless(method string) bool {
	return slices.ContainsFunc(registered, func(m known) bool { return m.name == method && m.seedless })
}

// NeedsShots tells whether a method learns from the few-shot setting's images alone.
func NeedsShots(method string) bool { return method == "logistic" }

// Presets are the names of the sets of settings.
func Presets() []string { return []string{"default", "paper"} }

// HasPreset tells whether a set of settings by name is of its own for a method; of the others it is the default one.
func HasPreset(name, methodName string) bool {
	return name == "" || name == "default" || name == "paper" && (methodName == "vzsl" || methodName == "vzsl-sharp")
}

// Preset returns a method's set of settings by name; "" is the default one.
func Preset(name, methodName string) (Settings, error) {
	s := Settings{Method: methodName, Missing: attributes.MissingError, Seed: 1, Refit: true, Configs: map[string]method.Config{}}
	for _, m := range registered {
		s.Configs[m.name] = m.config()
		if m.name == methodName {
			s.FeatureNorm, s.AttributeNorm = m.features, m.attributes
		}
	}
	if s.Configs[methodName] == nil {
		return Settings{}, fmt.Errorf("unknown method %q; there are %s", methodName, strings.Join(Methods(), ", "))
	}
	switch name {
	case "", "default":
	case "paper":
		*s.Configs["vzsl"].(*vzsl.Config), *s.Configs["vzsl-sharp"].(*vzsl.Config) = vzsl.Paper(), vzsl.PaperSharp()
		if methodName == "vzsl" {
			s.AttributeNorm = attributes.CentreL2
		}
	default:
		return Settings{}, fmt.Errorf("unknown preset %q; there are %s", name, strings.Join(Presets(), ", "))
	}
	return s, nil
}

// WithoutClosed gives VZSL without its closed-form block the attribute normalisation that it was made with, unless another was
// asked for.
func (s *Settings) WithoutClosed(asked bool) {
	if c, ok := s.Config().(*vzsl.Config); ok && s.Method == "vzsl" && !c.Closed && !asked {
		s.AttributeNorm = attributes.CentreL2
	}
}

// Config are the settings of the run's own method.
func (s *Settings) Config() method.Config { return s.Configs[s.Method] }

// Validate explains the first setting that cannot work.
func (s *Settings) Validate() error {
	for _, x := range []struct {
		name, value string
		known       []string
	}{
		{"method", s.Method, Methods()},
		{"features", s.FeatureNorm, method.FeatureKinds()},
		{"attributes", s.AttributeNorm, attributes.Kinds()},
		{"missing", s.Missing, attributes.MissingPolicies()},
	} {
		if !slices.Contains(x.known, x.value) {
			return fmt.Errorf("setting %s = %q; there are %s", x.name, x.value, strings.Join(x.known, ", "))
		}
	}
	if _, ok := s.Config().(method.Transductive); s.Transductive && !ok {
		return fmt.Errorf("the method %s has no transductive form", s.Method)
	}
	if s.Seed > math.MaxInt64 {
		return fmt.Errorf("setting seed = %d; it is at most %d", s.Seed, math.MaxInt64)
	}
	return s.Config().Validate()
}

// Clone is a copy whose method settings can be changed for themselves.
func (s *Settings) Clone() Settings {
	c := *s
	v := reflect.ValueOf(s.Config())
	copied := reflect.New(v.Type().Elem())
	copied.Elem().Set(v.Elem())
	c.Configs = map[string]method.Config{s.Method: copied.Interface().(method.Config)}
	return c
}

// Field is the place of a setting by its toml name: one of the method's, or features or attributes.
func (s *Settings) Field(name string) (reflect.Value, error) {
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
