package workspace

import (
	"fmt"
	"path/filepath"
	"slices"

	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// ChooseNetwork finds the folder of features to use: the one named, or the only one there is.
func (w *Workspace) ChooseNetwork(dataset, network string) (string, error) {
	dir := w.datasetDir(dataset)
	found, err := w.Networks(dataset)
	if err != nil {
		return "", err
	}
	switch {
	case network != "":
		if slices.Contains(found, network) {
			return network, nil
		}
		if len(found) == 0 {
			return "", w.NoFeatures(dataset)
		}
		return "", usage.Errorf("--network %s: no features of that network in %s%s; there are features of %s", network, dir, usage.DidYouMean(network, found), usage.And(found))
	case len(found) == 0:
		return "", w.NoFeatures(dataset)
	case len(found) > 1:
		return "", usage.Errorf("%s holds the features of several networks; choose with --network %s", dir, usage.Or(found))
	}
	return found[0], nil
}

func (w *Workspace) NoFeatures(dataset string) error {
	return fmt.Errorf("%s: no features found%s; run 'vzsl extract --dataset %s' or 'vzsl import' first", w.datasetDir(dataset), w.didYouMeanDataset(dataset), dataset)
}

// didYouMeanDataset asks whether a dataset of which nothing is there was to be one of which something is.
func (w *Workspace) didYouMeanDataset(dataset string) string {
	there, err := below(filepath.Join(w.Dir, "features"), "*")
	if err != nil || slices.Contains(there, dataset) {
		return ""
	}
	return usage.DidYouMean(dataset, there)
}

// Networks lists the folders of features of a dataset: those with a manifest.
func (w *Workspace) Networks(dataset string) ([]string, error) {
	manifests, err := lookup.Below(w.datasetDir(dataset), "*/manifest.json")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range manifests {
		names = append(names, filepath.Base(filepath.Dir(m)))
	}
	return names, nil
}

// below are the files and folders of a pattern below a folder, relative to it, with slashes.
func below(dir, pattern string) ([]string, error) {
	found, err := lookup.Below(dir, pattern)
	for i, f := range found {
		if rel, err := filepath.Rel(dir, f); err == nil {
			found[i] = filepath.ToSlash(rel)
		}
	}
	return found, err
}

// Offered are those for a completion or a suggestion, which has nobody to tell what could not be read.
func Offered(dir, pattern string) []string {
	found, _ := below(dir, pattern)
	return found
}
