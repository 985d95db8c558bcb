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
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// splitNames are the splits there are, the published ones first.
func (x *inspection) splitNames() []string {
	names, err := x.w.Splits(x.ds.Name)
	if err != nil && !slices.Contains(x.found.Problems, err.Error()) {
		x.found.problem("%v", err)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		rank := map[string]int{"standard": -2, "proposed": -1}
		return rank[a] - rank[b]
	})
	return names
}

func (x *inspection) splits() string {
	found := x.found
	if names := x.splitNames(); len(names) > 0 {
		found.there("splits: %s", strings.Join(names, ", "))
		return ""
	}
	found.missing("a split into seen and unseen classes")
	var wnids []string
	for _, n := range x.set.Classes {
		wnids = append(wnids, n.WNID)
	}
	if _, unseen, _, err := catalog.PublishedSplit("standard", x.ds.Name, x.set.ClassNames(), wnids); err == nil {
		pictured := 0
		for _, n := range unseen {
			if x.perName[n] > 0 {
				pictured++
			}
		}
		if pictured < len(unseen) {
			found.problem("%d of the %d unseen classes of the standard split have no images: only the others are evaluated", len(unseen)-pictured, len(unseen))
		}
		return x.command("split", false)
	}
	seen, unseen := filepath.Join(x.ds.Folder, "seen.txt"), filepath.Join(x.ds.Folder, "unseen.txt")
	_, err1 := os.Stat(seen)
	_, err2 := os.Stat(unseen)
	if pictured := len(x.perName); err1 != nil && err2 != nil && pictured > 0 && pictured < len(x.set.Classes) {
		return x.command("split", false, "--split", workspace.PicturedSplit)
	}
	if err1 != nil || err2 != nil {
		found.NextHint = "write " + seen + " and " + unseen + ": the names of the seen and the unseen classes, one per line"
	}
	return x.command("split", false, "--split", "own", "--seen", seen, "--unseen", unseen)
}

// unassigned finds images that were added after a split was made.
func (x *inspection) unassigned(ctx context.Context) string {
	next := ""
	var images, classes []string
	for _, n := range x.networks() {
		i, c, err := features.ReadNames(ctx, x.w.NetworkDir(x.ds.Name, n))
		if err != nil {
			continue // features said so
		}
		images, classes = append(images, i...), append(classes, c...)
	}
	for _, name := range x.splitNames() {
		roles, err := features.ReadSplit(x.w.SplitFile(x.ds.Name, name))
		if err != nil {
			x.found.problem("%v", err)
			continue
		}
		without := roles.Unassigned(images, classes)
		slices.Sort(without)
		if without = slices.Compact(without); len(without) > roles.LeftOut {
			x.found.problem("split %s: %d images of its classes have no role, as they were added after it was made (%s): '%s'", name, len(without), usage.FirstOf(without), workspace.GiveRoles(roles))
			if runs, err := x.w.RunsOn(x.ds.Name, name); err == nil && len(runs) == 0 { // else they would have to be trained again
				next = cmp.Or(next, workspace.GiveRoles(roles))
			}
		}
	}
	return next
}
