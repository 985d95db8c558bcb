// Package runlist lists the runs and reports of a workspace and whether what they were made from has changed, and removes and renames them.
package runlist

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"vzsl/evaluate"
	"vzsl/internal/lookup"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// The kinds of run folders and reports.
const (
	KindRun      = "run"
	KindSeeds    = "seeds"    // a run of several seeds
	KindSearch   = "search"   // of settings, whose run is not trained
	KindCompare  = "compare"  // methods beside each other
	KindFewShot  = "fewshot"  // accuracy against shots
	KindAudit    = "audit"    // descriptions beside each other
	KindCompared = "compared" // a page of several runs
)

// The states of a run.
const (
	StateTrained   = "trained"
	StateBegun     = "begun" // not finished
	StateEvaluated = "evaluated"
	StateReport    = "report" // without its run
)

// Run is a folder below runs/ or reports/, or both.
type Run struct {
	Name      string    `json:"run"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	Dataset   string    `json:"dataset,omitempty"`
	Split     string    `json:"split,omitempty"`
	Methods   []string  `json:"methods,omitempty"` // their titles
	Network   string    `json:"network,omitempty"`
	Models    int       `json:"models"` // trained, in it
	Figure    *Figure   `json:"figure,omitempty"`
	Trained   time.Time `json:"trained,omitzero"`   // the latest of its models
	Evaluated time.Time `json:"evaluated,omitzero"` // its report
	// Stale says what it was made from that has changed since; Again is the command that mends it, where one does.
	Stale  []string `json:"stale,omitempty"`
	Again  string   `json:"again,omitempty"`
	Bytes  int64    `json:"bytes"`
	Report string   `json:"report,omitempty"` // its page
}

// Figure is what a run is known by, 0 to 1.
type Figure struct {
	Name     string             `json:"name"`
	Of       string             `json:"of,omitempty"` // the method, of several
	Value    float64            `json:"value"`
	Interval *evaluate.Interval `json:"interval,omitempty"`
	Over     string             `json:"interval_over,omitempty"` // images or seeds
}

// Newest is when it was last written.
func (r *Run) Newest() time.Time {
	if r.Evaluated.After(r.Trained) {
		return r.Evaluated
	}
	return r.Trained
}

// List returns the runs and reports of a workspace, the newest first. progress may be nil.
func List(ctx context.Context, w *workspace.Workspace, progress func(done, total int)) ([]*Run, error) {
	names, err := topFolders(w.RunDir(""), w.ReportDir(""))
	if err != nil {
		return nil, err
	}
	models := map[string][]string{} // by the folder that they are in
	if err := w.EachRun(func(name string, _ workspace.RunData) {
		top, _, _ := strings.Cut(name, "/")
		models[top] = append(models[top], name)
	}); err != nil {
		return nil, err
	}
	var all []*Run
	for i, name := range names {
		r, err := readRun(ctx, w, name, models[name])
		if err != nil {
			return nil, err
		}
		if r != nil {
			all = append(all, r)
		}
		if progress != nil {
			progress(i+1, len(names))
		}
	}
	slices.SortStableFunc(all, func(a, b *Run) int { return b.Newest().Compare(a.Newest()) })
	return all, nil
}

// topFolders are the names of the folders in several, sorted.
func topFolders(dirs ...string) ([]string, error) {
	var names []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// readRun reads what a folder's files say; nil: it is no run's.
func readRun(ctx context.Context, w *workspace.Workspace, name string, models []string) (*Run, error) {
	r := &Run{Name: name}
	for _, dir := range []string{w.RunDir(name), w.ReportDir(name)} {
		n, err := bytesBelow(dir)
		if err != nil {
			return nil, err
		}
		r.Bytes += n
	}
	if err := r.readModels(w, models); err != nil {
		return nil, err
	}
	if err := r.readReport(w.ReportDir(name)); err != nil {
		return nil, err
	}
	if r.Kind == "" && len(models) == 0 {
		return nil, nil
	}
	if r.Kind == "" {
		r.Kind = kindOf(w, name)
	}
	r.State = r.state(len(models))
	for _, model := range models {
		if !exists(filepath.Join(w.RunDir(model), runs.ModelFile)) {
			continue // begun
		}
		again, err := Staleness(ctx, w, model)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			r.Stale, r.Again = append(r.Stale, err.Error()), cmp.Or(r.Again, again)
		}
	}
	return r, nil
}

func (r *Run) state(models int) string {
	switch {
	case models == 0:
		return StateReport
	case r.Models < models || r.Models == 0:
		return StateBegun
	case !r.Evaluated.IsZero():
		return StateEvaluated
	}
	return StateTrained
}

// kindOf is that of a folder of runs without a report.
func kindOf(w *workspace.Workspace, name string) string {
	is := func(file string) bool {
		there, err := lookup.Exists(filepath.Join(w.RunDir(name), file))
		return err == nil && there
	}
	seeds, err := workspace.Seeds(w.RunDir(name))
	switch {
	case is(workspace.AuditMark):
		return KindAudit
	case is(runs.ConfigFile):
		return KindRun
	case err == nil && len(seeds) > 0:
		return KindSeeds
	case is(workspace.TuningDir):
		return KindSearch
	}
	return KindCompare
}

// readModels adds what the runs in the folder say of themselves.
func (r *Run) readModels(w *workspace.Workspace, models []string) error {
	for _, name := range models {
		text, err := os.ReadFile(filepath.Join(w.RunDir(name), runs.ConfigFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a search
		}
		if err != nil {
			return err
		}
		var c struct {
			Method string `toml:"method"`
			Data   struct {
				Dataset string `toml:"dataset"`
				Split   string `toml:"split"`
				Network string `toml:"network"`
			} `toml:"data"`
		}
		if toml.Unmarshal(text, &c) != nil {
			continue // said by EachRun
		}
		r.Dataset, r.Network = cmp.Or(r.Dataset, c.Data.Dataset), cmp.Or(r.Network, c.Data.Network)
		if split, _, _ := strings.Cut(c.Data.Split, "-shots"); r.Split == "" || len(split) < len(r.Split) {
			r.Split = split
		}
		if t := settings.Title(c.Method); !slices.Contains(r.Methods, t) {
			r.Methods = append(r.Methods, t)
		}
		st, err := os.Stat(filepath.Join(w.RunDir(name), runs.ModelFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.Models++
		if st.ModTime().After(r.Trained) {
			r.Trained = st.ModTime()
		}
	}
	return nil
}

// stored is what the list takes of a report's JSON, of any kind.
type stored struct {
	Dataset string `json:"dataset"`
	Split   string `json:"split"`
	Network string `json:"network"`
	Method  string `json:"method"`
	About   *struct {
		Method   string `json:"method"`
		Features struct {
			Network string
			Dataset string
		} `json:"features"`
	} `json:"about"`
	Result *struct {
		Dataset string `json:"dataset"`
		Split   string `json:"split"`
		Top1    struct {
			MeanPerClass evaluate.Estimate `json:"mean_per_class"`
		} `json:"top1"`
	} `json:"result"`
	Figures []evaluate.Spread `json:"figures"`
	Methods []struct {
		Title   string            `json:"title"`
		Figures []evaluate.Spread `json:"figures"`
	} `json:"methods"`
	Points []struct {
		Method       string          `json:"method"`
		Shots        int             `json:"shots"`
		MeanPerClass evaluate.Spread `json:"mean_per_class"`
	} `json:"points"`
	Rows []struct {
		Title        string             `json:"title"`
		Descriptions string             `json:"descriptions"`
		Control      bool               `json:"control"`
		MeanPerClass *evaluate.Estimate `json:"mean_per_class"`
	} `json:"rows"`
	Runs []struct {
		Dataset string `json:"dataset"`
		Split   string `json:"split"`
		Method  string `json:"method"`
	} `json:"runs"`
}

// reportFiles tell what kind of report a folder holds.
var reportFiles = []struct{ file, kind string }{
	{"report.json", KindRun}, {"seeds.json", KindSeeds}, {"compare.json", KindCompare}, {"fewshot.json", KindFewShot}, {"audit.json", KindAudit}, {"compared.json", KindCompared},
}

// readReport adds what the report in a folder says.
func (r *Run) readReport(dir string) error {
	for _, f := range reportFiles {
		path := filepath.Join(dir, f.file)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.Kind = f.kind
		if st, err := os.Stat(path); err == nil {
			r.Evaluated = st.ModTime()
		}
		if page := filepath.Join(dir, "report.html"); exists(page) {
			r.Report = page
		}
		var s stored
		if err := json.Unmarshal(text, &s); err != nil {
			r.Stale = append(r.Stale, fmt.Sprintf("%s is damaged (%v)", path, err))
			return nil
		}
		r.take(&s)
		return nil
	}
	return nil
}

func exists(path string) bool { there, err := lookup.Exists(path); return err == nil && there }

func (r *Run) take(s *stored) {
	r.Dataset, r.Split, r.Network = cmp.Or(s.Dataset, r.Dataset), cmp.Or(s.Split, r.Split), cmp.Or(s.Network, r.Network)
	spread := func(of string, v *evaluate.Spread) *Figure {
		return &Figure{Name: v.Name, Of: of, Value: v.Mean, Interval: v.Interval, Over: v.Over}
	}
	estimate := func(of string, e *evaluate.Estimate) *Figure {
		return &Figure{Name: "top-1, mean per class", Of: of, Value: e.Value, Interval: e.OverImages, Over: evaluate.OverImage}
	}
	methods := func(m string) {
		if m != "" && !slices.Contains(r.Methods, m) {
			r.Methods = append(r.Methods, m)
		}
	}
	switch r.Kind {
	case KindRun:
		if s.Result == nil || s.About == nil {
			return
		}
		r.Dataset, r.Split, r.Network = s.Result.Dataset, s.Result.Split, cmp.Or(s.About.Features.Network, r.Network)
		r.Methods, r.Figure = []string{s.About.Method}, estimate("", &s.Result.Top1.MeanPerClass)
	case KindSeeds:
		methods(s.Method)
		if len(s.Figures) > 0 {
			r.Figure = spread("", &s.Figures[0])
		}
	case KindCompare:
		for _, m := range s.Methods { // the best first
			if methods(m.Title); len(m.Figures) > 0 && r.Figure == nil {
				r.Figure = spread(m.Title, &m.Figures[0])
			}
		}
	case KindFewShot:
		for i := range s.Points {
			p := &s.Points[i]
			methods(settings.Title(p.Method))
			if f := spread(fmt.Sprintf("%s, %d shots", settings.Title(p.Method), p.Shots), &p.MeanPerClass); r.Figure == nil || f.Value > r.Figure.Value {
				r.Figure = f
			}
		}
	case KindAudit:
		for _, row := range s.Rows {
			methods(row.Title)
			if e := row.MeanPerClass; e != nil && !row.Control && (r.Figure == nil || e.Value > r.Figure.Value) {
				r.Figure = estimate(row.Title+" on "+row.Descriptions, e)
			}
		}
	case KindCompared:
		for _, run := range s.Runs {
			r.Dataset, r.Split = cmp.Or(r.Dataset, run.Dataset), cmp.Or(r.Split, run.Split)
			methods(run.Method)
		}
	}
}

// bytesBelow is the size of all files in a folder; 0: it does not exist.
func bytesBelow(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	return n, err
}
