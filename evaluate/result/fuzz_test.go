package result

import (
	"testing"

	"vzsl/evaluate"
)

// FuzzPredictions: whatever the bytes, reading predictions ends in a result or an error.
func FuzzPredictions(f *testing.F) {
	r := &evaluate.Result{Images: 2, Candidates: []string{"a", "b"}, Predictions: []evaluate.Prediction{
		{Image: "1.png", Class: 0, Rank: 2, Top: []evaluate.Choice{{Class: 1, Score: 2}, {Class: 0, Score: 1}}}, {Image: "2.png", Class: 1, Rank: 1, Top: []evaluate.Choice{{Class: 1}}}}}
	b, err := encodePredictions(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte("PAR1"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = decodePredictions(b, &evaluate.Result{Images: 2, Candidates: []string{"a", "b"}})
	})
}
