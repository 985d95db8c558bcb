package convert

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Choice says which column is what, where the names do not.
type Choice struct {
	Image, Class, Label string   // names of columns; "": by the usual names
	Features            []string // names, or patterns such as f*; none: see roles
	Ignore              []string // names or patterns of columns to leave out
}

// Flags names the flags that a Choice is given by, for messages.
type Flags struct{ Image, Class, Label, Features, Ignore string }

// FeatureFlags are those of imports, AttributeFlags those of class descriptions.
var (
	FeatureFlags   = Flags{"--image-column", "--class-column", "--label-column", "--feature-column", "--ignore-column"}
	AttributeFlags = Flags{"", "--class-column", "", "--attribute-column", "--ignore-column"}
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
	flags   Flags
	taken   map[int]bool // columns that have a role, or are left out
	said    []string
}

func newResolver(t Table, c Choice, f Flags) (*resolver, error) {
	r := &resolver{path: t.Path(), table: t, columns: t.Columns(), choice: c, flags: f, taken: map[int]bool{}}
	seen := map[string]bool{}
	for _, col := range r.columns {
		if col.Name != "" && seen[col.Name] {
			return nil, fmt.Errorf("%s: two columns are called %q: rename one", r.path, col.Name)
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
	return r.errorf("no column is called %q (%s); there are %s", name, flag, Names(r.columns))
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
				return -1, r.errorf("column %s would be the %s, but cannot be read: %s; write it otherwise, or leave it out with %s", c.label(), role, c.Why, r.flags.Ignore)
			}
		}
		return -1, nil
	case 1:
		r.taken[found[0]] = true
		return found[0], nil
	}
	return -1, r.errorf("columns %s could all be the %s: name the one that is with %s, or those that are not with %s", Names(r.at(found)), role, flag, r.flags.Ignore)
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
	r, err := newResolver(t, c, FeatureFlags)
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
		r.say("left out: %s", Names(left))
	}
}

// wide is the column of vectors; -1 where there is none.
func (r *resolver) wide() (int, error) {
	if len(r.choice.Features) > 0 {
		var found []int
		for _, p := range r.choice.Features {
			found = append(found, r.matching(p)...)
		}
		if len(found) == 1 && r.columns[found[0]].List && r.columns[found[0]].Kind.numeric() {
			r.taken[found[0]] = true
			return found[0], nil
		}
		if len(found) == 1 && r.columns[found[0]].Kind == Other {
			return -1, r.errorf("column %s: %s", r.columns[found[0]].label(), r.columns[found[0]].Why)
		}
		return -1, nil
	}
	var found, named []int
	var others []string
	for i, c := range r.columns {
		switch {
		case r.taken[i]:
		case c.List && c.Kind.numeric():
			found = append(found, i)
			if c.isCalled(featureNames) {
				named = append(named, i)
			}
		case c.Kind == Other:
			others = append(others, fmt.Sprintf("%s: %s", c.label(), c.Why))
			if slices.ContainsFunc(featureNames, func(u string) bool { return strings.EqualFold(u, c.Name) }) {
				named = append(named, i)
			}
		}
	}
	if len(named) == 1 {
		found = named
	}
	switch {
	case len(found) == 1 && r.columns[found[0]].Kind == Other:
		return -1, r.errorf("the features, %s, cannot be read: %s", r.columns[found[0]].label(), r.columns[found[0]].Why)
	case len(found) == 1:
		r.taken[found[0]] = true
		return found[0], nil
	case len(found) > 1:
		return -1, r.errorf("%d columns of vectors (%s): name the one of the features with %s", len(found), Names(r.at(found)), r.flags.Features)
	case len(others) > 0 && !slices.ContainsFunc(r.columns, func(c Column) bool { return c.Kind.numeric() && c.Width == 1 }):
		return -1, r.errorf("no features that can be read: %s", strings.Join(others, "; "))
	}
	return -1, nil
}

// numbered takes a name like f12, feat_12 or 12 apart.
var numbered = regexp.MustCompile(`^(.*?)(\d+)$`)

