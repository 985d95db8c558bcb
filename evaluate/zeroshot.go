package evaluate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"vzsl/features"
	"vzsl/internal/stacking"
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
	// Calibration is the constant taken off the scores of seen classes in generalised evaluation. It must have been
	// chosen on validation classes. Nil: only uncalibrated figures.
	Calibration *float64
	// Temperature makes probabilities of scores: softmax(score / Temperature). It must have been fitted on validation
	// classes. 0: the probabilities are not measured.
	Temperature float64
	Progress    func(done, total int) // images scored; nil is allowed
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
	if len(seen.rows) > 0 {
		r.Generalised, err = s.generalised(ctx, model, unseen, seen, opts, progress)
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// setup is a split laid over features and class table.
type setup struct {
	features Features
	roles    *features.Split
	vectors  map[string][]float32
	row      map[string]int // image to row
}

func open(images Features, table *features.ClassTable, roles *features.Split) (*setup, error) {
	s := &setup{
		features: images,
		roles:    roles,
		vectors:  make(map[string][]float32, len(table.Classes)),
		row:      make(map[string]int, images.Rows()),
	}
	if len(table.Values) != len(table.Classes) {
		return nil, fmt.Errorf("the class table of %s has %d attribute vectors for %d classes: run attributes for this dataset", table.Dataset, len(table.Values), len(table.Classes))
	}
	for i, c := range table.Classes {
		s.vectors[c] = table.Values[i]
	}
	for i, name := range images.Images() {
		s.row[name] = i
	}
	if len(roles.Unseen) == 0 {
		return nil, fmt.Errorf("split %q names no unseen class: there is nothing to evaluate", roles.Name)
	}
	seen := make(map[string]bool)
	for _, c := range roles.Seen {
		seen[c] = true
	}
	once := make(map[string]bool)
	for _, c := range roles.Unseen {
		if seen[c] {
			return nil, fmt.Errorf("split %q: class %q is both seen and unseen", roles.Name, c)
		}
		if once[c] {
			return nil, fmt.Errorf("split %q: unseen class %q is named twice", roles.Name, c)
		}
		once[c] = true
	}
	if len(roles.Images) != len(roles.Roles) {
		return nil, fmt.Errorf("split %q: %d images but %d roles", roles.Name, len(roles.Images), len(roles.Roles))
	}
	return s, nil
}

// testSet is the images of one role, in the order of the features.
type testSet struct {
	role    features.Role
	classes []string
	rows    []int
	truth   []int    // of each row: index into classes
	listed  int      // images that the split gives the role
	missing []string // those of them without features
}

func (s *setup) test(role features.Role, classes []string) (*testSet, error) {
	t := &testSet{role: role, classes: classes}
	index := make(map[string]int, len(classes))
	for i, c := range classes {
		index[c] = i
	}
	wanted := make(map[int]bool)
	for i, name := range s.roles.Images {
		if s.roles.Roles[i] != role {
			continue
		}
		t.listed++
		if row, ok := s.row[name]; ok {
			wanted[row] = true
		} else {
			t.missing = append(t.missing, name)
		}
	}
	names := s.features.Classes()
	for row := range s.features.Rows() {
		if !wanted[row] {
			continue
		}
		c, ok := index[names[row]]
		if !ok {
			return nil, fmt.Errorf("split %q gives image %q the role %s, but its class %q is not among that role's classes: make the split again for these features",
				s.roles.Name, s.features.Images()[row], role, names[row])
		}
		t.rows = append(t.rows, row)
		t.truth = append(t.truth, c)
	}
	return t, nil
}

func (s *setup) noTestImages(t *testSet) error {
	if t.listed > 0 {
		return fmt.Errorf("split %q names %d test images of unseen classes, but none of them is among the %d images with features (first: %q): the features are those of another dataset or folder; give those the split was made for, or make the split again",
			s.roles.Name, t.listed, s.features.Rows(), t.missing[0])
	}
	return fmt.Errorf("split %q: none of its %d unseen classes has an image, so there is nothing to measure; classes without images: %s; add their images and run extract and split again, or evaluate a split whose unseen classes have images",
		s.roles.Name, len(t.classes), list(t.classes, 10))
}

// list names the first n of names and says how many more there are.
func list(names []string, n int) string {
	if len(names) <= n+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

func (s *setup) attributes(classes []string) ([][]float32, error) {
	vectors := make([][]float32, len(classes))
	var lacking []string
	for i, c := range classes {
		v, ok := s.vectors[c]
		if !ok {
			lacking = append(lacking, c)
		}
		vectors[i] = v
	}
	if lacking != nil {
		return nil, fmt.Errorf("split %q: the class table has no attribute vector for %s: run attributes again for this dataset", s.roles.Name, list(lacking, 10))
	}
	return vectors, nil
}

// score streams rows past the model and hands over the scores of each, which are only valid during the call.
func (s *setup) score(ctx context.Context, model Scorer, rows []int, classes []string, batch int, each func(i int, scores []float32)) error {
	vectors, err := s.attributes(classes)
	if err != nil {
		return err
	}
	dim := s.features.Dim()
	buf := make([]float32, 0, min(batch, len(rows))*dim)
	for lo := 0; lo < len(rows); lo += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := rows[lo:min(lo+batch, len(rows))]
		buf = buf[:0]
		for _, row := range part {
			buf = append(buf, s.features.Feature(row)...)
		}
		scores, err := model.Score(buf, len(part), vectors)
		if err != nil {
			return fmt.Errorf("scoring %d images from %q on: %w", len(part), s.features.Images()[part[0]], err)
		}
		if len(scores) != len(part)*len(classes) {
			return fmt.Errorf("the model gave %d scores for %d images and %d classes", len(scores), len(part), len(classes))
		}
		for i, row := range part {
			own := scores[i*len(classes) : (i+1)*len(classes)]
			for c, v := range own {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					return fmt.Errorf("the model's score of image %q for class %q is %v: the training has diverged, or features or attributes are broken; check the run's metrics and verify the features",
						s.features.Images()[row], classes[c], v)
				}
			}
			each(lo+i, own)
		}
	}
	return nil
}

