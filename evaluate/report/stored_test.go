package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/filetest"
)

// What is stored gives the same three files to the byte.
func TestRebuild(t *testing.T) {
	r, images := small(t)
	for _, config := range []any{nil, anyRun().Config, struct{ Zeta, Alpha int64 }{1 << 60, 2}} {
		run, o := anyRun(), Options{Metrics: trained(30), ImageRoot: drawPictures(t, images)}
		run.Config = config
		dir := t.TempDir()
		if _, err := Write(dir, r, run, o); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, name := range filetest.Names(t, dir) {
			want[name] = string(filetest.Read(t, filepath.Join(dir, name)))
		}
		if err := os.Remove(filepath.Join(dir, htmlName)); err != nil {
			t.Fatal(err)
		}
		s, err := result.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Rebuild(s, o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, s.Result); diff != "" {
			t.Errorf("the result is another one: %s", diff)
		}
		for name, data := range want {
			if string(filetest.Read(t, filepath.Join(dir, name))) != data {
				t.Errorf("%s is another one", name)
			}
		}
	}
}

// Without its predictions a report is not rebuilt, and the page stays as it was.
func TestRebuildRefuses(t *testing.T) {
	r, _ := small(t)
	dir := t.TempDir()
	if _, err := Write(dir, r, anyRun(), Options{}); err != nil {
		t.Fatal(err)
	}
	page := filetest.Read(t, filepath.Join(dir, htmlName))
	s, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, result.PredictionsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Rebuild(s, Options{}); err == nil || !strings.Contains(err.Error(), "not found; it is needed to rebuild the page") {
		t.Errorf("no predictions: %v", err)
	}
	if string(filetest.Read(t, filepath.Join(dir, htmlName))) != string(page) {
		t.Error("a refusal changed the page")
	}
}

// Runs on the standard split of CUB are beside the published figures, the others in a table of their own.
func TestCompare(t *testing.T) {
	names, images := evaluatetest.Numbered(50, 2)
	standard := evaluatetest.Split{Dataset: "cub", Name: "standard", Unseen: names, Images: images, Seen: 150, Noise: 0.5}.Result(t)
	other, _ := small(t)
	other.Reliability = nil
	vgg := result.Run{Method: "ESZSL", Features: features.Source{Network: "VGG-19", Layer: "fc7", Dim: 4096}}
	s := Compare([]Compared{
		{Name: "one", Link: "../one/report.html", Seeds: []*result.Report{{Result: standard, Run: vgg}}},
		{Name: "two", Link: "../two/report.html", Seeds: []*result.Report{{Result: other}}},
		{Name: "three", Link: "../three/report.html", Seeds: []*result.Report{{Result: standard, Run: vgg}, {Result: standard, Run: vgg}}},
	})
	if len(s.Tables) != 3 || s.Tables[2].Head[2] != "Both correct" {
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
	// A few-shot and a transductive run are distinguished from the published figures beside them.
	shots, transductive := *standard, vgg
	shots.Shots, transductive.Transductive = 5, true
	mixed := Compare([]Compared{{Name: "one", Link: "", Seeds: []*result.Report{{Result: standard, Run: vgg}}}, {Name: "five", Link: "", Seeds: []*result.Report{{Result: &shots, Run: vgg}}}, {Name: "all", Link: "", Seeds: []*result.Report{{Result: standard, Run: transductive}}}})
	if want := "Not comparable with published results: five is few-shot; all is transductive."; mixed.Notes[len(mixed.Notes)-1] != want || len(mixed.Tables[0].Rows) != 3+len(catalog.Lookup("cub").Published.Figures) {
		t.Errorf("%q", mixed.Notes)
	}
	if alone := Compare([]Compared{{Name: "five", Link: "", Seeds: []*result.Report{{Result: &shots, Run: vgg}}}}); len(alone.Tables[0].Rows) != 1 {
		t.Errorf("published figures beside a few-shot run: %v", alone.Tables[0].Rows)
	}
	page, err := WriteSummary(t.TempDir(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(filetest.Read(t, page))))
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
