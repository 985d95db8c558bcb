package experiment

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/internal/lookup"
	"vzsl/internal/version"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// TrainSeeds trains n models of the same settings with the seeds from settings.Seed on, each into a run folder of its own
// below run's; as TrainSearched does, where searched.
func (x *Runner) TrainSeeds(ctx context.Context, run string, in *workspace.Inputs, settings settings.Settings, tuned *runs.TunedRecord, n int, force, searched bool) ([]*TrainedRun, error) {
	if err := x.MayTrainSeeds(run, settings, n, force, searched); err != nil {
		return nil, err
	}
	var all []*TrainedRun
	for range n {
		t, err := x.trainSeed(ctx, workspace.SeedRun(run, settings.Seed), in, settings, tuned, force, searched)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
		settings.Seed++
	}
	return all, nil
}

// MayTrainSeeds refuses a folder that TrainSeeds could not leave its models in.
func (x *Runner) MayTrainSeeds(run string, settings settings.Settings, n int, force, searched bool) error {
	if there, err := lookup.Exists(filepath.Join(x.RunDir(run), "config.toml")); err != nil {
		return err
	} else if there {
		return fmt.Errorf("%s holds a run of one seed: choose another folder with --run", x.RunDir(run))
	}
	return x.oneKind(run, settings, n, force, searched)
}

func (x *Runner) trainSeed(ctx context.Context, run string, in *workspace.Inputs, settings settings.Settings, tuned *runs.TunedRecord, force, searched bool) (*TrainedRun, error) {
	if searched {
		return x.TrainSearched(ctx, run, in, settings, tuned, force)
	}
	return x.Train(ctx, run, in, settings, tuned, force)
}

// SeedsResult is seeds.json.
type SeedsResult struct {
	Schema  string            `json:"schema"`
	Run     string            `json:"run"`
	Method  string            `json:"method"`
	Split   string            `json:"split"`
	Seeds   []uint64          `json:"seeds"`
	Figures []evaluate.Spread `json:"figures"`
	HTML    string            `json:"html,omitempty"`
}

// EvaluateSeeds evaluates every seed of a run and sums them up; one of the results is returned beside.
func (x *Runner) EvaluateSeeds(ctx context.Context, name string, r *workspace.RunRef, seeds []uint64, bootstrap uint64) (*SeedsResult, *evaluate.Result, error) {
	var results []*evaluate.Result
	var pages []string
	var about result.Run
	var first settings.Settings
	var split string
	for _, seed := range seeds {
		model, err := x.LoadRun(workspace.SeedRun(name, seed), r)
		if err != nil {
			return nil, nil, err
		}
		s := model.Settings()
		s.Seed = 0
		if len(results) == 0 {
			first, split = s, model.Split()
		} else if !reflect.DeepEqual(s, first) || model.Split() != split {
			return nil, nil, fmt.Errorf("%s: seed %d was trained with other settings or on another split than seed %d: retrain with --force, or choose another --run",
				x.RunDir(name), seed, seeds[0])
		}
		e, err := x.EvaluateRun(ctx, workspace.SeedRun(name, seed), r, model, bootstrap)
		if err != nil {
			return nil, nil, err
		}
		about, results, pages = e.About, append(results, e.Result), append(pages, e.Paths.HTML)
	}
	out, err := x.overSeeds(name, about, r.Dataset.Name, seeds, results, pages)
	return out, results[0], err
}

// overSeeds writes the page over the seeds of a run, whose results and own pages are given; about is of any one of them.
func (x *Runner) overSeeds(name string, about result.Run, dataset string, seeds []uint64, results []*evaluate.Result, pages []string) (*SeedsResult, error) {
	about.Name = name
	method := about.Method
	split := results[0].Split
	out := &SeedsResult{"vzsl.seeds/1", name, method, split, seeds, evaluate.OverSeeds(results), ""}
	facts, err := indented(out)
	if err != nil {
		return nil, err
	}
	page := report.Summary{
		Kicker:  "Seeds · split " + split,
		Heading: fmt.Sprintf("%s on %s, %d seeds", method, dataset, len(seeds)),
		Lead:    "The same settings trained with different seeds: the mean metrics and their variation over seeds.",
		Command: x.evaluateCommand(&about, results[0].Bootstrap.Seed), Program: version.Program(),
		Notes: []string{"Mean, standard deviation and the mean's 95 % interval (Student’s t, cut to 0 to 100) over seeds, in percent. They do not cover other images or classes: see the reports of the single seeds."},
	}
	if len(seeds) == 1 {
		page.Heading = fmt.Sprintf("%s on %s, one seed", method, dataset)
		page.Lead = "One training: its metrics with their intervals. More seeds show how much they vary with the random seed."
		page.Notes = []string{"95 % bootstrap intervals over images, in percent, as in the seed's own report."}
	}
	t := report.Table{Caption: "Metrics over the seeds, in percent", Head: []string{"Figure", "Mean", "SD", "95 % interval"}}
	for _, s := range seeds {
		t.Head = append(t.Head, fmt.Sprintf("seed %d", s))
	}
	links := make([]string, len(pages))
	for i, page := range pages {
		link, err := filepath.Rel(x.ReportDir(name), page)
		if err != nil {
			return nil, err
		}
		links[i] = filepath.ToSlash(link)
	}
	for _, f := range out.Figures {
		row := []report.TableCell{{Text: f.Name}, {Text: Points(f.Mean)}, {Text: Deviation(f)}, {Text: Between(f.Interval)}}
		for i, v := range f.Values {
			row = append(row, report.TableCell{Text: Points(v), Link: links[i]})
		}
		t.Rows = append(t.Rows, row)
	}
	page.Tables = []report.Table{t}
	out.HTML, err = report.WriteSummary(x.ReportDir(name), &page, map[string][]byte{"seeds.json": facts})
	return out, err
}

// Points is a share in percent.
func Points(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) }

// Deviation is a figure's standard deviation over seeds, where there are several.
func Deviation(f evaluate.Spread) string {
	if len(f.Values) < 2 {
		return "–"
	}
	return Points(f.SD)
}

// Between is an interval in percent.
func Between(i *evaluate.Interval) string {
	if i == nil {
		return "–"
	}
	return Points(i.Low) + ", " + Points(i.High)
}

// indented is v as the files of a report have it.
func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", " ")
	return append(b, '\n'), err
}
