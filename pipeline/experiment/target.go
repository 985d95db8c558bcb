package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"vzsl/internal/lock"
	"vzsl/internal/lookup"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

// What a long command is to leave behind is looked at before it begins: whether its folders can be written, and whether they
// hold runs that it would not continue with.

// Writable tells why nothing could be written into a folder, which need not be there yet.
func Writable(dir string) error {
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		switch {
		case err == nil && !st.IsDir():
			return fmt.Errorf("%s is a file, not a folder: remove it, or choose another --out or --run", d)
		case err == nil:
			_, remove, err := wholefile.Temporary(d, "probe")
			if err != nil {
				return fmt.Errorf("%s cannot be written: %w", dir, err)
			}
			return remove()
		case !lookup.Absent(err) || d == filepath.Dir(d):
			return fmt.Errorf("%s cannot be written: %w", dir, err)
		}
	}
}

// MayTune refuses a run's folder that a search could not leave its model in, or the models of so many seeds (0: one model).
func (x *Runner) MayTune(run string, seeds int, force bool) error {
	dir := x.RunDir(run)
	if err := Writable(dir); err != nil {
		return err
	}
	there, err := workspace.Seeds(dir)
	if err != nil {
		return err
	}
	if seeds == 0 && len(there) > 0 {
		return fmt.Errorf("%s holds a run of several seeds: add --seeds, or give another --run", dir)
	}
	names := []string{run}
	for _, seed := range there {
		names = append(names, workspace.SeedRun(run, seed))
	}
	for i, r := range names {
		_, tuned, err := runs.ReadSettings(x.RunDir(r))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil && !force:
			return err
		case i == 0 && seeds > 0:
			return fmt.Errorf("%s holds a run of one seed: choose another folder with --run", dir)
		case tuned == nil && !force:
			return fmt.Errorf("%s: %w, which was not tuned; --force starts over there, --run NAME uses another folder", x.RunDir(r), runs.ErrOtherRun)
		}
		if journal, err := lookup.Exists(filepath.Join(dir, workspace.TuningDir, tuning.JournalFile)); err != nil {
			return err
		} else if !journal && !force {
			return fmt.Errorf("%s: %w, whose search was not found (%s); --force starts over there, --run NAME uses another folder",
				x.RunDir(r), runs.ErrOtherRun, filepath.Join(dir, workspace.TuningDir))
		}
	}
	return nil
}

// oneKind keeps the seeds of a run of one kind, before n of them are trained from settings.Seed on: of the models that are there
// with other settings those to be trained now are replaced, others removed, when that is asked for by force, or where a search has
// gone on since; otherwise they are refused.
func (x *Runner) oneKind(run string, settings settings.Settings, n int, force, searched bool) error {
	there, err := workspace.Seeds(x.RunDir(run))
	if err != nil {
		return err
	}
	var others []string
	var left []uint64
	for _, seed := range there {
		was, tuned, err := runs.ReadSettings(x.RunDir(workspace.SeedRun(run, seed)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil && sameSettings(was, settings):
			continue
		case err != nil && !force:
			return err
		case !force && (!searched || tuned == nil):
			others = append(others, filepath.Base(workspace.SeedRun(run, seed)))
		}
		if seed < settings.Seed || seed >= settings.Seed+uint64(n) {
			left = append(left, seed)
		}
	}
	if len(others) > 0 {
		return fmt.Errorf("%s: %w: %s there with other settings; --force starts over there, --run NAME uses another folder",
			x.RunDir(run), runs.ErrOtherRun, strings.Join(others, ", "))
	}
	for _, seed := range left {
		if held := lock.Held(x.RunDir(workspace.SeedRun(run, seed))); held != nil {
			return held
		}
		x.Log.Info("a model with other settings is removed: all seeds of a run have the same settings", "run", workspace.SeedRun(run, seed))
		if err := os.RemoveAll(x.RunDir(workspace.SeedRun(run, seed))); err != nil {
			return err
		}
	}
	return nil
}

// sameSettings reports whether two runs differ in nothing but the seed.
func sameSettings(a, b settings.Settings) bool {
	for _, s := range []*settings.Settings{&a, &b} {
		s.Seed = 0
	}
	return reflect.DeepEqual(a, b)
}
