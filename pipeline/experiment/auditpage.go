package experiment

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/pipeline/usage"
	"vzsl/train/settings"
)

// find puts what was measured into sentences. A difference is told as one where its interval over images does not hold 0.
func (a *Audit) find() {
	say := func(format string, args ...any) { a.Findings = append(a.Findings, fmt.Sprintf(format, args...)) }
	described := false
	for _, kind := range []string{auditTexts, auditAttributes} {
		if d := a.difference(auditNames, kind); d != nil {
			say("On your images %s.", a.worth(kind, auditNames, d))
			described = true
		}
	}
	if names := a.of[auditNames]; names != nil && !described {
		say("On your images names alone give %s (%s), where chance is %s.", points(names.MeanPerClass.Value), names.Title, points(a.Chance))
	}
	for _, both := range []string{auditBoth, auditBothNames} {
		if d := a.difference(auditAttributes, both); d != nil {
			p, q := a.of[both], a.of[auditAttributes]
			what := fmt.Sprintf("change nothing measurable over attributes alone: %s points", Points(d.Value))
			switch i := d.OverImages; {
			case i.Low > 0:
				what = fmt.Sprintf("add %s points to attributes alone", Points(d.Value))
			case i.High < 0:
				what = fmt.Sprintf("are %s points below attributes alone", Points(-d.Value))
			}
			say("Side by side, %s %s, 95 %% interval of the difference %s to %s (%s by %s against %s by %s).", both, what, Points(d.OverImages.Low), Points(d.OverImages.High),
				points(p.MeanPerClass.Value), p.Title, points(q.MeanPerClass.Value), q.Title)
		}
	}
	a.findShots()
	a.findControls(say)
}

// worth compares two descriptions in words.
func (a *Audit) worth(of, over string, d *AuditDifference) string {
	p, q := a.of[of], a.of[over]
	figures := fmt.Sprintf("%s by %s against %s by %s", points(p.MeanPerClass.Value), p.Title, points(q.MeanPerClass.Value), q.Title)
	better, worse, v, i := of, over, d.Value, d.OverImages
	if v < 0 {
		better, worse, v, i = over, of, -v, &evaluate.Interval{Low: -i.High, High: -i.Low}
	}
	if i == nil || i.Low <= 0 {
		return fmt.Sprintf("%s and %s do not differ measurably: %s points, 95 %% interval %s to %s (%s)", of, over, Points(v), Points(i.Low), Points(i.High), figures)
	}
	return fmt.Sprintf("%s are worth %s points over %s, 95 %% interval %s to %s (%s)", better, Points(v), worse, Points(i.Low), Points(i.High), figures)
}

func points(v float64) string { return Points(v) + " %" }

// findShots tells from how many labelled images on neither names nor descriptions are worth anything beside the images alone.
func (a *Audit) findShots() {
	best := map[string]float64{} // without images
	var kinds []string
	alone := map[int]float64{}
	var shots []int
	for _, p := range a.Shots {
		switch {
		case p.Descriptions == "":
			alone[p.Shots] = p.MeanPerClass.Mean
			shots = append(shots, p.Shots)
		case p.Shots == 0:
			best[p.Descriptions] = p.MeanPerClass.Mean
			kinds = append(kinds, p.Descriptions)
		}
	}
	if len(shots) == 0 || len(kinds) == 0 {
		return
	}
	top := slices.MaxFunc(kinds, func(a, b string) int { return cmp.Compare(best[a], best[b]) })
	list := strings.Join(kinds, " nor ")
	for _, k := range shots {
		if alone[k] >= best[top] {
			a.Findings = append(a.Findings, fmt.Sprintf("From %s of each class on, neither %s are needed: logistic regression on the labelled images alone gives %s, the best of them without images (%s) %s, on the same %d test images.",
				usage.Counted(k, "labelled image"), list, points(alone[k]), top, points(best[top]), a.ShotImages))
			if len(kinds) == 1 {
				last := len(a.Findings) - 1
				a.Findings[last] = strings.Replace(a.Findings[last], "neither "+list+" are needed", list+" are not needed", 1)
			}
			return
		}
	}
	k := shots[len(shots)-1]
	a.Findings = append(a.Findings, fmt.Sprintf("Up to %s of each class %s stay ahead: logistic regression on the labelled images alone reaches %s, %s without images %s.",
		usage.Counted(k, "labelled image"), top, points(alone[k]), top, points(best[top])))
}