func (s *setup) inductive(ctx context.Context, model Scorer, t *testSet, opts Options, progress func(int)) (*Result, error) {
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
func (s *setup) shots() int {
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

func (s *setup) notes(r *Result, pictured int) []string {
	var notes []string
	if r.Shots > 0 {
		notes = append(notes, fmt.Sprintf("Few-shot: the model was trained on %d labelled images of each unseen class (none of them is among the test images), so these figures do not stand beside zero-shot ones.", r.Shots))
	}
	if n := len(r.WithoutImages); n > 0 {
		notes = append(notes, fmt.Sprintf("%d of the split's %d unseen classes have no test image. They are candidates all the same; the means go over the %d classes that have images.",
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
			notes = append(notes, fmt.Sprintf("Classes %q and %q have the same attributes: no model can tell them apart.", other, c))
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

func (s *setup) generalised(ctx context.Context, model Scorer, unseen, seen *testSet, opts Options, progress func(int)) (*Generalised, error) {
	n := len(seen.classes)
	candidates := append(append([]string(nil), seen.classes...), unseen.classes...)
	truth := make(map[int]int, len(unseen.rows)+len(seen.rows))
	for i, row := range seen.rows {
		truth[row] = seen.truth[i]
	}
	for i, row := range unseen.rows {
		if _, both := truth[row]; both {
			return nil, errors.New("an image is a seen and an unseen test image at once")
		}
		truth[row] = n + unseen.truth[i]
	}
	rows := make([]int, 0, len(truth))
	for row := range s.features.Rows() {
		if _, ok := truth[row]; ok {
			rows = append(rows, row)
		}
	}
	g := &Generalised{
		Candidates:   candidates,
		Seen:         n,
		SeenImages:   len(seen.rows),
		UnseenImages: len(unseen.rows),
	}
	images := make([]stacking.Image, 0, len(rows))
	err := s.score(ctx, model, rows, candidates, opts.Batch, func(i int, scores []float32) {
		c := truth[rows[i]]
		images = append(images, stacking.Of(scores, n, c))
		g.Predictions = append(g.Predictions, Prediction{
			Image: s.features.Images()[rows[i]],
			Class: c,
			Rank:  rankOf(scores, c),
			Score: scores[c],
			Top:   top(scores, ranked),
		})
		progress(1)
	})
	if err != nil {
		return nil, err
	}
	b := Bootstrap{Resamples: opts.Resamples, Seed: opts.Seed, Level: level}
	g.Plain = harmonic(images, n, len(candidates), 0, b)
	if opts.Calibration != nil {
		h := harmonic(images, n, len(candidates), *opts.Calibration, b)
		g.Calibrated = &h
	}
	points := stacking.Curve(images, n, len(candidates))
	g.AUSUC = stacking.Area(points)
	g.Best = stacking.Best(points)
	g.Curve = thin(points, 400)
	return g, nil
}
