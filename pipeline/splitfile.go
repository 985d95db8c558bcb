package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// writeRoles writes a split of its dataset, if it may.
func (c *console) writeRoles(roles *features.Split, force bool) error {
	if err := c.mayReplace(roles, force); err != nil {
		return err
	}
	return features.WriteSplit(c.rolesFile(roles.Dataset, roles.Name), roles)
}

// mayReplace refuses to replace a split that runs were made with by another of its name, unless told.
func (c *console) mayReplace(roles *features.Split, force bool) error {
	path := c.rolesFile(roles.Dataset, roles.Name)
	was, err := features.ReadSplit(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.log.Warn("the split that is there cannot be read and is replaced", "file", path, "error", err)
		}
		return nil
	}
	change := was.Changed(roles)
	if change == nil {
		return nil
	}
	runs, err := c.runsOn(roles.Dataset, roles.Name)
	if err != nil {
		return err
	}
	switch {
	case len(runs) > 0 && !force:
		return fmt.Errorf("%s: %s with this split, and it would be another one: %s. Give the new one a name of its own with --split, or replace it with --force: the runs are then refused until they are trained again",
			path, wereMade(runs), change.What())
	case len(runs) > 0:
		c.log.Warn("the split is another one now: runs that were made with the one of before are refused until they are trained again", "split", roles.Name, "runs", usage.FirstOf(runs))
	}
	return nil
}

func wereMade(runs []string) string {
	if len(runs) == 1 {
		return "run " + runs[0] + " was made"
	}
	return fmt.Sprintf("%d runs were made (%s)", len(runs), usage.FirstOf(runs))
}

// runsOn are the runs, finished or begun, that were made with a split.
func (c *console) runsOn(dataset, split string) ([]string, error) {
	var runs []string
	err := c.eachRun(func(name string, data runData) {
		if data.Dataset == dataset && data.Split == split {
			runs = append(runs, name)
		}
	})
	return runs, err
}

// runData is what config.toml says of a run's inputs.
type runData struct {
	Dataset string `toml:"dataset"`
	Split   string `toml:"split"`
}

// eachRun visits the runs below runs/, those of a search that is under way too.
func (c *console) eachRun(visit func(name string, data runData)) error {
	root := c.runDir("")
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
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var r struct {
				Data runData `toml:"data"`
			}
			if err := toml.Unmarshal(text, &r); err != nil {
				c.log.Warn("a run's settings cannot be read", "file", path, "error", err)
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
				c.log.Warn("what a search was begun with cannot be read", "file", path, "error", err)
				return nil
			}
			visit(search, runData{Dataset: roles.Dataset, Split: roles.Name})
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
