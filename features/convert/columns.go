package convert

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Choice says which column is what, where the names do not.
type Choice struct {
	Image, Class, Label string   // names of columns; "": by the usual names
	Features            []string // names, or patterns such as f*; none: see roles
	Ignore              []string // names or patterns of columns to leave out
}

// flags names the flags that a Choice is given by, for messages.
type flags struct{ Image, Class, Label, Features, Ignore string }

// featureFlags are those of imports, attributeFlags those of class descriptions.
var (
	featureFlags   = flags{"--image-column", "--class-column", "--label-column", "--feature-column", "--ignore-column"}
	attributeFlags = flags{"", "--class-column", "", "--attribute-column", "--ignore-column"}
)

// roles says which column of a table is what; -1: none.
type roles struct {
	image, class, label int
	features            []int
	said                []string // what was taken for what, and what was left out
}

// The usual names, compared without regard to case. A column called class or label is one of class names where it holds text,
// one of class numbers where it holds whole numbers.
var (
	imageNames   = []string{"image", "file", "path", "filename", "image_file", "image_files", "file_name", "image_path", "image_name", "filepath", "file_path", "img", "img_path", "img_name", "images", "files", "paths", "filenames", "names"}
	classNames   = []string{"class", "classes", "class_name", "class_names", "label", "labels", "category", "target", "y", "label_name", "class_id", "label_id", "class_index", "category_id", "class_label"}
	featureNames = []string{"feature", "features", "embedding", "embeddings", "x"}
	// Numbers of these names are hardly attributes, and hardly features.
	noAttribute = regexp.MustCompile(`(?i)^(id|ids|.*_id|idx|index|.*_idx|row|row_?(id|nr|number)|label|labels|target|targets|split|fold|unnamed.*|level_\d+)$`)
	noFeature   = regexp.MustCompile(`(?i)^(id|ids|.*_id|idx|index|.*_index|.*_idx|row|row_?(id|nr|number)|no|nr|num|number|key|label|labels|.*_labels?|label_.*|target|targets|y|class|classes|category|split|fold|role|subset|train|test|val|similarity|score|.*_score|prob|probability|confidence|distance|loss|width|height|w|h|size|bytes|n|count|timestamp|date|time|seed|weight|unnamed.*|level_\d+)$`)
)

// resolver assigns the columns of a table.
type resolver struct {
	path    string
	table   Table
	columns []Column
	choice  Choice
	flags   flags
	taken   map[int]bool // columns that have a role, or are left out
	said    []string
}

func newResolver(t Table, c Choice, f flags) (*resolver, error) {
	r := &resolver{path: t.Path(), table: t, columns: t.Columns(), choice: c, flags: f, taken: map[int]bool{}}
	seen := map[string]bool{}
	for _, col := range r.columns {
		if col.Name != "" && seen[col.Name] {
			return nil, fmt.Errorf("%s: two columns have the name %q: rename one", r.path, col.Name)
		}
		seen[col.Name] = true
	}
	for _, pattern := range c.Ignore {
		found := r.matching(pattern)
		if len(found) == 0 {
			return nil, r.unknown(f.Ignore, pattern)
		}
		for _, i := range found {
			if !r.taken[i] {
				r.leave(i, "as "+f.Ignore+" says")
			}
		}
	}
	return r, nil
}

func (r *resolver) leave(i int, why string) {
	r.taken[i] = true
	r.say("left out: %s (%s)", r.columns[i].label(), why)
}

func (r *resolver) say(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *resolver) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", r.path, fmt.Errorf(format, args...))
}

func (r *resolver) unknown(flag, name string) error {
	return r.errorf("there is no column %q (%s); columns: %s", name, flag, names(r.columns))
}

// matching are the columns of a name, or of a pattern.
func (r *resolver) matching(pattern string) []int {
	var found []int
	for i, c := range r.columns {
		if ok, err := path.Match(pattern, c.Name); c.Name == pattern || ok && err == nil {
			found = append(found, i)
		}
	}
	return found
}

