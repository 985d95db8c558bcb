package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/train/problem"
)

// Keeper compares the inputs of a folder with the record that it holds.
type Keeper struct {
	Folder       *custody.Folder
	Begun, Force bool
	Features     *problem.Features
	Classes      **features.ClassTable
	Roles        **features.Split
	Now          *features.Record
}

// Custody lays the inputs out in the order of the folder's record, refusing other ones; a new folder is given the record of
// today. It returns the record's identity; "": one of an earlier version, which has none.
func (k *Keeper) Custody(ctx context.Context) (string, error) {
	kept := k.Now
	if k.Begun {
		was, err := features.ReadRecord(k.Folder.Dir())
		if errors.Is(err, fs.ErrNotExist) {
			return "", k.old(err)
		}
		if err != nil && !k.Force {
			return "", fmt.Errorf("%w; restore it, or force to start over", err)
		}
		if err == nil {
			kept = was
		}
		changes, err := kept.Changes(ctx, &features.Inputs{Classes: *k.Classes, Roles: *k.Roles, Features: *k.Features, Manifest: k.Now.Manifest})
		if err != nil {
			return "", err
		}
		if len(changes) > 0 && !k.Force {
			return "", fmt.Errorf("%s: %w: it was made from other inputs: %s; choose another folder, or force to start over", k.Folder.Dir(), ErrOtherRun, Changed(changes))
		} else if len(changes) > 0 {
			kept = k.Now
		}
	}
	if kept == k.Now {
		files, err := kept.Files()
		if err == nil {
			err = k.Folder.Write(files...)
		}
		if err != nil {
			return "", err
		}
	}
	arranged, err := kept.Arrange(*k.Features)
	if err != nil {
		return "", err
	}
	*k.Features, *k.Classes, *k.Roles = arranged, kept.Classes, kept.Roles
	return kept.SHA256(), nil
}

// old refuses a run whose config.toml names a record that does not exist: it is not of an earlier version.
func (k *Keeper) old(absent error) error {
	text, err := os.ReadFile(filepath.Join(k.Folder.Dir(), ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // of a search
	}
	if err != nil {
		return err
	}
	r, err := ReadRecord(text)
	if err != nil {
		return damaged(filepath.Join(k.Folder.Dir(), ConfigFile), err)
	}
	if r.Data.InputsSHA256 != "" {
		return fmt.Errorf("%s: %w; restore it, or force to start over", k.Folder.Dir(), absent)
	}
	return nil
}

// Changed lists changes of inputs in one line.
func Changed(changes []*features.Change) string {
	texts := make([]string, len(changes))
	for i, c := range changes {
		texts[i] = c.String()
	}
	return strings.Join(texts, ". ")
}