// flat are the columns of numbers that are a feature, or an attribute, each. what names one.
func (r *resolver) flat(what string) ([]int, error) {
	if len(r.choice.Features) > 0 {
		return r.chosen(what)
	}
	var found []int
	families := map[string][]int{}
	for i, c := range r.columns {
		if r.taken[i] {
			continue
		}
		if m := numbered.FindStringSubmatch(c.Name); m != nil {
			families[m[1]] = append(families[m[1]], i)
		}
		switch {
		case c.Kind.numeric() && c.Width == 1 && !c.array:
			found = append(found, i)
		case c.Kind == Text && c.Why != "":
			return nil, r.errorf("column %s: %s; correct it, or leave the column out with %s", c.label(), c.Why, r.flags.Ignore)
		}
	}
	// Columns that are numbered alike belong together: none of them may be missing for the values that it holds.
	for stem, family := range families {
		for _, i := range family {
			if c := r.columns[i]; len(family) > 2 && !c.Kind.numeric() && r.columns[family[0]].Kind.numeric() {
				return nil, r.errorf("column %s holds %s (%s), the others called %s1, %s2, ... numbers: correct it, or leave it out with %s", c.label(), c.Kind, c.Type, stem, stem, r.flags.Ignore)
			}
		}
	}
	if len(found) == 0 {
		return nil, r.none(what)
	}
	hardly := noFeature
	if what == "attribute" {
		hardly = noAttribute
	}
	var doubtful, features []int
	for _, i := range found {
		if !hardly.MatchString(r.columns[i].Name) {
			features = append(features, i)
		} else if numbers, err := r.numbersRows(i); err != nil {
			return nil, err
		} else if numbers {
			r.leave(i, "it numbers the rows")
		} else {
			doubtful, features = append(doubtful, i), append(features, i)
		}
	}
	found = features
	if stem, family := largest(families); what == "feature" && len(family) >= 2 && len(family) < len(found) {
		for _, i := range found {
			if !slices.Contains(family, i) && !slices.Contains(doubtful, i) {
				doubtful = append(doubtful, i)
			}
		}
		if len(doubtful) > 0 {
			return nil, r.doubt(what, doubtful, fmt.Sprintf("%s '%s[0-9]*'", r.flags.Features, stem))
		}
	}
	if len(doubtful) > 0 {
		return nil, r.doubt(what, doubtful, r.flags.Features+" NAME,...")
	}
	for _, i := range found {
		r.taken[i] = true
	}
	return found, nil
}

// none says that there are no features, and what there is.
func (r *resolver) none(what string) error {
	if len(r.columns) == 1 && r.columns[0].array && r.columns[0].Kind.numeric() {
		return r.errorf("a list of %d numbers; a matrix with a row of %ss is wanted", r.columns[0].Rows, what)
	}
	for _, c := range r.columns {
		if c.Kind == Other {
			return r.errorf("no %ss: there are %s; %s is %s", what, Names(r.columns), c.label(), c.Why)
		}
	}
	return r.errorf("no %ss: there are %s", what, Names(r.columns))
}

// numbersRows: a column of 0, 1, 2, ... or 1, 2, 3, ...
func (r *resolver) numbersRows(i int) (bool, error) {
	if r.columns[i].Kind != Integer {
		return false, nil
	}
	texts, err := r.table.Texts(i)
	if err != nil {
		return false, err
	}
	first, err := parseWhole(texts[0][0])
	if err != nil || first != 0 && first != 1 {
		return false, nil //nolint:nilerr // such a column numbers nothing
	}
	for k, s := range texts[0] {
		if n, err := parseWhole(s); err != nil || n != first+int64(k) {
			return false, nil //nolint:nilerr // as above
		}
	}
	return true, nil
}

func (r *resolver) doubt(what string, doubtful []int, flag string) error {
	verb := "is it a"
	if len(doubtful) > 1 {
		verb = "are they"
	}
	plural := what
	if len(doubtful) > 1 {
		plural += "s"
	}
	return r.errorf("column %s holds numbers beside the %ss: %s %s? Leave it out with %s, or name what is meant with %s",
		Names(r.at(doubtful)), what, verb, plural, r.flags.Ignore, flag)
}

func largest(families map[string][]int) (stem string, columns []int) {
	for s, f := range families {
		if len(f) > len(columns) || len(f) == len(columns) && s < stem {
			stem, columns = s, f
		}
	}
	return stem, columns
}

// chosen are the columns that were named.
func (r *resolver) chosen(what string) ([]int, error) {
	var found []int
	for _, p := range r.choice.Features {
		m := r.matching(p)
		if len(m) == 0 {
			return nil, r.unknown(r.flags.Features, p)
		}
		for _, i := range m {
			c := r.columns[i]
			switch {
			case r.taken[i]: // an index or a class that the pattern takes too
				if c.Name == p {
					return nil, r.errorf("column %q has a role already: it cannot be a %s too (%s)", p, what, r.flags.Features)
				}
				continue
			case !c.Kind.numeric():
				return nil, r.errorf("column %s holds %s (%s): it cannot be a %s (%s)", c.label(), c.Kind, cmp.Or(c.Why, c.Type), what, r.flags.Features)
			case c.List && len(found) > 0:
				return nil, r.errorf("columns of vectors cannot be joined with others (%s)", r.flags.Features)
			}
			found, r.taken[i] = append(found, i), true
		}
	}
	if len(found) == 0 {
		return nil, r.none(what)
	}
	return found, nil
}

// ResolveDescriptions finds the column of class names in a table of class descriptions, and its attributes: the columns of
// numbers, or one of vectors. said tells what was taken for what and what was left out.
func ResolveDescriptions(t Table, c Choice) (class int, attributes []int, said []string, err error) {
	r, err := newResolver(t, c, AttributeFlags)
	if err != nil {
		return -1, nil, nil, err
	}
	if class, err = r.className(); err != nil {
		return -1, nil, nil, err
	}
	wide, err := r.wide()
	switch {
	case err != nil:
		return -1, nil, nil, err
	case wide >= 0:
		attributes = []int{wide}
	default:
		if attributes, err = r.flat("attribute"); err != nil {
			return -1, nil, nil, err
		}
	}
	if class >= 0 {
		r.said = append([]string{fmt.Sprintf("class names: column %s", r.columns[class].label())}, r.said...)
	}
	r.said = append([]string{r.sayFeatures("attributes", attributes)}, r.said...)
	r.rest()
	return class, attributes, r.said, nil
}

