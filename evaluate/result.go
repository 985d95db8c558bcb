package evaluate

import (
	"slices"
	"sort"

	"vzsl/internal/gzsl"
)

// ConfidentMistakes gives at most confidentMistakes, and mistakesPerClass of a true class.
const (
	confidentMistakes = 12
	mistakesPerClass  = 2
)

// Result is everything that was measured on one split. Class indices refer to Candidates.
type Result struct {
	Dataset    string `json:"dataset"`
	Split      string `json:"split"`
	Provenance string `json:"provenance"` // where the split comes from
	SeenCount  int    `json:"seen_classes"`
	Shots      int    `json:"shots,omitempty"` // labelled images of each unseen class trained on: the few-shot setting

	// Candidates are the classes each image was ranked among: all unseen classes of the split, in its order.
	Candidates []string `json:"candidates"`
	// WithoutImages are those of them that have no test image: candidates, but not part of any mean.
	WithoutImages []string `json:"candidates_without_images"`
	Images        int      `json:"images"`         // test images that were scored
	Missing       []string `json:"missing_images"` // test images of the split that have no features
	Chance        float64  `json:"chance"`         // top-1 of guessing: 1 / number of candidates
	Ties          int      `json:"ties"`           // images whose best score two or more candidates share
	Notes         []string `json:"notes"`          // what a reader of the figures should know

	Top1 Accuracy `json:"top1"`
	Hits []Hit    `json:"hits"` // top-1, and top-2, 5, 10, 20 where there are more candidates than that
	// Pictured are the same images ranked among the candidates that have images only; nil where all of them have.
	Pictured *Pictured `json:"pictured_candidates_only,omitempty"`

	Classes   []Class   `json:"classes"` // one for each candidate, same order
	Bootstrap Bootstrap `json:"bootstrap"`

	// Reliability is that of the probabilities among the candidates; nil where the model has no temperature.
	Reliability *Reliability `json:"reliability,omitempty"`

	// Rejection is how well images of none of the candidates are told by their best score; nil where fewer than four
	// unseen classes have images.
	Rejection *Rejection `json:"rejection,omitempty"`

	Generalised *Generalised `json:"generalised,omitempty"`

	Maps *Maps `json:"maps,omitempty"` // nil until NewMaps makes them, and of too few images

	Mistakes []Mistake `json:"mistakes,omitempty"` // ConfidentMistakes, explained; nil until NewMistakes makes them

	// Described is what the candidates' descriptions say and what the model sees in their images; nil where it is not known, and of
	// word vectors, texts and descriptions of many values.
	Described *Described `json:"described,omitempty"`
	// Groups are ways to group the candidates, such as families and orders.
	Groups []Grouping `json:"groups,omitempty"`

	Predictions []Prediction `json:"-"` // one for each scored image, in the order of the features
}

// Described are the candidates in attributes.
type Described struct {
	Attributes []string     `json:"attributes"`
	Classes    [][]*float32 `json:"classes"` // of each candidate: its raw values; null where missing
	// Seen is of each candidate the model's estimate of the normalised attributes, mean over its images; none where it has no images,
	// and nil where the method has no such estimate.
	Seen [][]float32 `json:"seen,omitempty"`
}

// Grouping puts the candidates into groups.
type Grouping struct {
	Name string   `json:"name"`
	Of   []string `json:"of"` // the group of each candidate
}

// Accuracy is the share of hits, counted in two ways.
type Accuracy struct {
	MeanPerClass Estimate `json:"mean_per_class"` // mean over classes with images of the share within the class
	PerImage     Estimate `json:"per_image"`      // share of all images
}

// Estimate is a figure and its 95 % bootstrap intervals.
type Estimate struct {
	Value float64 `json:"value"`
	// OverImages resamples images: how the figure moves with other images of these classes.
	OverImages *Interval `json:"interval_over_images,omitempty"`
	// OverClasses resamples whole classes: how it moves with other classes of this kind. Nil with a single class.
	OverClasses *Interval `json:"interval_over_classes,omitempty"`
}

// Interval is a 95 % interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Hit is top-k accuracy: an image counts when its class is among the K best candidates.
type Hit struct {
	K        int     `json:"k"`
	Chance   float64 `json:"chance"`
	Accuracy         // inlined
}

// Pictured is top-1 accuracy among the candidates that have images.
type Pictured struct {
	Candidates int     `json:"candidates"`
	Chance     float64 `json:"chance"`
	Accuracy           // inlined
}

// Class is the outcome for the images of one class.
type Class struct {
	Name     string    `json:"class"`
	Images   int       `json:"images"`
	Correct  int       `json:"correct"`
	Accuracy float64   `json:"accuracy"`           // 0 where there are no images
	Interval *Interval `json:"interval,omitempty"` // Wilson, 95 %; nil where there are no images
	TopK     int       `json:"top_k,omitempty"`    // the k of TopKHits: 5, or 0 with five candidates or fewer
	TopKHits int       `json:"top_k_hits,omitempty"`
}

// Bootstrap says how the intervals were made.
type Bootstrap struct {
	Resamples int     `json:"resamples"`
	Seed      uint64  `json:"seed"`
	Level     float64 `json:"level"`
}

// Prediction is the ranking of one image. Class indices refer to the candidates of the task it belongs to.
type Prediction struct {
	Image string
	Class int      // true class
	Rank  int      // of the true class, 1 is best
	Score float32  // of the true class
	Top   []Choice // the best candidates, best first, at most five
}

// Choice is a candidate and its score.
type Choice struct {
	Class int
	Score float32
}

// Correct reports whether the best candidate is the true class.
func (p *Prediction) Correct() bool { return p.Rank == 1 }

