package report

import (
	"fmt"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/features"
)

// Published are figures from the literature beside those of a run.
type Published struct {
	Mark     string            `json:"mark"` // how they relate to the run
	Source   string            `json:"source"`
	Features string            `json:"features"`
	Metric   string            `json:"metric"` // of evaluate.Result's Headline
	Rows     []PublishedFigure `json:"figures"`

	unseen int // classes they are on
}

// PublishedFigure is a method's.
type PublishedFigure struct {
	Method string  `json:"method"`
	Value  float64 `json:"percent"`               // of Published.Metric
	Std    float64 `json:"std_percent,omitempty"` // over runs, 0 where none was given
}

// PublishedBeside gives the figures for a dataset (of catalog.PublishedDatasets), whatever classes, features and shots an
// inductive run is on: the mark tells. nil: there are none.
func PublishedBeside(dataset string, r *evaluate.Result, features features.Source) *Published {
	p, _ := publishedBeside(dataset, r, &About{Features: features})
	return p
}

// publishedBeside says too in which ways the run is not what the figures are of, as "is few-shot"; none: it is the same but
// for the features.
func publishedBeside(dataset string, r *evaluate.Result, about *About) (p *Published, differs []string) {
	t, split := catalog.FiguresOf(dataset)
	if t == nil {
		return nil, nil
	}
	mark := "published"
	if r.Shots > 0 {
		differs = append(differs, "is few-shot")
	}
	if about.Transductive {
		differs = append(differs, "is transductive")
	}
	if len(differs) > 0 {
		mark += ", other setting"
	}
	switch {
	case strings.ToLower(r.Split) != "standard" || r.SeenCount != split.Seen || len(r.Candidates) != split.Unseen:
		mark += ", other classes"
		differs = append(differs, "is on another split")
	case len(r.WithoutImages) > 0:
		mark += ", fewer classes with images"
		differs = append(differs, fmt.Sprintf("has images of %d of them only", split.Unseen-len(r.WithoutImages)))
	}
	network := strings.ToLower(strings.ReplaceAll(about.Features.Network, "-", ""))
	if !strings.Contains(network, "vgg19") || about.Features.Dim != 4096 {
		mark += ", other features"
	}
	p = &Published{Mark: mark, Source: t.Source, Features: t.Features, Metric: evaluate.Top1PerImage, unseen: split.Unseen}
	if t.Top == 5 {
		p.Metric = evaluate.Top5PerImage
	}
	for _, f := range t.Figures {
		p.Rows = append(p.Rows, PublishedFigure(f))
	}
	return p, differs
}

// publishedFor gives the figures where this run is zero-shot and inductive, on the same classes with all its candidates
// pictured, else nil.
func publishedFor(r *evaluate.Result, about *About) *Published {
	p, differs := publishedBeside(r.Dataset, r, about)
	if len(differs) > 0 {
		return nil
	}
	return p
}
