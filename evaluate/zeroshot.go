package evaluate

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"vzsl/features"
	"vzsl/internal/rejection"
)

// Scorer is a trained model. Score takes n feature rows, one after the other, and the raw attribute vector of each
// candidate class, and gives n*len(classes) scores, row by row; higher is better. Every normalisation is inside it.
type Scorer interface {
	Score(features []float32, n int, classes [][]float32) ([]float32, error)
}

// Features are the features of a dataset's images; *features.Cache is one.
type Features interface {
	Rows() int
	Dim() int
	Images() []string          // image of each row, unique
	Classes() []string         // class of each row
	Feature(row int) []float32 // Dim values, not to be changed
}

// Options of ZeroShot. The zero value is ready for use.
type Options struct {
	Batch     int    // images per call of the scorer, 512 where 0
	Resamples int    // of the bootstrap, 2000 where 0
	Seed      uint64 // of the bootstrap
	// Calibration is the constant subtracted from the scores of seen classes in generalised evaluation. It must have been
	// chosen on validation classes. Nil: only uncalibrated figures.
	Calibration *float64
	// Temperature makes probabilities of scores: softmax(score / Temperature). It must have been fitted on validation
	// classes. 0: the probabilities are not measured.
	Temperature float64
	// Expected is, of each of n raw features, the best score that so many classes are expected to come to in an image of none of them: images
	// of none of the candidates are told by the excess of their best score over it. Nil: by the best score.
	Expected func(features []float32, n, candidates int) ([]float64, error)
	// NoneBelow gives the excess below which an image is taken to be of none of so many candidates, and what it came to on the validation
	// classes, on which it must have been selected; nil: there is none.
	NoneBelow func(candidates int) *rejection.Point
	Progress  func(done, total int) // images scored; nil is allowed
}

// ranked is how many best candidates a Prediction keeps.
const ranked = 5

var hitKs = []int{1, 2, 5, 10, 20}

