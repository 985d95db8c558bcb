package datasets

import (
	"fmt"
	"sort"
	"strings"
)

// cubStandardUnseen are the ids of the 50 classes that the standard split of CUB-200-2011 keeps for testing.
var cubStandardUnseen = []int{
	1, 4, 6, 8, 9, 14, 23, 29, 31, 33,
	34, 35, 36, 37, 38, 43, 49, 51, 53, 66,
	72, 79, 83, 84, 86, 91, 95, 96, 98, 101,
	102, 103, 112, 114, 119, 121, 130, 135, 138, 147,
	156, 163, 165, 166, 180, 183, 185, 186, 187, 197,
}

// standardSplits by dataset.
var standardSplits = map[string]struct {
	split  func(classes []string) (seen, unseen []string, err error)
	source string
}{
	"cub": {cubStandard, "CUB-200-2011 standard split, 150 seen and 50 unseen classes: Akata, Perronnin, Harchaoui, Schmid, " +
		"Label-Embedding for Attribute-Based Classification, CVPR 2013; classes taken by their official ids"},
}

// StandardSplit is the split that the literature calls standard for a dataset, in the names and order of classes, and where
// it comes from.
func StandardSplit(dataset string, classes []string) (seen, unseen []string, source string, err error) {
	s, ok := standardSplits[dataset]
	if !ok {
		var names []string
		for n := range standardSplits {
			names = append(names, n)
		}
		sort.Strings(names)
		return nil, nil, "", fmt.Errorf("no standard split is known for dataset %q (known: %s); give files of seen and unseen class names instead",
			dataset, strings.Join(names, ", "))
	}
	seen, unseen, err = s.split(classes)
	if err != nil {
		return nil, nil, "", fmt.Errorf("standard split of %s: %w", dataset, err)
	}
	return seen, unseen, s.source, nil
}

// cubStandard takes classes apart by the number in front of their names, "001.Black_footed_Albatross".
func cubStandard(classes []string) (seen, unseen []string, err error) {
	byID := make(map[int]string, len(classes))
	for _, c := range classes {
		number, _, ok := strings.Cut(c, ".")
		id, err := positive(number)
		if !ok || err != nil || id > 200 {
			return nil, nil, fmt.Errorf("class %q does not start with a number from 1 to 200 and a dot", c)
		}
		if was, twice := byID[id]; twice {
			return nil, nil, fmt.Errorf("classes %q and %q have the same number", was, c)
		}
		byID[id] = c
	}
	held := make(map[string]bool, len(cubStandardUnseen))
	var missing []string
	for id := 1; id <= 200; id++ {
		if byID[id] == "" {
			missing = append(missing, fmt.Sprintf("%03d", id))
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("%d of the 200 classes are missing: %s", len(missing), some(missing))
	}
	for _, id := range cubStandardUnseen {
		held[byID[id]] = true
	}
	for _, c := range classes {
		if held[c] {
			unseen = append(unseen, c)
		} else {
			seen = append(seen, c)
		}
	}
	return seen, unseen, nil
}
