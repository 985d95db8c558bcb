package report

import (
	"fmt"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/evaluate/result"
	"vzsl/features"
)

// PublishedBeside returns the published results for a dataset (of catalog.PublishedDatasets), also beside a run on
// other classes, features or shots: Mark says so. nil: there are none.
func PublishedBeside(dataset string, r *evaluate.Result, features features.Source) *result.Published {
	p, _, _ := publishedBeside(dataset, r, &result.Run{Features: features})
	return p
}

// publishedBeside also returns the number of unseen classes of the published results, and how the run's setting differs
// from theirs, as "is few-shot"; empty: only the features may differ.
func publishedBeside(dataset string, r *evaluate.Result, run *result.Run) (p *result.Published, unseen int, differs []string) {
	t, split := catalog.FiguresOf(dataset)
	if t == nil {
		return nil, 0, nil
	}
	mark := "published"
	if r.Shots > 0 {
		differs = append(differs, "is few-shot")
	}
	if run.Transductive {
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
		differs = append(differs, fmt.Sprintf("has images of only %d of them", split.Unseen-len(r.WithoutImages)))
	}
	network := strings.ToLower(strings.ReplaceAll(run.Features.Network, "-", ""))
	if !strings.Contains(network, "vgg19") || run.Features.Dim != 4096 {
		mark += ", other features"
	}
	p = &result.Published{Mark: mark, Source: t.Source, Features: t.Features, Metric: evaluate.Top1PerImage}
	if t.Top == 5 {
		p.Metric = evaluate.Top5PerImage
	}
	for _, f := range t.Figures {
		p.Rows = append(p.Rows, result.PublishedFigure(f))
	}
	return p, split.Unseen, differs
}

// publishedFor returns the published results if the run is zero-shot and inductive, on the same classes, and all
// candidates have images; else nil.
func publishedFor(r *evaluate.Result, run *result.Run) *result.Published {
	p, _, differs := publishedBeside(r.Dataset, r, run)
	if len(differs) > 0 {
		return nil
	}
	return p
}
