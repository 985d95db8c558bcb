package evaluate

import "math"

// reliabilityBins is what the expected calibration error is usually computed with.
const reliabilityBins = 15

// Reliability is how far the probabilities softmax(score / Temperature) of the candidates can be believed. The confidence
// of an image is the probability of its best candidate.
type Reliability struct {
	// Temperature was fitted on validation classes, while the model had not been trained on them.
	Temperature float64 `json:"temperature"`
	// ECE is the expected calibration error (Guo et al., On Calibration of Modern Neural Networks, ICML 2017):
	//
	//	sum over bins of (images of the bin / all images) |accuracy of the bin - mean confidence of the bin|
	//
	// between 0 and 1. With few images it is above what it would be with many.
	ECE        float64 `json:"expected_calibration_error"`
	Confidence float64 `json:"mean_confidence"` // to be held against top-1 per image
	// Bins have the same width; the lower bound is outside.
	Bins []ReliabilityBin `json:"bins"`
}

// ReliabilityBin is the images whose confidence lies in (Low, High].
type ReliabilityBin struct {
	Low        float64   `json:"low"`
	High       float64   `json:"high"`
	Images     int       `json:"images"`
	Correct    int       `json:"correct"`
	Confidence float64   `json:"mean_confidence"`    // 0 where there are no images
	Accuracy   float64   `json:"accuracy"`           // 0 where there are no images
	Interval   *Interval `json:"interval,omitempty"` // of the accuracy: Wilson, 95 %; nil where there are no images
}

// confidence is the largest of softmax(scores / temperature).
func confidence(scores []float32, temperature float64) float64 {
	best := scores[0]
	for _, s := range scores {
		best = max(best, s)
	}
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp((float64(s) - float64(best)) / temperature)
	}
	return 1 / sum
}

// reliability bins images by their confidence; correct tells of each whether its best candidate was right.
func reliability(temperature float64, confidences []float64, correct []bool) *Reliability {
	r := &Reliability{Temperature: temperature, Bins: make([]ReliabilityBin, reliabilityBins)}
	for i := range r.Bins {
		r.Bins[i].Low, r.Bins[i].High = float64(i)/reliabilityBins, float64(i+1)/reliabilityBins
	}
	for i, c := range confidences {
		b := &r.Bins[min(max(int(math.Ceil(c*reliabilityBins))-1, 0), reliabilityBins-1)]
		b.Images++
		b.Confidence += c
		r.Confidence += c
		if correct[i] {
			b.Correct++
		}
	}
	n := float64(len(confidences))
	for i := range r.Bins {
		b := &r.Bins[i]
		if b.Images == 0 {
			continue
		}
		own := tally{images: b.Images, hits: b.Correct}
		b.Confidence /= float64(b.Images)
		b.Accuracy, b.Interval = own.share(), wilson(own)
		r.ECE += float64(b.Images) / n * math.Abs(b.Accuracy-b.Confidence)
	}
	r.Confidence /= n
	return r
}