// findControls tells what the encoder goes by: the names that it knows, or what the texts say.
func (a *Audit) findControls(say func(format string, args ...any)) {
	if withheld, swapped := a.difference(auditNamed, auditWithheld), a.difference(auditNamed, auditSwapped); withheld != nil && swapped != nil {
		named, w, s := a.of[auditNamed], a.of[auditWithheld], a.of[auditSwapped]
		knows := s.MeanPerClass.OverImages != nil && swapped.OverImages.High < 0
		sees := w.MeanPerClass.OverImages != nil && w.MeanPerClass.OverImages.Low > a.Chance
		what := "no conclusion: the texts are too little help to the encoder"
		switch {
		case knows && sees:
			what = "it uses both the names and the descriptions"
		case knows:
			what = "it relies on the names and does not use the rest of the texts"
		case sees:
			what = "it relies on the descriptions; the names make no difference"
		}
		say("Does the encoder rely on the names or on the descriptions? With names and texts %s reaches %s, with the names withheld %s, with names of other classes %s (chance %s): %s.",
			named.Title, points(named.MeanPerClass.Value), points(w.MeanPerClass.Value), points(s.MeanPerClass.Value), points(a.Chance), what)
	}
	if s, n := a.of[auditShuffled], a.of[auditNames]; s != nil && n != nil {
		say("As a control, %s with the names of other classes reaches %s, where the right names give %s and chance is %s.", s.Title, points(s.MeanPerClass.Value), points(n.MeanPerClass.Value), points(a.Chance))
	}
}

