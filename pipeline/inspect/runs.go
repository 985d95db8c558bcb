package inspect

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
)

// runs looks for trained models and their reports.
func (x *inspection) runs() string {
	found := x.found
	networks := x.networks()
	for _, split := range x.splitNames() {
		prefix := x.ds.Name + "-" + split + "-"
		models, err := lookup.Below(x.w.RunDir(""), "*/model.safetensors")
		if err != nil {
			found.problem("%v", err)
		}
		for _, m := range models {
			run := filepath.Base(filepath.Dir(m))
			if !strings.HasPrefix(run, prefix) {
				continue
			}
			page := filepath.Join(x.w.ReportDir(run), "report.html")
			if _, err := os.Stat(page); err == nil {
				found.there("%s, %s", m, page)
				return "nothing is left to do: open " + page
			}
			found.there("%s", m)
			if roles, err := features.ReadSplit(x.w.SplitFile(x.ds.Name, split)); err == nil && !slices.Contains(roles.Roles, features.RoleTestUnseen) {
				found.Notes = append(found.Notes, "no unseen class of the split "+split+" has pictures: there is nothing to measure, but pictures can be named")
				return x.command("predict", false, "--run", run) + " PICTURE..."
			}
			found.missing("the report of %s", run)
			return x.command("evaluate", catalog.Lookup(x.ds.Layout).Features == nil, "--split", split, "--method", strings.TrimPrefix(run, prefix))
		}
	}
	found.missing("a trained model")
	more := []string{"--split", x.splitNames()[0]}
	if len(networks) > 1 {
		more = append(more, "--network", networks[0])
	}
	return x.command("train", false, more...)
}

// stale finds runs that were made from other inputs than are there now, and reports of other models.
func (x *inspection) stale(ctx context.Context) string {
	next := ""
	err := x.w.EachRun(func(name string, data workspace.RunData) {
		if data.Dataset != x.ds.Name || ctx.Err() != nil {
			return
		}
		again, err := x.staleness(ctx, name)
		if err != nil {
			x.found.problem("%v", err)
		}
		next = cmp.Or(next, again)
	})
	if err != nil {
		x.found.problem("%v", err)
	}
	return next
}

// staleness says what of a run, or of its report, is not of what is there, and the command that mends it.
func (x *inspection) staleness(ctx context.Context, run string) (again string, err error) {
	sum, err := runs.ModelSHA256(x.w.RunDir(run))
	if err != nil || sum == "" { // a training, or a search, that is under way
		return "", ignoreAbsent(err)
	}
	var r workspace.RunRef
	model, err := x.w.LoadRun(run, &r)
	if err != nil {
		return "", err
	}
	in, err := x.w.InputsOf(ctx, run, &r, model, false)
	if err != nil {
		var changed *workspace.ChangedError
		if errors.As(err, &changed) {
			again = changed.Again
		}
		return again, err
	}
	in.Close()
	s, err := result.Read(x.w.ReportDir(run))
	if err != nil {
		return "", ignoreAbsent(err)
	}
	if err := x.runner().ReportOfModel(run, s, sum); err != nil {
		return x.runner().EvaluateAgain(run), err
	}
	return "", nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
