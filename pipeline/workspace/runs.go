package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/lookup"
)

// RunsOn are the runs, finished or begun, that were made with a split.
func (w *Workspace) RunsOn(dataset, split string) ([]string, error) {
	var runs []string
	err := w.EachRun(func(name string, data RunData) {
		if data.Dataset == dataset && data.Split == split {
			runs = append(runs, name)
		}
	})
	return runs, err
}

// RunData is what config.toml says of a run's inputs.
type RunData struct {
	Dataset string `toml:"dataset"`
	Split   string `toml:"split"`
}

// EachRun visits the runs below runs/, those of a search that is under way too.
func (w *Workspace) EachRun(visit func(name string, data RunData)) error {
	root := w.RunDir("")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (d.Name() == "checkpoints" || d.Name() == features.InputsDir && filepath.Base(filepath.Dir(path)) != "tuning"):
			return fs.SkipDir
		case d.Name() == "config.toml":
			text, err := custody.ReadFile(filepath.Dir(path), d.Name())
			if custody.IsDamaged(err) {
				w.Log.Warn("a run's settings are damaged", "file", path, "error", err)
				return nil
			}
			if err != nil {
				return err
			}
			var r struct {
				Data RunData `toml:"data"`
			}
			if err := toml.Unmarshal(text, &r); err != nil {
				w.Log.Warn("a run's settings cannot be read", "file", path, "error", err)
				return nil
			}
			visit(name, r.Data)
		case d.Name() == "split.parquet":
			search := strings.TrimSuffix(name, "/tuning/"+features.InputsDir)
			if begun, err := lookup.Exists(filepath.Join(root, filepath.FromSlash(search), "config.toml")); err != nil || begun {
				return err // it was visited
			}
			roles, err := features.ReadSplit(path)
			if err != nil {
				w.Log.Warn("the initial settings of a search cannot be read", "file", path, "error", err)
				return nil
			}
			visit(search, RunData{Dataset: roles.Dataset, Split: roles.Name})
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// TuningDir is the folder of a search below its run.
const TuningDir = "tuning"

// Seeds are the seeds of the runs in the folder of a run of several, ascending; none: it is no such folder.
func Seeds(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
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

// RunNames are the runs there are, for a completion; one of several seeds is their folder's.
func (w *Workspace) RunNames() []string {
	var found []string
	for _, depth := range []string{"*", "*/*", "*/*/*"} {
		for _, name := range Offered(w.RunDir("."), depth+"/config.toml") {
			if name = path.Dir(name); strings.HasPrefix(path.Base(name), seedPrefix) {
				name = path.Dir(name)
			}
			found = append(found, name)
		}
	}
	return found
}
