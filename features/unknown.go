package features

import (
	"fmt"
	"strings"
)

// UnknownClass is the error for a name that is none of known: it names the nearest, or some.
func UnknownClass(name string, known []string) error {
	if near := Nearest(name, known); near != "" {
		return fmt.Errorf("no class is called %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("no class is called %q; the classes are %s", name, some(known))
}

// Nearest is the known name that takes the fewest edits to make from name, letters' case, spaces and underscores aside; ""
// where nothing is near.
func Nearest(name string, known []string) string {
	plain := func(s string) []rune {
		return []rune(strings.ToLower(strings.NewReplacer("_", " ", "+", " ", "-", " ").Replace(s)))
	}
	want := plain(name)
	best, bestCost := "", len(want)/2+1
	for _, k := range known {
		have := plain(k)
		// Names are often given without their number, "Ovenbird" for "099.Ovenbird".
		cost := min(edits(want, have, bestCost), edits(want, []rune(strings.TrimLeft(string(have), "0123456789. ")), bestCost-1)+1)
		if cost < bestCost {
			best, bestCost = k, cost
		}
	}
	return best
}

// edits is the Levenshtein distance of two words, or anything from limit on where it is not below limit.
func edits(a, b []rune, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return max(d, -d)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
			least = min(least, row[j+1])
		}
		if least >= limit {
			return least
		}
	}
	return row[len(b)]
}

// some lists the first few of many names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
