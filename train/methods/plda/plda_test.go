package plda

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// samples are rows in memory.
type samples struct {
	x      [][]float32
	labels []int
}

func (s *samples) Len() int                 { return len(s.x) }
func (s *samples) Dim() int                 { return len(s.x[0]) }
func (s *samples) Row(i int, dst []float32) { copy(dst, s.x[i]) }
func (s *samples) Label(i int) int          { return s.labels[i] }

func (s *samples) joined() []float32 { return slices.Concat(s.x...) }

// world is a drawn problem: means of classes are a noisy function of their attributes, images are drawn about them.
type world struct {
	seen, unseen method.Data
}

func newWorld(seed uint64, dim, seen int, sizes ...int) *world {
	r := rand.New(rand.NewPCG(seed, 2))
	const attributes = 10
	mix := make([]float64, attributes*dim)
	for i := range mix {
		mix[i] = r.NormFloat64()
	}
	w := &world{}
	draw := func(d *method.Data, n int) {
		s := d.Samples.(*samples)
		a, length := make([]float32, attributes), 0.0
		for i := range a {
			a[i] = float32(r.NormFloat64())
			length += float64(a[i]) * float64(a[i])
		}
		mean := make([]float64, dim)
		for i := range a {
			a[i] /= float32(math.Sqrt(length))
			for j := range mean {
				mean[j] += 2 * float64(a[i]) * mix[i*dim+j]
			}
		}
		for j := range mean {
			mean[j] += 0.9 * r.NormFloat64() // what attributes do not tell
		}
		for range n {
			x := make([]float32, dim)
			for j := range x {
				x[j] = float32(mean[j] + (0.6+1.6*float64(j%5))*r.NormFloat64())
			}
			s.x, s.labels = append(s.x, x), append(s.labels, len(d.Attributes))
		}
		d.Attributes = append(d.Attributes, a)
	}
	w.seen.Samples, w.unseen.Samples = &samples{}, &samples{}
	for range seen {
		draw(&w.seen, 20)
	}
	for _, n := range sizes {
		draw(&w.unseen, n)
	}
	return w
}

func (w *world) model(t testing.TB, shrink, ridge, floor float64) (*statistics, *space, *Model) {
	t.Helper()
	s, err := gather(t.Context(), &method.Problem{Train: w.seen}, 1024)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := s.whiten(shrink)
	if err != nil {
		t.Fatal(err)
	}
	m, err := sp.model(ridge, floor, true)
	if err != nil {
		t.Fatal(err)
	}
	return s, sp, m
}

func near(t testing.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, not %d", what, len(got), len(want))
	}
	worst, largest := 0.0, 0.0
	for i, v := range got {
		worst, largest = max(worst, math.Abs(v-want[i])), max(largest, math.Abs(want[i]))
	}
	if !(worst <= tolerance*max(largest, 1)) {
		t.Errorf("%s: a value is %.3g off, of %.3g at most", what, worst, largest)
	}
}

// TestWhitened: with no shrinkage the scatter within classes of whitened images is the identity.
func TestWhitened(t *testing.T) {
	w := newWorld(1, 30, 12)
	s, _, m := w.model(t, 1e-12, 0.3, 0.1)
	x := w.seen.Samples.(*samples)
	y := m.coordinates(x.joined(), x.Len(), m.dims)
	sums := make([][]float64, len(w.seen.Attributes))
	for i, l := range x.labels {
		if sums[l] == nil {
			sums[l] = make([]float64, m.dims)
		}
		for j := range m.dims {
			sums[l][j] += y[i*m.dims+j] / 20
		}
	}
	scatter := mat.NewDense(m.dims, m.dims, nil)
	for i, l := range x.labels {
		for j := range m.dims {
			for k := range m.dims {
				scatter.Set(j, k, scatter.At(j, k)+(y[i*m.dims+j]-sums[l][j])*(y[i*m.dims+k]-sums[l][k])/float64(x.Len()-len(sums)))
			}
		}
	}
	one := mat.NewDense(m.dims, m.dims, nil)
	for j := range m.dims {
		one.Set(j, j, 1)
	}
	near(t, "scatter", scatter.RawMatrix().Data, one.RawMatrix().Data, 1e-4) // features and projection are of single precision

	// In double precision: L^-1 Sw L^-T, where Sw is itself that of the images.
	var half, whole mat.Dense
	sp, err := s.whiten(1e-14)
	if err != nil {
		t.Fatal(err)
	}
	half.Mul(s.scatter, sp.whiten)
	whole.Mul(sp.whiten.T(), &half)
	near(t, "whitened scatter", whole.RawMatrix().Data, one.RawMatrix().Data, 1e-8)
}

