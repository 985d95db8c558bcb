package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/evaluate/result"
	"vzsl/internal/readable"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var tableJS string

//go:embed browse.js
var browseJS string

// pageJS is the page's script.
var pageJS = tableJS + browseJS

var functions = template.FuncMap{
	"percent":  percent,
	"plain":    plainPercent,
	"interval": intervalText,
	"count":    count,
	"left":     func(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) },
	"width":    func(i *evaluate.Interval) string { return strconv.FormatFloat(100*(i.High-i.Low), 'f', 2, 64) },
	"ordinal":  ordinal,
	"plural":   plural,
}

var pageTemplate = template.Must(template.New("page").Funcs(functions).Parse(pageHTML))

// page is the data of the template.
type page struct {
	Head template.HTML // content security policy: nothing is loaded from outside
	CSS  template.CSS
	JS   template.JS

	Title, Heading, Lead string
	Kicker               string
	Result               *evaluate.Result
	Run                  *result.Run
	Started, Took        string

	Metrics       []metric
	Notes         []string
	WithoutImages []string

	Generalised *generalised
	Reliability *reliability
	None        *none
	Published   *comparison
	OtherSplit  string // why no published results are shown beside this run
	Classes     classTable
	Matrix      *matrix
	Confusions  []confused
	Mistakes    mistakes
	Maps        *mapSection
	Browse      template.JS // data of the image viewer as JSON
	Groups      []groupTable
	Training    []panel
	Config      []result.Field
	Program     []result.Field
	Features    []result.Field
}

// metric is a headline metric.
type metric struct {
	Name, Reading string
	evaluate.Estimate
	Chance float64 // 0: not applicable
}

