package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/train/methods"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

type compareOptions struct {
	tuneFlags
	methods   []string
	published string
}

func newCompare(con *console) *cobra.Command {
	var o compareOptions
	all := comparableMethods()
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "methods beside each other, each tuned within the same budget",
		Long: `Tunes every method as 'vzsl tune' does, all on the same folds and within the same budget, trains --seeds models
of each with what was found, evaluates them, and writes one table, reports/<name>/: report.html, compare.json,
compare.csv, compare.md, compare.tex (LaTeX, booktabs).

  vzsl compare --dataset cub --methods eszsl,devise,vzsl --set devise.epochs=30

The table has each figure with its standard deviation and the mean's 95 % interval over seeds (of a single training:
over images), the validation figure that the settings were chosen by, the published figure, and the times. A setting
that is given is not searched. Finished fits and models are kept: stop the command and run it again at any moment. A
method that fails is listed with its error, the others go on, and the exit code is 3.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			all, err := con.settingsOfSeveral(cmd.Flags(), o.preset, o.methods)
			if err != nil {
				return err
			}
			for i := range all {
				if all[i].Transductive {
					return usage.Errorf("--transductive: the methods are compared in the inductive setting")
				}
			}
			return runCompare(cmd.Context(), con, &o, all, cmd)
		},
	}
	o.run.addSeveral(cmd, "compare")
	f := cmd.Flags()
	addMethods(cmd, &o.methods, append([]string{"all"}, all...), "all")
	o.addSearch(cmd, 90*time.Second) // all methods on CUB then take five quarters of an hour on two cores
	f.IntVar(&o.seeds, "seeds", 5, "`number` of models of each method, with seeds from --seed on")
	f.StringVar(&o.published, "published", "", "`dataset` whose published figures to show: "+usage.Or(catalog.PublishedDatasets())+" (default: the one of --dataset's name)")
	addSettings(f)
	must(f.MarkHidden("method"))
	must(f.MarkHidden("transductive"))
	return cmd
}

// comparableMethods are the methods that can name unseen classes without a shot.
func comparableMethods() []string {
	return slices.DeleteFunc(methods.Names(), func(m string) bool {
		spec := methods.Lookup(m)
		return spec.NeedsShots || spec.SharedSpace
	})
}

func (o *compareOptions) check() error {
	if slices.Contains(o.methods, "all") {
		o.methods = comparableMethods()
	}
	if len(o.methods) == 0 {
		return usage.Errorf("--methods: at least one")
	}
	for i, m := range o.methods {
		if err := usage.OneOf("methods", m, comparableMethods()...); err != nil {
			return err
		}
		if slices.Contains(o.methods[:i], m) {
			return usage.Errorf("--methods: %s stands there twice", m)
		}
	}
	if o.seeds < 1 {
		return usage.Errorf("--seeds %d: at least one", o.seeds)
	}
	if o.published != "" {
		if err := usage.OneOf("published", o.published, catalog.PublishedDatasets()...); err != nil {
			return err
		}
	}
	return o.checkSearch()
}

// comparedMethod is a row of the comparison.
type comparedMethod struct {
	Method  string            `json:"method"`
	Title   string            `json:"title"`
	Own     bool              `json:"own,omitempty"`   // of the project: VZSL, VZSL#, zero-shot PLDA
	Seeds   []uint64          `json:"seeds,omitempty"` // one where the model does not depend on it
	Figures []evaluate.Spread `json:"figures,omitempty"`
	// Best is what the search found. Its accuracy is on held-out seen classes.
	Best    *tuning.Trial `json:"best,omitempty"`
	Trials  int           `json:"trials,omitempty"`
	Fits    int           `json:"fits,omitempty"`
	Cut     bool          `json:"cut_by_budget,omitempty"`
	Tuning  float64       `json:"tuning_seconds,omitempty"`
	Trained float64       `json:"training_seconds,omitempty"` // the mean over the models
	// Published is per image, in percent.
	Published *result.PublishedFigure `json:"published,omitempty"`
	Report    string                  `json:"report,omitempty"` // relative to the comparison's
	Error     string                  `json:"error,omitempty"`
}

// figure is one of the row's figures by name, nil: it has none.
func (m *comparedMethod) figure(name string) *evaluate.Spread {
	for i := range m.Figures {
		if m.Figures[i].Name == name {
			return &m.Figures[i]
		}
	}
	return nil
}

// The figures of evaluate.Result.Headline that the table has.
const (
	perClassFigure = "top-1, mean per class"
	harmonicFigure = "H, calibrated"
)

// comparison is compare.json.
type comparison struct {
	Schema    string            `json:"schema"`
	Name      string            `json:"name"`
	Program   string            `json:"program"`
	Dataset   string            `json:"dataset"`
	Network   string            `json:"network"`
	Split     string            `json:"split"`
	Classes   int               `json:"classes"` // unseen
	Images    int               `json:"images"`  // tested
	Seeds     []uint64          `json:"seeds"`
	Trials    int               `json:"trials"` // allowed for each method
	Folds     int               `json:"folds"`
	Budget    float64           `json:"budget_seconds"` // of each method's tuning; 0: none
	Methods   []*comparedMethod `json:"methods"`        // the best first
	Published *result.Published `json:"published,omitempty"`
	HTML      string            `json:"html,omitempty"`
}

func runCompare(ctx context.Context, con *console, o *compareOptions, all []settings.Settings, cmd *cobra.Command) error {
	name, err := o.run.nameOfSeveral("compare", o.methods)
	if err != nil {
		return err
	}
	if err := writable(con.reportDir(name)); err != nil {
		return err
	}
	in, err := con.openInputs(ctx, &o.run)
	if err != nil {
		return err
	}
	defer in.close()
	out := &comparison{Schema: "vzsl.compare/1", Name: name, Program: program, Dataset: o.run.ds.name, Network: in.network, Split: in.Roles.Name,
		Trials: o.trials, Folds: o.folds, Budget: o.budget.Seconds()}
	for n := range o.seeds {
		out.Seeds = append(out.Seeds, all[0].Seed+uint64(n))
	}
	var failed []error
	for i, m := range o.methods {
		row := &comparedMethod{Method: m, Title: settings.Title(m), Own: methods.Lookup(m).Own}
		out.Methods = append(out.Methods, row)
		pinned, err := con.given(cmd.Flags(), m)
		if err != nil {
			return err
		}
		result, err := con.compareOne(ctx, name, in, o, all[i], pinned, row, out.Seeds)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			con.log.Warn("the method failed, the others go on", "method", m, "error", err)
			row.Error = err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", m, err))
			continue
		}
		out.Classes, out.Images = len(result.Candidates), result.Images
		if out.Published == nil {
			out.Published = report.PublishedBeside(cmp.Or(o.published, o.run.ds.name), result, in.Features.Source())
		}
		row.Published = out.Published.Figure(row.Title)
		con.log.Info("compared", "method", m, "top-1", points(row.figure(perClassFigure).Mean)+"%", "done", fmt.Sprintf("%d/%d", i+1, len(o.methods)))
	}
	if len(failed) == len(o.methods) {
		return fmt.Errorf("no method could be compared; the first failed so: %w", failed[0])
	}
	slices.SortStableFunc(out.Methods, func(a, b *comparedMethod) int {
		if a.Error != "" || b.Error != "" {
			return cmp.Compare(min(1, len(a.Error)), min(1, len(b.Error)))
		}
		return cmp.Compare(b.figure(perClassFigure).Mean, a.figure(perClassFigure).Mean)
	})
	if err := con.writeComparison(out, cmd); err != nil {
		return err
	}
	err = con.result(out, func(w io.Writer) {
		t := out.table()
		fmt.Fprintf(w, "%s: %s\n", name, t.Caption)
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(columns, strings.Join(t.Head, "\t"))
		for _, row := range t.Rows {
			for _, c := range row {
				fmt.Fprint(columns, strings.TrimSpace(c.Text+" "+c.Small)+"\t")
			}
			fmt.Fprintln(columns)
		}
		_ = columns.Flush() // as with all that is printed
		for _, m := range out.Methods {
			if m.Error != "" {
				fmt.Fprintf(w, "%s failed: %s\n", m.Title, m.Error)
			}
		}
		fmt.Fprintf(w, "report: %s\n", out.HTML)
	})
	if err == nil && len(failed) > 0 {
		return fmt.Errorf("%w: %w", errSkipped, errors.Join(failed...))
	}
	return err
}

// compareOne tunes, trains and evaluates a method and fills in its row.
func (c *console) compareOne(ctx context.Context, name string, in *inputs, o *compareOptions, s settings.Settings, pinned []string, row *comparedMethod, seeds []uint64) (*evaluate.Result, error) {
	run := name + "/" + row.Method
	if methods.Lookup(row.Method).Seedless && !slices.Contains(in.Roles.Roles, features.RoleTestSeen) { // whose constant is chosen on drawn images
		seeds = seeds[:1]
	}
	row.Seeds = seeds
	if err := c.tunable(run, len(seeds), o.force); err != nil {
		return nil, err
	}
	tuned, err := c.tune(ctx, run, in, &o.tuneFlags, s, nil, pinned)
	if err != nil {
		return nil, err
	}
	row.Best, row.Trials, row.Fits, row.Cut, row.Tuning = &tuned.Best, len(tuned.Trials), tuned.Fits, tuned.Cut, tuned.Elapsed
	if _, err := c.trainSeeds(ctx, run, in, tuned.Settings, tuned.Record(), len(seeds), o.force, true); err != nil {
		return nil, err
	}
	for _, seed := range seeds {
		// Of the metrics and not of this call: the model may have been there, or begun before.
		metrics, err := readMetrics(filepath.Join(c.runDir(seedRun(run, seed)), "metrics.jsonl"))
		if err != nil {
			return nil, err
		}
		for _, line := range metrics {
			seconds, _ := line["seconds"].(float64)
			row.Trained += seconds / float64(len(seeds))
		}
	}
	r := o.run // evaluation writes into it
	sum, result, err := c.evaluateSeeds(ctx, run, &r, seeds, 1)
	if err != nil {
		return nil, err
	}
	row.Figures, row.Report = sum.Figures, row.Method+"/"+filepath.Base(sum.HTML)
	return result, nil
}

// table is the comparison as all formats but CSV and JSON show it.
func (r *comparison) table() report.Table {
	t := report.Table{Caption: fmt.Sprintf("Accuracy on %s (%s), split %s, in percent, with the standard deviation over %s", r.Dataset, r.Network, r.Split, usage.Counted(len(r.Seeds), "seed")),
		Head: []string{"Method", "Top-1, mean per class", "95 % interval", "Top-1, per image"}}
	generalised := slices.ContainsFunc(r.Methods, func(m *comparedMethod) bool { return m.figure(harmonicFigure) != nil })
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
			return report.TableCell{Text: points(s.Mean)}
		}
		return report.TableCell{Text: points(s.Mean), Small: "± " + points(s.SD)}
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
		row = append(row, ours, report.TableCell{Text: between(perClass.Interval)}, spread(m.figure(evaluate.Top1PerImage)))
		if generalised {
			row = append(row, spread(m.figure(harmonicFigure)))
		}
		if top5 {
			row = append(row, spread(m.figure(evaluate.Top5PerImage)))
		}
		validation := report.TableCell{Text: points(m.Best.Accuracy)}
		if m.Best.Folds > 1 {
			validation.Small = "± " + points(m.Best.Deviation)
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

// csv has a row a method, shares 0..1, published figures in percent as they were published.
func (r *comparison) csv() []byte {
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
func (c *console) writeComparison(out *comparison, cmd *cobra.Command) error {
	facts, err := indented(out)
	if err != nil {
		return err
	}
	budget := "without a limit of time"
	if out.Budget > 0 {
		budget = "beginning no fit after " + seconds(out.Budget)
	}
	page := report.Summary{
		Kicker:  "Comparison · split " + out.Split,
		Heading: "Methods on " + out.Dataset,
		Lead: fmt.Sprintf("Every method on the same features, tuned by the same rule: %d test images, each named among the same %d unseen classes.",
			out.Images, out.Classes),
		Tables: []report.Table{out.table()},
		Notes: []string{
			fmt.Sprintf("Each method was tuned on the same %d folds of the seen classes with at most %s, %s. Validation is the mean per-class top-1 on the classes held out, with the standard deviation over folds, that the settings were chosen by; where the time ended the search early, on as many folds as it says. No unseen class took part.",
				out.Folds, usage.Counted(out.Trials, "trial"), budget),
			"Mean, standard deviation and the mean's 95 % interval (Student’s t, cut to 0 to 100) are over trainings with different seeds. A method that does not depend on the seed is trained once: its interval is the bootstrap's over images. Chance in the choice of images and classes is in the reports of the single seeds.",
			"The time of tuning is that of the whole search with its fits beside each other, the time of training that of one model, on this machine.",
		},
		Command: c.command("compare", givenFlags(cmd)...), Program: program,
	}
	if p := out.Published; p != nil {
		page.Notes = append(page.Notes, fmt.Sprintf("Published figures (%s): %s, %s. %s. They belong beside our figures of the same name, as far as features and classes are the same.", p.Mark, p.Metric, p.Features, p.Source))
	}
	for _, m := range out.Methods {
		if m.Error != "" {
			page.Notes = append(page.Notes, m.Title+" failed: "+m.Error)
		}
	}
	out.HTML, err = report.WriteSummary(c.reportDir(out.Name), &page, map[string][]byte{
		"compare.json": facts, "compare.csv": out.csv(), "compare.md": page.Markdown(), "compare.tex": page.LaTeX(),
	})
	return err
}
