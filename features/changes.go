package features

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The inputs of a run that a Change may be of.
const (
	InputSplit    = "split"
	InputClasses  = "class table"
	InputFeatures = "features"
)

// Change says in what an input differs from what a run was made from: the first differences by name, and how many more there
// are.
type Change struct {
	Of    string // InputSplit, InputClasses or InputFeatures
	First []string
	More  int
}

// mostShown of the differences of an input are told.
const mostShown = 3

func (c *Change) add(format string, args ...any) {
	if len(c.First) < mostShown {
		c.First = append(c.First, fmt.Sprintf(format, args...))
	} else {
		c.More++
	}
}

// What lists the differences.
func (c *Change) What() string {
	s := strings.Join(c.First, "; ")
	if c.More > 0 {
		s += fmt.Sprintf("; and %d more", c.More)
	}
	return s
}

func (c *Change) String() string { return c.Of + ": " + c.What() }

// Changes compares inputs with what a run was made from, by names: none where every class of the record has the same
// description, every image the same role, class and feature. What the inputs leave nil is not compared, and classes that
// were added to the table are no change.
func (r *Record) Changes(ctx context.Context, in *Inputs) ([]*Change, error) {
	var all []*Change
	keep := func(c *Change) {
		if len(c.First) > 0 {
			all = append(all, c)
		}
	}
	if in.Roles != nil {
		keep(r.Roles.change(in.Roles))
	}
	if in.Classes != nil {
		keep(classesChange(r.Classes, in.Classes))
	}
	if in.Features != nil && (r.Manifest == "" || in.Manifest != r.Manifest || in.Elsewhere) {
		c, err := r.featuresChange(ctx, in)
		if err != nil {
			return nil, err
		}
		keep(c)
	}
	return all, nil
}

// rolesOfClasses says what each class of a split is.
func rolesOfClasses(r *Split) map[string]string {
	is := make(map[string]string, len(r.Seen)+len(r.Unseen))
	for what, list := range map[string][]string{"seen": r.Seen, "unseen": r.Unseen} {
		for _, c := range list {
			is[c] = what
		}
	}
	for _, c := range r.Validation {
		is[c] = "a validation class"
	}
	return is
}

// Changed says in what a split differs from now, by names; nil: in nothing but order and provenance.
func (r *Split) Changed(now *Split) *Change {
	if c := r.change(now); len(c.First) > 0 {
		return c
	}
	return nil
}

func (r *Split) change(now *Split) *Change {
	was := r
	d := &Change{Of: InputSplit}
	if was.Dataset != now.Dataset {
		d.add("it was for dataset %q, now for %q", was.Dataset, now.Dataset)
	}
	a, b := rolesOfClasses(was), rolesOfClasses(now)
	for _, c := range slices.Concat(was.Seen, was.Unseen) {
		switch b[c] {
		case a[c]:
		case "":
			d.add("class %q was %s, now it is not used", c, a[c])
		default:
			d.add("class %q was %s, now it is %s", c, a[c], b[c])
		}
	}
	for _, c := range slices.Concat(now.Seen, now.Unseen) {
		if a[c] == "" {
			d.add("class %q was not used, now it is %s", c, b[c])
		}
	}
	role := make(map[string]Role, len(now.Images))
	for i, image := range now.Images {
		role[image] = now.Roles[i]
	}
	for i, image := range was.Images {
		if is, ok := role[image]; !ok {
			d.add("image %q was %s, now it has no role", image, was.Roles[i])
		} else if is != was.Roles[i] {
			d.add("image %q was %s, now it is %s", image, was.Roles[i], is)
		}
		delete(role, image)
	}
	for i, image := range now.Images {
		if _, added := role[image]; added {
			d.add("image %q had no role, now it is %s", image, now.Roles[i])
		}
	}
	return d
}

// Changed says in what a class table differs from now, by names; nil: in nothing but order and classes that were added.
func (t *ClassTable) Changed(now *ClassTable) *Change {
	if c := classesChange(t, now); len(c.First) > 0 {
		return c
	}
	return nil
}

// Added are the classes of now that the table does not have.
func (t *ClassTable) Added(now *ClassTable) []string {
	at := places(t.Classes)
	var added []string
	for _, c := range now.Classes {
		if _, ok := at[c]; !ok {
			added = append(added, c)
		}
	}
	return added
}

// numbered makes duplicate names different.
func numbered(names []string) []string {
	out := make([]string, len(names))
	times := make(map[string]int, len(names))
	for i, n := range names {
		times[n]++
		if out[i] = n; times[n] > 1 {
			out[i] = n + " (" + strconv.Itoa(times[n]) + ")"
		}
	}
	return out
}

