package inspect

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/runlist"
	"vzsl/pipeline/workspace"
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
				return "all done: open " + page
			}
			found.there("%s", m)
			if roles, err := features.ReadSplit(x.w.SplitFile(x.ds.Name, split)); err == nil && !slices.Contains(roles.Roles, features.RoleTestUnseen) {
				found.Notes = append(found.Notes, "no unseen class of the split "+split+" has images: the model cannot be evaluated, but it can classify images")
				return x.command("predict", false, "--run", run) + " IMAGE..."
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
		again, err := runlist.Staleness(ctx, x.w, name)
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
