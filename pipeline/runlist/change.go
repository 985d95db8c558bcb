package runlist

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"vzsl/internal/lock"
	"vzsl/internal/lookup"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

var errNone = errors.New("no such run or report")

// folders are those of a run and of its report that exist, and those given.
func folders(w *workspace.Workspace, name string, dirs ...string) ([]string, error) {
	if err := usage.FolderName("run", name); err != nil {
		return nil, err
	}
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
		return nil, fmt.Errorf("%s: %w%s", name, errNone, usage.DidYouMean(name, known))
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
	half := slices.ContainsFunc(names, func(name string) bool { return len(halfRemoved(w, name)) > 0 })
	var all []Removed
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usage.Errorf("%s is given twice", name)
		}
		dirs, err := folders(w, name, halfRemoved(w, name)...)
		if half && errors.Is(err, errNone) {
			continue // the call that was killed had removed it
		}
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

// removing begins the name of a folder whose files are being removed.
const removing = ".removed-"

func removed(dir string) string { return filepath.Join(filepath.Dir(dir), removing+filepath.Base(dir)) }

// halfRemoved are the folders of a name that a call of Remove did not come to the end of.
func halfRemoved(w *workspace.Workspace, name string) (left []string) {
	for _, dir := range []string{w.RunDir(name), w.ReportDir(name)} {
		if exists(removed(dir)) {
			left = append(left, removed(dir))
		}
	}
	return left
}

// Remove takes away what ToRemove has found: all folders under other names, each at once, then their files. Killed in between, it is
// completed by the same names.
func Remove(all []Removed) error {
	var gone []string
	for _, r := range all {
		for _, dir := range r.Folders {
			if strings.HasPrefix(filepath.Base(dir), removing) { // by an earlier call
				gone = append(gone, dir)
				continue
			}
			to := removed(dir)
			err := os.RemoveAll(to)
			if err == nil {
				err = wholefile.Rename(dir, to)
			}
			if err != nil {
				return fmt.Errorf("remove %s: %w", dir, err)
			}
			gone = append(gone, to)
		}
	}
	for _, dir := range gone {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove %s: %w", dir, err)
		}
	}
	return nil
}

// Rename gives a run, of one seed or several, and its report another name. The report is built again, as its page names the run; what it
// shows images from is as it was.
func Rename(ctx context.Context, w *workspace.Workspace, from, to string) error {
	if err := errors.Join(usage.FolderName("run", from), usage.FolderName("run", to)); err != nil {
		return err
	}
	if begun(w, from, to) {
		return move(ctx, w, from, to)
	}
	dirs, err := folders(w, from)
	if err != nil {
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
	return move(ctx, w, from, to)
}

// move is Rename from the first change on. A file says so until the last: the same call after one that was killed continues there.
func move(ctx context.Context, w *workspace.Workspace, from, to string) error {
	mark := markOf(w, from)
	if exists(w.ReportDir(from)) {
		if err := wholefile.Bytes(mark, []byte(to)); err != nil {
			return err
		}
	}
	var moved [][2]string
	for _, m := range [][2]string{{w.RunDir(from), w.RunDir(to)}, {w.ReportDir(from), w.ReportDir(to)}} {
		if !exists(m[0]) {
			continue
		}
		if err := wholefile.Rename(m[0], m[1]); err != nil {
			err = fmt.Errorf("rename %s to %s: %w", m[0], m[1], err)
			for _, back := range moved {
				err = errors.Join(err, wholefile.Rename(back[1], back[0]))
			}
			return errors.Join(err, unmark(mark))
		}
		moved = append(moved, m)
	}
	if !exists(w.ReportDir(to)) {
		return nil
	}
	if err := rebuild(ctx, w, to); err != nil {
		err = fmt.Errorf("%s was renamed, but its report could not be rebuilt: %w", to, err)
		var system syscall.Errno
		if !errors.As(err, &system) && ctx.Err() == nil { // repeating it would change nothing
			err = errors.Join(err, unmark(mark))
		}
		return err
	}
	return unmark(mark)
}

func markOf(w *workspace.Workspace, from string) string {
	return filepath.Join(w.ReportDir(""), ".renaming-"+from)
}

func unmark(mark string) error {
	if err := os.Remove(mark); err != nil && !lookup.Absent(err) {
		return err
	}
	return nil
}

// begun reports whether a call of Rename with the same names did not come to its end.
func begun(w *workspace.Workspace, from, to string) bool {
	was, err := os.ReadFile(markOf(w, from))
	return err == nil && string(was) == to && (!exists(w.RunDir(from)) || !exists(w.RunDir(to))) && (!exists(w.ReportDir(from)) || !exists(w.ReportDir(to)))
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
