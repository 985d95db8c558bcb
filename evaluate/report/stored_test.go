package report

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/features"
)

// What is stored gives the same three files to the byte.
func TestRebuild(t *testing.T) {
	r, images := small(t)
	for _, config := range []any{nil, anyAbout().Config, struct{ Zeta, Alpha int64 }{1 << 60, 2}} {
		about := anyAbout()
		about.Config = config
		about.ImageRoot = drawPictures(t, images)
		dir := t.TempDir()
		if _, err := Write(dir, r, about); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, name := range names(t, dir) {
			want[name] = string(read(t, filepath.Join(dir, name)))
		}
		if err := os.Remove(filepath.Join(dir, htmlName)); err != nil {
			t.Fatal(err)
		}
		s, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Rebuild(about.Metrics, about.ImageRoot); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, s.Result); diff != "" {
			t.Errorf("the result is another one: %s", diff)
		}
		for name, data := range want {
			if string(read(t, filepath.Join(dir, name))) != data {
				t.Errorf("%s is another one", name)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	r, _ := small(t)
	dir := t.TempDir()
	if _, err := Write(dir, r, anyAbout()); err != nil {
		t.Fatal(err)
	}
	whole := read(t, filepath.Join(dir, jsonName))
	for _, c := range []struct{ json, says string }{
		{string(whole[:len(whole)/2]), "damaged"},
		{strings.Replace(string(whole), reportSchema, "vzsl.report/9", 1), "vzsl.report/9"},
		{`{"schema": "vzsl.report/1"}`, "no complete result"},
		{`{"schema": "vzsl.report/1", "about": null, "result": null}`, "no complete result"},
	} {
		if err := os.WriteFile(filepath.Join(dir, jsonName), []byte(c.json), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), jsonName) {
			t.Errorf("%v does not say %q", err, c.says)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, jsonName), whole, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(dir, htmlName))
	if err := os.WriteFile(filepath.Join(dir, predictionsName), []byte("PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rebuild(nil, ""); err == nil || !strings.Contains(err.Error(), "not the file") {
		t.Errorf("other predictions: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, predictionsName)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rebuild(nil, ""); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("no predictions: %v", err)
	}
	if string(read(t, filepath.Join(dir, htmlName))) != string(page) {
		t.Error("a refusal changed the page")
	}
}

// Runs on the standard split of CUB stand beside the published figures, the others in a table of their own.
func TestCompare(t *testing.T) {
	names, images := numbered(50, 2)
	standard := makeUp{dataset: "cub", split: "standard", unseen: names, images: images, seen: 150, noise: 0.5}.result(t)
	other, _ := small(t)
	other.Reliability = nil
	vgg := About{Method: "ESZSL", Features: features.Source{Network: "VGG-19", Layer: "fc7", Dim: 4096}}
	s := Compare([]Compared{
		{"one", "../one/report.html", []*Stored{{Result: standard, About: vgg}}},
		{"two", "../two/report.html", []*Stored{{Result: other}}},
		{"three", "../three/report.html", []*Stored{{Result: standard, About: vgg}, {Result: standard, About: vgg}}},
	})
	if len(s.Tables) != 2 {
		t.Fatalf("%d tables", len(s.Tables))
	}
	for _, table := range s.Tables {
		for _, row := range table.Rows {
			if len(row) != len(table.Head) {
				t.Errorf("%d cells below %d heads: %v", len(row), len(table.Head), row)
			}
		}
	}
	first := s.Tables[0]
	if len(first.Rows) != 2+len(catalog.Lookup("cub").Published.Figures) || first.Rows[1][0].Text != "three" || !strings.Contains(first.Rows[1][4].Small, "±") || first.Rows[1][1].Small != "2 seeds" {
		t.Errorf("%v", first.Rows)
	}
	if first.Rows[0][5].Text != plainPercent(standard.Top1.PerImage.Value) || first.Head[5] != evaluate.Top1PerImage {
		t.Errorf("%v below %v", first.Rows[0], first.Head)
	}
	if last := first.Rows[len(first.Rows)-1]; last[0] != (TableCell{Text: "VZSL", Small: "published"}) || last[5] != (TableCell{Text: "57.42", Small: "± 0.63"}) || last[4].Text != "–" {
		t.Errorf("%v", last)
	}
	second := s.Tables[1]
	if len(second.Rows) != 1 || second.Rows[0][len(second.Head)-1].Text != "–" || len(second.Head) <= len(first.Head) {
		t.Errorf("%v below %v", second.Rows, second.Head)
	}
	// A few-shot and a transductive run are told apart from the published figures beside them.
	shots, transductive := *standard, vgg
	shots.Shots, transductive.Transductive = 5, true
	mixed := Compare([]Compared{{"one", "", []*Stored{{Result: standard, About: vgg}}}, {"five", "", []*Stored{{Result: &shots, About: vgg}}}, {"all", "", []*Stored{{Result: standard, About: transductive}}}})
	if want := "Not to be compared with published figures: five is few-shot; all is transductive."; mixed.Notes[len(mixed.Notes)-1] != want || len(mixed.Tables[0].Rows) != 3+len(catalog.Lookup("cub").Published.Figures) {
		t.Errorf("%q", mixed.Notes)
	}
	if alone := Compare([]Compared{{"five", "", []*Stored{{Result: &shots, About: vgg}}}}); len(alone.Tables[0].Rows) != 1 {
		t.Errorf("published figures beside a few-shot run: %v", alone.Tables[0].Rows)
	}
	page, err := WriteSummary(t.TempDir(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(read(t, page))))
	if err != nil {
		t.Fatal(err)
	}
	text := textOf(root)
	for _, want := range []string{"3 runs", "CUB, split standard", "arXiv:1711.05820", intervalText(standard.Top1.MeanPerClass.OverClasses), "top-1, mean per class"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
