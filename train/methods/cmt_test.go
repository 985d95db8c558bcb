package methods

import "testing"

func TestCMT(t *testing.T) {
	checkGradient(t, newCrossModal(describe(6, 5), 8, 4, 5), 6, 8)
	c := defaultCMT()
	c.Hidden, c.LearningRate, c.Epochs = 64, 5e-3, 40
	learns(t, &c, newWorld(4, 8, 24), 0.9)
}
