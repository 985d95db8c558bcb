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
	done string // of a command that is done once: its error when it is repeated
}

// finished reports whether a command that is run again has done its work, or finds that it had been done.
func (s *stage) finished(o outcome) bool {
	return o.code == 0 || s.done != "" && o.code == 1 && strings.Contains(o.stderr, s.done)
}

// stages are the commands in an order in which each finds what it needs.
func (w *world) stages() []stage {
	data := func(name string) string { return filepath.Join(w.data, name) }
	demo := []string{"--dataset", "demo", "--network", "demo"}
	split := []string{"--dataset", "demo", "--split", "demo", "--network", "demo"}
	var all []stage
	add := func(name string, args []string, more ...string) {
		all = append(all, stage{name: name, args: append(slices.Clone(args), more...)})
	}
	extract := []string{"--data", w.data, "--dataset", "demo", "--model", w.model, "--shard-rows", "20"}
	add("extract", []string{"extract"}, extract...)
	add("attributes", []string{"attributes", "--data", w.data, "--dataset", "demo"})
	add("split", []string{"split", "--dataset", "demo", "--split", "demo", "--seen", data("seen.txt"), "--unseen", data("unseen.txt")})
	add("train", []string{"train", "--set", "epochs=6", "--set", "hidden=256"}, split...)
	add("train", []string{"train", "--method", "eszsl"}, split...)
	add("tune", []string{"tune", "--method", "sae", "--trials", "4", "--folds", "3", "--run", "tuned"}, split...)
	add("evaluate", []string{"evaluate", "--data", w.data}, split...)
	add("evaluate", []string{"evaluate", "--data", w.data, "--method", "eszsl"}, split...)
	add("report", []string{"report", "demo-demo-vzsl", "demo-demo-eszsl", "--data", w.data, "--to", "both"})
	add("report", []string{"report", "demo-demo-vzsl", "--data", w.data})
	add("compare", []string{"compare", "--methods", "eszsl,sae", "--trials", "3", "--folds", "2", "--seeds", "2", "--run", "compared"}, split...)
	add("fewshot", []string{"fewshot", "--methods", "eszsl,logistic", "--shots", "0,1", "--pool", "2", "--seeds", "2", "--run", "few"}, split...)
	add("audit", []string{"audit", "--text-model", w.pair, "--methods", "eszsl", "--shots", "1", "--seeds", "1"}, split...)
	add("generate", []string{"generate", "--per-class", "20"}, split...)
	add("predict", []string{"predict", data("large-blue-checked-disc-on-grass"), "--model", w.model, "--csv", "predicted/p.csv",
		"--parquet", "predicted/p.parquet", "--html", "predicted/p.html"}, split...)
	for _, format := range []string{"onnx", "safetensors", "tensorboard"} {
		add("export", []string{"export", "--format", format}, split...)
	}
	for _, format := range []string{"npy", "csv", "arrow"} {
		add("export", []string{"export", "--format", format}, demo...)
	}
	add("export", []string{"export", "--format", "xlsa17"}, split...)
	npy := func(name string) string { return filepath.Join("export", "npy", "demo-demo", name) }
	add("import", []string{"import", npy("features.npy"), "--labels", npy("labels.npy"), "--images", npy("images.txt"),
		"--label-names", npy("classes.txt"), "--dataset", "demo", "--network", "again", "--data", w.data, "--shard-rows", "50"})
	add("download", []string{"download", "xlsa17-standard", "--from", w.archives, "--to", "downloaded", "--accept-licence"})
	// Plans: an extraction by two tasks, a comparison by one.
	add("plan", []string{"plan", "extract", "--network", "planned", "--tasks", "2", "--measure", "0"}, extract...)
	add("task", []string{"extract", "--plan", "plans/demo-planned", "--task", "0/2"})
	add("task", []string{"extract", "--plan", "plans/demo-planned", "--task", "1/2"})
	add("finish", []string{"finish", "plans/demo-planned"})
	add("plan", []string{"plan", "compare", "--methods", "eszsl,sae", "--trials", "2", "--folds", "2", "--seeds", "1", "--tasks", "1"}, split...)
	add("task", []string{"compare", "--plan", "plans/demo-compare", "--task", "0/1"})
	add("finish", []string{"finish", "plans/demo-compare"})
	add("runs", []string{"runs"})
	add("runs", []string{"runs", "rename", "demo-demo-eszsl", "renamed"})
	add("runs", []string{"runs", "remove", "renamed", "few", "--yes"})
	for i := len(all) - 2; i < len(all); i++ {
		all[i].done = "no such run or report"
	}
	return all
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
