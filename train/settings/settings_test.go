package settings

import (
	"errors"
	"strings"
	"testing"

	"vzsl/attributes"
	"vzsl/train/methods"
)

// TestSet: a setting is set by its name, the method's own or every run's; one that brings another default normalisation leaves
// one that was asked for.
func TestSet(t *testing.T) {
	preset := func(name string) Settings {
		s, err := Preset("", name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := preset("vzsl")
	if err := s.Set("closed", "false"); err != nil || s.AttributeNorm != attributes.CentreL2 {
		t.Errorf("%s, %v", s.AttributeNorm, err)
	}
	if err := s.Set("closed", "true"); err != nil || s.AttributeNorm != methods.Lookup("vzsl").Attributes {
		t.Errorf("%s, %v", s.AttributeNorm, err)
	}
	s.AttributeNorm = attributes.L2
	if err := s.Set("closed", "false"); err != nil || s.AttributeNorm != attributes.L2 {
		t.Errorf("%s, %v", s.AttributeNorm, err)
	}
	if err := s.Set("seed", "7"); err != nil || s.Seed != 7 {
		t.Error(s.Seed, err)
	}
	for name, say := range map[string]string{"method": "no \"method\"", "epoch": `did you mean "epochs"?`, "gamma": "a setting of eszsl"} {
		if err := s.Set(name, "1"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A copy has settings of its own, and those of another method are no method's.
	c := s.Clone()
	if err := c.Set("batch", "3"); err != nil {
		t.Fatal(err)
	}
	if x, _ := s.Setting("batch"); x.Text() == "3" {
		t.Error("the copy changed what it is of")
	}
	c.Config = preset("eszsl").Config
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("%v", err)
	}
}

// TestPresets: every method has the default set, VZSL the paper's too, which differs.
func TestPresets(t *testing.T) {
	for _, m := range methods.Names() {
		for _, p := range Presets() {
			s, err := Preset(p, m)
			if err != nil || s.Validate() != nil || s.Method != m {
				t.Errorf("%s of %s: %v, %v", p, m, err, s.Validate())
			}
		}
	}
	if !HasPreset("paper", "vzsl") || HasPreset("paper", "eszsl") || !HasPreset("", "eszsl") || HasPreset("paper", "none") {
		t.Error("whose presets there are")
	}
	a, _ := Preset("paper", "vzsl")
	b, _ := Preset("default", "vzsl")
	if x, _ := a.Setting("latent"); x.Text() != "100" || a.AttributeNorm == b.AttributeNorm {
		t.Errorf("%+v", a)
	}
}