// table is the audit's main table.
func (a *Audit) table() report.Table {
	t := report.Table{Caption: "Top-1, mean per class over the unseen classes, in percent, with the 95 % interval over images (dark) and over classes (light); the line marks chance",
		Head: []string{"Classes described by", "Method", "Top-1, mean per class", "Interval", "Top-1, per image"}, Words: 1}
	generalised := slices.ContainsFunc(a.Rows, func(r *AuditRow) bool { return r.Harmonic != nil })
	if generalised {
		t.Head = append(t.Head, "H")
	}
	t.Head = append(t.Head, "Validation")
	none := report.TableCell{Text: "–"}
	for _, r := range a.Rows {
		row := []report.TableCell{{Text: r.Descriptions, Own: a.of[r.Descriptions] == r && !r.Control}, {Text: r.Title}}
		if r.Control {
			row[0].Small = "control"
		}
		if len(r.Weights) > 0 {
			var parts []string
			for _, kind := range slices.Sorted(maps.Keys(r.Weights)) {
				parts = append(parts, fmt.Sprintf("%s %s", kind, strconv.FormatFloat(100*r.Weights[kind], 'f', 0, 64)+" %"))
			}
			row[1].Small = "weights " + strings.Join(parts, ", ")
		}
		if r.Error != "" {
			row = append(row, report.TableCell{Text: "failed"})
		} else {
			e := r.MeanPerClass
			row = append(row, report.TableCell{Text: Points(e.Value), Small: Between(e.OverImages)}, report.TableCell{Range: &report.Range{Estimate: *e, Chance: a.Chance}},
				report.TableCell{Text: Points(r.PerImage.Value)})
			if generalised && r.Harmonic != nil {
				row = append(row, report.TableCell{Text: Points(r.Harmonic.Value)})
			} else if generalised {
				row = append(row, none)
			}
			if r.validation > 0 {
				row = append(row, report.TableCell{Text: Points(r.Validation)})
			}
		}
		for len(row) < len(t.Head) {
			row = append(row, none)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// differences is the table of them.
func (a *Audit) differences() report.Table {
	t := report.Table{Caption: "Differences on the same images, in points of top-1, mean per class; 95 % intervals of the paired bootstrap", Words: 1,
		Head: []string{"Of", "Over", "Difference", "Over images", "Over classes"}}
	words := map[string]string{}
	for _, r := range a.Rows {
		words[r.Row] = r.Descriptions + ", " + r.Title
	}
	for _, d := range a.Differences {
		sign := ""
		if d.Value > 0 {
			sign = "+"
		}
		t.Rows = append(t.Rows, []report.TableCell{{Text: words[d.Of]}, {Text: words[d.Over]}, {Text: sign + Points(d.Value)}, {Text: Between(d.OverImages)}, {Text: Between(d.OverClasses)}})
	}
	return t
}

// curveTitle names a line of the curves.
func curveTitle(p *FewShotPoint) string {
	if p.Descriptions == "" {
		return "images alone"
	}
	return settings.Title(p.Method) + ", " + p.Descriptions
}

// shotCurves are the chart and the table of accuracy against shots.
func (a *Audit) shotCurves() (report.Chart, report.Table) {
	var shots []int
	for _, p := range a.Shots {
		if !slices.Contains(shots, p.Shots) {
			shots = append(shots, p.Shots)
		}
	}
	slices.Sort(shots)
	c := report.Chart{Title: "Accuracy against labelled images", XLabel: "labelled images of each unseen class", YLabel: "top-1, mean per class (%)",
		Caption: fmt.Sprintf("Mean and standard deviation over %s of the images, all tested on the same %d images, which are never used as labelled images. Images alone: logistic regression, which uses neither names nor descriptions.", usage.Counted(len(a.Draws), "draw"), a.ShotImages)}
	t := report.Table{Caption: "Top-1, mean per class, in percent, with the standard deviation over draws", Head: []string{"Described by, method"}}
	at := map[string]int{}
	for _, k := range shots {
		c.Positions = append(c.Positions, strconv.Itoa(k))
		t.Head = append(t.Head, usage.Counted(k, "image"))
	}
	for i := range a.Shots {
		p := &a.Shots[i]
		name := curveTitle(p)
		line, ok := at[name]
		if !ok {
			line = len(t.Rows)
			at[name] = line
			row := slices.Repeat([]report.TableCell{{Text: "–"}}, len(t.Head))
			row[0].Text = name
			t.Rows = append(t.Rows, row)
			c.Series = append(c.Series, report.Series{Name: name})
		}
		v, pos := p.MeanPerClass, slices.Index(shots, p.Shots)
		cell := report.TableCell{Text: Points(v.Mean)}
		if len(v.Values) > 1 {
			cell.Small = "± " + Points(v.SD)
		}
		t.Rows[line][1+pos] = cell
		c.Series[line].Points = append(c.Series[line].Points, report.ChartPoint{Position: pos, Value: 100 * v.Mean, Low: 100 * max(0, v.Mean-v.SD), High: 100 * min(1, v.Mean+v.SD)})
	}
	return c, t
}

// writeAudit writes the report's files.
func (x *Runner) writeAudit(a *Audit, command string) error {
	page := report.Summary{
		Kicker:   "Audit · split " + a.Split,
		Heading:  "What describes the classes of " + a.Dataset,
		Lead:     fmt.Sprintf("Names, attributes and texts of the classes on the same features (%s): every row ranks the same %d test images among the same %d unseen classes.", a.Network, a.Images, a.Classes),
		Findings: a.Findings,
		Tables:   []report.Table{a.table(), a.differences()},
		Notes:    slices.Clone(a.Notes),
		Command:  command, Program: a.Program,
	}
	if len(a.Shots) > 0 {
		c, t := a.shotCurves()
		page.Charts, page.Tables = []report.Chart{c}, append(page.Tables, t)
	}
	page.Notes = append(page.Notes,
		fmt.Sprintf("Names and texts were encoded by %s (network %.12s…, tokenizer %.12s…)%s.", a.TextModel.Name, a.TextModel.SHA256, a.TextModel.Tokenizer, templatesText(a.Templates)),
		"The shaded rows represent their descriptions in the sentences above: where several methods use the same description, the one with the best accuracy on the validation classes, which are seen classes. Settings and weights are selected on them too; nothing is selected on the test images.")
	for _, r := range a.Rows {
		if r.Error != "" {
			page.Notes = append(page.Notes, fmt.Sprintf("%s on %s failed: %s", r.Title, r.Descriptions, r.Error))
		}
	}
	facts, err := indented(a)
	if err != nil {
		return err
	}
	a.HTML, err = report.WriteSummary(x.ReportDir(a.Name), &page, map[string][]byte{"audit.json": facts, "audit.csv": a.csv(), "audit.md": page.Markdown()})
	return err
}

func templatesText(templates []string) string {
	if len(templates) > 3 {
		return fmt.Sprintf(", names in %d templates", len(templates))
	}
	return fmt.Sprintf(", names in the templates %q", templates)
}

// csv has one line per row, fractions 0 to 1.
func (a *Audit) csv() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	_ = w.Write([]string{"descriptions", "method", "control", "mean_per_class", "low_over_images", "high_over_images", "low_over_classes", "high_over_classes", "per_image", "validation", "error"}) // a buffer takes all
	for _, r := range a.Rows {
		line := []string{r.Descriptions, r.Method, strconv.FormatBool(r.Control)}
		if e := r.MeanPerClass; e != nil {
			line = append(line, exact(e.Value))
			for _, i := range []*evaluate.Interval{e.OverImages, e.OverClasses} {
				if i == nil {
					line = append(line, "", "")
				} else {
					line = append(line, exact(i.Low), exact(i.High))
				}
			}
			line = append(line, exact(r.PerImage.Value), exact(r.Validation))
		} else {
			line = append(line, make([]string, 7)...)
		}
		_ = w.Write(append(line, r.Error))
	}
	w.Flush()
	return b.Bytes()
}
