package method

import (
	"fmt"
	"strings"
)

// Spec is a method as the program offers it: what it is called, its settings, and what training, tuning and the
// documentation must know of it. The list of all is methods.All.
type Spec struct {
	Name  string // in --method and config.toml
	Title string // as the literature writes it
	Paper string // authors, title, year
	// Own tells that the method is this project's.
	Own bool

	// Default makes the default settings, Presets others by name.
	Default func() Config
	Presets map[string]func() Config
	// Features and Attributes are the default normalisations. Where the settings decide, Config is a Normalised.
	Features, Attributes string

	// Seedless tells that with settings and choice given the scores do not depend on the seed. (The constant and the
	// temperature are chosen on drawn images, and so do.)
	Seedless bool
	// NeedsShots tells that the method learns from the few-shot setting's images alone.
	NeedsShots bool
	// SharedSpace tells that features and class vectors must be of one model for images and texts; its Config is a Scaled.
	SharedSpace bool

	// Settings is the method whose settings these are too, and whose section of the documentation lists them; "": they are its
	// own. Section takes the place of the section that is made of the code's comments.
	Settings, Section string
}

// Of makes a Spec's function of one that returns a struct of settings.
func Of[T any, P interface {
	*T
	Config
}](settings func() T) func() Config {
	return func() Config {
		c := settings()
		return P(&c)
	}
}

// normalised is a Config whose default attribute normalisation depends on its settings.
type normalised interface {
	Config
	AttributeNorm() string
}

// Scaled is a Config of a method that multiplies cosines of images and texts.
type Scaled interface {
	Config
	// SetScale says by what the text model multiplies them (0: unknown), where the settings leave it open.
	SetScale(scale float64)
}

// Annotated is a Config of which exported models tell something beside what they tell of every method.
type Annotated interface {
	Config
	// Annotations are values by name.
	Annotations() map[string]string
}

// AttributeNorm is the default attribute normalisation for these settings.
func (s *Spec) AttributeNorm(c Config) string {
	if n, ok := c.(normalised); ok {
		return n.AttributeNorm()
	}
	return s.Attributes
}

// Described is a setting of a method as its users see it.
type Described struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default string   `json:"default"`
	Range   string   `json:"range,omitempty"` // what is allowed: "(0, 10]", "fixed | learned"
	Words   []string `json:"-"`               // of such a range
	Tuned   string   `json:"tuning,omitempty"`
	Help    string   `json:"help"`
}

// Describe lists the settings of the method, those of its normalisations that tuning tries first.
func (s *Spec) Describe() []Described {
	c := s.Default()
	space := c.Space()
	if t, ok := c.(Transductive); ok {
		space = append(space, t.TransductiveSpace()...)
	}
	tuned := map[string]string{}
	for _, d := range space {
		tuned[d.Setting] = d.String()
	}
	var all []Described
	for _, n := range []struct{ name, value, help string }{{"features", s.Features, "feature normalisation"}, {"attributes", s.AttributeNorm(c), "attribute normalisation"}} {
		if tuned[n.name] != "" {
			all = append(all, Described{Name: n.name, Type: "string", Default: n.value, Tuned: tuned[n.name], Help: n.help})
		}
	}
	for _, x := range Settings(c) {
		d := Described{Name: x.Name, Type: x.Type(), Default: strings.ReplaceAll(x.Text(), ",", ", "), Range: x.Range, Tuned: tuned[x.Name], Help: x.Help}
		if r, err := readRange(x.Range); err == nil && r.words != nil {
			d.Words = r.words
		}
		if strings.HasPrefix(x.Help, "grid") {
			d.Tuned = "all, in one fit"
		}
		all = append(all, d)
	}
	return all
}

// String says which values tuning tries.
func (d Dimension) String() string {
	switch {
	case d.Values != nil:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(d.Values), " ", ", "), "[]")
	case d.Log:
		return fmt.Sprintf("%v to %v, log scale", d.Low, d.High)
	}
	return fmt.Sprintf("%v to %v", d.Low, d.High)
}
