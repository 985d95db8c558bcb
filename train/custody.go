package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vzsl/features"
)

// keeper compares the inputs of a folder with the record that it holds.
type keeper struct {
	dir          string
	begun, force bool
	features     *Features
	classes      **features.ClassTable
	roles        **features.Roles
	now          *features.Record
}

// custody lays the inputs out in the order of the folder's record, refusing other ones; a new folder is given the record of
// today. It returns the record's identity; "": one of an earlier version, which has none.
func (k *keeper) custody(ctx context.Context) (string, error) {
	kept := k.now
	if k.begun {
		was, err := features.ReadRecord(k.dir)
		if errors.Is(err, fs.ErrNotExist) {
			return "", k.old(err)
		}
		if err != nil && !k.force {
			return "", err
		}
		if err == nil {
			kept = was
		}
		changes, err := kept.Changes(ctx, &features.Inputs{Classes: *k.classes, Roles: *k.roles, Features: *k.features, Manifest: k.now.Manifest})
		if err != nil {
			return "", err
		}
		if len(changes) > 0 && !k.force {
			return "", fmt.Errorf("%s: %w: it was made from other inputs: %s; take another folder, or force to begin anew", k.dir, ErrOtherRun, Changed(changes))
		} else if len(changes) > 0 {
			kept = k.now
		}
	}
	if kept == k.now {
		if err := kept.Write(k.dir); err != nil {
			return "", err
		}
	}
	arranged, err := kept.Arrange(*k.features)
	if err != nil {
		return "", err
	}
	*k.features, *k.classes, *k.roles = arranged, kept.Classes, kept.Roles
	return kept.SHA256(), nil
}

// old refuses a run whose config.toml names a record that is not there: it is not of an earlier version.
func (k *keeper) old(absent error) error {
	text, err := os.ReadFile(filepath.Join(k.dir, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // of a search
	}
	if err != nil {
		return err
	}
	r, err := readRecord(text)
	if err != nil {
		return damaged(filepath.Join(k.dir, configFile), err)
	}
	if r.Data.InputsSHA256 != "" {
		return fmt.Errorf("%s: %w; bring it back, or force to begin anew", k.dir, absent)
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
