package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/evaluate/result"
	"vzsl/internal/thumbnail"
)

// Compared is a run to compare: its reports, one for each seed, and the address of its page.
type Compared struct {
	Name, Link string
	Seeds      []*result.Report      // at least one; if the first has predictions, runs are compared image by image
	ImageRoot  string                // folder that image names are relative to; "": the page has no thumbnails
	Turn       thumbnail.Orientation // as of [Options]
	pics       *pictures
}

// Compare returns a page with a table for each split of the runs, with the published results on its classes.
func Compare(runs []Compared) *Summary {
	s := &Summary{
		Kicker:  "Comparison",
		Heading: fmt.Sprintf("%d runs", len(runs)),
		Lead:    "Runs on the same split side by side, with published results on the same classes where there are any.",
		Notes:   []string{"Intervals are 95 % bootstrap intervals over classes: how much a metric would vary with other classes of this kind. For runs with several seeds: the mean ± the standard deviation over seeds."},
	}
	type split struct{ dataset, name string }
	var splits []split
	on := map[split][]Compared{}
	for _, run := range runs {
		r := run.Seeds[0].Result
		k := split{r.Dataset, r.Split}
		if on[k] == nil {
			splits = append(splits, k)
		}
		on[k] = append(on[k], run)
	}
	for _, k := range splits {
		t, sources := compareTable(on[k])
		t.Caption = fmt.Sprintf("%s, split %s: in percent, AUSUC from 0 to 1", catalog.TitleOf(k.dataset), k.name)
		s.Tables = append(s.Tables, t)
		for _, source := range sources {
			if !slices.Contains(s.Notes, source) {
				s.Notes = append(s.Notes, source)
			}
		}
	}
	for i := range runs {
		if pics, err := openPictures(runs[i].ImageRoot, runs[i].Turn); err == nil {
			runs[i].pics = pics
			defer pics.close()
		}
	}
	s.Tables = append(s.Tables, sideBySide(runs)...)
	return s
}

// compareTable has one row per run and one per published result; sources says where the published results are from.
func compareTable(runs []Compared) (t Table, sources []string) {
	t.Head = []string{"Run", "Method", "Features", "Classes"}
	fixed := len(t.Head)
	t.Words = fixed - 1
	var figures []string
	for _, run := range runs {
		for _, s := range run.Seeds {
			for _, f := range s.Result.Headline() {
				if !slices.Contains(figures, f.Name) {
					figures = append(figures, f.Name)
				}
			}
		}
	}
	t.Head = append(t.Head, figures...)
	t.Head = append(t.Head, "calibration error")
	var published []*result.Published
	var apart []string
	for _, run := range runs {
		first := run.Seeds[0]
		r := first.Result
		row := []TableCell{
			{Text: run.Name, Link: run.Link}, {Text: first.Run.Method, Small: setting(r, len(run.Seeds))}, {Text: first.Run.Features.Network, Small: first.Run.Features.Layer},
			{Text: fmt.Sprintf("%d + %d", r.SeenCount, len(r.Candidates)), Small: "seen + unseen"},
		}
		var results []*evaluate.Result
		var errors []float64
		for _, s := range run.Seeds {
			results = append(results, s.Result)
			if c := s.Result.Reliability; c != nil {
				errors = append(errors, c.ECE)
			}
		}
		spreads := evaluate.OverSeeds(results)
		for _, name := range figures {
			cell := TableCell{Text: "–"}
			if i := slices.IndexFunc(spreads, func(s evaluate.Spread) bool { return s.Name == name }); i >= 0 {
				cell = spreadCell(spreads[i], estimateOf(r, name))
			}
			row = append(row, cell)
		}
		cell := TableCell{Text: "–"}
		if len(errors) == len(results) {
			cell = spreadCell(evaluate.NewSpread("calibration error", errors), nil)
		}
		t.Rows = append(t.Rows, append(row, cell))
		if p, _, differs := publishedBeside(r.Dataset, r, &first.Run); len(differs) > 0 {
			apart = append(apart, run.Name+" "+strings.Join(differs, " and "))
		} else if p != nil {
			published = append(published, p)
		}
	}
	if len(published) == 0 {
		return t, nil
	}
	p := published[0] // all are of one split, so they differ only in the mark: runs can have other features
	for _, other := range published {
		if other.Mark != p.Mark {
			p.Mark = "published"
		}
	}
	for _, f := range p.Rows {
		row := slices.Repeat([]TableCell{{Text: "–"}}, len(t.Head))
		row[0] = TableCell{Text: f.Method, Small: p.Mark}
		row[1], row[2], row[3] = TableCell{}, TableCell{}, TableCell{}
		at := fixed + slices.Index(figures, p.Metric)
		row[at].Text = strconv.FormatFloat(f.Value, 'f', 2, 64)
		if f.Std > 0 {
			row[at].Small = "± " + strconv.FormatFloat(f.Std, 'f', 2, 64)
		}
		t.Rows = append(t.Rows, row)
	}
	sources = []string{"Published results are " + p.Metric + ". Source: " + p.Source + "."}
	if len(apart) > 0 {
		sources = append(sources, "Not comparable with published results: "+strings.Join(apart, "; ")+".")
	}
	return t, sources
}

func setting(r *evaluate.Result, seeds int) string {
	var words []string
	if r.Shots > 0 {
		words = append(words, fmt.Sprintf("%d-shot", r.Shots))
	}
	if seeds > 1 {
		words = append(words, fmt.Sprintf("%d seeds", seeds))
	}
	return strings.Join(words, ", ")
}

// spreadCell shows a metric and, below it, its standard deviation over seeds or, for a single seed, its interval over
// classes.
func spreadCell(s evaluate.Spread, e *evaluate.Estimate) TableCell {
	c := TableCell{Text: plainPercent(s.Mean)}
	if s.Name == "AUSUC" {
		c.Text = strconv.FormatFloat(s.Mean, 'f', 4, 64)
	}
	switch {
	case len(s.Values) > 1 && s.Name == "AUSUC":
		c.Small = "± " + strconv.FormatFloat(s.SD, 'f', 4, 64)
	case len(s.Values) > 1:
		c.Small = "± " + plainPercent(s.SD)
	case e != nil && e.OverClasses != nil:
		c.Small = intervalText(e.OverClasses)
	}
	return c
}

// estimateOf returns the headline metric of that name with its intervals; nil if there is none.
func estimateOf(r *evaluate.Result, name string) *evaluate.Estimate {
	for _, f := range r.Headline() {
		if f.Name == name {
			return f.Estimate
		}
	}
	return nil
}
