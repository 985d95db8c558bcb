package evaluate

import (
	"math"
	"testing"
	"vzsl/internal/filetest"

	"pgregory.net/rapid"
)

// Two bins by hand: (1/3, 2/5] with 0.4 and 0.4, one right; (14/15, 1] with 1, wrong.
func TestReliabilityByHand(t *testing.T) {
	r := reliability(2, []float64{0.4, 1, 0.4}, []bool{true, false, false})
	if want := 2./3*0.1 + 1./3; math.Abs(r.ECE-want) > 1e-15 {
		t.Errorf("error %v, want %v", r.ECE, want)
	}
	if math.Abs(r.Confidence-0.6) > 1e-15 || r.Temperature != 2 || len(r.Bins) != 15 {
		t.Errorf("%+v", r)
	}
	if b := r.Bins[5]; b.Images != 2 || b.Correct != 1 || b.Accuracy != 0.5 || b.Interval == nil {
		t.Errorf("the bin up to 0.4: %+v", b)
	}
	if b := r.Bins[14]; b.Images != 1 || b.Correct != 0 || b.Confidence != 1 {
		t.Errorf("the bin up to 1: %+v", b)
	}
	if b := r.Bins[0]; b.Images != 0 || b.Interval != nil {
		t.Errorf("an empty bin: %+v", b)
	}
}

func TestReliabilityGolden(t *testing.T) {
	want := filetest.JSON[struct {
		Temperature, ECE float64
		Bins             [][3]float64
	}](t, "testdata/reliability.json")
	_, w := readGolden(t)
	r, err := w.run(Options{Resamples: 10, Temperature: want.Temperature})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Reliability
	if got == nil || math.Abs(got.ECE-want.ECE) > 1e-12 {
		t.Fatalf("%+v, want an error of %v", got, want.ECE)
	}
	for i, b := range got.Bins {
		if b.Images != int(want.Bins[i][0]) || b.Correct != int(want.Bins[i][1]) || math.Abs(b.Confidence-want.Bins[i][2]) > 1e-12 {
			t.Errorf("bin %d: %+v, want %v", i, b, want.Bins[i])
		}
	}
	if r, err = w.run(Options{Resamples: 10}); err != nil || r.Reliability != nil {
		t.Errorf("without a temperature: %+v, %v", r.Reliability, err)
	}
}

// Every image is in the bin that its confidence lies in, and the error lies between the overall gap and 1.
func TestReliabilityProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "images")
		conf, right, hits, sum := make([]float64, n), make([]bool, n), 0, 0.
		for i := range n {
			scores := rapid.SliceOfN(rapid.Float32Range(-50, 50), 1, 9).Draw(t, "scores")
			conf[i] = confidence(scores, rapid.Float64Range(0.01, 100).Draw(t, "temperature"))
			if least := 1 / float64(len(scores)); conf[i] < least-1e-12 || conf[i] > 1 {
				t.Fatalf("confidence %v among %d", conf[i], len(scores))
			}
			right[i] = rapid.Bool().Draw(t, "right")
			if right[i] {
				hits++
			}
			sum += conf[i]
		}
		r, images := reliability(1, conf, right), 0
		for _, b := range r.Bins {
			images += b.Images
			if b.Images > 0 && (b.Confidence < b.Low-1e-12 || b.Confidence > b.High+1e-12) {
				t.Fatalf("%+v", b)
			}
		}
		if images != n {
			t.Fatalf("%d images in bins, want %d", images, n)
		}
		if gap := math.Abs(float64(hits)-sum) / float64(n); r.ECE < gap-1e-12 || r.ECE > 1 {
			t.Fatalf("error %v with an overall gap of %v", r.ECE, gap)
		}
	})
}
