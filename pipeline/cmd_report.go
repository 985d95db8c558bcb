package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
)

func newReport(con *console) *cobra.Command {
	var ds datasetFlags
	var to string
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "reports again from stored results, or several runs on one page",
		Long: `Writes reports/<run>/report.html again from what 'vzsl evaluate' left there (report.json and
predictions.parquet) and from the training's metrics, without the features and the model. With --data
the report shows pictures.

Of several runs it makes one page with a table of them, beside published figures where there are any
on the same classes: reports/<to>/report.html. The runs' own reports stay as they are.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, runs []string) error {
			for _, name := range runs {
				if !filepath.IsLocal(name) || name == "." {
					return usage.Errorf("%q is not the name of a run: its folder below reports/", name)
				}
			}
			if len(runs) > 1 {
				return con.compare(cmd.Context(), runs, to)
			}
			if cmd.Flags().Changed("to") {
				return usage.Errorf("--to is for several runs; the report of one is in its own folder")
			}
			return con.report(cmd.Context(), filepath.ToSlash(filepath.Clean(runs[0])), &ds)
		},
	}
	ds.addLayout(cmd)
	cmd.Flags().StringVar(&ds.data, "data", "", "`folder` of the dataset (default data/<dataset>)")
	must(cmd.MarkFlagDirname("data"))
	cmd.Flags().StringVar(&to, "to", "compared", "`name` of the folder below reports/ for the page of several runs")
	return cmd
}

// report builds the report of a run, of one seed or several, again.
func (c *console) report(ctx context.Context, name string, ds *datasetFlags) error {
	stored, seeds, err := c.storedReports(ctx, name)
	if err != nil {
		return err
	}
	if len(seeds) == 0 {
		paths, err := c.rebuild(name, stored[0], ds)
		if err != nil {
			return err
		}
		return c.evaluated(name, stored[0].Result, paths)
	}
	var results []*evaluate.Result
	var pages []string
	for i, s := range stored {
		paths, err := c.rebuild(seedRun(name, seeds[i]), s, ds)
		if err != nil {
			return err
		}
		results, pages = append(results, s.Result), append(pages, paths.HTML)
	}
	out, err := c.overSeeds(name, stored[0].Run, stored[0].Run.Features.Dataset, seeds, results, pages)
	if err != nil {
		return err
	}
	return c.evaluatedSeeds(out)
}

// storedReports reads the report of a run, or of every seed of a run of several; seeds is nil for one of one.
func (c *console) storedReports(ctx context.Context, name string) (stored []*result.Report, seeds []uint64, err error) {
	dir := c.reportDir(name)
	if seeds, err = seedsOf(dir); err != nil {
		return nil, nil, err
	}
	runs := []string{name}
	if len(seeds) > 0 {
		runs = nil
		for _, seed := range seeds {
			runs = append(runs, seedRun(name, seed))
		}
	}
	for _, run := range runs {
		s, err := result.Read(c.reportDir(run))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, c.noReport(name)
		}
		if err != nil {
			return nil, nil, err
		}
		if err := c.reportOf(ctx, run, s); err != nil {
			return nil, nil, err
		}
		stored = append(stored, s)
	}
	return stored, seeds, nil
}

// reportOf refuses a stored report of another model than the run there has now, and one of a run whose inputs have changed. Of a
// run that is gone, or without its model, what is left is compared.
func (c *console) reportOf(ctx context.Context, run string, s *result.Report) error {
	dir := c.runDir(run)
	model, err := runs.ModelSHA256(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.reportOfModel(run, s, model); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r runFlags
	predictor, err := c.loadNamed(run, &r)
	if err != nil {
		return err
	}
	in, err := c.inputsOf(ctx, run, &r, predictor, false)
	if err == nil {
		in.close()
	}
	return err
}

// reportOfModel refuses a stored report of another model; "" is one whose training is not finished.
func (c *console) reportOfModel(run string, s *result.Report, model string) error {
	evaluated, dir := s.Run.ModelSHA256(), c.runDir(run)
	switch {
	case model == "":
		return fmt.Errorf("%s is the report of an earlier model: a training in %s since then is not finished; finish it, then '%s'", c.reportDir(run), dir, c.evaluateAgain(run))
	case evaluated == "":
		c.log.Warn("the report does not say which model it is of: whether it is the run's could not be checked", "run", run)
	case model != evaluated:
		return fmt.Errorf("%s is the report of an earlier model (sha256 %.12s...) than the one in %s (%.12s...), which was trained since: '%s' makes the report of this one",
			c.reportDir(run), evaluated, dir, model, c.evaluateAgain(run))
	}
	return nil
}

// evaluateAgain is the command that evaluates a run, or all seeds of the one that a seed is of.
func (c *console) evaluateAgain(run string) string {
	name, _, _ := strings.Cut(run, "/"+seedPrefix)
	return c.command("evaluate", "--run", name)
}

// noReport says why a run has no stored results and what gives some.
func (c *console) noReport(name string) error {
	for _, r := range []struct{ facts, what string }{{"fewshot.json", "several numbers of shots"}, {"compare.json", "several methods"}} {
		if there, err := lookup.Exists(filepath.Join(c.reportDir(name), r.facts)); err != nil {
			return err
		} else if there {
			return fmt.Errorf("%s is a report of %s: its own command, which it ends with, makes it again", c.reportDir(name), r.what)
		}
	}
	if there, err := lookup.Exists(c.runDir(name)); err != nil {
		return err
	} else if there {
		return fmt.Errorf("%s: no results are stored there; evaluate the run first: '%s'", c.reportDir(name), c.command("evaluate", "--run", name))
	}
	there, err := lookup.Below(c.reportDir(""), "*/*.json")
	if err != nil {
		return err
	}
	if len(there) == 0 {
		return fmt.Errorf("%s: no such report, nor a run of that name; 'vzsl train' and 'vzsl evaluate' make them", c.reportDir(name))
	}
	for i, path := range there {
		there[i] = filepath.Base(filepath.Dir(path))
	}
	there = slices.Compact(there)
	return fmt.Errorf("%s: no such report, nor a run of that name%s; there are %s", c.reportDir(name), usage.DidYouMean(name, there), usage.FirstOf(there))
}

// rebuild writes the report of one training again.
func (c *console) rebuild(name string, s *result.Report, ds *datasetFlags) (report.Paths, error) {
	metrics, err := readMetrics(filepath.Join(c.runDir(name), "metrics.jsonl"))
	if err != nil {
		return report.Paths{}, err
	}
	if metrics == nil {
		c.log.Info("no metrics of the training are there any more: the report has no curves of it", "run", name)
	}
	here := *ds
	here.name = s.Run.Features.Dataset
	switch {
	case here.data != "" || here.layout != "":
		s.Run.Data, s.Run.Layout = here.remembered()
		s.Run.Command = c.evaluateCommand(&s.Run, s.Result.Bootstrap.Seed)
	case s.Run.Data != "" || s.Run.Layout != "": // as the run was evaluated
		here.data, here.layout = s.Run.Data, s.Run.Layout
		if there, err := lookup.Exists(here.data); here.data != "" && (err != nil || !there) {
			c.log.Warn("the folder that the report had its pictures from is not there any more: it is without them", "data", here.data)
			here.data, here.layout = "", ""
		}
	}
	root, err := c.imageRoot(&here)
	if err != nil {
		return report.Paths{}, err
	}
	p := c.follow("report "+name, "")
	defer p.end()
	return report.Rebuild(s, report.Options{Metrics: metrics, ImageRoot: root})
}

// compare writes the page of several runs.
func (c *console) compare(ctx context.Context, names []string, to string) error {
	if err := usage.FolderName("to", to); err != nil {
		return err
	}
	dir := c.reportDir(to)
	for _, facts := range []string{"report.json", "seeds.json", "fewshot.json", "compare.json"} {
		if there, err := lookup.Exists(filepath.Join(dir, facts)); err != nil {
			return err
		} else if there {
			return fmt.Errorf("%s holds the report of a run: take another folder with --to", dir)
		}
	}
	var runs []report.Compared
	type comparedRun struct {
		Run     string            `json:"run"`
		Method  string            `json:"method"`
		Dataset string            `json:"dataset"`
		Split   string            `json:"split"`
		Shots   int               `json:"shots,omitempty"`
		Seeds   int               `json:"seeds"`
		Figures []evaluate.Spread `json:"figures"`
	}
	out := struct {
		Schema string        `json:"schema"`
		Runs   []comparedRun `json:"runs"`
		HTML   string        `json:"html,omitempty"`
	}{Schema: "vzsl.compared/1"}
	once := map[string]bool{}
	for _, name := range names {
		name = filepath.ToSlash(filepath.Clean(name))
		if once[name] {
			return usage.Errorf("run %s is named twice", name)
		}
		once[name] = true
		stored, _, err := c.storedReports(ctx, name)
		if err != nil {
			return err
		}
		link, err := filepath.Rel(dir, filepath.Join(c.reportDir(name), "report.html"))
		if err != nil {
			return err
		}
		runs = append(runs, report.Compared{Name: name, Link: filepath.ToSlash(link), Seeds: stored})
		var results []*evaluate.Result
		for _, s := range stored {
			results = append(results, s.Result)
		}
		r := results[0]
		out.Runs = append(out.Runs, comparedRun{name, stored[0].Run.Method, r.Dataset, r.Split, r.Shots, len(stored), evaluate.OverSeeds(results)})
	}
	facts, err := indented(out)
	if err != nil {
		return err
	}
	page := report.Compare(runs)
	page.Command, page.Program = c.command("report", append(names, "--to", to)...), program
	if out.HTML, err = report.WriteSummary(dir, page, map[string][]byte{"compared.json": facts}); err != nil {
		return err
	}
	return c.result(out, func(w io.Writer) {
		for _, r := range out.Runs {
			var figures []string
			for _, f := range r.Figures {
				figures = append(figures, fmt.Sprintf("%s %s%%", f.Name, points(f.Mean)))
			}
			fmt.Fprintf(w, "%s (%s): %s\n", r.Run, r.Method, strings.Join(figures, "; "))
		}
		fmt.Fprintf(w, "report: %s\n", out.HTML)
	})
}
