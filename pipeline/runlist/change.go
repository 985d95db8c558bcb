package runlist

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vzsl/internal/lock"
	"vzsl/internal/lookup"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// folders are those of a run and of its report that exist.
func folders(w *workspace.Workspace, name string) ([]string, error) {
	if err := usage.FolderName("run", name); err != nil {
		return nil, err
	}
	var dirs []string
	for _, dir := range []string{w.RunDir(name), w.ReportDir(name)} {
		if there, err := lookup.Exists(dir); err != nil {
			return nil, err
		} else if there {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		known, err := topFolders(w.RunDir(""), w.ReportDir(""))
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: no such run or report%s", name, usage.DidYouMean(name, known))
	}
	return dirs, nil
}

// free refuses folders that a process is writing in.
func free(dirs []string) error {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if held := lock.Held(path); held != nil {
				return held
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Removed is what Remove takes away.
type Removed struct {
	Name    string   `json:"run"`
	Folders []string `json:"folders"`
	Bytes   int64    `json:"bytes"`
}

// ToRemove says what Remove would take away; it refuses what is not there or in use.
func ToRemove(w *workspace.Workspace, names []string) ([]Removed, error) {
	var all []Removed
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usage.Errorf("%s is given twice", name)
		}
		dirs, err := folders(w, name)
		if err == nil {
			err = free(dirs)
		}
		if err != nil {
			return nil, err
		}
		r := Removed{Name: name, Folders: dirs}
		for _, dir := range dirs {
			n, err := bytesBelow(dir)
			if err != nil {
				return nil, err
			}
			r.Bytes += n
		}
		all = append(all, r)
	}
	return all, nil
}

// Remove takes away what ToRemove has found: each folder at once, under another name, then its files.
func Remove(all []Removed) error {
	for _, r := range all {
		for _, dir := range r.Folders {
			gone := filepath.Join(filepath.Dir(dir), ".removed-"+filepath.Base(dir))
			if err := os.RemoveAll(gone); err != nil { // of an earlier call that was killed
				return err
			}
			if err := os.Rename(dir, gone); err != nil {
				return err
			}
			if err := os.RemoveAll(gone); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rename gives a run, of one seed or several, and its report another name. The report is built again, as its page names the run; what it
// shows images from is as it was.
func Rename(ctx context.Context, w *workspace.Workspace, from, to string) error {
	dirs, err := folders(w, from)
	if err != nil {
		return err
	}
	if err := usage.FolderName("run", to); err != nil {
		return err
	}
	for _, dir := range []string{w.RunDir(to), w.ReportDir(to)} {
		if there, err := lookup.Exists(dir); err != nil {
			return err
		} else if there {
			return fmt.Errorf("%s already exists: choose another name", dir)
		}
	}
	for _, f := range reportFiles {
		if f.kind != KindRun && f.kind != KindSeeds && exists(filepath.Join(w.ReportDir(from), f.file)) {
			return fmt.Errorf("%s is a report of several runs and cannot be renamed: repeat its command with --run %s", w.ReportDir(from), to)
		}
	}
	if kind := kindOf(w, from); exists(w.RunDir(from)) && kind != KindRun && kind != KindSeeds {
		return fmt.Errorf("%s holds the runs of one command (%s), which finds them by name: repeat it with --run %s", w.RunDir(from), kind, to)
	}
	if err := free(dirs); err != nil {
		return err
	}
	var moved [][2]string
	for _, m := range [][2]string{{w.RunDir(from), w.RunDir(to)}, {w.ReportDir(from), w.ReportDir(to)}} {
		if !exists(m[0]) {
			continue
		}
		if err := os.Rename(m[0], m[1]); err != nil {
			for _, back := range moved {
				err = errors.Join(err, os.Rename(back[1], back[0]))
			}
			return err
		}
		moved = append(moved, m)
	}
	if !exists(w.ReportDir(to)) {
		return nil
	}
	if err := rebuild(ctx, w, to); err != nil {
		return fmt.Errorf("%s was renamed, but its report could not be rebuilt: %w", to, err)
	}
	return nil
}

// rebuild writes the report of a renamed run again.
func rebuild(ctx context.Context, w *workspace.Workspace, name string) error {
	x := &experiment.Runner{Workspace: w}
	stored, seeds, err := x.StoredReports(ctx, name)
	if err != nil {
		return err
	}
	var ds workspace.Dataset
	if len(seeds) == 0 {
		x.Rename(stored[0], name)
		_, err := x.Rebuild(name, stored[0], &ds)
		return err
	}
	for i, s := range stored {
		x.Rename(s, workspace.SeedRun(name, seeds[i]))
	}
	_, err = x.RebuildSeeds(name, stored, seeds, &ds)
	return err
}
