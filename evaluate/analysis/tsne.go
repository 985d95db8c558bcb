package analysis

import (
	"context"
	"math"
	"math/rand/v2"
)

const (
	tsnePerplexity   = 30
	tsneLeast        = 4 // points: with fewer there are no neighbourhoods to keep
	tsneSteps        = 750
	tsneExaggerated  = 250 // first steps, in which P is multiplied
	tsneExaggeration = 12
)

// tsne lays n points of dim values out in the plane by exact t-SNE (van der Maaten and Hinton, Visualizing Data using t-SNE,
// JMLR 2008): with
//
//	p_j|i proportional to exp(-b_i |x_i - x_j|^2), b_i so that its entropy is log(perplexity);  p_ij = (p_j|i + p_i|j) / 2n
//	q_ij  proportional to 1 / (1 + |y_i - y_j|^2)
//
// it goes down KL(P || Q) by gradient descent with momentum and gains. The start is drawn with seed; equal arguments give
// equal points. Time and memory grow with n^2; n is at least tsneLeast.
func tsne(ctx context.Context, points []float32, n, dim int, seed uint64) ([][2]float64, error) {
	y := make([][2]float64, n)
	p := affinities(squaredDistances(points, n, dim), n, min(tsnePerplexity, float64(n-1)/3))
	r := rand.New(rand.NewPCG(seed, 0x7453_4e45))
	for i := range y {
		y[i] = [2]float64{1e-4 * r.NormFloat64(), 1e-4 * r.NormFloat64()}
	}
	speed, gain, g := make([][2]float64, n), make([][2]float64, n), make([][2]float64, n)
	for i := range gain {
		gain[i] = [2]float64{1, 1}
	}
	// Belkina et al., Automated optimized parameters for t-SNE (Nature Communications 2019); the 4 is the gradient's.
	rate := max(float64(n)/tsneExaggeration/4, 50)
	weights := make([]float64, n*n)
	for step := range tsneSteps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		exaggeration, momentum := 1.0, 0.8
		if step < tsneExaggerated {
			exaggeration, momentum = tsneExaggeration, 0.5
		}
		tsneGradient(g, p, y, weights, exaggeration)
		var mean [2]float64
		for i := range y {
			for k := range 2 {
				if (g[i][k] > 0) == (speed[i][k] > 0) {
					gain[i][k] = max(0.8*gain[i][k], 0.01)
				} else {
					gain[i][k] += 0.2
				}
				speed[i][k] = momentum*speed[i][k] - rate*gain[i][k]*g[i][k]
				y[i][k] += speed[i][k]
				mean[k] += y[i][k] / float64(n)
			}
		}
		for i := range y {
			y[i][0] -= mean[0]
			y[i][1] -= mean[1]
		}
	}
	return y, nil
}

// tsneGradient is that of KL(P || Q), 4 sum_j (e p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2); weights is scratch of n*n.
func tsneGradient(to [][2]float64, p []float64, y [][2]float64, weights []float64, exaggeration float64) {
	n, sum := len(y), 0.0
	for i := range n {
		to[i] = [2]float64{}
		row := weights[i*n : (i+1)*n]
		for j := range i {
			a, b := y[i][0]-y[j][0], y[i][1]-y[j][1]
			row[j] = 1 / (1 + a*a + b*b)
			sum += 2 * row[j]
		}
	}
	for i := range n {
		row, own := weights[i*n:(i+1)*n], p[i*n:(i+1)*n]
		for j := range i {
			f := 4 * (exaggeration*own[j] - row[j]/sum) * row[j]
			a, b := f*(y[i][0]-y[j][0]), f*(y[i][1]-y[j][1])
			to[i][0] += a
			to[i][1] += b
			to[j][0] -= a
			to[j][1] -= b
		}
	}
}

func squaredDistances(points []float32, n, dim int) []float64 {
	d := make([]float64, n*n)
	for i := range n {
		x := points[i*dim : (i+1)*dim]
		for j := range i {
			other, sum := points[j*dim:(j+1)*dim], 0.0
			for k, v := range x {
				by := float64(v) - float64(other[k])
				sum += by * by
			}
			d[i*n+j], d[j*n+i] = sum, sum
		}
	}
	return d
}

// affinities returns the p_ij of squared distances.
func affinities(d []float64, n int, perplexity float64) []float64 {
	p := make([]float64, n*n)
	row := make([]float64, n)
	for i := range n {
		conditional(row, d[i*n:(i+1)*n], i, perplexity)
		for j, v := range row {
			p[i*n+j] += v / float64(2*n)
			p[j*n+i] += v / float64(2*n)
		}
	}
	return p
}

// conditional returns the p_j|i of one point i, whose squared distances are d, and its b; i = -1: a point that is not among
// them. b is looked for between the powers of two that
// enclose it, with the distances' mean as the unit.
func conditional(to, d []float64, i int, perplexity float64) (b float64) {
	n := len(d)
	least, mean := math.Inf(1), 0.0
	for j, v := range d {
		if j != i {
			least = min(least, v)
			mean += v / float64(n-1)
		}
	}
	b = 1
	lo, hi := 0.0, math.Inf(1)
	if mean > 0 {
		b = 1 / mean
	}
	for range 100 {
		sum, dot := 0.0, 0.0
		for j, v := range d {
			to[j] = 0
			if j != i {
				to[j] = math.Exp(-b * (v - least))
				sum += to[j]
				dot += to[j] * (v - least)
			}
		}
		for j := range to {
			to[j] /= sum
		}
		over := math.Log(sum) + b*dot/sum - math.Log(perplexity) // entropy less what it is to be
		if math.Abs(over) < 1e-6 {
			return b
		}
		switch {
		case over > 0 && math.IsInf(hi, 1):
			lo, b = b, 2*b
		case over > 0:
			lo, b = b, (b+hi)/2
		default:
			hi, b = b, (lo+b)/2
		}
	}
	return b
}
