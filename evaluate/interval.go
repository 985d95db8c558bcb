package evaluate

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"sort"
)

const level = 0.95

// tally counts the hits of one class's images.
type tally struct{ images, hits int }

func (t tally) share() float64 { return float64(t.hits) / float64(t.images) }

// meanPerClass is the mean over the tallies of hits / images; each has images.
func meanPerClass(ts []tally) float64 {
	var sum float64
	for _, t := range ts {
		sum += t.share()
	}
	return sum / float64(len(ts))
}

func perImage(ts []tally) float64 {
	var n, hits int
	for _, t := range ts {
		n += t.images
		hits += t.hits
	}
	return float64(hits) / float64(n)
}

// resampler draws bootstrap replicates. It is an own few lines over a generator whose sequence Go guarantees, so that a
// seed gives the same intervals forever.
type resampler struct{ pcg *rand.PCG }

func newResampler(seed uint64) resampler { return resampler{rand.NewPCG(seed, 0x7a736c)} }

// draw is uniform on [0, n), by multiply and shift (the bias is below n / 2^64).
func (r resampler) draw(n int) int {
	hi, _ := bits.Mul64(r.pcg.Uint64(), uint64(n))
	return int(hi)
}

// hits draws n images with replacement from n of which k are hits, and counts the hits among them.
func (r resampler) hits(n, k int) int {
	if k == 0 || k == n {
		return k
	}
	c := 0
	for range n {
		if r.draw(n) < k {
			c++
		}
	}
	return c
}

// replicates are the values a figure takes over the bootstrap's resamples.
type replicates struct{ overImages, overClasses []float64 }

// replicate resamples the tallies of one group of classes. The mean per class resamples the images within each class;
// the share of all images resamples all of them together. Over classes, whole classes are drawn with their images.
func (r resampler) replicate(ts []tally, resamples int) (class, image replicates) {
	buf := make([]tally, len(ts))
	var total tally
	for _, t := range ts {
		total.images += t.images
		total.hits += t.hits
	}
	for range resamples {
		for i, t := range ts {
			buf[i] = tally{t.images, r.hits(t.images, t.hits)}
		}
		class.overImages = append(class.overImages, meanPerClass(buf))
		image.overImages = append(image.overImages, float64(r.hits(total.images, total.hits))/float64(total.images))
		if len(ts) < 2 {
			continue
		}
		for i := range buf {
			buf[i] = ts[r.draw(len(ts))]
		}
		class.overClasses = append(class.overClasses, meanPerClass(buf))
		image.overClasses = append(image.overClasses, perImage(buf))
	}
	return class, image
}

// accuracy returns both figures of the tallies with their intervals.
func accuracy(ts []tally, b Bootstrap) Accuracy {
	class, image := newResampler(b.Seed).replicate(ts, b.Resamples)
	return Accuracy{
		MeanPerClass: class.estimate(meanPerClass(ts)),
		PerImage:     image.estimate(perImage(ts)),
	}
}

func (r replicates) estimate(value float64) Estimate {
	return Estimate{Value: value, OverImages: percentiles(r.overImages), OverClasses: percentiles(r.overClasses)}
}

// percentiles is the percentile bootstrap interval, with linear interpolation between order statistics.
func percentiles(values []float64) *Interval {
	if len(values) == 0 {
		return nil
	}
	v := append([]float64(nil), values...)
	sort.Float64s(v)
	at := func(p float64) float64 {
		x := p * float64(len(v)-1)
		i := int(x)
		if i+1 >= len(v) {
			return v[len(v)-1]
		}
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	return &Interval{Low: at((1 - level) / 2), High: at((1 + level) / 2)}
}

// Share is hits of images, at least one, with its 95 % score interval (Wilson).
func Share(hits, images int) (share float64, i *Interval) {
	t := tally{images, hits}
	return t.share(), wilson(t)
}

// wilson is the score interval of a proportion; unlike the plain normal one it stays inside [0, 1] and is of use with
// a handful of images.
func wilson(t tally) *Interval {
	const z = 1.959963984540054
	n, p := float64(t.images), t.share()
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return &Interval{Low: math.Max(0, centre-half), High: math.Min(1, centre+half)}
}
