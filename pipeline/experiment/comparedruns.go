package experiment

import (
	"context"
	"fmt"
	"path/filepath"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/internal/lookup"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// ComparedRuns is compared.json.
type ComparedRuns struct {
	Schema string        `json:"schema"`
	Runs   []ComparedRun `json:"runs"`
	HTML   string        `json:"html,omitempty"`
}

// ComparedRun is a row of it.
type ComparedRun struct {
	Run     string            `json:"run"`
	Method  string            `json:"method"`
	Dataset string            `json:"dataset"`
	Split   string            `json:"split"`
	Shots   int               `json:"shots,omitempty"`
	Seeds   int               `json:"seeds"`
	Figures []evaluate.Spread `json:"figures"`
}

// CompareRuns writes the page of several runs from their stored results, into the folder called to below reports/.
func (x *Runner) CompareRuns(ctx context.Context, names []string, to string) (*ComparedRuns, error) {
	if err := usage.FolderName("to", to); err != nil {
		return nil, err
	}
	dir := x.ReportDir(to)
	for _, file := range []string{"report.json", "seeds.json", "fewshot.json", "compare.json", "audit.json"} {
		if there, err := lookup.Exists(filepath.Join(dir, file)); err != nil {
			return nil, err
		} else if there {
			return nil, fmt.Errorf("%s holds the report of a run: choose another folder with --to", dir)
		}
	}
	var runs []report.Compared
	out := &ComparedRuns{Schema: "vzsl.compared/1"}
	once := map[string]bool{}
	for _, name := range names {
		name = filepath.ToSlash(filepath.Clean(name))
		if once[name] {
			return nil, usage.Errorf("run %s is given twice", name)
		}
		once[name] = true
		stored, _, err := x.StoredReports(ctx, name)
		if err != nil {
			return nil, err
		}
		link, err := filepath.Rel(dir, filepath.Join(x.ReportDir(name), "report.html"))
		if err != nil {
			return nil, err
		}
		if err := stored[0].ReadPredictions(); err != nil {
			x.Log.Warn("the run is left out of the comparison image by image", "run", name, "error", err)
		}
		ds := workspace.Dataset{Name: stored[0].Run.Features.Dataset, Folder: stored[0].Run.Data, Layout: stored[0].Run.Layout}
		root := ""
		if ds.Folder != "" {
			if root, err = x.ImageRoot(&ds); err != nil {
				x.Log.Warn("the page does not show images of the run", "run", name, "error", err)
				root = ""
			}
		}
		runs = append(runs, report.Compared{Name: name, Link: filepath.ToSlash(link), Seeds: stored, ImageRoot: root, Turn: workspace.Orientation(&stored[0].Run.Features)})
		var results []*evaluate.Result
		for _, s := range stored {
			results = append(results, s.Result)
		}
		r := results[0]
		out.Runs = append(out.Runs, ComparedRun{name, stored[0].Run.Method, r.Dataset, r.Split, r.Shots, len(stored), evaluate.OverSeeds(results)})
	}
	facts, err := indented(out)
	if err != nil {
		return nil, err
	}
	page := report.Compare(runs)
	page.Command, page.Program = x.Command("report", append(names, "--to", to)...), version.Program()
	out.HTML, err = report.WriteSummary(dir, page, map[string][]byte{"compared.json": facts})
	return out, err
}
