package attributes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/filetest"
)

func TestPhrases(t *testing.T) {
	classes := []string{"killer whale", "crane", "bat", "killer", "crane (n03126707)", "été", "#1 mug"}
	wnids := []string{"n02071294", "", "", "", "n03126707", "", ""}
	path := filepath.Join(t.TempDir(), "names.tsv")
	for name, c := range map[string]struct {
		text      string
		of        map[string]string
		unmatched []string
		notes     []string
		says      []string // of an error
	}{
		"tabs":                    {"\ufeffkiller whale\torca\r\ncrane \t heron, egret\n", map[string]string{"killer whale": "orca", "crane": "heron, egret"}, nil, nil, nil},
		"blanks":                  {"crane heron\nbat fruit bat\n", map[string]string{"crane": "heron", "bat": "fruit bat"}, nil, nil, nil},
		"wnids":                   {"n03126707 crane lift\nn02071294\torca\n", map[string]string{"crane (n03126707)": "crane lift", "killer whale": "orca"}, nil, nil, nil},
		"wnids of others":         {"n03126707 crane lift\nn00000001 entity\nn00000002 thing\n", map[string]string{"crane (n03126707)": "crane lift"}, nil, []string{path + ": 2 lines are for WordNet ids that the dataset does not have"}, nil},
		"wnids of others alone":   {"crane x\nn00000001 entity\n", map[string]string{"crane": "x"}, []string{`line 2: "n00000001"`}, nil, nil},
		"comments":                {"# of mine\n\n#\n#1 mug\tcup\n#2 mug\tglass\n", map[string]string{"#1 mug": "cup"}, []string{`line 5: "#2 mug"`}, nil, nil},
		"forms of Unicode":        {"e\u0301te\u0301\tsummer\n", map[string]string{"été": "summer"}, nil, nil, nil},
		"no class":                {"crane\theron\nowl\teagle owl\nwhale big\n", map[string]string{"crane": "heron"}, []string{`line 2: "owl"`, `line 3: "whale"`}, nil, nil},
		"plural":                  {"cranes\theron\n", map[string]string{}, []string{`line 1: "cranes" (did you mean "crane"?)`}, nil, nil},
		"capital beside its own":  {"crane\theron\nCrane\tlift\n", map[string]string{"crane": "heron"}, []string{`line 2: "Crane"`}, nil, nil},
		"capital":                 {"bat\tx\nCrane\theron\n", nil, nil, nil, []string{path + ":2", `"Crane"`, `did you mean "crane"`}},
		"underscore":              {"killer_whale\torca\n", nil, nil, nil, []string{":1", `"killer_whale"`, `did you mean "killer whale"`}},
		"two classes fit":         {"killer whale orca\n", nil, nil, nil, []string{":1", `["killer" "killer whale"]`, "put a tab"}},
		"twice":                   {"crane\theron\nbat\tx\ncrane\theron\n", nil, nil, nil, []string{":3", `"crane" already has a phrase in line 1`}},
		"twice, by name and wnid": {"killer whale\torca\nn02071294\torca\n", nil, nil, nil, []string{":2", "in line 1"}},
		"no phrase":               {"crane\n", nil, nil, nil, []string{":1", "class<tab>phrase"}},
		"no phrase, two words":    {"killer whale\n", nil, nil, nil, []string{":1", "class<tab>phrase"}},
		"no class before the tab": {"bat\tx\n\u00a0\tfoo\n", nil, nil, nil, []string{":2", "class<tab>phrase"}},
	} {
		t.Run(name, func(t *testing.T) {
			filetest.Write(t, path, c.text)
			got, err := ReadPhrases(path, classes, wnids)
			if len(c.says) > 0 {
				filetest.WantError(t, err, c.says...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.of, got.Of); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.unmatched, got.Unmatched); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.notes, got.Notes); d != "" {
				t.Error(d)
			}
		})
	}
	// Where one class alone fits, its name may hold blanks; what was taken is said.
	filetest.Write(t, path, "killer whale orca\n")
	if got, err := ReadPhrases(path, classes[:2], nil); err != nil || got.Of["killer whale"] != "orca" || len(got.Notes) != 1 {
		t.Error(got, err)
	}
}

// FuzzPhrases: any text is read or refused with the file's name; what is read are classes.
func FuzzPhrases(f *testing.F) {
	for _, s := range []string{"a b\tc", "a b c\nn00000001 d", "# x\n#\n#x y", "A\tx", "e\u0301 x"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "p.txt")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		classes := []string{"a", "a b", "é", "#x"}
		p, err := ReadPhrases(path, classes, []string{"n00000001", "", "", ""})
		if err != nil {
			if !strings.HasPrefix(err.Error(), path) {
				t.Fatalf("%q does not name the file", err)
			}
			return
		}
		for c, phrase := range p.Of {
			if phrase == "" || !strings.Contains(fmt.Sprint(classes), c) {
				t.Fatalf("%q: %q", c, phrase)
			}
		}
	})
}

// A table of classes and phrases is read by its header.
func TestPhrasesTable(t *testing.T) {
	p, err := ReadPhrases(filetest.Write(t, filepath.Join(t.TempDir(), "names.csv"), "id,class,phrase\n1,killer whale,\"orca, grampus\"\n2,cow,ox\n"), []string{"killer whale", "bat"}, nil)
	if err != nil || p.Of["killer whale"] != "orca, grampus" || p.Lines != 2 || len(p.Unmatched) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}