// ZeroShot scores the split's test images of unseen classes against all its unseen classes and, where it holds out
// images of seen classes, both groups of images against all classes. It fails where the split's unseen classes have no
// image among the features, where a class lacks its attribute vector, and on a score that is not finite.
func ZeroShot(ctx context.Context, model Scorer, images Features, table *features.ClassTable, roles *features.Split, opts Options) (*Result, error) {
	if opts.Batch <= 0 {
		opts.Batch = 512
	}
	if opts.Resamples <= 0 {
		opts.Resamples = 2000
	}
	s, err := open(images, table, roles)
	if err != nil {
		return nil, err
	}
	unseen, err := s.test(features.RoleTestUnseen, roles.Unseen)
	if err != nil {
		return nil, err
	}
	if len(unseen.rows) == 0 {
		return nil, s.noTestImages(unseen)
	}
	seen, err := s.test(features.RoleTestSeen, roles.Seen)
	if err != nil {
		return nil, err
	}
	total := len(unseen.rows)
	if len(seen.rows) > 0 {
		total += len(unseen.rows) + len(seen.rows)
	}
	pictured := unseen.pictured()
	if len(pictured) >= 4 {
		total += len(halves(pictured)) * len(unseen.judgedRows())
	}
	done := 0
	progress := func(n int) {
		done += n
		if opts.Progress != nil {
			opts.Progress(done, total)
		}
	}

	r, err := s.inductive(ctx, model, unseen, opts, progress)
	if err != nil {
		return nil, err
	}
	if len(pictured) >= 4 {
		if r.Rejection, err = s.reject(ctx, model, unseen, pictured, opts, progress); err != nil {
			return nil, err
		}
	}
	if len(seen.rows) > 0 {
		r.Generalised, err = s.generalised(ctx, model, unseen, seen, opts, progress)
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (s *inputs) inductive(ctx context.Context, model Scorer, t *testSet, opts Options, progress func(int)) (*Result, error) {
	classes := t.classes
	r := &Result{
		Dataset:       s.roles.Dataset,
		Split:         s.roles.Name,
		Provenance:    s.roles.Provenance,
		Shots:         s.shots(),
		SeenCount:     len(s.roles.Seen),
		Candidates:    classes,
		WithoutImages: []string{},
		Images:        len(t.rows),
		Missing:       append([]string{}, t.missing...),
		Notes:         []string{},
		Chance:        1 / float64(len(classes)),
		Bootstrap:     Bootstrap{Resamples: opts.Resamples, Seed: opts.Seed, Level: level},
		Predictions:   make([]Prediction, 0, len(t.rows)),
	}
	images := make([]int, len(classes))
	for _, c := range t.truth {
		images[c]++
	}
	var pictured []int // candidates that have images
	for c, n := range images {
		if n > 0 {
			pictured = append(pictured, c)
		} else {
			r.WithoutImages = append(r.WithoutImages, classes[c])
		}
	}
	picturedHits := make([]tally, len(classes))
	var confidences []float64
	var correct []bool
	err := s.score(ctx, model, t.rows, classes, opts.Batch, func(i int, scores []float32) {
		c := t.truth[i]
		r.Predictions = append(r.Predictions, Prediction{
			Image: s.features.Images()[t.rows[i]],
			Class: c,
			Rank:  rankOf(scores, c),
			Score: scores[c],
			Top:   top(scores, ranked),
		})
		if tied(scores) {
			r.Ties++
		}
		if opts.Temperature > 0 {
			confidences = append(confidences, confidence(scores, opts.Temperature))
			correct = append(correct, r.Predictions[len(r.Predictions)-1].Correct())
		}
		picturedHits[c].images++
		if bestOf(scores, pictured) == c {
			picturedHits[c].hits++
		}
		progress(1)
	})
	if err != nil {
		return nil, err
	}

	for _, k := range hitKs {
		if k > 1 && k >= len(classes) {
			break
		}
		h := Hit{K: k, Chance: float64(k) / float64(len(classes)), Accuracy: accuracy(withImages(r.within(k)), r.Bootstrap)}
		if k == 1 {
			r.Top1 = h.Accuracy
		}
		r.Hits = append(r.Hits, h)
	}
	if len(pictured) < len(classes) {
		r.Pictured = &Pictured{
			Candidates: len(pictured),
			Chance:     1 / float64(len(pictured)),
			Accuracy:   accuracy(withImages(picturedHits), r.Bootstrap),
		}
	}
	if opts.Temperature > 0 {
		r.Reliability = reliability(opts.Temperature, confidences, correct)
	}
	r.Classes = r.perClass()
	r.Notes = append(r.Notes, s.notes(r, len(pictured))...)
	return r, nil
}

// shots are the few-shot setting's labelled images of an unseen class, the most that one has; 0: zero-shot.
func (s *inputs) shots() int {
	most, classes := 0, s.features.Classes()
	of := map[string]int{}
	for i, image := range s.roles.Images {
		if row, ok := s.row[image]; ok && s.roles.Roles[i] == features.RoleShot {
			of[classes[row]]++
			most = max(most, of[classes[row]])
		}
	}
	return most
}

func bestOf(scores []float32, candidates []int) int {
	best := candidates[0]
	for _, c := range candidates {
		if scores[c] > scores[best] {
			best = c
		}
	}
	return best
}

// within counts, by class, the images whose class is among the k best.
func (r *Result) within(k int) []tally {
	ts := make([]tally, len(r.Candidates))
	for i := range r.Predictions {
		p := &r.Predictions[i]
		ts[p.Class].images++
		if p.Rank <= k {
			ts[p.Class].hits++
		}
	}
	return ts
}

func (r *Result) perClass() []Class {
	first := r.within(1)
	topK := 0
	if len(r.Candidates) > ranked {
		topK = ranked
	}
	atK := r.within(topK)
	classes := make([]Class, len(r.Candidates))
	for c, t := range first {
		classes[c] = Class{Name: r.Candidates[c], Images: t.images, Correct: t.hits, TopK: topK, TopKHits: atK[c].hits}
		if t.images > 0 {
			classes[c].Accuracy = t.share()
			classes[c].Interval = wilson(t)
		}
	}
	return classes
}

func (s *inputs) notes(r *Result, pictured int) []string {
	var notes []string
	if r.Shots > 0 {
		notes = append(notes, fmt.Sprintf("Few-shot: the model was trained on %d labelled images of each unseen class (none of them is among the test images), so these results are not comparable with zero-shot ones.", r.Shots))
	}
	if n := len(r.WithoutImages); n > 0 {
		notes = append(notes, fmt.Sprintf("%d of the split's %d unseen classes have no test image. They are candidates nevertheless; means are over the %d classes with images.",
			n, len(r.Candidates), pictured))
	}
	if n := len(r.Missing); n > 0 {
		notes = append(notes, fmt.Sprintf("%d test images of the split have no features (skipped or not extracted) and were left out.", n))
	}
	if r.Ties > 0 {
		notes = append(notes, fmt.Sprintf("For %d images two or more candidates share the best score; the one named first in the split counts as predicted.", r.Ties))
	}
	twin := make(map[string]string)
	for _, c := range r.Candidates {
		key := bitsOf(s.vectors[c])
		if other, ok := twin[key]; ok {
			notes = append(notes, fmt.Sprintf("Classes %q and %q have the same attributes: no model can distinguish them.", other, c))
			continue
		}
		twin[key] = c
	}
	return notes
}

// bitsOf makes a vector comparable; missing values (NaN) are equal to each other.
func bitsOf(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return string(b)
}