// one finds the column of a role: the one named, or the only one of the usual names that suits.
func (r *resolver) one(role, flag, named string, usual []string, suits func(c Column) bool) (int, error) {
	if named != "" {
		for i, c := range r.columns {
			if c.Name == named {
				if !suits(c) {
					return -1, r.errorf("column %q holds %s: it cannot be the %s (%s)", named, c.Kind, role, flag)
				}
				r.taken[i] = true
				return i, nil
			}
		}
		return -1, r.unknown(flag, named)
	}
	var found []int
	for i, c := range r.columns {
		if !r.taken[i] && suits(c) && c.isCalled(usual) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		for i, c := range r.columns {
			if !r.taken[i] && c.Kind == Other && slices.ContainsFunc(usual, func(u string) bool { return strings.EqualFold(u, c.Name) }) {
				return -1, r.errorf("column %s is taken as the %s, but cannot be read: %s; write it in another form, or leave it out with %s", c.label(), role, c.Why, r.flags.Ignore)
			}
		}
		return -1, nil
	case 1:
		r.taken[found[0]] = true
		return found[0], nil
	}
	return -1, r.errorf("columns %s could all be the %s: name the right one with %s, or leave out the others with %s", names(r.at(found)), role, flag, r.flags.Ignore)
}

func (r *resolver) at(columns []int) []Column {
	var l []Column
	for _, i := range columns {
		l = append(l, r.columns[i])
	}
	return l
}

func textual(c Column) bool { return c.Kind == Text && c.Width == 1 && c.Why == "" }

// whole: what numbered labels are stored as.
func whole(c Column) bool { return (c.Kind == Integer || c.Kind == Number) && c.Width == 1 }

// resolveFeatures assigns the columns of a table of features. Files of several arrays hold lists that belong to no row: only
// what has as many rows as the features counts, but for lists that are named.
func resolveFeatures(t Table, c Choice) (*roles, error) {
	r, err := newResolver(t, c, featureFlags)
	if err != nil {
		return nil, err
	}
	a := &roles{image: -1, class: -1, label: -1}
	if wide, err := r.wide(); err != nil {
		return nil, err
	} else if wide >= 0 {
		a.features = []int{wide}
		for i, c := range r.columns {
			turns := r.columns[wide].turns && c.Rows == r.columns[wide].Width
			if c.Rows != r.columns[wide].Rows && !turns && c.Kind != Other {
				r.leave(i, fmt.Sprintf("%d rows", c.Rows))
			}
		}
	}
	if a.image, err = r.one("image names", r.flags.Image, c.Image, imageNames, func(c Column) bool { return textual(c) || r.choice.Image != "" && whole(c) }); err != nil {
		return nil, err
	}
	if a.class, err = r.one("class names", r.flags.Class, c.Class, classNames, func(c Column) bool { return textual(c) || r.choice.Class != "" && whole(c) }); err != nil {
		return nil, err
	}
	if a.class >= 0 && whole(r.columns[a.class]) {
		a.class, a.label = -1, a.class
	}
	if a.label < 0 {
		if a.label, err = r.one("class numbers", r.flags.Label, c.Label, classNames, whole); err != nil {
			return nil, err
		}
	}
	r.index(&a.image, "image names")
	if a.features == nil {
		if a.features, err = r.flat("feature"); err != nil {
			return nil, err
		}
	}
	for role, i := range map[string]int{"class names": a.class, "class numbers": a.label} {
		if i >= 0 {
			r.say("%s: column %s", role, r.columns[i].label())
		}
	}
	slices.Sort(r.said)
	if a.image >= 0 {
		r.said = append([]string{fmt.Sprintf("image names: column %s", r.columns[a.image].label())}, r.said...)
	}
	r.said = append([]string{r.sayFeatures("features", a.features)}, r.said...)
	r.rest()
	a.said = r.said
	return a, nil
}

func (r *resolver) sayFeatures(what string, features []int) string {
	first, last := r.columns[features[0]], r.columns[features[len(features)-1]]
	if len(features) == 1 && !first.List {
		return fmt.Sprintf("%s: column %s", what, first.label())
	}
	if len(features) == 1 {
		return fmt.Sprintf("%s: %s, %d values a row (%s)", what, first.label(), first.Width, first.Type)
	}
	return fmt.Sprintf("%s: %d columns, %s to %s", what, len(features), first.label(), last.label())
}

// index deals with the index of a data frame: numbers are left out, text stands for what is wanted and not there.
func (r *resolver) index(wanted *int, role string) {
	for i, c := range r.columns {
		switch {
		case !c.Index || r.taken[i]:
		case textual(c) && *wanted < 0:
			*wanted, r.taken[i] = i, true
		default:
			r.leave(i, "the index of a data frame")
		}
	}
}

// rest says what has no role.
func (r *resolver) rest() {
	var left []Column
	for i, c := range r.columns {
		if !r.taken[i] {
			left = append(left, c)
		}
	}
	if len(left) > 0 {
		r.say("left out: %s", names(left))
	}
}
