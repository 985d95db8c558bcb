package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/internal/lookup"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// A run of several seeds is a folder of runs, seed-<seed> each.
const seedPrefix = "seed-"

// seedRun is the name of one of them.
func seedRun(run string, seed uint64) string {
	return run + "/" + seedPrefix + strconv.FormatUint(seed, 10)
}

// trainSeeds trains n models of the same settings with the seeds from settings.Seed on, each into a run folder of its own
// below run's; as trainSearched does, where searched.
func (c *console) trainSeeds(ctx context.Context, run string, in *inputs, settings settings.Settings, tuned *runs.TunedRecord, n int, force, searched bool) ([]*trainedRun, error) {
	if there, err := lookup.Exists(filepath.Join(c.runDir(run), "config.toml")); err != nil {
		return nil, err
	} else if there {
		return nil, fmt.Errorf("%s holds a run of one seed: take another folder with --run", c.runDir(run))
	}
	fit := c.train
	if searched {
		fit = c.trainSearched
	}
	if err := c.oneKind(run, settings, n, force, searched); err != nil {
		return nil, err
	}
	var all []*trainedRun
	for range n {
		t, err := fit(ctx, seedRun(run, settings.Seed), in, settings, tuned, force)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
		settings.Seed++
	}
	return all, nil
}

// seedsOf are the seeds of the runs in the folder of a run of several, ascending; none: it is no such folder.
func seedsOf(runDir string) ([]uint64, error) {
	entries, err := os.ReadDir(runDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var seeds []uint64
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), seedPrefix)
		if s, err := strconv.ParseUint(number, 10, 64); ok && err == nil && e.IsDir() {
			seeds = append(seeds, s)
		}
	}
	slices.Sort(seeds)
	return seeds, nil
}

// seedsResult is seeds.json.
type seedsResult struct {
	Schema  string            `json:"schema"`
	Run     string            `json:"run"`
	Method  string            `json:"method"`
	Split   string            `json:"split"`
	Seeds   []uint64          `json:"seeds"`
	Figures []evaluate.Spread `json:"figures"`
	HTML    string            `json:"html,omitempty"`
}

// evaluateSeeds evaluates every seed of a run and sums them up; one of the results is returned beside.
func (c *console) evaluateSeeds(ctx context.Context, name string, r *runFlags, seeds []uint64, bootstrap uint64) (*seedsResult, *evaluate.Result, error) {
	var results []*evaluate.Result
	var pages []string
	var about result.Run
	var first settings.Settings
	var split string
	for _, seed := range seeds {
		model, err := c.loadNamed(seedRun(name, seed), r)
		if err != nil {
			return nil, nil, err
		}
		s := model.Settings()
		s.Seed = 0
		if len(results) == 0 {
			first, split = s, model.Split()
		} else if !reflect.DeepEqual(s, first) || model.Split() != split {
			return nil, nil, fmt.Errorf("%s: seed %d was trained with other settings or on another split than seed %d: train anew with --force, or take another --run",
				c.runDir(name), seed, seeds[0])
		}
		e, err := c.evaluateRun(ctx, seedRun(name, seed), r, model, bootstrap)
		if err != nil {
			return nil, nil, err
		}
		about, results, pages = e.about, append(results, e.result), append(pages, e.paths.HTML)
	}
	out, err := c.overSeeds(name, about, r.ds.name, seeds, results, pages)
	return out, results[0], err
}

// overSeeds writes the page over the seeds of a run, whose results and own pages are given; about is of any one of them.
func (c *console) overSeeds(name string, about result.Run, dataset string, seeds []uint64, results []*evaluate.Result, pages []string) (*seedsResult, error) {
	about.Name = name
	method := about.Method
	split := results[0].Split
	out := &seedsResult{"vzsl.seeds/1", name, method, split, seeds, evaluate.OverSeeds(results), ""}
	facts, err := indented(out)
	if err != nil {
		return nil, err
	}
	page := report.Summary{
		Kicker:  "Seeds · split " + split,
		Heading: fmt.Sprintf("%s on %s, %d seeds", method, dataset, len(seeds)),
		Lead:    "The same settings trained with different seeds: what the figures are on average, and how far chance moves them.",
		Command: c.evaluateCommand(&about, results[0].Bootstrap.Seed), Program: program,
		Notes: []string{"Mean, standard deviation and the mean's 95 % interval (Student’s t, cut to 0 to 100) over seeds, in percent. They say nothing of other images or classes: the reports of the single seeds do."},
	}
	if len(seeds) == 1 {
		page.Heading = fmt.Sprintf("%s on %s, one seed", method, dataset)
		page.Lead = "One training: its figures with their intervals. More seeds tell how far chance in training moves them."
		page.Notes = []string{"95 % bootstrap intervals over images, in percent, as in the seed's own report."}
	}
	t := report.Table{Caption: "Figures over the seeds, in percent", Head: []string{"Figure", "Mean", "SD", "95 % interval"}}
	for _, s := range seeds {
		t.Head = append(t.Head, fmt.Sprintf("seed %d", s))
	}
	links := make([]string, len(pages))
	for i, page := range pages {
		link, err := filepath.Rel(c.reportDir(name), page)
		if err != nil {
			return nil, err
		}
		links[i] = filepath.ToSlash(link)
	}
	for _, f := range out.Figures {
		row := []report.TableCell{{Text: f.Name}, {Text: points(f.Mean)}, {Text: deviation(f)}, {Text: between(f.Interval)}}
		for i, v := range f.Values {
			row = append(row, report.TableCell{Text: points(v), Link: links[i]})
		}
		t.Rows = append(t.Rows, row)
	}
	page.Tables = []report.Table{t}
	out.HTML, err = report.WriteSummary(c.reportDir(name), &page, map[string][]byte{"seeds.json": facts})
	return out, err
}

// evaluatedSeeds prints what evaluateSeeds found.
func (c *console) evaluatedSeeds(out *seedsResult) error {
	return c.result(out, func(w io.Writer) {
		if len(out.Seeds) == 1 {
			fmt.Fprintf(w, "%s, one seed: 95 %% interval over images\n", out.Run)
		} else {
			fmt.Fprintf(w, "%s, %d seeds: mean, standard deviation, 95 %% interval over seeds\n", out.Run, len(out.Seeds))
		}
		for _, f := range out.Figures {
			fmt.Fprintf(w, "%-22s %5s%% %5s  [%s]\n", f.Name, points(f.Mean), deviation(f), between(f.Interval))
		}
		fmt.Fprintf(w, "report: %s\n", out.HTML)
	})
}

// points is a share in percent.
func points(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) }

// deviation is a figure's standard deviation over seeds, where there are several.
func deviation(f evaluate.Spread) string {
	if len(f.Values) < 2 {
		return "–"
	}
	return points(f.SD)
}

func between(i *evaluate.Interval) string {
	if i == nil {
		return "–"
	}
	return points(i.Low) + ", " + points(i.High)
}

// indented is v as the files of a report have it.
func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", " ")
	return append(b, '\n'), err
}
