package report

import (
	"time"

	"vzsl/features"
)

// About says what was run. Whatever is left empty is left out of the report.
type About struct {
	Name    string `json:"name"`    // of the run
	Method  string `json:"method"`  // as shown: "VZSL", "ESZSL"
	Program string `json:"program"` // program and version
	Command string `json:"command"` // that makes this report again
	// Data, Layout and Network are the flags of the command without which the data set's folder with the pictures, or the folder
	// of the features, is not found.
	Data    string `json:"data,omitempty"`
	Layout  string `json:"layout,omitempty"`
	Network string `json:"network,omitempty"`
	// Transductive: images of unseen classes joined the training, without their labels.
	Transductive bool `json:"transductive,omitempty"`

	Started time.Time     `json:"started,omitzero"`
	Took    time.Duration `json:"took_ns,omitempty"`

	Features features.Source `json:"features"`
	// Config is the configuration as run: anything that encoding/json turns into an object.
	Config      any     `json:"config,omitempty"`
	Seeds       []Entry `json:"seeds,omitempty"`
	Hashes      []Entry `json:"sha256,omitempty"`      // of the files that went in: split, class table, manifest, model
	Environment []Entry `json:"environment,omitempty"` // Go version, system, processor, kernels

	// Metrics are the records of the training, in order: the decoded lines of metrics.jsonl. Numbers are drawn against
	// "epoch", else "step"; names that differ in a prefix train_ or validation_ only share a panel, and so do records that
	// differ in a text "phase".
	Metrics []map[string]any `json:"-"`

	// ImageRoot is the folder that image names are relative to. Empty where there are no pictures.
	ImageRoot string `json:"-"`
}

// Entry is a named value.
type Entry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
