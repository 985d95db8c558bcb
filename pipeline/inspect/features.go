package inspect

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/extract"
	"vzsl/features"
	"vzsl/pipeline/usage"
)

// features looks at the shards; it returns the command that makes or completes them.
func (x *inspection) features(ctx context.Context) string {
	found := x.found
	complete := 0
	for _, n := range x.networks() {
		dir := x.w.NetworkDir(x.ds.Name, n)
		m, err := features.ReadManifest(dir)
		switch {
		case err != nil:
			found.problem("%v", err)
		case !m.Complete:
			found.missing("%s: the extraction is not finished, %d images so far", dir, m.Rows)
			if m.Source.NetworkSHA256 != "" {
				return x.command("extract", true, x.model(n)...)
			}
		default:
			complete++
			found.there("%s: features of %d images, %d-d", dir, m.Rows, m.Source.Dim)
			if m.Skipped > 0 {
				found.Notes = append(found.Notes, fmt.Sprintf("%d images were skipped, see %s", m.Skipped, filepath.Join(dir, "skipped.csv")))
			}
			if next := x.grown(ctx, dir, n, m); next != "" {
				return next
			}
		}
	}
	if complete > 0 {
		return ""
	}
	found.missing("features of the images")
	if own := catalog.Lookup(x.ds.Layout).Features; own != nil {
		path := cmp.Or(x.ownFeatures, x.ds.Folder)
		return x.command(own.Import+" "+usage.Quote(path), path != x.ds.Folder)
	}
	if found.Images == 0 && x.ds.Layout == catalog.Folder {
		return x.command("import FEATURES.npy", true, "--labels", "LABELS.txt")
	}
	models, err := filepath.Glob(filepath.Join("models", "*.onnx"))
	if err != nil || len(models) == 0 {
		found.missing("a network: no .onnx file in models/")
		return "vzsl download vgg19"
	}
	return x.command("extract", true, x.model(strings.TrimSuffix(filepath.Base(models[0]), ".onnx"))...)
}

// grown finds images that were added, changed or removed since their features were computed; it returns the command that computes
// them.
func (x *inspection) grown(ctx context.Context, dir, network string, m *features.Manifest) string {
	if m.Source.Imported() || m.Source.DatasetSHA256 == "" {
		return ""
	}
	if !m.Grows() {
		if m.Source.DatasetSHA256 == x.set.SHA256() {
			return ""
		}
		x.found.problem("%s was made from another list of classes and images than that in %s: extract again; existing features are kept", dir, x.ds.Folder)
		return x.command("extract", true, x.model(network)...)
	}
	s, err := features.Stale(ctx, dir, m, extract.Growing(x.set, features.CheckTime))
	switch {
	case err != nil:
		x.found.problem("%v", err)
	case s.Any():
		x.found.problem("%s does not match the images in %s: %s; extract computes what is missing and keeps the rest", dir, x.ds.Folder, s)
		return x.command("extract", true, x.model(network)...)
	}
	return ""
}

// model is the flag for a network that is not the default one.
func (x *inspection) model(network string) []string {
	if network == "vgg19" {
		return nil
	}
	if _, err := os.Stat(filepath.Join("models", "vgg19.onnx")); err == nil && len(x.networks()) == 0 {
		return nil
	}
	return []string{"--model", filepath.Join("models", network+".onnx")}
}
