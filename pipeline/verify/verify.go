// Package verify is what the command verify does: it reads every byte of the artefacts below a folder again, and says what is damaged, of
// which stage it is and which command makes it again.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/lock"
	"vzsl/internal/lookup"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/workspace"
)

// The stages that artefacts are of.
const (
	StageExtract    = "extract or import"
	StageAttributes = "attributes"
	StageSplit      = "split"
	StageTrain      = "train"
	StageTune       = "tune"
	StageEvaluate   = "evaluate"
	StageExport     = "export"
	StagePlan       = "plan"
)

// Problem is something that is not as it was written.
type Problem struct {
	File    string `json:"file"` // its path
	What    string `json:"problem"`
	Stage   string `json:"stage"`   // that wrote it
	Command string `json:"command"` // that makes it again
}

// Folder is what was found in one folder of artefacts.
type Folder struct {
	Dir      string    `json:"dir"`
	Stage    string    `json:"stage"`
	Files    int       `json:"files"` // checked
	Bytes    int64     `json:"bytes"`
	Problems []Problem `json:"problems"` // empty: all is well
	Notes    []string  `json:"notes"`    // what could not be checked, or is harmless

	Features *Features `json:"features,omitempty"` // of a folder of shards
}

// Features counts what a folder of shards holds.
type Features struct {
	Source  features.Source `json:"source"`
	Parts   int             `json:"parts"`
	Rows    int             `json:"rows"`
	Skipped int             `json:"skipped"`
}

// Verifier looks through folders.
type Verifier struct {
	W *workspace.Workspace
}

// Below verifies the artefacts in and below a folder: those of one stage, one run, or a whole workspace. The error is that of a folder
// which cannot be looked at, or holds none.
func (v *Verifier) Below(ctx context.Context, root string) ([]*Folder, error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s is a file; give a folder", root)
	}
	roots := []string{root}
	if stages, err := stagesOf(root); err != nil {
		return nil, err
	} else if len(stages) > 0 {
		roots = stages
	}
	var all []*Folder
	for _, root := range roots {
		if all, err = v.walk(ctx, root, all); err != nil {
			return all, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: nothing to verify: no features (shards, class tables, splits), runs, reports, exports or plans of vzsl", root)
	}
	return all, nil
}

// stagesOf are the folders of a workspace, which holds other things too: images, networks.
func stagesOf(root string) (found []string, err error) {
	for _, name := range []string{"features", "runs", "reports", "export", "plans"} {
		dir := filepath.Join(root, name)
		if there, err := lookup.Exists(dir); err != nil {
			return nil, err
		} else if there {
			found = append(found, dir)
		}
	}
	return found, nil
}

func (v *Verifier) walk(ctx context.Context, root string, all []*Folder) ([]*Folder, error) {
	err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !d.IsDir() {
			return nil
		}
		if name := d.Name(); dir != root && (strings.HasPrefix(name, ".") || name == checkpoints || name == features.InputsDir) {
			return fs.SkipDir // looked at with the folder that they are in
		}
		if plan, err := lookup.Exists(filepath.Join(filepath.Dir(dir), "plan.json")); err != nil {
			return err
		} else if plan && dir != root {
			return fs.SkipDir
		}
		found, err := v.folder(ctx, dir)
		if found != nil {
			all = append(all, found)
		}
		return err
	})
	return all, err
}

// folder verifies one folder; nil: it holds no artefacts.
func (v *Verifier) folder(ctx context.Context, dir string) (*Folder, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	shards := false
	for _, e := range entries {
		if !e.IsDir() {
			names[e.Name()] = true
			shards = shards || strings.HasPrefix(e.Name(), "part-") && strings.HasSuffix(e.Name(), ".parquet")
		}
	}
	c := &check{v: v, Folder: &Folder{Dir: dir, Problems: []Problem{}, Notes: []string{}}, names: names}
	switch {
	case names["manifest.json"] || shards:
		return c.Folder, c.features(ctx)
	case names["plan.json"]:
		return c.Folder, c.plan()
	case names["fits.jsonl"] || names["trials.parquet"]:
		c.tuning()
	case names["config.toml"] || names["model.safetensors"]:
		c.run()
	case names["report.json"] || names["seeds.json"] || names["fewshot.json"] || names["compare.json"] || names["compared.json"]:
		c.report()
	case names["classes.parquet"]:
		c.classTable()
	case filepath.Base(dir) == "splits":
		c.splits()
	case names[custody.Name]:
		c.listed()
	default:
		return nil, nil
	}
	c.leftovers(entries)
	return c.Folder, nil
}

// check is the verification of one folder.
type check struct {
	v *Verifier
	*Folder
	names map[string]bool // files in it
}

// problem is one of a file of the folder, "" being the folder itself.
func (c *check) problem(name, command, what string) {
	path := c.Dir
	if name != "" {
		path = filepath.Join(c.Dir, filepath.FromSlash(name))
	}
	c.problemOf(path, command, what)
}

func (c *check) problemOf(path, command, what string) {
	c.Problems = append(c.Problems, Problem{path, strings.TrimPrefix(strings.TrimPrefix(what, path), ": "), c.Stage, command})
}

// known reports whether a problem of a file was said.
func (c *check) known(name string) bool {
	path := filepath.Join(c.Dir, filepath.FromSlash(name))
	return slices.ContainsFunc(c.Problems, func(p Problem) bool { return p.File == path })
}

// list checks every file of the folder's list of checksums. Files that it does not name, but that are read, are problems.
func (c *check) list(command string, read ...string) {
	sums, err := custody.Sums(c.Dir)
	switch {
	case err != nil:
		c.problem(custody.Name, command, err.Error())
		return
	case sums == nil:
		c.Notes = append(c.Notes, "there is no "+custody.Name+": the folder is of version 0.1.0 or not finished, so its checksums could not be verified")
		return
	}
	c.Files++
	right, missing, unlisted := 0, 0, 0
	for _, name := range sortedKeys(sums) {
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		st, err := os.Stat(path)
		if err == nil {
			err = custody.CheckFile(c.Dir, name)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing++
			c.problem(name, command, "is missing")
		case err != nil:
			c.problem(name, command, err.Error())
		default:
			right++
			c.Files++
			c.Bytes += st.Size()
		}
	}
	for _, name := range read {
		if _, err := os.Stat(filepath.Join(c.Dir, filepath.FromSlash(name))); err == nil && sums[name] == nil {
			unlisted++
			c.problem(name, command, "is not in "+custody.Name+": another program put it there, or replaced the list")
		}
	}
	if right == 0 || missing > 0 && unlisted > 0 {
		c.problem(custody.Name, command, "does not match the folder's files: it is the list of another folder, or all files are damaged")
	}
	for name := range c.names {
		if sums[name] == nil && !slices.Contains(read, name) && name != custody.Name && !strings.HasPrefix(name, ".") {
			c.Notes = append(c.Notes, name+" is not one of the files that were written there")
		}
	}
	slices.Sort(c.Notes)
}

// leftovers says what killed processes left.
func (c *check) leftovers(entries []fs.DirEntry) {
	held := lock.Held(c.Dir)
	if held != nil {
		c.Notes = append(c.Notes, held.Error())
	}
	for _, e := range entries {
		if wholefile.IsTemporary(e.Name()) && held == nil {
			c.Notes = append(c.Notes, e.Name()+" is an unfinished file of an interrupted process, or is being written now; the next command that writes there removes it")
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
