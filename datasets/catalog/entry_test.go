package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vzsl/internal/filetest"
)

// TestEntries: who has not got a dataset is told where it is, whatever is known of one is complete, and names are unique.
func TestEntries(t *testing.T) {
	names := map[string]bool{}
	for _, e := range Entries() {
		for _, name := range []string{e.Name, e.Alias} {
			if names[name] && name != "" {
				t.Errorf("%s: two entries of that name", name)
			}
			names[name] = true
		}
		if e.Open != nil && (e.Obtain == "" || e.Files == "") {
			t.Errorf("%s: nothing is said of where to get it or of what is read", e.Name)
		}
		if e.Open == nil && e.ByHand == "" {
			t.Errorf("%s: no layout, and nothing is said of where to get it", e.Name)
		}
		if (e.Describe == nil) != (e.Descriptions == "") && e.Name != Folder {
			t.Errorf("%s: descriptions that are not read, or read and not named", e.Name)
		}
		if len(e.Splits) > 0 && e.Splits[0].Name != "standard" {
			t.Errorf("%s: the standard split is not the first", e.Name)
		}
		if p := e.Published; p != nil && (p.Top != 1 && p.Top != 5 || p.Source == "" || len(p.Figures) == 0 || len(e.Splits) == 0) {
			t.Errorf("%s: published figures %+v", e.Name, p)
		}
		if Lookup(e.Name) != e {
			t.Errorf("%s is not found", e.Name)
		}
	}
	if e := Lookup("mnist"); e.Name != "mnist" || e.Open != nil || e.Counts != (Counts{}) {
		t.Errorf("%+v", e)
	}
}

// TestDocs: the table of datasets in docs/formats.md is that of the entries; VZSL_UPDATE=1 writes it.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| `--dataset`, `--layout` | what is read | published splits, seen/unseen classes |\n|---|---|---|\n")
	for _, e := range Entries() {
		files, found := e.Files, "—"
		if e.Open == nil {
			files = "no layout of its own: part of `xlsa17`"
		}
		if len(e.Splits) > 0 {
			var of []string
			for _, s := range e.Splits {
				of = append(of, fmt.Sprintf("`%s` %d/%d", s.Name, s.Seen, s.Unseen))
			}
			found = strings.Join(of, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Name, files, found)
	}
	filetest.InDocs(t, "../../docs/formats.md", "datasets", b.String())
}

func TestFiguresOf(t *testing.T) {
	for name, unseen := range map[string]int{"AwA": 10, "awa1": 10, "CUB": 50, "awa2": 0, "": 0} {
		p, split := FiguresOf(name)
		if (p != nil) != (unseen > 0) || split.Unseen != unseen {
			t.Errorf("%q: %v, split %+v", name, p, split)
		}
	}
	if got := PublishedDatasets(); !slices.Equal(got, []string{"awa", "cub", "imagenet", "sun"}) {
		t.Error(got)
	}
	if TitleOf("CUB") != "CUB" || TitleOf("awa2") != "AwA2" || TitleOf("photos") != "photos" {
		t.Error(TitleOf("CUB"), TitleOf("awa2"), TitleOf("photos"))
	}
}
