//go:build linux

package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// stage is a command that writes, called in the folder that it writes below.
type stage struct {
	name string
	args []string
}

// stages are the commands in an order in which each finds what it needs.
func (w *world) stages() []stage {
	data := func(name string) string { return filepath.Join(w.data, name) }
	demo := []string{"--dataset", "demo"}
	split := append(slices.Clone(demo), "--split", "demo")
	all := []stage{
		{"extract", append([]string{"extract", "--data", w.data, "--model", w.model, "--shard-rows", "20"}, demo...)},
		{"attributes", append([]string{"attributes", "--data", w.data}, demo...)},
		{"split", append([]string{"split", "--seen", data("seen.txt"), "--unseen", data("unseen.txt")}, split...)},
		{"train", append([]string{"train", "--set", "epochs=6", "--set", "hidden=256"}, split...)},
		{"train", append([]string{"train", "--method", "eszsl"}, split...)},
		{"tune", append([]string{"tune", "--method", "sae", "--trials", "4", "--folds", "3", "--run", "tuned"}, split...)},
		{"evaluate", append([]string{"evaluate", "--data", w.data}, split...)},
		{"evaluate", append([]string{"evaluate", "--data", w.data, "--method", "eszsl"}, split...)},
		{"report", []string{"report", "demo-demo-vzsl", "demo-demo-eszsl", "--data", w.data, "--to", "both"}},
		{"report", []string{"report", "demo-demo-vzsl", "--data", w.data}},
		{"compare", append([]string{"compare", "--methods", "eszsl,sae", "--trials", "3", "--folds", "2", "--seeds", "2", "--run", "compared"}, split...)},
		{"fewshot", append([]string{"fewshot", "--methods", "eszsl,logistic", "--shots", "0,1", "--pool", "2", "--seeds", "2", "--run", "few"}, split...)},
		{"generate", append([]string{"generate", "--per-class", "20"}, split...)},
		{"predict", append([]string{"predict", data("large-blue-checked-disc-on-grass"), "--model", w.model, "--csv", "predicted/p.csv", "--parquet", "predicted/p.parquet"}, split...)},
	}
	for _, format := range []string{"onnx", "safetensors", "tensorboard"} {
		all = append(all, stage{"export", append([]string{"export", "--format", format}, split...)})
	}
	for _, format := range []string{"npy", "csv", "arrow"} {
		all = append(all, stage{"export", append([]string{"export", "--format", format}, demo...)})
	}
	all = append(all, stage{"export", append([]string{"export", "--format", "xlsa17"}, split...)})
	npy := func(name string) string { return filepath.Join("export", "npy", "demo-demo", name) }
	return append(all, stage{"import", append([]string{"import", npy("features.npy"), "--labels", npy("labels.npy"), "--images", npy("images.txt"),
		"--label-names", npy("classes.txt"), "--network", "again", "--data", w.data, "--shard-rows", "50"}, demo...)})
}

// choose keeps the stages with one of the names.
func choose(all []stage, only string) []int {
	var at []int
	for i, s := range all {
		if only == "" || slices.Contains(strings.Split(only, ","), s.name) {
			at = append(at, i)
		}
	}
	return at
}