// TestLeaveOneOut: what a seen class's mean is missed by is what a regression without that class misses it by.
func TestLeaveOneOut(t *testing.T) {
	w := newWorld(2, 30, 12)
	const ridge = 0.3
	_, sp, _ := w.model(t, 1, ridge, 0.1)
	m, err := sp.model(ridge, 0.1, true)
	if err != nil {
		t.Fatal(err)
	}
	classes, rank := m.means.Dims()
	for i := range classes {
		var others [][]float32
		target := mat.NewDense(classes-1, rank, nil)
		for c := range classes {
			if c != i {
				target.SetRow(len(others), m.means.RawRowView(c))
				others = append(others, m.seen[c])
			}
		}
		a := method.Matrix(others)
		k := kernelOf(a, a)
		for c := range classes - 1 {
			k.Set(c, c, k.At(c, c)+ridge)
		}
		var alpha, p mat.Dense
		if err := alpha.Solve(k, target); err != nil {
			t.Fatal(err)
		}
		p.Mul(kernelOf(method.Matrix(m.seen[i:i+1]), a), &alpha)
		near(t, "class "+strconv.Itoa(i), m.prior.RawRowView(i), p.RawRowView(0), 1e-9)
	}
}

// TestPosterior: without images it is the prototype, with very many their mean.
func TestPosterior(t *testing.T) {
	w := newWorld(3, 30, 12, 5)
	_, _, m := w.model(t, 1, 0.3, 0.1)
	p := m.prototypes(w.unseen.Attributes[:1]).RawRowView(0)
	mean, weight := make([]float64, m.dims), make([]float64, m.dims)
	m.posterior(mean, weight, p, 0, nil, -1)
	near(t, "no image", mean[:m.rank], p, 1e-15)
	for j, v := range weight {
		if math.Abs(v-1/(1+m.tauAt(j))) > 1e-15 {
			t.Fatalf("no image: variance %d is %v", j, 1/v-1)
		}
	}
	const n = 1e12
	sum := make([]float64, m.dims)
	for j := range sum {
		sum[j] = n * float64(j-3)
	}
	m.posterior(mean, weight, p, n, sum, -1)
	for j := range mean {
		if math.Abs(mean[j]-float64(j-3)) > 1e-8 || math.Abs(weight[j]-1) > 1e-8 {
			t.Fatalf("coordinate %d: mean %v of images at %d, weight %v", j, mean[j], j-3, weight[j])
		}
	}
}

