package vzsl

import (
	"context"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"

	"vzsl/train/method"
)

// batch is the input of one training step.
type batch[T float] struct {
	n      int
	x      []T   // n x feature, dropped inputs at zero
	target []T   // n x feature as they are, where the decoder is to reproduce more than x; else nil
	labels []T   // whole numbers
	noise  []T   // samples x n x latent, standard normal; nil without reconstruction
	masks  [][]T // n x units each, of the decoder samples x n: 0, or 1/keep

	bound []G.Value // the same memory as the graph's inputs see it
}

func newBatch[T float](c *Config, feature, n int) *batch[T] {
	b := &batch[T]{n: n, x: make([]T, n*feature), labels: make([]T, n)}
	if c.Reconstruction {
		b.noise = make([]T, c.Samples*n*c.Latent)
		if c.InputKeep < 1 {
			b.target = make([]T, n*feature)
		}
	}
	if c.Keep < 1 {
		for _, h := range c.Hidden {
			b.masks = append(b.masks, make([]T, n*h))
		}
		for i := range c.Hidden {
			if c.Reconstruction {
				b.masks = append(b.masks, make([]T, c.Samples*n*c.Hidden[len(c.Hidden)-1-i]))
			}
		}
	}
	return b
}

// fill makes the batch of samples rows, all that is random in it from the seed and the step.
func (b *batch[T]) fill(c *Config, d *method.Data, rows []int, row []float32, seed uint64, step int) {
	feature := d.Dim()
	for i, r := range rows {
		d.Row(r, row)
		to := b.x[i*feature : (i+1)*feature]
		for j, v := range row {
			to[j] = T(v) * T(c.Scale)
		}
		b.labels[i] = T(d.Label(r))
	}
	if b.target != nil {
		copy(b.target, b.x)
	}
	if c.InputKeep < 1 {
		drop(b.x, c.InputKeep, random(seed, "input", step), false)
	}
	if b.noise != nil {
		r := random(seed, "noise", step)
		for i := range b.noise {
			b.noise[i] = T(r.NormFloat64())
		}
	}
	if len(b.masks) > 0 {
		r := random(seed, "dropout", step)
		for _, m := range b.masks {
			drop(m, c.Keep, r, true)
		}
	}
}

// drop multiplies each value by 0 or, with probability keep, 1/keep; or sets it so.
func drop[T float](to []T, keep float64, r *rand.Rand, set bool) {
	limit := uint32(min(keep*(1<<32), 1<<32-1))
	scale := T(1 / keep)
	draw, left := uint64(0), 0
	for i := range to {
		if left == 0 {
			draw, left = r.Uint64(), 2
		}
		factor := T(0)
		if uint32(draw) < limit {
			factor = scale
		}
		draw, left = draw>>32, left-1
		if set {
			to[i] = factor
		} else {
			to[i] *= factor
		}
	}
}

// feed gathers batches ahead of the training that uses them.
type feed[T float] struct {
	free, ready chan *batch[T]
	stop        context.CancelFunc
	done        chan struct{}
}

// newFeed starts gathering at the given step. There are steps to an epoch; each epoch has its own order of samples.
func newFeed[T float](ctx context.Context, c *Config, d *method.Data, samples []int, size, steps, from, to int, seed uint64, batches []*batch[T]) *feed[T] {
	ctx, stop := context.WithCancel(ctx)
	f := &feed[T]{free: make(chan *batch[T], len(batches)), ready: make(chan *batch[T], len(batches)), stop: stop, done: make(chan struct{})}
	for _, b := range batches {
		f.free <- b
	}
	go func() {
		defer close(f.done)
		row := make([]float32, d.Dim())
		var order []int
		for step := from; step < to; step++ {
			if order == nil || step%steps == 0 {
				order = random(seed, "shuffle", step/steps).Perm(len(samples))
				for i, k := range order {
					order[i] = samples[k]
				}
			}
			select {
			case <-ctx.Done():
				return
			case b := <-f.free:
				at := step % steps * size
				b.fill(c, d, order[at:at+size], row, seed, step)
				f.ready <- b
			}
		}
	}()
	return f
}

// epochSamples are the samples that an epoch shows: all of them, those of classes known by a few images repeat times.
// 0 shows these until their class has about as many as the other classes have on average: every class then weighs the same
// in the objective.
func epochSamples(p *method.Problem, repeat int) []int {
	var others, few []int
	classes := 0
	for i := range p.Train.Len() {
		if p.Few != nil && p.Few[p.Train.Label(i)] {
			few = append(few, i)
		} else {
			others = append(others, i)
		}
	}
	for _, f := range p.Few {
		if f {
			classes++
		}
	}
	if repeat == 0 && len(few) > 0 && len(others) > 0 {
		average := float64(len(others)) / float64(len(p.Few)-classes)
		repeat = max(1, int(math.Round(average*float64(classes)/float64(len(few)))))
	}
	all := others
	for range max(1, repeat) {
		all = append(all, few...)
	}
	return all
}

// close stops gathering and waits until nothing reads the samples any more.
func (f *feed[T]) close() {
	f.stop()
	<-f.done
}
