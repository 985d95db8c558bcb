package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/version"
	"vzsl/pipeline/workspace"
	"vzsl/train/methods"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

// ComparableMethods are the methods that can name unseen classes without a shot.
func ComparableMethods() []string {
	return slices.DeleteFunc(methods.Names(), func(m string) bool {
		spec := methods.Lookup(m)
		return spec.NeedsShots || spec.SharedSpace
	})
}

// ComparedMethod is a row of the comparison.
type ComparedMethod struct {
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
func (m *ComparedMethod) figure(name string) *evaluate.Spread {
	for i := range m.Figures {
		if m.Figures[i].Name == name {
			return &m.Figures[i]
		}
	}
	return nil
}

// Comparison is compare.json.
type Comparison struct {
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
	Methods   []*ComparedMethod `json:"methods"`        // the best first
	Published *result.Published `json:"published,omitempty"`
	HTML      string            `json:"html,omitempty"`
}

// CompareOptions say what is compared.
type CompareOptions struct {
	Search
	Run       workspace.RunRef    // names the folders; its Method is not used
	Settings  []settings.Settings // a method each
	Pinned    [][]string          // settings of each that the search leaves alone
	Seeds     int                 // models of each method
	Published string              // dataset whose published figures to show; "": the run's own
	Command   string              // the command that makes the comparison again, for the page
	// Done are rows that tasks came to, by method: neither tuned nor evaluated again.
	Done map[string]*ComparedMethod
}

// CompareOne does what Compare does of one method, by its place in Settings, so that Compare finds it done. Where the method fails there
// is an error beside the row.
func (x *Runner) CompareOne(ctx context.Context, o *CompareOptions, in *workspace.Inputs, i int) (*ComparedMethod, error) {
	m := o.Settings[i].Method
	name, err := o.Run.NameOfSeveral("compare", []string{m})
	if err != nil {
		return nil, err
	}
	row := &ComparedMethod{Method: m, Title: settings.Title(m), Own: methods.Lookup(m).Own}
	_, err = x.compareOne(ctx, name, in, o, o.Settings[i], o.Pinned[i], row, o.seeds())
	return row, err
}

// doneBefore gives a row that a task came to, with one of the results that it is of.
func (x *Runner) doneBefore(ctx context.Context, run string, row *ComparedMethod) (*evaluate.Result, error) {
	if row.Error != "" {
		return nil, errors.New(row.Error)
	}
	stored, _, err := x.StoredReports(ctx, run)
	if err != nil {
		return nil, err
	}
	return stored[0].Result, nil
}

func (o *CompareOptions) seeds() []uint64 {
	var seeds []uint64
	for n := range o.Seeds {
		seeds = append(seeds, o.Settings[0].Seed+uint64(n))
	}
	return seeds
}

// Compare tunes every method within the same budget, trains and evaluates it, and writes the comparison's report. A method that fails
// has its error in its row; where all fail, the first error is returned.
func (x *Runner) Compare(ctx context.Context, o *CompareOptions) (*Comparison, error) {
	names := make([]string, len(o.Settings))
	for i, s := range o.Settings {
		names[i] = s.Method
	}
	name, err := o.Run.NameOfSeveral("compare", names)
	if err != nil {
		return nil, err
	}
	if err := Writable(x.ReportDir(name)); err != nil {
		return nil, err
	}
	in, err := x.OpenInputs(ctx, &o.Run)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out := &Comparison{Schema: "vzsl.compare/1", Name: name, Program: version.Program(), Dataset: o.Run.Dataset.Name, Network: in.Network, Split: in.Roles.Name,
		Trials: o.Trials, Folds: o.Folds, Budget: o.Budget.Seconds()}
	out.Seeds = o.seeds()
	var failed []error
	for i, m := range names {
		row := &ComparedMethod{Method: m, Title: settings.Title(m), Own: methods.Lookup(m).Own}
		var result *evaluate.Result
		if before := o.Done[m]; before != nil {
			row = before
			result, err = x.doneBefore(ctx, name+"/"+m, row)
		} else {
			result, err = x.compareOne(ctx, name, in, o, o.Settings[i], o.Pinned[i], row, out.Seeds)
		}
		out.Methods = append(out.Methods, row)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			x.Log.Warn("the method failed, the others continue", "method", m, "error", err)
			row.Error = err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", m, err))
			continue
		}
		out.Classes, out.Images = len(result.Candidates), result.Images
		if out.Published == nil {
			out.Published = report.PublishedBeside(cmp.Or(o.Published, o.Run.Dataset.Name), result, in.Features.Source())
		}
		row.Published = out.Published.Figure(row.Title)
		x.Log.Info("compared", "method", m, "top-1", Points(row.figure(perClassFigure).Mean)+"%", "done", fmt.Sprintf("%d/%d", i+1, len(names)))
	}
	if len(failed) == len(names) {
		return nil, fmt.Errorf("no method could be compared; the first failed with: %w", failed[0])
	}
	slices.SortStableFunc(out.Methods, func(a, b *ComparedMethod) int {
		if a.Error != "" || b.Error != "" {
			return cmp.Compare(min(1, len(a.Error)), min(1, len(b.Error)))
		}
		return cmp.Compare(b.figure(perClassFigure).Mean, a.figure(perClassFigure).Mean)
	})
	return out, x.writeComparison(out, o.Command)
}

// compareOne tunes, trains and evaluates a method and fills in its row.
func (x *Runner) compareOne(ctx context.Context, name string, in *workspace.Inputs, o *CompareOptions, s settings.Settings, pinned []string, row *ComparedMethod, seeds []uint64) (*evaluate.Result, error) {
	run := name + "/" + row.Method
	if methods.Lookup(row.Method).Seedless && !slices.Contains(in.Roles.Roles, features.RoleTestSeen) { // whose constant is chosen on drawn images
		seeds = seeds[:1]
	}
	row.Seeds = seeds
	if err := x.MayTune(run, len(seeds), o.Force); err != nil {
		return nil, err
	}
	tuned, err := x.Tune(ctx, run, in, &o.Search, s, nil, pinned)
	if err != nil {
		return nil, err
	}
	row.Best, row.Trials, row.Fits, row.Cut, row.Tuning = &tuned.Best, len(tuned.Trials), tuned.Fits, tuned.Cut, tuned.Elapsed
	if _, err := x.TrainSeeds(ctx, run, in, tuned.Settings, tuned.Record(), len(seeds), o.Force, true); err != nil {
		return nil, err
	}
	for _, seed := range seeds {
		// Of the metrics and not of this call: the model may have been there, or begun before.
		metrics, err := ReadMetrics(filepath.Join(x.RunDir(workspace.SeedRun(run, seed)), "metrics.jsonl"))
		if err != nil {
			return nil, err
		}
		for _, line := range metrics {
			seconds, _ := line["seconds"].(float64)
			row.Trained += seconds / float64(len(seeds))
		}
	}
	r := o.Run // evaluation writes into it
	sum, result, err := x.EvaluateSeeds(ctx, run, &r, seeds, 1)
	if err != nil {
		return nil, err
	}
	row.Figures, row.Report = sum.Figures, row.Method+"/"+filepath.Base(sum.HTML)
	return result, nil
}

// The figures of evaluate.Result.Headline that the table has.
const (
	perClassFigure = "top-1, mean per class"
	harmonicFigure = "H, calibrated"
)