// Gap is how much higher the best candidate scored than the true class: 0 for a correct prediction.
func (p *Prediction) Gap() float64 { return float64(p.Top[0].Score) - float64(p.Score) }

// Cell is an entry of a confusion matrix that is not zero.
type Cell struct{ True, Predicted, Count int }

// Confusion counts predicted classes by true class. Only cells that are not zero are listed, by true class, then by
// predicted class: with thousands of candidates the full matrix would be mostly zeros.
func (r *Result) Confusion() []Cell {
	count := make(map[[2]int]int)
	for i := range r.Predictions {
		p := &r.Predictions[i]
		count[[2]int{p.Class, p.Top[0].Class}]++
	}
	cells := make([]Cell, 0, len(count))
	for k, n := range count {
		cells = append(cells, Cell{k[0], k[1], n})
	}
	sort.Slice(cells, func(i, j int) bool {
		a, b := cells[i], cells[j]
		if a.True != b.True {
			return a.True < b.True
		}
		return a.Predicted < b.Predicted
	})
	return cells
}

// Generalised is the outcome among seen and unseen classes together.
type Generalised struct {
	// Candidates are the seen classes, then the unseen ones.
	Candidates   []string `json:"candidates"`
	Seen         int      `json:"seen_candidates"` // how many of them are seen
	SeenImages   int      `json:"seen_images"`
	UnseenImages int      `json:"unseen_images"`

	Plain Harmonic `json:"uncalibrated"`
	// Calibrated is calibrated stacking (Chao et al. 2016): Constant is subtracted from the score of every seen class. Nil
	// where no constant was given.
	Calibrated *Harmonic `json:"calibrated,omitempty"`

	// Curve is S against U as the constant grows from favouring seen classes alone to favouring unseen ones alone.
	Curve []CurvePoint `json:"curve"`
	// AUSUC is the area under the exact curve. It needs no constant.
	AUSUC float64 `json:"ausuc"`
	// Best is the point of the curve with the largest H. It reads the test labels: a bound, not a result.
	Best CurvePoint `json:"best_on_test_bound_only"`

	Predictions []Prediction `json:"-"` // uncalibrated; seen and unseen test images in the order of the features
}

// Harmonic is the mean per-class top-1 of unseen (U) and of seen (S) test images among all candidates, and their
// harmonic mean H = 2 U S / (U + S).
type Harmonic struct {
	Constant float64  `json:"constant"`
	U        Estimate `json:"u"`
	S        Estimate `json:"s"`
	H        Estimate `json:"h"`
}

// CurvePoint is U and S with a constant subtracted from the scores of seen classes.
type CurvePoint struct {
	Constant float64 `json:"constant"`
	U        float64 `json:"u"`
	S        float64 `json:"s"`
}

// H is the harmonic mean of U and S, 0 where both are.
func (p CurvePoint) H() float64 { return gzsl.HarmonicMean(p.U, p.S) }

// Maps are t-SNE layouts of test images of unseen classes: images that are near each other are alike, distances between
// groups mean little.
type Maps struct {
	Seed       uint64       `json:"seed"`
	Perplexity float64      `json:"perplexity"`       // less where there are few points: a third of them
	Classes    []int        `json:"classes"`          // that are shown: indices into the candidates
	Of         []int        `json:"of"`               // class of each point: an index into the candidates
	Images     []int        `json:"images,omitempty"` // of each point: an index into the predictions
	Features   [][2]float64 `json:"features"`         // of each point: features scaled to length one
	Latent     [][2]float64 `json:"latent,omitempty"`
	// Priors are those of Classes among Latent.
	Priors []MapPrior `json:"priors,omitempty"`
	// Reconstructions are what the decoder makes of the latent codes, scaled to length one as the features are.
	Reconstructions [][2]float64 `json:"reconstructions,omitempty"`
}

// MapPrior is a class's prior as it lies on the map: its mean and its covariance there.
type MapPrior struct {
	Mean       [2]float64 `json:"mean"`
	Covariance [3]float64 `json:"covariance"` // xx, xy, yy
}

// Mistake is one of the most confident mistakes and the attributes that spoke for it.
//
// With e the model's estimate of the image's normalised attribute vector, p that of the predicted class and t that of the
// true one, attribute k speaks for the wrong class with the weight
//
//	w_k = e_k (p_k - t_k)
//
// which is what predict's explanation e_k (a_k - m_k) of the one class is above that of the other: the mean m falls out. For
// a bilinear model (x'Va) these add up to how much the wrong class outscores the right one.
type Mistake struct {
	Image         string         `json:"image"`
	Contributions []Contribution `json:"decided"` // positive weights only, largest first, at most 12
}

// Contribution is an attribute that spoke for the wrong class.
type Contribution struct {
	Attribute string   `json:"attribute"`
	Weight    float64  `json:"weight"`
	Estimate  float64  `json:"estimate"`        // e_k, in the model's normalised values: above 0 where it sees the attribute
	Predicted *float32 `json:"predicted_value"` // the classes' raw values; null where missing
	True      *float32 `json:"true_value"`
}

// ConfidentMistakes are the images whose predicted class outscores the true one by most, most first: at most 12, and 2 of a
// true class. All counts the mistakes there are.
func (r *Result) ConfidentMistakes() (some []*Prediction, all int) {
	for i := range r.Predictions {
		if p := &r.Predictions[i]; !p.Correct() {
			some = append(some, p)
		}
	}
	all = len(some)
	sort.SliceStable(some, func(i, j int) bool { return some[i].Gap() > some[j].Gap() })
	of := make(map[int]int)
	some = slices.DeleteFunc(some, func(p *Prediction) bool {
		of[p.Class]++
		return of[p.Class] > mistakesPerClass
	})
	return some[:min(confidentMistakes, len(some))], all
}
