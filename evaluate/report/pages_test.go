package report

import (
	"fmt"
	"path/filepath"
	"testing"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/evaluate/result"
	"vzsl/internal/pagetest"
)

// Every page, in a browser: with and without images, generalised, 200 classes, several runs, curves.
func TestPages(t *testing.T) {
	check := pagetest.Browser(t)
	dir := t.TempDir()
	write := func(name string, r *evaluate.Result, o Options) string {
		paths, err := Write(filepath.Join(dir, name), r, anyRun(), o)
		if err != nil {
			t.Fatal(err)
		}
		return paths.HTML
	}
	names, images := evaluatetest.Numbered(8, 12)
	few := evaluatetest.Split{Dataset: "made up", Name: "half", Unseen: names, Images: images, Seen: 6, HeldOut: 5, Noise: 0.5, Whole: true}.Result(t)
	o := Options{Metrics: trained(30)}
	pages := []string{write("without-pictures", few, o)}
	o.ImageRoot = drawPictures(t, images)
	pages = append(pages, write("pictures", few, o))

	names, images = evaluatetest.Numbered(200, 6)
	for i := range names {
		names[i] = fmt.Sprintf("%03d.Long_Name_of_a_Warbler_%d", i, i)
	}
	many := evaluatetest.Split{Dataset: "CUB", Name: "many", Unseen: names, Images: images, Noise: 0.6, Whole: true}.Result(t)
	o.ImageRoot = drawPictures(t, images)
	pages = append(pages, write("classes-200", many, o))

	stored := func(r *evaluate.Result) []*result.Report { return []*result.Report{{Result: r, Run: *anyRun()}} }
	runs := []Compared{{Name: "a-run-of-a-long-name", Link: "../pictures/report.html", Seeds: stored(few)}, {Name: "b", Link: "../classes-200/report.html", Seeds: stored(many)}}
	summary := Compare(runs)
	summary.Command, summary.Program = "vzsl report a-run-of-a-long-name b --to compared", "vzsl"
	summary.Tables[0].Rows[0][0].Own = true
	for _, end := range []float64{64, 64.5, 40} {
		c := Series{Name: fmt.Sprintf("a method at %v", end)}
		for i := range 5 {
			v := end - float64(40-10*i)
			c.Points = append(c.Points, ChartPoint{Position: i, Value: v, Low: v - 3, High: v + 3})
		}
		if len(summary.Charts) == 0 {
			summary.Charts = []Chart{{Title: "Accuracy", Caption: "Mean over draws.", Positions: []string{"1", "2", "5", "10", "20"}, XLabel: "shots", YLabel: "top-1 (%)"}}
		}
		summary.Charts[0].Series = append(summary.Charts[0].Series, c)
	}
	page, err := WriteSummary(filepath.Join(dir, "compared"), summary, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(append(pages, page)...)
}
