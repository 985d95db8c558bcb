package result

import (
	"os"
	"path/filepath"
	"testing"

	"vzsl/evaluate"
)

// FuzzReport: whatever the bytes, reading a report.json, and the metrics that its predictions give, ends in a result or an error.
func FuzzReport(f *testing.F) {
	dir := f.TempDir() // as of version 0.1.0: without a list of checksums, which would refuse all but one
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "older"))); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, JSONFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":"vzsl.report/1","result":{"images":1,"candidates":["a"],"classes":[{}]},"about":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, JSONFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Read(dir)
		if err != nil {
			return
		}
		if err := r.ReadPredictions(); err == nil && len(r.Result.Predictions) != r.Result.Images {
			t.Errorf("%d predictions of %d images", len(r.Result.Predictions), r.Result.Images)
		}
	})
}

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
