package pipeline

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"vzsl/attributes"
	"vzsl/train/methods/plda"
	model "vzsl/train/methods/vzsl"
	"vzsl/train/settings"
)

// TestSet: --set names a setting as config.toml does; one that the method lacks is refused by naming those that have it.
func TestSet(t *testing.T) {
	apply := func(method string, sets ...string) (settings.Settings, error) {
		fs := pflag.NewFlagSet("train", pflag.ContinueOnError)
		fs.String("method", "", "")
		addSettings(fs)
		for _, s := range sets {
			if err := fs.Set(setFlag, s); err != nil {
				t.Fatal(err)
			}
		}
		s, err := settings.Preset("", method)
		if err != nil {
			t.Fatal(err)
		}
		if err := applySets(fs, method); err != nil {
			return s, err
		}
		return s, applySettings(fs, &s)
	}
	s, err := apply("vzsl", "closed=false", "batch=32")
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Config().(*model.Config); c.Closed || c.Batch != 32 || s.AttributeNorm != attributes.CentreL2 {
		t.Errorf("%+v", s)
	}
	if s, err = apply("vzsl", "closed=false", "attributes=l2"); err != nil || s.AttributeNorm != attributes.L2 {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = apply("plda", "shrink=1,3", "class-prior=none")
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Config().(*plda.Config); len(c.Shrink) != 2 || c.Shrink[1] != 3 || c.ClassPrior != plda.PriorNone {
		t.Errorf("%+v", c)
	}
	for set, want := range map[string]string{
		"gamma=1":    "eszsl has",
		"shrink=1":   "vzsl, vzsl-sharp, plda have",
		"nonsense=1": "no method has",
		"gamma":      "key=value",
		"lambda=x":   "not a",
	} {
		_, err := apply("eszsl", set)
		if set == "gamma=1" {
			_, err = apply("vzsl", set)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--set %s: %v", set, err)
		}
	}
}
