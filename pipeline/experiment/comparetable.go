package experiment

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
)

// Table is the comparison as all formats but CSV and JSON show it.
func (r *Comparison) Table() report.Table {
	t := report.Table{Caption: fmt.Sprintf("Accuracy on %s (%s), split %s, in percent, with the standard deviation over %s", r.Dataset, r.Network, r.Split, usage.Counted(len(r.Seeds), "seed")),
		Head: []string{"Method", "Top-1, mean per class", "95 % interval", "Top-1, per image"}}
	generalised := slices.ContainsFunc(r.Methods, func(m *ComparedMethod) bool { return m.figure(harmonicFigure) != nil })
	if generalised {
		t.Head = append(t.Head, harmonicFigure)
	}
	// With hundreds of classes the literature counts an image whose class is among the best five.
	top5 := r.Classes >= 100 || r.Published != nil && r.Published.Metric == evaluate.Top5PerImage
	if top5 {
		t.Head = append(t.Head, "Top-5, per image")
	}
	t.Head = append(t.Head, "Validation")
	if r.Published != nil {
		t.Head = append(t.Head, strings.ToUpper(r.Published.Mark[:1])+r.Published.Mark[1:])
	}
	t.Head = append(t.Head, "Tuning", "Training")
	none := report.TableCell{Text: "–"}
	spread := func(s *evaluate.Spread) report.TableCell {
		switch {
		case s == nil:
			return none
		case len(s.Values) < 2:
			return report.TableCell{Text: Points(s.Mean)}
		}
		return report.TableCell{Text: Points(s.Mean), Small: "± " + Points(s.SD)}
	}
	for _, m := range r.Methods {
		row := []report.TableCell{{Text: m.Title, Own: m.Own}}
		if m.Error != "" {
			row = append(row, report.TableCell{Text: "failed"})
			for len(row) < len(t.Head) {
				row = append(row, none)
			}
			t.Rows = append(t.Rows, row)
			continue
		}
		perClass := m.figure(perClassFigure)
		ours := spread(perClass)
		ours.Link = m.Report
		row = append(row, ours, report.TableCell{Text: Between(perClass.Interval)}, spread(m.figure(evaluate.Top1PerImage)))
		if generalised {
			row = append(row, spread(m.figure(harmonicFigure)))
		}
		if top5 {
			row = append(row, spread(m.figure(evaluate.Top5PerImage)))
		}
		validation := report.TableCell{Text: Points(m.Best.Accuracy)}
		if m.Best.Folds > 1 {
			validation.Small = "± " + Points(m.Best.Deviation)
		}
		if m.Best.Folds < r.Folds {
			validation.Small = strings.TrimSpace(validation.Small + " on " + usage.Counted(m.Best.Folds, "fold"))
		}
		row = append(row, validation)
		if r.Published != nil {
			cell := none
			if p := m.Published; p != nil {
				cell.Text = strconv.FormatFloat(p.Value, 'f', 2, 64)
				if p.Std > 0 {
					cell.Small = "± " + strconv.FormatFloat(p.Std, 'f', 2, 64)
				}
			}
			row = append(row, cell)
		}
		tuning := report.TableCell{Text: seconds(m.Tuning), Small: usage.Counted(m.Fits, "fit")}
		if m.Cut {
			tuning.Small += ", cut"
		}
		t.Rows = append(t.Rows, append(row, tuning, report.TableCell{Text: seconds(m.Trained)}))
	}
	return t
}

// seconds is a time for reading.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// csv has one row per method, shares 0..1, published figures in percent as they were published.
func (r *Comparison) csv() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"method", "title", "seeds", "mean_per_class", "mean_per_class_sd", "mean_per_class_low", "mean_per_class_high", "per_image", "per_image_sd",
		"top5_per_image", "top5_per_image_sd", "validation", "validation_sd", "validation_folds", "published_percent", "published_sd", "published_mark", "trials", "fits", "cut_by_budget", "tuning_seconds", "training_seconds", "error"}) // a buffer takes all
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, m := range r.Methods {
		line := []string{m.Method, m.Title, strconv.Itoa(len(m.Seeds))}
		if m.Error != "" {
			_ = w.Write(append(append(line, make([]string, 19)...), m.Error))
			continue
		}
		perClass, perImage := m.figure(perClassFigure), m.figure(evaluate.Top1PerImage)
		low, high := "", ""
		if i := perClass.Interval; i != nil {
			low, high = exact(i.Low), exact(i.High)
		}
		line = append(line, exact(perClass.Mean), exact(perClass.SD), low, high, exact(perImage.Mean), exact(perImage.SD))
		if top5 := m.figure(evaluate.Top5PerImage); top5 != nil {
			line = append(line, exact(top5.Mean), exact(top5.SD))
		} else {
			line = append(line, "", "")
		}
		line = append(line, exact(m.Best.Accuracy), exact(m.Best.Deviation), strconv.Itoa(m.Best.Folds))
		if p := m.Published; p != nil {
			line = append(line, exact(p.Value), exact(p.Std), r.Published.Mark)
		} else {
			line = append(line, "", "", "")
		}
		_ = w.Write(append(line, strconv.Itoa(m.Trials), strconv.Itoa(m.Fits), strconv.FormatBool(m.Cut), exact(m.Tuning), exact(m.Trained), ""))
	}
	w.Flush()
	return b.Bytes()
}

// writeComparison writes the report's files.
func (x *Runner) writeComparison(out *Comparison, command string) error {
	facts, err := indented(out)
	if err != nil {
		return err
	}
	budget := "without a time limit"
	if out.Budget > 0 {
		budget = "starting no fit after " + seconds(out.Budget)
	}
	page := report.Summary{
		Kicker:  "Comparison · split " + out.Split,
		Heading: "Methods on " + out.Dataset,
		Lead: fmt.Sprintf("Every method on the same features, tuned by the same rule: %d test images, each classified among the same %d unseen classes.",
			out.Images, out.Classes),
		Tables: []report.Table{out.Table()},
		Notes: []string{
			fmt.Sprintf("Each method was tuned on the same %d folds of the seen classes with at most %s, %s. Validation is the mean per-class top-1 on the classes held out, with the standard deviation over folds, that the settings were selected by; where the time limit ended the search early, it is over the number of folds given. No unseen class was used.",
				out.Folds, usage.Counted(out.Trials, "trial"), budget),
			"Mean, standard deviation and the mean's 95 % interval (Student’s t, cut to 0 to 100) are over trainings with different seeds. A method that does not depend on the seed is trained once: its interval is a bootstrap over images. The variation over images and classes is in the reports of the single seeds.",
			"Tuning time is that of the whole search, with fits in parallel; training time is that of one model; both on this machine.",
		},
		Command: command, Program: version.Program(),
	}
	if p := out.Published; p != nil {
		page.Notes = append(page.Notes, fmt.Sprintf("Published results (%s): %s, %s. %s. They are comparable with the metrics of the same name here as far as features and classes are the same.", p.Mark, p.Metric, p.Features, p.Source))
	}
	for _, m := range out.Methods {
		if m.Error != "" {
			page.Notes = append(page.Notes, m.Title+" failed: "+m.Error)
		}
	}
	out.HTML, err = report.WriteSummary(x.ReportDir(out.Name), &page, map[string][]byte{
		"compare.json": facts, "compare.csv": out.csv(), "compare.md": page.Markdown(), "compare.tex": page.LaTeX(),
	})
	return err
}
