package catalog

import (
	"fmt"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/internal/spelling"
)

// Split is one split of the literature.
type Split struct {
	Name         string
	Seen, Unseen int // number of classes
	// Classes takes the classes apart; wnids are theirs, nil where they have none.
	Classes func(classes, wnids []string) (seen, unseen []string, err error)
	Source  string
}

// PublishedSplits are the names of a dataset's published splits, sorted.
func PublishedSplits(dataset string) []string {
	var names []string
	for _, s := range Lookup(dataset).Splits {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// PublishedSplit is a split of the literature by its name, in the names and order of classes, and where it comes from. wnids
// are those of classes, nil where they have none.
func PublishedSplit(name, dataset string, classes, wnids []string) (seen, unseen []string, source string, err error) {
	for _, s := range Lookup(dataset).Splits {
		if s.Name != name {
			continue
		}
		if seen, unseen, err = s.Classes(classes, wnids); err != nil {
			return nil, nil, "", fmt.Errorf("%s split of %s: %w", name, dataset, err)
		}
		if len(seen) != s.Seen || len(unseen) != s.Unseen {
			return nil, nil, "", fmt.Errorf("%s split of %s: %d seen and %d unseen classes, expected %d and %d", name, dataset, len(seen), len(unseen), s.Seen, s.Unseen)
		}
		return seen, unseen, s.Source, nil
	}
	var all []string
	for _, e := range entries {
		for _, s := range e.Splits {
			all = append(all, s.Name+" of "+e.Name)
		}
	}
	slices.Sort(all)
	return nil, nil, "", fmt.Errorf("no %s split is known for dataset %q (known: %s); give files of seen and unseen class names instead",
		name, dataset, strings.Join(all, ", "))
}

// byNames takes the unseen classes by name, SUN's "desert/sand" also as "desert_sand". The rest are seen.
func byNames(unseenNames string) func(classes, _ []string) (seen, unseen []string, err error) {
	want := strings.Fields(unseenNames)
	return func(classes, _ []string) (seen, unseen []string, err error) {
		left := make(map[string]bool, len(want))
		for _, n := range want {
			left[n] = true
		}
		for _, c := range classes {
			if n := attributes.XLSA17Name(c); left[n] {
				delete(left, n)
				unseen = append(unseen, c)
			} else {
				seen = append(seen, c)
			}
		}
		var missing []string
		for _, n := range want {
			if left[n] {
				missing = append(missing, n)
			}
		}
		if len(missing) > 0 {
			return nil, nil, fmt.Errorf("%d of the %d unseen classes are missing: %s", len(missing), len(want), spelling.First(missing, 5))
		}
		return seen, unseen, nil
	}
}