func places(names []string) map[string]int {
	at := make(map[string]int, len(names))
	for i, n := range names {
		at[n] = i
	}
	return at
}

func classesChange(was, now *ClassTable) *Change {
	d := &Change{Of: InputClasses}
	names, today := numbered(was.Attributes), numbered(now.Attributes)
	at, before := places(today), places(names)
	for _, n := range names {
		if _, ok := at[n]; !ok {
			d.add("attribute %q is gone", n)
		}
	}
	for _, n := range today {
		if _, ok := before[n]; !ok {
			d.add("attribute %q is new", n)
		}
	}
	row := places(now.Classes)
	for i, c := range was.Classes {
		k, ok := row[c]
		if !ok {
			d.add("class %q is gone", c)
			continue
		}
		for j, n := range names {
			m, ok := at[n]
			if !ok || i >= len(was.Values) || k >= len(now.Values) {
				continue
			}
			if a, b := was.Values[i][j], now.Values[k][m]; a != b && (a == a || b == b) {
				d.add("%s of class %q was %s, now it is %s", n, c, value(a), value(b))
			}
		}
	}
	return d
}

func value(v float32) string {
	if v != v {
		return "missing"
	}
	return strconv.FormatFloat(float64(v), 'g', -1, 32)
}

func (r *Record) featuresChange(ctx context.Context, in *Inputs) (*Change, error) {
	d := &Change{Of: InputFeatures}
	for _, s := range r.Source.NetworkDifferences(in.Features.Source()) {
		d.add("%s", s)
	}
	if len(d.First) > 0 { // every value is another one then
		return d, nil
	}
	row := places(in.Features.Images())
	classes := in.Features.Classes()
	for i, image := range r.Roles.Images {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		k, has := row[image]
		switch had := r.ClassOf[i] != ""; {
		case in.Elsewhere && has != had:
		case had && !has:
			d.add("image %q no longer has a feature", image)
		case !had && has:
			d.add("image %q had no feature, now it has one", image)
		case !has:
		case classes[k] != r.ClassOf[i]:
			d.add("image %q was of class %q, now it is of class %q", image, r.ClassOf[i], classes[k])
		case !in.Elsewhere && in.digest(k) != r.Digests[i]:
			d.add("image %q has another feature", image)
		}
	}
	return d, nil
}

// SelectAttributes is the table with its attributes in the order of names, which must be all of them.
func (t *ClassTable) SelectAttributes(names []string) (*ClassTable, error) {
	if slices.Equal(t.Attributes, names) {
		return t, nil
	}
	if d := classesChange(&ClassTable{Attributes: names}, &ClassTable{Attributes: t.Attributes}); len(d.First) > 0 {
		return nil, fmt.Errorf("%s", d)
	}
	out := *t
	out.Attributes, out.Values, out.Blocks = names, make([][]float32, len(t.Values)), nil
	at := places(numbered(t.Attributes))
	for i, row := range t.Values {
		for _, n := range numbered(names) {
			out.Values[i] = append(out.Values[i], row[at[n]])
		}
	}
	return &out, nil
}

// Imported tells of features that another program computed.
func (s *Source) Imported() bool {
	return s.NetworkSHA256 == "" || strings.HasPrefix(s.Engine, "import ")
}

// NetworkDifferences says in what the features of two sources are not those of one network: by its file where this program ran
// it, by its name where another one did; by layer, recipe and width.
func (s Source) NetworkDifferences(now Source) []string {
	var d []string
	differ := func(what, was, is string) {
		if was != is {
			d = append(d, fmt.Sprintf("%s: %s then, %s now", what, shown(was), shown(is)))
		}
	}
	if s.Imported() || now.Imported() {
		differ("network", s.Network, now.Network)
	} else if s.NetworkSHA256 != now.NetworkSHA256 {
		differ("network", s.Network+" of sha256 "+brief(s.NetworkSHA256), now.Network+" of sha256 "+brief(now.NetworkSHA256))
	}
	differ("layer", s.Layer, now.Layer)
	differ("recipe", wholeRecipe(s.Recipe), wholeRecipe(now.Recipe))
	if s.Dim != now.Dim {
		differ("width", strconv.Itoa(s.Dim), strconv.Itoa(now.Dim))
	}
	return d
}

func brief(sum string) string { return sum[:min(12, len(sum))] + "..." }
