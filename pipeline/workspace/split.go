package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/pipeline/usage"
)

// PicturedSplit is the name of the split by which classes have images.
const PicturedSplit = "pictured"

// WriteSplit writes a split of its dataset, if it may.
func (w *Workspace) WriteSplit(roles *features.Split, force bool) error {
	if err := w.MayReplaceSplit(roles, force); err != nil {
		return err
	}
	return features.WriteSplit(w.SplitFile(roles.Dataset, roles.Name), roles)
}

// MayReplaceSplit refuses to replace a split that runs were trained on by another of its name, unless told.
func (w *Workspace) MayReplaceSplit(roles *features.Split, force bool) error {
	path := w.SplitFile(roles.Dataset, roles.Name)
	was, err := features.ReadSplit(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.Log.Warn("the existing split cannot be read and is replaced", "file", path, "error", err)
		}
		return nil
	}
	change := was.Changed(roles)
	if change == nil {
		return nil
	}
	runs, err := w.RunsOn(roles.Dataset, roles.Name)
	if err != nil {
		return err
	}
	switch {
	case len(runs) > 0 && !force:
		return fmt.Errorf("%s: %s with this split, and the new one differs: %s. Give the new split another name with --split, or replace the old one with --force; its runs then have to be retrained",
			path, wereMade(runs), change.What())
	case len(runs) > 0:
		w.Log.Warn("the split has changed: runs of the previous split have to be retrained", "split", roles.Name, "runs", usage.FirstOf(runs))
	}
	return nil
}

func wereMade(runs []string) string {
	if len(runs) == 1 {
		return "run " + runs[0] + " was trained"
	}
	return fmt.Sprintf("%d runs were trained (%s)", len(runs), usage.FirstOf(runs))
}

// Splits lists the splits made of a dataset.
func (w *Workspace) Splits(dataset string) ([]string, error) {
	names, err := below(filepath.Join(w.datasetDir(dataset), "splits"), "*.parquet")
	for i, file := range names {
		names[i] = strings.TrimSuffix(file, ".parquet")
	}
	return names, err
}

// sayUnassigned warns of images that an older split does not contain.
func (w *Workspace) sayUnassigned(roles *features.Split, f features.Rows) {
	if without := roles.Unassigned(f.Images(), f.Classes()); len(without) > 0 {
		w.Log.Warn(fmt.Sprintf("%d images of the split's classes have features but no role, as they were added after it was made, and are not used; '%s' gives them one",
			len(without), GiveRoles(roles)), "split", roles.Name, "images", usage.FirstOf(without))
	}
}

// GiveRoles is the command that gives images that were added a role in a split.
func GiveRoles(roles *features.Split) string {
	if roles.LeftOut == 0 {
		return CommandLine("split", "--dataset="+roles.Dataset, "--split="+roles.Name, "--extend")
	}
	command := roles.Command
	if command == "" {
		command = CommandLine("split", "--dataset", roles.Dataset, "--split", roles.Name)
	}
	return command + " --force"
}

// absentError is an fs.ErrNotExist that says what to do.
type absentError string

func (e absentError) Error() string { return string(e) }
func (e absentError) Unwrap() error { return fs.ErrNotExist }

// ReadSplit reads a split.
func (w *Workspace) ReadSplit(dataset, split string) (*features.Split, error) {
	path := w.SplitFile(dataset, split)
	roles, err := features.ReadSplit(path)
	if errors.Is(err, fs.ErrNotExist) {
		made, _ := w.Splits(dataset)
		return nil, absentError(fmt.Sprintf("%s: no such split yet%s; run 'vzsl split --dataset %s --split %s' first (own class lists: --seen, --unseen)", path, usage.DidYouMean(split, made), dataset, split))
	}
	if err != nil {
		return nil, w.unreadable(err, "split", "--dataset", dataset, "--split", split, "--force")
	}
	if roles.Dataset != dataset || roles.Name != split {
		return nil, fmt.Errorf("%s is the split %s of %s, stored under another name; '%s' makes the one of this name", path, roles.Name, roles.Dataset,
			w.Command("split", "--dataset", dataset, "--split", split, "--force"))
	}
	return roles, nil
}

// unreadable adds the command that makes a damaged file again.
func (w *Workspace) unreadable(err error, stage string, args ...string) error {
	if custody.IsDamaged(err) {
		return fmt.Errorf("%w; '%s' rebuilds it", err, w.Command(stage, args...))
	}
	return err
}
