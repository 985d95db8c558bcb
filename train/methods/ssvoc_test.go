package methods

import "testing"

func TestSSVoc(t *testing.T) {
	checkGradient(t, newVocabulary(describe(6, 5), 8, 5, &SSVoc{Epsilon: 0.3, Margin: 1, Rank: 0.7}), 6, 8)
	c := DefaultSSVoc()
	learns(t, c.Method(), newWorld(4, 8, 24), 0.9)
}
