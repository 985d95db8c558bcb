package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vzsl/evaluate"
	"vzsl/evaluate/result"
	"vzsl/features"
)

const publishedSource = "W. Wang et al., “Zero-Shot Learning via Class-Conditioned Deep Generative Models”, AAAI 2018, arXiv:1711.05820: " +
	"inductive, in percent, with VGG-19 features, mean and standard deviation over runs, as the table is shown in slides of a seminar (not compared with the paper itself)"

// publishedTables are the figures by dataset, for its standard split of that many seen and unseen classes.
var publishedTables = map[string]struct {
	seen, unseen int
	metric       string
	rows         []publishedFigure
}{
	"awa": {40, 10, evaluate.Top1PerImage, []publishedFigure{
		{"DAP", 57.23, 0}, {"ESZSL", 75.32, 2.28}, {"SSE-ReLU", 76.33, 0.83}, {"MLZSC", 77.32, 1.03}, {"BiDiLEL", 79.20, 0},
		{"SDL", 80.46, 0.53}, {"GFZSL", 80.83, 0}, {"JFA", 81.03, 0.88}, {"SAE", 83.40, 0}, {"VZSL#", 84.45, 0.74}, {"VZSL", 85.28, 0.76},
	}},
	"cub": {150, 50, evaluate.Top1PerImage, []publishedFigure{
		{"SSE-ReLU", 30.41, 0.20}, {"SDL", 42.11, 0.55}, {"MLZSC", 43.29, 0.38}, {"JFA", 46.48, 1.67}, {"BiDiLEL", 46.70, 0},
		{"VZSL#", 55.37, 0.59}, {"GFZSL", 56.53, 0}, {"SAE", 56.60, 0}, {"VZSL", 57.42, 0.63},
	}},
	"sun": {707, 10, evaluate.Top1PerImage, []publishedFigure{
		{"DAP", 72.00, 0}, {"ESZSL", 82.10, 0.32}, {"SSE-ReLU", 82.50, 1.32}, {"SDL", 83.83, 0.29}, {"JFA", 84.10, 1.51},
		{"MLZSC", 84.41, 0.71}, {"SAE", 84.50, 0}, {"VZSL#", 85.75, 1.93}, {"GFZSL", 86.50, 0}, {"VZSL", 86.75, 2.02},
	}},
	// Those of the first four are the same in E. Kodirov et al., “Semantic Autoencoder for Zero-Shot Learning”, CVPR 2017.
	"imagenet": {1000, 360, evaluate.Top5PerImage, []publishedFigure{
		{"DeViSE", 12.8, 0}, {"AMP", 13.1, 0}, {"ConSE", 15.5, 0}, {"SS-Voc", 16.8, 0}, {"VZSL#", 22.88, 0}, {"VZSL", 23.08, 0},
	}},
}

// publishedFigure is a result.PublishedFigure.
type publishedFigure struct {
	Method     string
	Value, Std float64
}

// PublishedDatasets are the datasets that there are figures for.
func PublishedDatasets() []string { return slices.Sorted(maps.Keys(publishedTables)) }

// PublishedBeside gives the figures for a dataset (of PublishedDatasets, or awa1), whatever classes, features and shots an
// inductive run is on: the mark tells. nil: there are none.
func PublishedBeside(dataset string, r *evaluate.Result, features features.Source) *result.Published {
	p, _, _ := publishedBeside(dataset, r, &result.Run{Features: features})
	return p
}

// publishedBeside says too how many unseen classes the figures are on, and in which ways the run is not what they are of, as
// "is few-shot"; none: it is the same but for the features.
func publishedBeside(dataset string, r *evaluate.Result, run *result.Run) (p *result.Published, unseen int, differs []string) {
	dataset = strings.ToLower(dataset)
	if dataset == "awa1" {
		dataset = "awa"
	}
	t, ok := publishedTables[dataset]
	if !ok {
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
	case strings.ToLower(r.Split) != "standard" || r.SeenCount != t.seen || len(r.Candidates) != t.unseen:
		mark += ", other classes"
		differs = append(differs, "is on another split")
	case len(r.WithoutImages) > 0:
		mark += ", fewer classes with images"
		differs = append(differs, fmt.Sprintf("has images of %d of them only", t.unseen-len(r.WithoutImages)))
	}
	network := strings.ToLower(strings.ReplaceAll(run.Features.Network, "-", ""))
	if !strings.Contains(network, "vgg19") || run.Features.Dim != 4096 {
		mark += ", other features"
	}
	var rows []result.PublishedFigure
	for _, row := range t.rows {
		rows = append(rows, result.PublishedFigure(row))
	}
	return &result.Published{Mark: mark, Source: publishedSource, Features: "VGG-19", Metric: t.metric, Rows: rows}, t.unseen, differs
}

// publishedFor gives the figures where this run is zero-shot and inductive, on the same classes with all its candidates
// pictured, else nil.
func publishedFor(r *evaluate.Result, run *result.Run) *result.Published {
	p, _, differs := publishedBeside(r.Dataset, r, run)
	if len(differs) > 0 {
		return nil
	}
	return p
}