func renderPage(r *evaluate.Result, run *result.Run, training []map[string]any, pics *pictures) ([]byte, error) {
	sum := sha256.Sum256([]byte(pageJS))
	p := &page{
		Head: template.HTML(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-` +
			base64.StdEncoding.EncodeToString(sum[:]) + `'">`),
		CSS:    template.CSS(pageCSS),
		JS:     template.JS(pageJS),
		Result: r,
		Run:    run,
		Notes:  r.Notes,
	}
	method := run.Method
	if method == "" {
		method = "Zero-shot classification"
	}
	p.Heading = method
	if r.Dataset != "" {
		p.Heading += " on " + catalog.TitleOf(r.Dataset)
	}
	p.Title = p.Heading + ", " + r.Split
	p.Kicker = "Zero-shot report"
	classes := "unseen"
	if r.Shots > 0 {
		p.Kicker = "Few-shot report"
		classes = fmt.Sprintf("%d-shot", r.Shots)
	}
	withImages := len(r.Candidates) - len(r.WithoutImages)
	p.Lead = fmt.Sprintf("Mean per-class top-1 accuracy of %s on %s test %s of %s %s %s, with %s candidate classes. Chance is %s.",
		percent(r.Top1.MeanPerClass.Value), count(r.Images), plural(r.Images, "image", "images"), count(withImages), classes, plural(withImages, "class", "classes"),
		count(len(r.Candidates)), percent(r.Chance))
	if !run.Started.IsZero() {
		p.Started = run.Started.UTC().Format("2 January 2006, 15:04 UTC")
	}
	if run.Took > 0 {
		p.Took = run.Took.Round(run.Took / 100).String()
		if run.Took > time.Second {
			p.Took = run.Took.Round(time.Second / 10).String()
		}
	}
	shown := readable.Classes(r.Candidates)
	for _, c := range r.WithoutImages {
		p.WithoutImages = append(p.WithoutImages, readable.Classes([]string{c})[0])
	}
	p.Metrics = metrics(r)
	var err error
	if p.Generalised, err = newGeneralised(r.Generalised); err != nil {
		return nil, err
	}
	if p.Reliability, err = newReliability(r); err != nil {
		return nil, err
	}
	if p.None, err = newNone(r.Rejection); err != nil {
		return nil, err
	}
	p.Published, p.OtherSplit = compare(r, run)
	p.Classes = newClassTable(r, shown, pics)
	p.Matrix, p.Confusions = newMatrix(r, shown)
	p.Mistakes = newMistakes(r, shown, pics)
	p.Maps = newMaps(r, shown)
	p.Groups = newGroups(r)
	if p.Browse, err = newBrowse(r, shown, newSheets(r, pics), p.Maps); err != nil {
		return nil, err
	}
	if p.Training, err = trainingPanels(training); err != nil {
		return nil, err
	}
	if p.Config, err = settings(run.Config); err != nil {
		return nil, err
	}
	p.Program, p.Features = provenance(r, run, p)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func metrics(r *evaluate.Result) []metric {
	ms := []metric{
		{"Mean per-class top-1", "Top-1 accuracy of each class, averaged over the classes: every class has the same weight.", r.Top1.MeanPerClass, r.Chance},
		{"Top-1 per image", "Fraction of all test images classified correctly: classes with more images have more weight.", r.Top1.PerImage, r.Chance},
	}
	for _, h := range r.Hits {
		if h.K == 5 {
			ms = append(ms, metric{"Mean per-class top-5", "An image counts as correct if its class is among the five best candidates.", h.MeanPerClass, h.Chance})
		}
	}
	if p := r.Pictured; p != nil {
		ms = append(ms, metric{"Candidates with images only",
			fmt.Sprintf("Mean per-class top-1 if only the %d classes with test images are candidates, not all %d.", p.Candidates, len(r.Candidates)),
			p.MeanPerClass, p.Chance})
	}
	if g := r.Generalised; g != nil {
		h, how := g.Plain.H, "uncalibrated"
		if g.Calibrated != nil {
			h, how = g.Calibrated.H, "with calibrated stacking"
		}
		ms = append(ms, metric{"Harmonic mean H",
			"Generalised zero-shot learning: harmonic mean of the accuracies on seen and on unseen classes when all classes are candidates, " + how + ".", h, 0})
	}
	return ms
}

type generalised struct {
	*evaluate.Generalised
	Rows  []harmonicRow
	Chart template.HTML
}

type harmonicRow struct {
	Name string
	evaluate.Harmonic
}

func newGeneralised(g *evaluate.Generalised) (*generalised, error) {
	if g == nil {
		return nil, nil
	}
	v := &generalised{Generalised: g, Rows: []harmonicRow{{"Uncalibrated", g.Plain}}}
	l := line{}
	add := func(h *evaluate.Harmonic) {
		l.marks = append(l.marks, struct{ X, Y float64 }{h.U.Value, h.S.Value})
	}
	add(&g.Plain)
	if g.Calibrated != nil {
		v.Rows = append(v.Rows, harmonicRow{"Calibrated, constant " + short(g.Calibrated.Constant), *g.Calibrated})
		add(g.Calibrated)
	}
	for _, p := range g.Curve {
		l.xy = append(l.xy, struct{ X, Y float64 }{p.U, p.S})
	}
	c := chart{lines: []line{l}, xLabel: "U, accuracy on unseen classes (%)", yLabel: "S, on seen classes (%)", width: 420, height: 340, unit: true}
	var err error
	v.Chart, err = c.svg()
	return v, err
}

type reliability struct {
	*evaluate.Reliability
	Right      float64 // top-1 per image
	Candidates int
	Chart      template.HTML
}

func newReliability(r *evaluate.Result) (*reliability, error) {
	if r.Reliability == nil {
		return nil, nil
	}
	v := &reliability{Reliability: r.Reliability, Right: r.Top1.PerImage.Value, Candidates: len(r.Candidates)}
	l, ideal := line{}, line{}
	for _, b := range v.Bins {
		if b.Images == 0 {
			continue
		}
		xy := struct{ X, Y float64 }{b.Confidence, b.Accuracy}
		l.xy, l.marks = append(l.xy, xy), append(l.marks, xy)
		l.bars.XYs = append(l.bars.XYs, xy)
		l.bars.YErrors = append(l.bars.YErrors, struct{ Low, High float64 }{b.Accuracy - b.Interval.Low, b.Interval.High - b.Accuracy})
	}
	ideal.xy = append(ideal.xy, struct{ X, Y float64 }{0, 0}, struct{ X, Y float64 }{1, 1})
	c := chart{lines: []line{l, ideal}, xLabel: "Probability of the predicted class (%)", yLabel: "Accuracy (%)", width: 420, height: 340, unit: true}
	var err error
	v.Chart, err = c.svg()
	return v, err
}

// comparison shows this run beside published results.
type comparison struct {
	*result.Published
	Ours []result.PublishedFigure
}

func compare(r *evaluate.Result, run *result.Run) (c *comparison, otherSplit string) {
	p, unseen, differs := publishedBeside(r.Dataset, r, run)
	switch {
	case p == nil:
		return nil, ""
	case len(differs) == 0:
		return &comparison{p, []result.PublishedFigure{{Method: "This run", Value: 100 * estimateOf(r, p.Metric).Value}}}, ""
	}
	return nil, fmt.Sprintf("Published results for %s are inductive zero-shot, on its standard split, with images of all %d unseen classes. This run %s, so they are not comparable and not shown.",
		catalog.TitleOf(r.Dataset), unseen, strings.Join(differs, " and "))
}

func percent(v float64) string { return plainPercent(v) + "\u202f%" }

// plainPercent rounds to one decimal, below one percent to two.
func plainPercent(v float64) string {
	if v > 0 && v < 0.01 {
		return strconv.FormatFloat(100*v, 'f', 2, 64)
	}
	return strconv.FormatFloat(100*v, 'f', 1, 64)
}

func intervalText(i *evaluate.Interval) string {
	if i == nil {
		return "–"
	}
	return plainPercent(i.Low) + "–" + plainPercent(i.High)
}

// count writes a number with separated thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return count(n) + suffix
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