// TestComplement: zero-shot scores do not depend on the coordinates beyond the span of the means, and those with images only by
// lengths and angles there.
func TestComplement(t *testing.T) {
	w := newWorld(4, 30, 12, 6, 6, 6)
	_, _, m := w.model(t, 1, 0.3, 0.1)
	x := w.unseen.Samples.(*samples)
	turned := *m
	turned.project, turned.offset = slices.Clone(m.project), slices.Clone(m.offset)
	r := rand.New(rand.NewPCG(1, 1))
	random := mat.NewDense(m.dims-m.rank, m.dims-m.rank, nil)
	for i := range random.RawMatrix().Data {
		random.RawMatrix().Data[i] = r.NormFloat64()
	}
	var qr mat.QR
	qr.Factorize(random)
	var q mat.Dense
	qr.QTo(&q)
	mix := func(v []float32, width int) {
		was := slices.Clone(v)
		for i := range m.dims - m.rank {
			for k := range width {
				sum := 0.0
				for j := range m.dims - m.rank {
					sum += q.At(i, j) * float64(was[(m.rank+j)*width+k])
				}
				v[(m.rank+i)*width+k] = float32(sum)
			}
		}
	}
	mix(turned.project, m.feature)
	mix(turned.offset, 1)
	scores := func(m method.Model) []float64 {
		l, err := m.(*Model).LogScores(x.joined(), x.Len(), w.unseen.Attributes)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	near(t, "zero-shot", scores(&turned), scores(m), 0)
	learn := func(m *Model) method.Model {
		l, err := m.Learn(w.unseen.Attributes[1], slices.Concat(x.x[6:8]...), 2)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	near(t, "two images of a class", scores(learn(&turned)), scores(learn(m)), 1e-5)
}

// TestOrder: classes in another order have the same scores in that order, in every setting.
func TestOrder(t *testing.T) {
	w := newWorld(5, 30, 12, 9, 4, 7, 12)
	for _, transductive := range []bool{false, true} {
		var all [2][]float32
		order := []int{2, 0, 3, 1}
		for i := range all {
			p := &method.Problem{Train: w.seen}
			attributes := w.unseen.Attributes
			if i == 1 {
				attributes = nil
				for _, c := range order {
					attributes = append(attributes, w.unseen.Attributes[c])
				}
			}
			if transductive {
				p.Unlabelled = &method.Unlabelled{Features: w.unseen.Samples, Attributes: attributes}
			}
			c := Default()
			o, err := c.Fit(context.Background(), p, &method.Session{})
			if err != nil {
				t.Fatal(err)
			}
			x := w.unseen.Samples.(*samples)
			if all[i], err = o.Model.Score(x.joined(), x.Len(), attributes); err != nil {
				t.Fatal(err)
			}
		}
		for i := range all[0] {
			row, c := i/4, slices.Index(order, i%4)
			if a, b := float64(all[0][i]), float64(all[1][row*4+c]); math.Abs(a-b) > 1e-4*(1+math.Abs(a)) {
				t.Fatalf("transductive %v: score %d is %v, in another order of the classes %v", transductive, i, a, b)
			}
		}
	}
}

// TestHot: at an infinite temperature every image stays equally of all classes.
func TestHot(t *testing.T) {
	w := newWorld(6, 30, 12, 9, 4, 7, 12)
	_, _, m := w.model(t, 1, 0.3, 0.1)
	c := Default()
	c.EMTemperature, c.ClassPrior = 1e15, priorNone
	got, err := m.Transduce(t.Context(), &method.Unlabelled{Features: w.unseen.Samples, Attributes: w.unseen.Attributes}, &c, Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range got.Responsibilities {
		if math.Abs(float64(q)-0.25) > 1e-6 {
			t.Fatalf("probability %d is %v", i, q)
		}
	}
}

// TestUnbalanced: with class sizes from 5 to 60 the estimated prior is never worse than no unlabelled images, and better than
// equal numbers, which are no default.
func TestUnbalanced(t *testing.T) {
	if Default().ClassPrior != priorEstimated {
		t.Error("the shares of classes are not estimated by default")
	}
	var estimated, uniform float64
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		var sizes []int
		for range 20 {
			sizes = append(sizes, 5+r.IntN(56))
		}
		w := newWorld(100+seed, 40, 30, sizes...)
		_, _, m := w.model(t, 0.3, 0.3, 0.2)
		before, err := method.Accuracy(m, &w.unseen)
		if err != nil {
			t.Fatal(err)
		}
		after := func(prior string) float64 {
			c := Default()
			c.ClassPrior = prior
			got, err := m.Transduce(t.Context(), &method.Unlabelled{Features: w.unseen.Samples, Attributes: w.unseen.Attributes}, &c, Evidence{})
			if err != nil {
				t.Fatal(err)
			}
			a, err := method.Accuracy(got.Model, &w.unseen)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		e, u := after(priorEstimated), after(priorUniform)
		t.Logf("seed %d: inductive %.3f, estimated %.3f, uniform %.3f", seed, before, e, u)
		if e < before {
			t.Errorf("seed %d: %.3f with unlabelled images, %.3f without", seed, e, before)
		}
		estimated, uniform = estimated+e, uniform+u
	}
	if estimated <= uniform {
		t.Errorf("estimated shares %.3f, equal ones %.3f: the sizes differ too little to test anything", estimated, uniform)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(8, 10, 4)
	one := method.Data{Samples: &samples{x: w.seen.Samples.(*samples).x[:20], labels: make([]int, 20)}, Attributes: w.seen.Attributes[:1]}
	c := Default()
	for want, p := range map[string]*method.Problem{"no samples": {Train: method.Data{Samples: &samples{}}}, "two are needed": {Train: one}} {
		if _, err := c.Fit(t.Context(), p, &method.Session{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := c.Fit(t.Context(), &method.Problem{Train: w.seen}, &method.Session{Choice: method.Choice{"shrink": 1}}); err == nil || !strings.Contains(err.Error(), "ridge") {
		t.Error(err)
	}
	for _, bad := range []func(*Config){
		func(c *Config) { c.Shrink = nil }, func(c *Config) { c.Ridge = []float64{0} }, func(c *Config) { c.Dimensions = 0 },
		func(c *Config) { c.ClassPrior = "even" }, func(c *Config) { c.ShotWeight = 2 }, func(c *Config) { c.EMTemperature = math.NaN() },
	} {
		c := Default()
		bad(&c)
		if c.Validate() == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	_, _, m := w.model(t, 1, 0.3, 0.1)
	f := &safetensors.File{Tensors: m.Tensors()}
	for i := range f.Tensors {
		cut := &safetensors.File{Tensors: slices.Delete(slices.Clone(f.Tensors), i, i+1)}
		if _, err := Load(cut, ""); err == nil {
			t.Errorf("loaded without %s", f.Tensors[i].Name)
		}
	}
}

// TestGenerate: drawn features have the class's own coordinates on average, and score as its images do.
func TestGenerate(t *testing.T) {
	w := newWorld(9, 30, 12, 5, 5, 5)
	_, _, m := w.model(t, 1, 0.3, 0.1)
	const n = 4000
	x, err := m.Generate(w.unseen.Attributes[0], n, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	y, p := m.coordinates(x, n, m.dims), m.posteriors(w.unseen.Attributes[:1])
	for j := range m.dims {
		sum, squares := 0.0, 0.0
		for i := range n {
			sum += y[i*m.dims+j] / n
			squares += y[i*m.dims+j] * y[i*m.dims+j] / n
		}
		mean, variance := 0.0, 1+m.tauAt(j)
		if j < m.rank {
			mean = p.mean[j]
		}
		if math.Abs(sum-mean) > 5*math.Sqrt(variance/n) || math.Abs(squares-sum*sum-variance) > 0.15*variance {
			t.Fatalf("coordinate %d: mean %.3f, variance %.3f; the class's are %.3f, %.3f", j, sum, squares-sum*sum, mean, variance)
		}
	}
}

// TestDescribe: for classes near the mean description its product with a class's vector is the log score, but for what is the same
// for all classes.
func TestDescribe(t *testing.T) {
	w := newWorld(10, 30, 12, 5)
	_, _, m := w.model(t, 1, 0.3, 0.1)
	x := w.unseen.Samples.(*samples)
	e, err := m.Describe(x.joined(), x.Len())
	if err != nil {
		t.Fatal(err)
	}
	const h = 1e-3
	for k := range m.attribute {
		plus, minus := make([]float32, m.attribute), make([]float32, m.attribute)
		plus[k], minus[k] = h, -h
		p := m.prototypes([][]float32{plus, minus})
		y := m.coordinates(x.joined(), x.Len(), m.rank)
		for i := range x.Len() {
			d := 0.0
			for j := range m.rank {
				d += y[i*m.rank+j] / (1 + m.tau[j]) * (p.At(0, j) - p.At(1, j)) / (2 * h)
			}
			if math.Abs(d-float64(e[i*m.attribute+k])) > 1e-3*(1+math.Abs(d)) {
				t.Fatalf("sample %d, attribute %d: %v, by differences %v", i, k, e[i*m.attribute+k], d)
			}
		}
	}
}
