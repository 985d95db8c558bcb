package methods

import "testing"

func TestCADAVAE(t *testing.T) {
	c := defaultCADAVAE()
	c.Hidden, c.Latent = 7, 3
	checkGradient(t, newAligned(describe(6, 5), 8, 5, &c), 6, 8)
	c = defaultCADAVAE()
	c.Hidden, c.Latent, c.LearningRate, c.Epochs, c.Batch = 64, 16, 5e-3, 40, 32
	learns(t, &c, newWorld(4, 8, 24), 0.7)
}
