package evaluate

import (
	"fmt"
	"math"

	"vzsl/internal/gzsl"
)

// Recheck computes again from the predictions every metric that follows from them: numbers of images, top-k with intervals, the classes'
// accuracies, U, S and H. The error names the first that is another one. What needs all scores of an image (calibrated stacking and its
// curve, the probabilities) does not follow from the best five. A report of an earlier version may lack what is computed today: a metric that
// is added is nil there, and nil is no difference.
func (r *Result) Recheck() error {
	c := recheck{}
	c.count("images", r.Images, len(r.Predictions))
	c.metric("chance", r.Chance, 1/float64(len(r.Candidates)))
	classes := r.perClass()
	for i := range min(len(classes), len(r.Classes)) {
		was, now := &r.Classes[i], &classes[i]
		name := fmt.Sprintf("of class %q ", now.Name)
		if was.Name != now.Name {
			c.wrong("class %d is %q, the candidates say %q", i, was.Name, now.Name)
		}
		c.count(name+"images", was.Images, now.Images)
		c.count(name+"correct", was.Correct, now.Correct)
		c.count(name+"top_k_hits", was.TopKHits, now.TopKHits)
		c.metric(name+"accuracy", was.Accuracy, now.Accuracy)
		c.interval(name+"interval", was.Interval, now.Interval)
	}
	c.count("classes", len(r.Classes), len(classes))
	without := 0
	for i := range classes {
		if classes[i].Images == 0 {
			without++
		}
	}
	c.count("candidates_without_images", len(r.WithoutImages), without)
	c.accuracy("top1", &r.Top1, accuracy(withImages(r.within(1)), r.Bootstrap))
	for i := range r.Hits {
		h := &r.Hits[i]
		name := fmt.Sprintf("top-%d", h.K)
		c.metric(name+" chance", h.Chance, float64(h.K)/float64(len(r.Candidates)))
		c.accuracy(name, &h.Accuracy, accuracy(withImages(r.within(h.K)), r.Bootstrap))
	}
	if g := r.Generalised; g != nil && c.first == "" {
		c.count("generalised images", g.SeenImages+g.UnseenImages, len(g.Predictions))
		images := make([]gzsl.Image, len(g.Predictions))
		seen := 0
		for i := range g.Predictions {
			p := &g.Predictions[i]
			images[i] = gzsl.Image{Class: p.Class, Right: p.Correct(), Margin: -1} // on its own side, where that is right
			if p.Class < g.Seen {
				images[i].Margin = 0
				seen++
			}
		}
		c.count("generalised seen_images", g.SeenImages, seen)
		h := harmonic(images, g.Seen, len(g.Candidates), 0, r.Bootstrap)
		c.estimate("U", &g.Plain.U, &h.U)
		c.estimate("S", &g.Plain.S, &h.S)
		c.estimate("H", &g.Plain.H, &h.H)
	}
	if c.first != "" {
		return fmt.Errorf("%s", c.first)
	}
	return nil
}

// recheck keeps the first difference.
type recheck struct{ first string }

func (c *recheck) wrong(format string, args ...any) {
	if c.first == "" {
		c.first = fmt.Sprintf(format, args...)
	}
}

func (c *recheck) count(name string, was, now int) {
	if was != now {
		c.wrong("%s: %d, the predictions give %d", name, was, now)
	}
}

// metric compares up to the rounding of other processors, which may fuse a product and a sum.
func (c *recheck) metric(name string, was, now float64) {
	if !(math.Abs(was-now) <= 1e-9) {
		c.wrong("%s: %v, the predictions give %v", name, was, now)
	}
}

func (c *recheck) interval(name string, was, now *Interval) {
	switch {
	case was == nil: // nothing is said
	case now == nil:
		c.wrong("%s: %v, the predictions give none", name, *was)
	default:
		c.metric(name+" low", was.Low, now.Low)
		c.metric(name+" high", was.High, now.High)
	}
}

func (c *recheck) estimate(name string, was, now *Estimate) {
	c.metric(name, was.Value, now.Value)
	c.interval(name+" interval over images", was.OverImages, now.OverImages)
	c.interval(name+" interval over classes", was.OverClasses, now.OverClasses)
}

func (c *recheck) accuracy(name string, was *Accuracy, now Accuracy) {
	c.estimate(name+" mean per class", &was.MeanPerClass, &now.MeanPerClass)
	c.estimate(name+" per image", &was.PerImage, &now.PerImage)
}
