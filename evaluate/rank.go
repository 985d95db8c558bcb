package evaluate

// Candidates are ordered by score, higher first; equal scores stand in the order of the candidate list, as numpy's
// argmax has it. A scorer that cannot tell classes apart thus gets the accuracy of guessing, as the mean over classes.

// rankOf is the place of candidate c, 1 being the best.
func rankOf(scores []float32, c int) int {
	rank := 1
	for i, s := range scores {
		if s > scores[c] || s == scores[c] && i < c {
			rank++
		}
	}
	return rank
}

// top lists the k best candidates in order.
func top(scores []float32, k int) []Choice {
	k = min(k, len(scores))
	best := make([]Choice, 0, k)
	for i, s := range scores {
		if len(best) == k && s <= best[k-1].Score {
			continue
		}
		if len(best) < k {
			best = append(best, Choice{})
		}
		j := len(best) - 1
		for ; j > 0 && best[j-1].Score < s; j-- {
			best[j] = best[j-1]
		}
		best[j] = Choice{Class: i, Score: s}
	}
	return best
}

// tied reports whether the best score belongs to more than one candidate.
func tied(scores []float32) bool {
	best, n := scores[0], 0
	for _, s := range scores {
		if s > best {
			best, n = s, 0
		}
		if s == best {
			n++
		}
	}
	return n > 1
}
