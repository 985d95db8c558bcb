package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"vzsl/features"
)

// Errors that ZeroShot wraps, for errors.Is.
var (
	// ErrNoTestImages: no test image of an unseen class has features, so there is nothing to measure.
	ErrNoTestImages = errors.New("no test images of unseen classes")
	// ErrNoAttributes: the class table lacks a class of the split.
	ErrNoAttributes = errors.New("the class table has no attribute vector")
	// ErrNotFinite: the model gave a score that is infinite or not a number.
	ErrNotFinite = errors.New("the model's score is not finite")
)

// inputs is a split laid over features and class table.
type inputs struct {
	features Features
	roles    *features.Split
	vectors  map[string][]float32
	row      map[string]int // image to row
}

func open(images Features, table *features.ClassTable, roles *features.Split) (*inputs, error) {
	s := &inputs{
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
		return nil, fmt.Errorf("split %q has no unseen classes: there is nothing to evaluate; give a split with unseen classes", roles.Name)
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
			return nil, fmt.Errorf("split %q: duplicate unseen class %q", roles.Name, c)
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

func (s *inputs) test(role features.Role, classes []string) (*testSet, error) {
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

// pictured are the classes that have images, in the split's order.
func (t *testSet) pictured() []int {
	has := make([]bool, len(t.classes))
	for _, c := range t.truth {
		has[c] = true
	}
	var some []int
	for c, is := range has {
		if is {
			some = append(some, c)
		}
	}
	return some
}

func (s *inputs) noTestImages(t *testSet) error {
	if t.listed > 0 {
		return fmt.Errorf("split %q: %w: it names %d test images of unseen classes, but none of them is among the %d images with features (first: %q): the features are those of another dataset or folder; give those the split was made for, or make the split again",
			s.roles.Name, ErrNoTestImages, t.listed, s.features.Rows(), t.missing[0])
	}
	return fmt.Errorf("split %q: %w: none of its %d unseen classes has an image, so there is nothing to measure; classes without images: %s; add their images and run extract and split again, or evaluate a split whose unseen classes have images",
		s.roles.Name, ErrNoTestImages, len(t.classes), list(t.classes, 10))
}

// list names the first n of names and says how many more there are.
func list(names []string, n int) string {
	if len(names) <= n+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

func (s *inputs) attributes(classes []string) ([][]float32, error) {
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
		return nil, fmt.Errorf("split %q: %w for %s: run attributes again for this dataset", s.roles.Name, ErrNoAttributes, list(lacking, 10))
	}
	return vectors, nil
}

// score streams rows past the model and hands over the scores of each, which are only valid during the call.
func (s *inputs) score(ctx context.Context, model Scorer, rows []int, classes []string, batch int, each func(i int, scores []float32)) error {
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
			return fmt.Errorf("the model returned %d scores for %d images and %d classes", len(scores), len(part), len(classes))
		}
		for i, row := range part {
			own := scores[i*len(classes) : (i+1)*len(classes)]
			for c, v := range own {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					return fmt.Errorf("%w: image %q, class %q: %v; the training has diverged, or features or attributes are invalid: check the run's metrics, and the features with vzsl verify",
						ErrNotFinite, s.features.Images()[row], classes[c], v)
				}
			}
			each(lo+i, own)
		}
	}
	return nil
}
