package evaluate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
)

// TestRecheck: what an evaluation measured follows from its predictions, and no metric that does can be another one unnoticed.
func TestRecheck(t *testing.T) {
	split := evaluatetest.Small()
	split.Images[7] = nil
	r := split.Result(t)
	if r.Generalised == nil || len(r.Hits) < 2 || len(r.WithoutImages) == 0 {
		t.Fatal("the made-up result has not everything that is checked")
	}
	copied := func() *evaluate.Result {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var c evaluate.Result
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		c.Predictions, c.Generalised.Predictions = r.Predictions, r.Generalised.Predictions
		return &c
	}
	if err := copied().Recheck(); err != nil {
		t.Error(err)
	}
	for says, edit := range map[string]func(*evaluate.Result){
		"top1 mean per class":                      func(r *evaluate.Result) { r.Top1.MeanPerClass.Value = 0.944 },
		"top1 mean per class interval over images": func(r *evaluate.Result) { r.Top1.MeanPerClass.OverImages.Low -= 1e-6 },
		"top-2 per image":                          func(r *evaluate.Result) { r.Hits[1].PerImage.Value += 1e-6 },
		"top-1 mean per class":                     func(r *evaluate.Result) { r.Hits[0].MeanPerClass.Value = 1 },
		"images: ":                                 func(r *evaluate.Result) { r.Images++ },
		"chance":                                   func(r *evaluate.Result) { r.Chance /= 2 },
		"candidates_without_images":                func(r *evaluate.Result) { r.WithoutImages = nil },
		"correct":                                  func(r *evaluate.Result) { r.Classes[0].Correct++ },
		"accuracy":                                 func(r *evaluate.Result) { r.Classes[0].Accuracy = 0.123 },
		"U: ":                                      func(r *evaluate.Result) { r.Generalised.Plain.U.Value = 0.9 },
		"S: ":                                      func(r *evaluate.Result) { r.Generalised.Plain.S.Value = 0.9 },
		"H: ":                                      func(r *evaluate.Result) { r.Generalised.Plain.H.Value = 0.9 },
		"generalised seen_images":                  func(r *evaluate.Result) { r.Generalised.SeenImages--; r.Generalised.UnseenImages++ },
		"class 0 is \"no\"":                        func(r *evaluate.Result) { r.Classes[0].Name = "no" },
		"H interval over classes high":             func(r *evaluate.Result) { r.Generalised.Plain.H.OverClasses.High += 1e-3 },
	} {
		c := copied()
		edit(c)
		if err := c.Recheck(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}
