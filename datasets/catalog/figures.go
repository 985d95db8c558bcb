package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// Published are figures of the literature for the standard split of a dataset.
type Published struct {
	Top      int    // 1 or 5: top-1 or top-5 accuracy, per image
	Features string // that they were measured on
	Source   string
	Figures  []Figure
}

// Figure is that of one method, by its title.
type Figure struct {
	Method string
	Value  float64 // percent
	Std    float64 // standard deviation over runs, percent; 0: not given
}

const vzslSource = "W. Wang et al., “Zero-Shot Learning via Class-Conditioned Deep Generative Models”, AAAI 2018, arXiv:1711.05820: " +
	"inductive, in percent, with VGG-19 features, mean and standard deviation over runs, as the table is shown in slides of a seminar (not compared with the paper itself)"

// vgg19 are figures of that paper.
func vgg19(top int, figures ...Figure) *Published {
	return &Published{Top: top, Features: "VGG-19", Source: vzslSource, Figures: figures}
}

// PublishedDatasets are the datasets that there are figures for.
func PublishedDatasets() []string {
	var names []string
	for _, e := range entries {
		if e.Published != nil {
			names = append(names, cmp.Or(e.Alias, e.Name))
		}
	}
	slices.Sort(names)
	return names
}

// FiguresOf are the published figures for a dataset, by its name or alias in any case, and the split they are on; nil: there are
// none.
func FiguresOf(dataset string) (*Published, Split) {
	for _, e := range entries {
		if e.Published != nil && dataset != "" && (strings.EqualFold(e.Name, dataset) || strings.EqualFold(e.Alias, dataset)) {
			return e.Published, e.Splits[0]
		}
	}
	return nil, Split{}
}
