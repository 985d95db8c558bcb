package splits

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"path/filepath"
	"sort"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/internal/spelling"
)

// DefaultValidationFraction of the seen classes is held out to choose hyper-parameters by.
const DefaultValidationFraction = 0.2

// Labelled is an image with features and the name of its class.
type Labelled struct{ Image, Class string }

// CollectImages lists the images of all the given folders of shards, each once, sorted. An image whose class differs between
// two folders is an error.
func CollectImages(ctx context.Context, dirs []string) ([]Labelled, error) {
	type from struct{ class, dir string }
	known := map[string]from{}
	for _, dir := range dirs {
		images, classes, err := features.ReadNames(ctx, dir)
		if err != nil {
			return nil, err
		}
		for i, image := range images {
			k, ok := known[image]
			if !ok || k.class == "" { // not labelled there
				known[image] = from{classes[i], dir}
			} else if classes[i] != "" && k.class != classes[i] {
				return nil, fmt.Errorf("image %q is of class %q in %s and of class %q in %s", image, k.class, k.dir, classes[i], dir)
			}
		}
	}
	all := make([]Labelled, 0, len(known))
	for image, k := range known {
		all = append(all, Labelled{image, k.class})
	}
	sortLabelled(all)
	return all, nil
}

func sortLabelled(l []Labelled) {
	sort.Slice(l, func(i, j int) bool { return l[i].Image < l[j].Image })
}

// Definition says how images get their roles.
type Definition struct {
	Name, Dataset, Provenance string
	Seen, Unseen              []string // class names; images of other classes take no part
	Validation                []string // seen classes to hold out; nil: drawn by the seed
	// Drawn for validation: so many classes or, where 0, this fraction of the seen classes that have images. At least one is
	// drawn where the fraction is not 0, and at least one is left to train on.
	ValidationClasses  int
	ValidationFraction float64
	TestSeenFraction   float64 // of each seen class's images to test_seen; at least one image of a class is left
	Seed               uint64
}

