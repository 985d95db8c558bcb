package methods

import "testing"

func TestSDL(t *testing.T) {
	checkGradient(t, newBilinear(describe(6, 5), 8, 5, 1, sameClass[float64]), 6, 8)
	sdl := defaultSDL()
	sdl.LearningRate, sdl.Ridge, sdl.CodeRidge = 0.1, 0.01, 0.01
	learns(t, &sdl, newWorld(4, 8, 24), 0.5)
}

// TestSameClass by hand: the sample is of the second class.
func TestSameClass(t *testing.T) {
	gradient := make([]float64, 4)
	if loss := sameClass(1, []float64{-2, 0.25, 0.5, -1}, 1, gradient); loss != 0.75+1.5 {
		t.Errorf("loss %v", loss)
	}
	near(t, "gradient", gradient, []float64{0, -1, 1, 0}, 0)
}
