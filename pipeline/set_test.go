package pipeline

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"vzsl/attributes"
	"vzsl/internal/filetest"
	"vzsl/train/methods"
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
		con := &cli{}
		if err := con.checkSets(fs, []string{method}); err != nil {
			return s, err
		}
		return s, con.apply(fs, &s)
	}
	s, err := apply("vzsl", "closed=false", "batch=32")
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Config.(*model.Config); c.Closed || c.Batch != 32 || s.AttributeNorm != attributes.CentreL2 {
		t.Errorf("%+v", s)
	}
	if s, err = apply("vzsl", "closed=false", "attributes=l2"); err != nil || s.AttributeNorm != attributes.L2 {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = apply("plda", "shrink=1,3", "class-prior=none")
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Config.(*plda.Config); len(c.Shrink) != 2 || c.Shrink[1] != 3 || c.ClassPrior != "none" {
		t.Errorf("%+v", c)
	}
	for set, want := range map[string]string{
		"gamma=1":    "a setting of eszsl",
		"shrink=1":   "a setting of vzsl, vzsl-sharp, plda",
		"nonsense=1": "eszsl has no \"nonsense\"; ",
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

// TestMethodTables: a method's settings come from its table in the settings file, --set goes before it; keys by the flags of
// version 0.1.0 still count.
func TestMethodTables(t *testing.T) {
	resolved := func(method, file string, args ...string) (settings.Settings, error) {
		con := newCLI(io.Discard, io.Discard)
		cmd, _, err := newRoot(con).Find([]string{"train"})
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		con.configFile = filetest.Write(t, filepath.Join(t.TempDir(), "own.toml"), file)
		if err := con.applyConfig(cmd); err != nil {
			return settings.Settings{}, err
		}
		return con.chosenSettings(cmd.Flags(), "default", method)
	}
	for _, x := range []struct {
		file, args, setting, want string
	}{
		{"[method.devise]\nepochs = 7", "", "epochs", "7"},
		{"[method.devise]\nepochs = 7", "--set=epochs=8", "epochs", "8"},
		{"[method.devise]\nepochs = 7", "--set=devise.epochs=9 --set=sae.direction=to-features", "epochs", "9"},
		{"[method.devise]\nepochs = 7\n[method.ale]\nepochs = 5", "", "epochs", "7"},
		{"devise-epochs = 6", "", "epochs", "6"},
		{"devise-epochs = 6\n[train]\ndevise-epochs = 4", "", "epochs", "4"},
		{"devise-epochs = 6\n[method.devise]\nepochs = 5", "", "epochs", "5"},
		{"[tune]\ndevise-epochs = 6", "", "epochs", "20"},
		{"[train]\nset = ['epochs=3', 'margin=0.2']", "", "margin", "0.2"},
		{"[train]\nseed = 3\n[method.devise]\nseed = 4", "", "seed", "3"},
		{"[train]\nseed = 3", "--set=seed=5", "seed", "5"},
		{"[train]\nseed = 3", "--set=seed=5 --seed=6", "seed", "6"},
		{"[method.devise]\nattributes = 'l2'", "", "attributes", "l2"},
	} {
		args := strings.Fields(x.args)
		if strings.Contains(x.args, "sae.") {
			if _, err := resolved("devise", x.file, args...); err == nil || !strings.Contains(err.Error(), "not among") {
				t.Errorf("%q: %v", x.args, err)
			}
			args = args[:1]
		}
		s, err := resolved("devise", x.file, args...)
		if err != nil {
			t.Errorf("%q %q: %v", x.file, x.args, err)
			continue
		}
		if got, err := s.Setting(x.setting); err != nil || got.Text() != x.want {
			t.Errorf("%q %q: %s = %v (%v), not %s", x.file, x.args, x.setting, got.Text(), err, x.want)
		}
	}
	for file, say := range map[string]string{
		"[method.devize]\nepochs = 7":     `did you mean "devise"?`,
		"[method.devise]\nepoch = 7":      `own.toml: method.devise.epoch: unknown setting: the method devise has no "epoch"; did you mean "epochs"?`,
		"[method]\ndevise = 7":            "method.devise is not a table",
		"[method.devise]\nepochs = 'x'":   `own.toml: method.devise.epochs: setting epochs: "x" is not a int`,
		"[method.devise]\nepochs = {a=1}": "method.devise.epochs",
		"sae-lambda = 3":                  "it is a setting of sae, not of devise: put it into a table of its method, [method.sae] lambda",
	} {
		if _, err := resolved("devise", file); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: %v", file, err)
		}
	}
	// VZSL without its closed-form block has another default normalisation, wherever that is said.
	for file, want := range map[string]string{
		"closed = false":         attributes.CentreL2,
		"[method.vzsl]\nbatch=3": attributes.BothCentreL2,
		"attributes = 'sqrt-centre-l2'\n[method.vzsl]\nclosed=false": attributes.SqrtCentreL2,
	} {
		if s, err := resolved("vzsl", file); err != nil || s.AttributeNorm != want {
			t.Errorf("%q: %s, %v", file, s.AttributeNorm, err)
		}
	}
	if s, err := resolved("vzsl", "", "--set=attributes=sqrt-centre-l2", "--set=closed=false"); err != nil || s.AttributeNorm != attributes.SqrtCentreL2 {
		t.Errorf("asked for by --set before closed: %s, %v", s.AttributeNorm, err)
	}
}

// TestMethods: the list has every method, each with the settings that --set takes.
func TestMethods(t *testing.T) {
	t.Chdir(t.TempDir())
	var all []describedMethod
	if o := vzsl(t, "methods", "--json"); o.code != exitDone || json.Unmarshal([]byte(o.stdout), &all) != nil || len(all) != len(methods.Names()) {
		t.Fatalf("%+v", o)
	}
	for _, m := range all {
		var d describedMethod
		if o := vzsl(t, "methods", m.Name, "--json"); o.code != exitDone || json.Unmarshal([]byte(o.stdout), &d) != nil || d.Title == "" || len(d.Settings) == 0 {
			t.Fatalf("%s: %+v", m.Name, o)
		}
		s, err := settings.Preset("", m.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range d.Settings {
			if err := s.Set(x.Name, x.Default); err != nil || x.Help == "" || x.Range == "" && x.Type != "bool" && x.Name != "features" && x.Name != "attributes" {
				t.Errorf("%s: %+v: %v", m.Name, x, err)
			}
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	if o := vzsl(t, "methods", "devise"); o.code != exitDone || !strings.Contains(o.stdout, "epochs = 20\n") || !strings.Contains(o.stdout, "0.03 to 1, log scale") || !strings.Contains(o.stdout, "NIPS 2013") {
		t.Errorf("%+v", o)
	}
	refused(t, exitUsage, []string{`did you mean "devise"?`}, "methods", "devize")
}
