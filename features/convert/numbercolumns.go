package convert

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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
		return -1, r.errorf("%d columns of vectors (%s): name the one of the features with %s", len(found), names(r.at(found)), r.flags.Features)
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
	if found = features; len(found) == 0 {
		return nil, r.none(what)
	}
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
		return r.errorf("a list of %d numbers; expected a matrix with a row of %ss", r.columns[0].Rows, what)
	}
	for _, c := range r.columns {
		if c.Kind == Other {
			return r.errorf("no %ss: there are %s; %s is %s", what, names(r.columns), c.label(), c.Why)
		}
	}
	return r.errorf("no %ss: there are %s", what, names(r.columns))
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
	return r.errorf("column %s holds numbers beside the %ss: %s %s? Leave it out with %s, or name the columns with %s",
		names(r.at(doubtful)), what, verb, plural, r.flags.Ignore, flag)
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