// Assign gives every image of a seen or unseen class its role: unseen classes test_unseen; of the seen ones a drawn fraction
// test_seen, the rest validation or train by their class. Equal input gives equal roles in whatever order it comes, and
// drawing goes by a hash of the seed and the name, so that the draw for one class or image does not depend on the others.
// That no unseen class has images is no error here.
func (s Definition) Assign(classes []string, images []Labelled) (*features.Split, error) {
	role, err := s.check(classes)
	if err != nil {
		return nil, fmt.Errorf("split %s: %w", s.Name, err)
	}
	known := make(map[string]bool, len(classes))
	for _, c := range classes {
		known[c] = true
	}
	sorted := append([]Labelled{}, images...)
	sortLabelled(sorted)
	byClass := map[string][]string{}
	for i, m := range sorted {
		if i > 0 && sorted[i-1].Image == m.Image {
			return nil, fmt.Errorf("split %s: duplicate image %q", s.Name, m.Image)
		}
		if m.Class == "" { // images without labels have no part in a split
			continue
		}
		if !known[m.Class] {
			return nil, fmt.Errorf("split %s: image %q: %w: features and class table are of different datasets", s.Name, m.Image, features.UnknownClass(m.Class, classes))
		}
		byClass[m.Class] = append(byClass[m.Class], m.Image)
	}
	var pictured []string
	for _, c := range s.Seen {
		if len(byClass[c]) > 0 {
			pictured = append(pictured, c)
		}
	}
	if len(images) > 0 && len(byClass) == 0 {
		return nil, fmt.Errorf("split %s: the %d images with features are not labelled: they can be classified with 'vzsl predict', not trained on; import them with --labels", s.Name, len(images))
	}
	if len(pictured) == 0 {
		return nil, fmt.Errorf("split %s: none of the %d seen classes has images with features: there is nothing to train on", s.Name, len(s.Seen))
	}
	out := &features.Split{Name: s.Name, Dataset: s.Dataset, Provenance: s.Provenance, Seen: s.Seen, Unseen: s.Unseen, Validation: s.Validation}
	if s.Validation == nil {
		if out.Validation, err = s.drawValidation(pictured); err != nil {
			return nil, fmt.Errorf("split %s: %w", s.Name, err)
		}
		if n := len(out.Validation); n > 0 {
			out.Provenance = joined(out.Provenance, fmt.Sprintf("%d of the %d seen classes with images held out for validation, drawn with seed %d", n, len(pictured), s.Seed))
		}
	}
	for _, c := range out.Validation {
		role[c] = features.RoleValidation
	}
	tested := map[string]bool{}
	if s.TestSeenFraction > 0 {
		for _, c := range pictured {
			of := byClass[c]
			n := min(int(math.Round(s.TestSeenFraction*float64(len(of)))), len(of)-1)
			for _, image := range s.draw("test_seen", of, n) {
				tested[image] = true
			}
		}
		out.Provenance = joined(out.Provenance, fmt.Sprintf("%d images, %g of each seen class, to test_seen, drawn with seed %d", len(tested), s.TestSeenFraction, s.Seed))
	}
	for _, m := range sorted {
		r, ok := role[m.Class]
		if !ok {
			continue
		}
		if tested[m.Image] {
			r = features.RoleTestSeen
		}
		out.Images, out.Roles = append(out.Images, m.Image), append(out.Roles, r)
	}
	return out, nil
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// check returns the role of each class, validation aside.
func (s Definition) check(classes []string) (map[string]features.Role, error) {
	if len(s.Seen) == 0 || len(s.Unseen) == 0 {
		return nil, fmt.Errorf("%d seen and %d unseen classes: both are needed", len(s.Seen), len(s.Unseen))
	}
	if f := s.ValidationFraction; !(f >= 0 && f < 1) {
		return nil, fmt.Errorf("the fraction of validation classes is %v; it must be from 0 to below 1", f)
	}
	if f := s.TestSeenFraction; !(f >= 0 && f < 1) {
		return nil, fmt.Errorf("the fraction of test_seen images is %v; it must be from 0 to below 1", f)
	}
	if s.ValidationClasses < 0 {
		return nil, fmt.Errorf("%d validation classes", s.ValidationClasses)
	}
	known := make(map[string]bool, len(classes))
	for _, c := range classes {
		known[c] = true
	}
	role := make(map[string]features.Role, len(s.Seen)+len(s.Unseen))
	add := func(what string, list []string, r features.Role) error {
		for _, c := range list {
			if !known[c] {
				return fmt.Errorf("%s: %w", what, features.UnknownClass(c, classes))
			}
			if was, twice := role[c]; twice && was == r {
				return fmt.Errorf("%s: duplicate class %q", what, c)
			} else if twice {
				return fmt.Errorf("class %q is both seen and unseen", c)
			}
			role[c] = r
		}
		return nil
	}
	if err := add("seen classes", s.Seen, features.RoleTrain); err != nil {
		return nil, err
	}
	if err := add("unseen classes", s.Unseen, features.RoleTestUnseen); err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, c := range s.Validation {
		if role[c] != features.RoleTrain {
			return nil, fmt.Errorf("validation class %q is not one of the seen classes", c)
		}
		if held[c] {
			return nil, fmt.Errorf("validation classes: duplicate class %q", c)
		}
		held[c] = true
	}
	if len(held) == len(s.Seen) {
		return nil, fmt.Errorf("all %d seen classes are validation classes: there is nothing to train on", len(held))
	}
	return role, nil
}

func (s Definition) drawValidation(pictured []string) ([]string, error) {
	n := s.ValidationClasses
	if n == 0 && s.ValidationFraction > 0 {
		n = max(1, int(math.Round(s.ValidationFraction*float64(len(pictured)))))
		n = min(n, len(pictured)-1)
	}
	if n >= len(pictured) {
		return nil, fmt.Errorf("%d validation classes of %d seen ones with images: there is nothing to train on", n, len(pictured))
	}
	drawn := s.draw("validation", pictured, n)
	sort.Strings(drawn)
	return drawn, nil
}

// draw takes the n names whose sha256 with the seed and the purpose is smallest.
func (s Definition) draw(purpose string, names []string, n int) []string {
	type ranked struct {
		name string
		rank [sha256.Size]byte
	}
	all := make([]ranked, len(names))
	for i, name := range names {
		all[i] = ranked{name, sha256.Sum256(fmt.Appendf(nil, "%d %s %s", s.Seed, purpose, name))}
	}
	sort.Slice(all, func(i, j int) bool { return bytes.Compare(all[i].rank[:], all[j].rank[:]) < 0 })
	out := make([]string, n)
	for i := range out {
		out[i] = all[i].name
	}
	return out
}

// ReadLists makes a Definition of two files of class names, one per line. Where classes have wnids, nil if not, these may stand for
// the names.
func ReadLists(seenFile, unseenFile string, classes, wnids []string) (Definition, error) {
	var s Definition
	var err error
	if s.Seen, err = datasets.ReadKnownClasses(seenFile, classes, wnids); err != nil {
		return s, err
	}
	if s.Unseen, err = datasets.ReadKnownClasses(unseenFile, classes, wnids); err != nil {
		return s, err
	}
	seen := make(map[string]bool, len(s.Seen))
	for _, c := range s.Seen {
		seen[c] = true
	}
	var both []string
	for _, c := range s.Unseen {
		if seen[c] {
			both = append(both, c)
		}
	}
	if len(both) > 0 {
		return s, fmt.Errorf("%d classes are in both %s and %s: %s", len(both), seenFile, unseenFile, spelling.First(both, 5))
	}
	s.Provenance = "class lists " + filepath.Base(seenFile) + " and " + filepath.Base(unseenFile)
	return s, nil
}

// withImages parts the classes that have images from those that have none.
func withImages(classes []string, images []Labelled) (pictured, others []string) {
	has := map[string]bool{}
	for _, m := range images {
		has[m.Class] = true
	}
	for _, c := range classes {
		if has[c] {
			pictured = append(pictured, c)
		} else {
			others = append(others, c)
		}
	}
	return pictured, others
}

// Pictured takes the classes with images as seen and those without as unseen: there is nothing to measure, but all to name.
func Pictured(classes []string, images []Labelled) (Definition, error) {
	s := Definition{Provenance: "the classes with images are seen, those without are not"}
	s.Seen, s.Unseen = withImages(classes, images)
	if len(s.Unseen) == 0 {
		return Definition{}, fmt.Errorf("all %d classes have images, so none would be unseen: describe classes without images, or list some in files of seen and unseen class names", len(classes))
	}
	return s, nil
}

// Random draws unseen classes by a seed; the others are seen. Classes without images are not drawn.
func Random(classes []string, images []Labelled, unseen int, seed uint64) (Definition, error) {
	pictured, _ := withImages(classes, images)
	if unseen < 1 || unseen >= len(pictured) {
		return Definition{}, fmt.Errorf("%d unseen classes cannot be drawn from %d with images: at least one must be drawn and one left", unseen, len(pictured))
	}
	s := Definition{Seed: seed}
	drawn := map[string]bool{}
	for _, c := range s.draw("unseen", pictured, unseen) {
		drawn[c] = true
	}
	for _, c := range pictured {
		if drawn[c] {
			s.Unseen = append(s.Unseen, c)
		} else {
			s.Seen = append(s.Seen, c)
		}
	}
	s.Provenance = fmt.Sprintf("%d of the %d classes with images unseen, drawn with seed %d", unseen, len(pictured), seed)
	return s, nil
}
