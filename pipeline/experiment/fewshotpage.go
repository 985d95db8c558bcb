package experiment

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vzsl/evaluate/report"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
	"vzsl/train/settings"
)

// FewShotTable has one row per method, one column per number of shots.
func FewShotTable(o *FewShotOptions, res *FewShotResult) [][]report.TableCell {
	var rows [][]report.TableCell
	for _, m := range o.methods() {
		row := []report.TableCell{{Text: settings.Title(m)}}
		for _, k := range o.Shots {
			cell := report.TableCell{Text: "–"}
			for _, p := range res.Points {
				if p.Method == m && p.Shots == k {
					cell.Text = Points(p.MeanPerClass.Mean)
					if o.Seeds > 1 {
						cell.Small = "± " + Points(p.MeanPerClass.SD)
					}
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// writeFewShot writes the report's files.
func (x *Runner) writeFewShot(o *FewShotOptions, res *FewShotResult) error {
	facts, err := indented(res)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	_ = w.Write([]string{"method", "shots", "seed", "mean_per_class", "per_image"}) // a buffer takes all
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, p := range res.Points {
		for i, seed := range res.Seeds {
			_ = w.Write([]string{p.Method, strconv.Itoa(p.Shots), strconv.FormatUint(seed, 10), exact(p.MeanPerClass.Values[i]), exact(p.PerImage.Values[i])})
		}
	}
	w.Flush()

	chart := report.Chart{Title: "Accuracy against the number of shots", XLabel: "labelled images of each unseen class", YLabel: "top-1, mean per class (%)"}
	head := []string{"Method"}
	for _, k := range o.Shots {
		chart.Positions = append(chart.Positions, strconv.Itoa(k))
		head = append(head, usage.Counted(k, "shot"))
	}
	for _, m := range o.methods() {
		s := report.Series{Name: settings.Title(m)}
		for _, p := range res.Points {
			if p.Method == m {
				v := p.MeanPerClass
				s.Points = append(s.Points, report.ChartPoint{Position: slices.Index(o.Shots, p.Shots), Value: 100 * v.Mean, Low: 100 * max(0, v.Mean-v.SD), High: 100 * min(1, v.Mean+v.SD)})
			}
		}
		if s.Points != nil {
			chart.Series = append(chart.Series, s)
		}
	}
	bars := "One draw of the shots and one training for each point."
	if o.Seeds > 1 {
		bars = fmt.Sprintf("Mean and standard deviation over %d draws of the shots, each with a training of its own.", o.Seeds)
	}
	chart.Caption = bars
	list := func(n []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(n), " ", ","), "[]") }
	page := report.Summary{
		Kicker:  "Few-shot report · split " + res.Split,
		Heading: "Few shots on " + res.Dataset,
		Lead: fmt.Sprintf("What a few labelled images of each of the %d unseen classes contribute. Every model ranks the same %d test images among these classes; none of them is ever a shot.",
			res.Classes, res.Images),
		Charts: []report.Chart{chart},
		Tables: []report.Table{{Caption: "Top-1, mean per class, in percent, with the standard deviation over draws", Head: head, Rows: FewShotTable(o, res)}},
		Notes: []string{
			fmt.Sprintf("The shots are drawn from %d images of each unseen class that are excluded from the test for every number of shots; smaller sets of shots are subsets of larger ones. Another seed draws another pool and therefore tests on other images.", res.Pool),
			"0 shots is the zero-shot setting on the same test images.",
		},
		Command: x.Command("fewshot", slices.Concat([]string{"--dataset", res.Dataset, "--split", res.Split, "--run", res.Name, "--network", res.Network, "--shots", list(o.Shots),
			"--pool", strconv.Itoa(o.Pool), "--seeds", strconv.Itoa(o.Seeds), "--seed", strconv.FormatUint(res.Seeds[0], 10), "--methods", strings.Join(o.methods(), ",")},
			o.Flags)...),
		Program: version.Program(),
	}
	if slices.Contains(o.methods(), "logistic") {
		page.Notes = append(page.Notes, "Logistic regression on the shots uses neither descriptions nor seen classes.")
	}
	res.HTML, err = report.WriteSummary(x.ReportDir(res.Name), &page, map[string][]byte{"fewshot.json": facts, "fewshot.csv": table.Bytes()})
	return err
}
