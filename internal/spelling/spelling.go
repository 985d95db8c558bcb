// Package spelling finds the known word that a mistyped one was probably meant to be.
package spelling

import "strings"

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

// Close is Nearest for the short words of a command line, where half a word is no likeness: at most a third of the letters
// differ, two neighbours exchanged count as one, or one word begins with the other.
func Close(word string, known []string) string {
	if word == "" {
		return ""
	}
	lower := strings.ToLower(word)
	best, bestCost := "", max(1, len([]rune(word))/3)+1
	for _, k := range known {
		cost := transposed([]rune(lower), []rune(strings.ToLower(k)))
		if cost < bestCost {
			best, bestCost = k, cost
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known {
		if len(word) >= 3 && strings.HasPrefix(strings.ToLower(k), lower) || len(k) >= 3 && strings.HasPrefix(lower, strings.ToLower(k)) {
			return k
		}
	}
	return ""
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

// transposed is the distance of two words by insertions, deletions, substitutions and exchanges of neighbours (optimal string
// alignment).
func transposed(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range b {
		d[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
