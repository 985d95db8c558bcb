package methods

import "testing"

func TestSSVoc(t *testing.T) {
	checkGradient(t, newVocabulary(describe(6, 5), 8, 5, &ssvocMethod{Epsilon: 0.3, Margin: 1, Rank: 0.7}), 6, 8)
	c := defaultSSVoc()
	learns(t, &c, newWorld(4, 8, 24), 0.9)
}