// className finds the column of class names in class descriptions.
func (r *resolver) className() (class int, err error) {
	if class, err = r.one("class names", r.flags.Class, r.choice.Class, append(slices.Clone(classNames), "name"), textual); err == nil {
		r.index(&class, "class names")
	}
	return class, err
}

// ReadClassNames are the class names of a file of class descriptions, row by row, in Unicode's form C. A column of no usual
// name counts where it is the first.
func ReadClassNames(file string, c Choice) ([]string, error) {
	t, err := Open(file, Options{})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	r, err := newResolver(t, c, AttributeFlags)
	if err != nil {
		return nil, err
	}
	class, err := r.className()
	if err != nil {
		return nil, err
	}
	if class < 0 {
		if class = 0; !textual(r.columns[0]) {
			return nil, r.errorf("no column of class names, such as \"class\": name it with %s (columns: %s)", r.flags.Class, Kinds(r.columns))
		}
	}
	all, err := t.Texts(class)
	if err != nil {
		return nil, err
	}
	return all[0], UniqueNames(file, all[0])
}

// UniqueNames brings names of classes to Unicode's form C, and refuses one that is missing or there twice.
func UniqueNames(file string, names []string) error {
	rows := make(map[string]int, len(names))
	raw := slices.Clone(names)
	for i, name := range raw {
		names[i] = norm.NFC.String(name)
		was, twice := rows[names[i]]
		switch {
		case name == "":
			return fmt.Errorf("%s: row %d has no class name", file, i+1)
		case twice && raw[was] != name:
			return fmt.Errorf("%s: rows %d and %d are the same class %q, written in two Unicode forms", file, was+1, i+1, names[i])
		case twice:
			return fmt.Errorf("%s: row %d: class %q is already in row %d", file, i+1, name, was+1)
		}
		rows[names[i]] = i
	}
	return nil
}

// Wanted is a column of text that a table must have: what it is, the flag that it is named by, and its usual names.
type Wanted struct {
	What, Flag string
	Usual      []string
}

// WantedImages is the column of image names.
var WantedImages = Wanted{"image names", "a header", imageNames}

// NoColumnError says that a table lacks a column that is wanted.
type NoColumnError struct{ error }

// ReadTexts reads columns of a table whole, found by their usual names, as text.
func ReadTexts(file string, wanted ...Wanted) ([][]string, error) {
	t, err := Open(file, Options{})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	r, err := newResolver(t, Choice{}, Flags{Ignore: "another header"})
	if err != nil {
		return nil, err
	}
	found := make([]int, len(wanted))
	for i, w := range wanted {
		if found[i], err = r.one(w.What, w.Flag, "", w.Usual, func(c Column) bool { return c.Width == 1 && c.Kind != Other }); err != nil {
			return nil, err
		}
		if found[i] < 0 {
			return nil, NoColumnError{r.errorf("no column of %s, such as %q; there are %s", w.What, w.Usual[0], Names(r.columns))}
		}
	}
	return t.Texts(found...)
}

// resolveList finds the column that is meant in a file of labels or names: the one named, the only one, or the only one of
// the usual names.
func resolveList(t Table, column string, usual []string) (int, error) {
	columns := t.Columns()
	r := &resolver{path: t.Path(), columns: columns, taken: map[int]bool{}, flags: Flags{Ignore: "the file's name"}}
	usable := func(c Column) bool { return c.Width == 1 && c.Kind != Other }
	if column != "" {
		for i, c := range columns {
			if c.Name == column {
				if !usable(c) {
					return -1, r.errorf("%q is %s; a list is wanted", column, cmp.Or(c.Why, "a matrix"))
				}
				return i, nil
			}
		}
		return -1, r.errorf("no variable or column is called %q; there are %s", column, Names(columns))
	}
	var all []int
	for i, c := range columns {
		if usable(c) && !c.Index {
			all = append(all, i)
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	if len(columns) == 1 {
		return -1, r.errorf("%s", cmp.Or(columns[0].Why, fmt.Sprintf("%d values a row; a list is wanted", columns[0].Width)))
	}
	found, err := r.one("list that is meant", "FILE:NAME", "", usual, usable)
	if err == nil && found < 0 {
		err = r.errorf("which column or variable is meant? Name it as in %s:NAME; there are %s", t.Path(), Names(columns))
	}
	return found, err
}

// parseWhole reads a whole number as NumPy's savetxt, MATLAB and people write it.
func parseWhole(s string) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v == float64(int64(v)) && v < 1<<53 && v > -1<<53 {
		return int64(v), nil
	}
	if s == "" {
		return 0, errors.New("it is missing")
	}
	return 0, fmt.Errorf("%q is not a whole number", s)
}
