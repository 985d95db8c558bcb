package report

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"maps"
	"path/filepath"
	"slices"

	"vzsl/evaluate"
	"vzsl/internal/custody"
)

//go:embed summary.html
var summaryHTML string

var summaryTemplate = template.Must(template.New("summary").Funcs(functions).Parse(summaryHTML))

// Summary is a page over several runs, for example one run with several seeds, or several methods.
type Summary struct {
	Kicker, Heading, Lead string
	Findings              []string // sentences that say what was found, before the tables
	Tables                []Table
	Charts                []Chart
	Notes                 []string
	Command, Program      string

	CSS     template.CSS
	Figures []drawnChart
}

// Table is a table of a Summary. Its first column names the rows.
type Table struct {
	Caption string
	Head    []string
	Words   int // columns after the first that hold words, not numbers
	Rows    [][]TableCell
}

// TableCell is a cell: its text, small text below it, and a page it links to.
type TableCell struct {
	Text, Small, Link string
	Range             *Range       // drawn instead of Text
	Picture           template.URL // shown instead of Text
	Own               bool         // in the first cell: the row is VZSL's, the project's own method
}

// Range is a fraction and its intervals, drawn on a scale from 0 to 1.
type Range struct {
	evaluate.Estimate
	Chance float64
}

// Chart is a chart of a Summary: series over the same positions, evenly spaced and named.
type Chart struct {
	Title, Caption string
	Positions      []string
	XLabel, YLabel string
	Series         []Series
}

// Series is a line of a Chart; it can lack points at some positions.
type Series struct {
	Name   string
	Points []ChartPoint
}

// ChartPoint is a value and, if Low < High, its interval.
type ChartPoint struct {
	Position         int
	Value, Low, High float64
}

type drawnChart struct {
	Title, Caption string
	SVG            template.HTML
}

// HTML returns the page.
func (s *Summary) HTML() ([]byte, error) {
	s.CSS, s.Figures = template.CSS(pageCSS), nil
	for i := range s.Charts {
		c := &s.Charts[i]
		svg, err := c.svg()
		if err != nil {
			return nil, err
		}
		s.Figures = append(s.Figures, drawnChart{c.Title, c.Caption, svg})
	}
	var b bytes.Buffer
	err := summaryTemplate.Execute(&b, s)
	return b.Bytes(), err
}

// WriteSummary writes report.html and the other files into dir, all or none, and returns the page's path.
func WriteSummary(dir string, s *Summary, others map[string][]byte) (html string, err error) {
	page, err := s.HTML()
	if err != nil {
		return "", err
	}
	files := []custody.File{custody.Bytes(htmlName, page)}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		files = append(files, custody.Bytes(name, others[name]))
	}
	return filepath.Join(dir, htmlName), custody.WriteAll(context.Background(), dir, files...)
}

func (c *Chart) svg() (template.HTML, error) {
	d := chart{xLabel: c.XLabel, yLabel: c.YLabel, width: 420, height: 280, positions: c.Positions}
	for _, s := range c.Series {
		l := line{name: s.Name}
		for _, p := range s.Points {
			xy := struct{ X, Y float64 }{float64(p.Position), p.Value}
			l.xy = append(l.xy, xy)
			if p.High <= p.Low {
				continue
			}
			l.bars.XYs = append(l.bars.XYs, xy)
			l.bars.YErrors = append(l.bars.YErrors, struct{ Low, High float64 }{p.Value - p.Low, p.High - p.Value})
		}
		d.lines = append(d.lines, l)
	}
	return d.svg()
}
