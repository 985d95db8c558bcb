// Package inspect looks at a dataset and at what was made of it: what is there, what is missing, what does not fit, and the next
// command to run. There is a probe for each stage, in a file of its own.
package inspect

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// Findings are what was found of a dataset and of what was made of it.
type Findings struct {
	Dataset    string   `json:"dataset"`
	Layout     string   `json:"layout"`
	Folder     string   `json:"folder"`
	Usable     bool     `json:"usable"` // the next command can be run
	Classes    int      `json:"classes"`
	Images     int      `json:"images"`
	Attributes int      `json:"attributes"`
	There      []string `json:"there"`
	Missing    []string `json:"missing"`  // not there (yet)
	Problems   []string `json:"problems"` // there, but it does not fit
	Notes      []string `json:"notes"`
	Next       string   `json:"next"`                // a command, or what to do
	NextHint   string   `json:"next_hint,omitempty"` // what to do before it
}

func (f *Findings) there(format string, args ...any) {
	f.There = append(f.There, fmt.Sprintf(format, args...))
}
func (f *Findings) missing(format string, args ...any) {
	f.Missing = append(f.Missing, fmt.Sprintf(format, args...))
}
func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// inspection is a check under way: a probe for each stage, in the order of the stages.
type inspection struct {
	w           *workspace.Workspace
	ds          *workspace.Dataset
	found       *Findings
	layout      string // as given
	set         *datasets.Dataset
	perName     map[string]int    // images by class
	ownFeatures string            // the dataset's own features, where they are below its folder
	own         *attributes.Table // what the dataset says of its classes; nil: nothing that can be read
	bare        bool              // the dataset does not describe its classes
	broken      bool              // it does, but that cannot be read
}

// Run looks a dataset through and says how far the stages have come. A dataset that does not fit is no error; its problems are in
// the findings.
func Run(ctx context.Context, w *workspace.Workspace, ds *workspace.Dataset) (*Findings, error) {
	if err := usage.FolderName("dataset", ds.Name); err != nil {
		return nil, err
	}
	layout := ds.Layout
	ds.Infer()
	if err := usage.OneOf("layout", ds.Layout, catalog.Layouts()...); err != nil {
		return nil, err
	}
	found := &Findings{Dataset: ds.Name, Layout: ds.Layout, Folder: ds.Folder, There: []string{}, Missing: []string{}, Problems: []string{}, Notes: []string{}}
	x := &inspection{w: w, ds: ds, found: found, layout: layout}
	return found, x.all(ctx)
}

func (x *inspection) all(ctx context.Context) error {
	if !x.open(ctx) {
		return nil
	}
	x.found.Usable = true
	x.counts()
	x.classes()
	if err := x.pictures(ctx); err != nil {
		return err
	}
	x.attributes()
	x.stages(ctx)
	return nil
}

func (x *inspection) networks() []string {
	n, err := x.w.Networks(x.ds.Name)
	if err != nil && !slices.Contains(x.found.Problems, err.Error()) {
		x.found.problem("%v", err)
	}
	return n
}

// command is a command line of this dataset; data: it reads the dataset's folder.
func (x *inspection) command(stage string, data bool, more ...string) string {
	words := []string{"--dataset", x.ds.Name}
	if data {
		if x.ds.Folder != filepath.Join("data", x.ds.Name) {
			words = append(words, "--data", x.ds.Folder)
		}
		if x.layout != "" {
			words = append(words, "--layout", x.layout)
		}
	}
	return x.w.Command(stage, append(words, more...)...)
}

// stages says how far the work has come and what comes next.
func (x *inspection) stages(ctx context.Context) {
	found := x.found
	if !found.Usable {
		what := "put the images there"
		if own := catalog.Lookup(x.ds.Layout).Features; own != nil {
			what = own.Absent
		}
		found.Next = x.repair(what)
		return
	}
	with := func(step func(ctx context.Context) string) func() string { return func() string { return step(ctx) } }
	for _, step := range []func() string{with(x.features), x.table, x.splits, with(x.unassigned), with(x.stale), x.runs} {
		if found.Next = step(); found.Next != "" {
			return
		}
	}
}
