package main

import (
	"math"
	"slices"
	"time"
)

// pairing is what two sides took by turns: medians, and the ratios of neighbouring turns.
type pairing struct {
	ours, theirs []float64 // seconds per image
	ratios       []float64 // theirs / ours
}

// pause lets threads of the side that had its turn stop spinning for more work.
const pause = 100 * time.Millisecond

// turn is the least time in seconds that a turn takes.
const turn = 0.5

// pairs lets two peers compute by turns, after a round that warms them.
func pairs(ours, theirs *peer, batch, rounds int) (*pairing, error) {
	times := map[*peer]int{}
	for _, p := range []*peer{ours, theirs} {
		if _, err := p.run(batch, 1); err != nil {
			return nil, err
		}
		s, err := p.run(batch, 1)
		if err != nil {
			return nil, err
		}
		times[p] = min(50, max(1, int(math.Ceil(turn/(s*float64(batch))))))
	}
	var r pairing
	for i := range rounds {
		order := []*peer{ours, theirs}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		got := map[*peer]float64{}
		for _, p := range order {
			time.Sleep(pause)
			s, err := p.run(batch, times[p])
			if err != nil {
				return nil, err
			}
			got[p] = s
		}
		r.add(got[ours], got[theirs])
	}
	return &r, nil
}

// cpuPairs is pairs by the processors' time in place of the clock's: what other work on the machine
// disturbs least. A side that waits by spinning is charged for it.
func cpuPairs(ours, theirs *peer, batch, rounds int) (*pairing, error) {
	cost := func(p *peer) (float64, error) {
		s, err := p.run(batch, 1)
		if err != nil {
			return 0, err
		}
		times := min(200, max(1, int(math.Ceil(turn/(s*float64(batch))))))
		time.Sleep(pause)
		before := p.cpuSeconds()
		if _, err := p.run(batch, times); err != nil {
			return 0, err
		}
		return (p.cpuSeconds() - before) / float64(times*batch), nil
	}
	var r pairing
	for range rounds {
		a, err := cost(ours)
		if err != nil {
			return nil, err
		}
		b, err := cost(theirs)
		if err != nil {
			return nil, err
		}
		r.add(a, b)
	}
	return &r, nil
}

func (r *pairing) add(ours, theirs float64) {
	r.ours, r.theirs, r.ratios = append(r.ours, ours), append(r.theirs, theirs), append(r.ratios, theirs/ours)
}

// quantile of values, between neighbours where it falls between them.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	at := q * float64(len(v)-1)
	lo := int(at)
	hi := min(lo+1, len(v)-1)
	return v[lo] + (at-float64(lo))*(v[hi]-v[lo])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// difference is the largest difference of two sets of features as a part of the largest value.
func difference(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	d, top := 0.0, 0.0
	for i := range a {
		x := math.Abs(float64(a[i]) - float64(b[i]))
		if x != x {
			return math.Inf(1)
		}
		d, top = max(d, x), max(top, math.Abs(float64(b[i])))
	}
	return d / top
}
