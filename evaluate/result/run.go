package result

import (
	"time"

	"vzsl/features"
)

// Run says what was run. Whatever is left empty is left out of the report.
type Run struct {
	Name    string `json:"name"`    // of the run
	Method  string `json:"method"`  // as shown: "VZSL", "ESZSL"
	Program string `json:"program"` // program and version
	Command string `json:"command"` // that makes this report again
	// Data, Layout and Network are the flags of the command without which the dataset's folder with the images, or the folder
	// of the features, is not found.
	Data    string `json:"data,omitempty"`
	Layout  string `json:"layout,omitempty"`
	Network string `json:"network,omitempty"`
	Groups  string `json:"groups,omitempty"` // the file of groups of classes
	// Transductive: images of unseen classes joined the training, without their labels.
	Transductive bool `json:"transductive,omitempty"`

	Started time.Time     `json:"started,omitzero"`
	Took    time.Duration `json:"took_ns,omitempty"`

	Features features.Source `json:"features"`
	// Config is the configuration as run: anything that encoding/json turns into an object.
	Config      any     `json:"config,omitempty"`
	Seeds       []Field `json:"seeds,omitempty"`
	Hashes      []Field `json:"sha256,omitempty"`      // of the input files: split, class table, manifest, model
	Environment []Field `json:"environment,omitempty"` // Go version, system, processor, kernels
}

// Field is a named value.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// HashedModel is the name of the model among Run.Hashes.
const HashedModel = "model"

// ModelSHA256 identifies the model that was evaluated; "": it is not known.
func (r *Run) ModelSHA256() string {
	for _, h := range r.Hashes {
		if h.Name == HashedModel {
			return h.Value
		}
	}
	return ""
}

// Published are figures from the literature beside those of a run.
type Published struct {
	Mark     string            `json:"mark"` // how they relate to the run
	Source   string            `json:"source"`
	Features string            `json:"features"`
	Metric   string            `json:"metric"` // the name of one of evaluate.Result's Headline
	Rows     []PublishedFigure `json:"figures"`
}

// PublishedFigure is a method's.
type PublishedFigure struct {
	Method string  `json:"method"`
	Value  float64 `json:"percent"`               // of Published.Metric
	Std    float64 `json:"std_percent,omitempty"` // over runs, 0 where none was given
}

// Figure is that of a method, by its title; nil where there is none.
func (p *Published) Figure(method string) *PublishedFigure {
	if p == nil {
		return nil
	}
	for i := range p.Rows {
		if p.Rows[i].Method == method {
			return &p.Rows[i]
		}
	}
	return nil
}
