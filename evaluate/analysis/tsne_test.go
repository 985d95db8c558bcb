package analysis

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// blobs are groups of points far from each other.
func blobs(groups, each, dim int) (points []float32, group []int) {
	r := rand.New(rand.NewPCG(3, 4))
	for g := range groups {
		for range each {
			for k := range dim {
				v := r.NormFloat64()
				if k == g%dim {
					v += 12
				}
				points = append(points, float32(v))
			}
			group = append(group, g)
		}
	}
	return points, group
}

// Groups stay groups: the nearest neighbour on the map is of the same group. Equal seeds give equal maps.
func TestTSNEKeepsGroups(t *testing.T) {
	points, group := blobs(5, 30, 10)
	y, err := tsne(context.Background(), points, 150, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range y {
		best, near := math.Inf(1), -1
		for j := range y {
			if d := math.Hypot(y[i][0]-y[j][0], y[i][1]-y[j][1]); j != i && d < best {
				best, near = d, j
			}
		}
		if near < 0 || group[near] != group[i] {
			t.Fatalf("point %d of group %d lies at %v, next to %d", i, group[i], y[i], near)
		}
	}
	again, err := tsne(context.Background(), points, 150, 10, 1)
	if err != nil || !reflect.DeepEqual(y, again) {
		t.Errorf("the same seed gave another map: %v", err)
	}
	other, err := tsne(context.Background(), points, 150, 10, 2)
	if err != nil || reflect.DeepEqual(y, other) {
		t.Errorf("another seed gave the same map: %v", err)
	}
}

// The perplexity of every row is the one asked for, and P is symmetric and sums to one.
func TestAffinities(t *testing.T) {
	points, _ := blobs(3, 20, 4)
	d := squaredDistances(points, 60, 4)
	row := make([]float64, 60)
	for i := range 60 {
		conditional(row, d[i*60:(i+1)*60], i, 12)
		entropy := 0.0
		for _, p := range row {
			if p > 0 {
				entropy -= p * math.Log(p)
			}
		}
		if math.Abs(math.Exp(entropy)-12) > 1e-3 || row[i] != 0 {
			t.Errorf("row %d: perplexity %v, p_ii %v", i, math.Exp(entropy), row[i])
		}
	}
	p, sum := affinities(d, 60, 12), 0.0
	for i := range 60 {
		for j := range 60 {
			sum += p[i*60+j]
			if p[i*60+j] != p[j*60+i] {
				t.Fatalf("p of %d, %d is not symmetric", i, j)
			}
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("the sum is %v", sum)
	}
}

// The gradient against differences of KL(P || Q), which is written down here from its definition.
func TestTSNEGradient(t *testing.T) {
	const n = 12
	points, _ := blobs(3, 4, 4)
	p := affinities(squaredDistances(points, n, 4), n, 3)
	r := rand.New(rand.NewPCG(5, 6))
	y := make([][2]float64, n)
	for i := range y {
		y[i] = [2]float64{r.NormFloat64(), r.NormFloat64()}
	}
	kl := func() float64 {
		q := func(i, j int) float64 {
			a, b := y[i][0]-y[j][0], y[i][1]-y[j][1]
			return 1 / (1 + a*a + b*b)
		}
		all, sum := 0.0, 0.0
		for i := range n {
			for j := range n {
				if i != j {
					all += q(i, j)
				}
			}
		}
		for i := range n {
			for j := range n {
				if i != j {
					sum += p[i*n+j] * math.Log(p[i*n+j]/(q(i, j)/all))
				}
			}
		}
		return sum
	}
	g := make([][2]float64, n)
	tsneGradient(g, p, y, make([]float64, n*n), 1)
	for i := range n {
		for k := range 2 {
			const h = 1e-6
			at := y[i][k]
			y[i][k] = at + h
			up := kl()
			y[i][k] = at - h
			want := (up - kl()) / (2 * h)
			y[i][k] = at
			if math.Abs(g[i][k]-want) > 1e-7 {
				t.Errorf("point %d, %d: %v, by differences %v", i, k, g[i][k], want)
			}
		}
	}
}

// Equal points, two groups of equal points and hardly any points still get finite places.
func TestTSNEDegenerate(t *testing.T) {
	for name, points := range map[string][]float32{"equal": make([]float32, 40), "one": {1}, "four": {1, 2, 3, 1e6}} {
		y, err := tsne(context.Background(), points, len(points), 1, 1)
		if err != nil || len(y) != len(points) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range y {
			if math.IsNaN(v[0]+v[1]) || math.IsInf(v[0]+v[1], 0) {
				t.Fatalf("%s: %v", name, y)
			}
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tsne(cancelled, make([]float32, 40), 40, 1, 1); err == nil {
		t.Error("went on when cancelled")
	}
}
