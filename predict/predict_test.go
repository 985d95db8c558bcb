package predict

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// bilinear scores by x'Va, the simplest model there is.
type bilinear struct {
	v           [][]float32 // feature x attribute
	names       []string
	temperature float64
}

func (b *bilinear) Temperature() float64                            { return b.temperature }
func (b *bilinear) Attributes() []string                            { return b.names }
func (b *bilinear) FeatureDim() int                                 { return len(b.v) }
func (b *bilinear) DescribedClass(raw []float32) ([]float32, error) { return b.NormaliseClass(raw) }
func (b *bilinear) NormaliseClass(raw []float32) ([]float32, error) {
	return append([]float32{}, raw...), nil
}

func (b *bilinear) Describe(x []float32, n int) ([]float32, error) {
	out := make([]float32, n*len(b.names))
	for i := range n {
		for j, row := range b.v {
			for k, v := range row {
				out[i*len(b.names)+k] += x[i*len(b.v)+j] * v
			}
		}
	}
	return out, nil
}

func (b *bilinear) Score(x []float32, n int, classes [][]float32) ([]float32, error) {
	d, _ := b.Describe(x, n)
	out := make([]float32, n*len(classes))
	for i := range n {
		for c, a := range classes {
			for k, v := range a {
				out[i*len(classes)+c] += d[i*len(b.names)+k] * v
			}
		}
	}
	return out, nil
}

func drawn(seed uint64, classes int) (*bilinear, *Classes) {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &bilinear{names: []string{"stripes", "hooves", "tail", "mane"}, temperature: 2}
	row := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	for range 3 {
		m.v = append(m.v, row(4))
	}
	c := &Classes{}
	for i := range classes {
		c.Names, c.Vectors = append(c.Names, string(rune('a'+i))), append(c.Vectors, row(4))
	}
	return m, c
}

// Probabilities are those of the definition, over all classes, best first, and do not depend on how many are told or on the
// batch.
func TestRank(t *testing.T) {
	m, classes := drawn(1, 7)
	const n = chunk + 3
	x := make([]float32, n*3)
	r := rand.New(rand.NewPCG(4, 4))
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	all, err := Rank(context.Background(), m, x, n, classes, Options{Top: 100})
	if err != nil {
		t.Fatal(err)
	}
	scores, _ := m.Score(x, n, classes.Vectors)
	for i, a := range all {
		sum, total := 0.0, 0.0
		for _, s := range scores[i*7 : i*7+7] {
			sum += math.Exp(float64(s) / 2)
		}
		for k, c := range a.Top {
			j := int(c.Class[0] - 'a')
			if want := math.Exp(float64(scores[i*7+j])/2) / sum; math.Abs(c.Probability-want) > 1e-12 || c.Score != scores[i*7+j] {
				t.Fatalf("image %d, class %s: %v, want %v", i, c.Class, c, want)
			}
			if k > 0 && a.Top[k-1].Score < c.Score {
				t.Fatalf("image %d is not in order: %v", i, a.Top)
			}
			total += c.Probability
		}
		if len(a.Top) != 7 || math.Abs(total-1) > 1e-12 || a.Class != a.Top[0].Class {
			t.Fatalf("image %d: %v", i, a)
		}
		one, err := Rank(context.Background(), m, x[i*3:i*3+3], 1, classes, Options{Top: 2, NoneBelow: a.Probability + 1e-9})
		if err != nil || len(one[0].Top) != 2 || one[0].Top[1] != a.Top[1] || one[0].Class != "" {
			t.Fatalf("image %d alone: %v %v, want %v", i, one, err, a)
		}
	}
	// Ties go to the first class.
	classes.Vectors[5] = classes.Vectors[0]
	all, _ = Rank(context.Background(), m, x, n, classes, Options{})
	for _, a := range all {
		for k, c := range a.Top {
			if c.Class == "f" && (k == 0 || a.Top[k-1].Class != "a") {
				t.Fatalf("f before a of the same score: %v", a.Top)
			}
		}
	}
	if _, err := Rank(context.Background(), m, x, n, &Classes{}, Options{}); err == nil {
		t.Error("no classes were taken")
	}
	if _, err := Rank(context.Background(), m, x[1:], n, classes, Options{}); err == nil || !strings.Contains(err.Error(), "features of 3 values") {
		t.Error(err)
	}
}

// What speaks for and against a class adds up to its score less the mean score.
func TestExplanation(t *testing.T) {
	m, classes := drawn(2, 5)
	x := []float32{1, -0.5, 2}
	scores, _ := m.Score(x, 1, classes.Vectors)
	mean := 0.0
	for _, s := range scores {
		mean += float64(s) / 5
	}
	a, err := Rank(context.Background(), m, x, 1, classes, Options{Explain: 4})
	if err != nil {
		t.Fatal(err)
	}
	e, sum := a[0].Explanation, 0.0
	for _, list := range [][]Evidence{e.For, e.Against} {
		for i, v := range list {
			sum += v.Weight
			if i > 0 && math.Abs(list[i-1].Weight) < math.Abs(v.Weight) {
				t.Errorf("not in order: %v", list)
			}
		}
	}
	if want := float64(a[0].Top[0].Score) - mean; math.Abs(sum-want) > 1e-5 || len(e.For)+len(e.Against) != 4 {
		t.Errorf("%v: the sum is %g, want %g", e, sum, want)
	}
	if len(e.Present) != 4 || e.Present[0].Value < e.Present[3].Value {
		t.Error(e.Present)
	}
	classes.Vectors[0] = []float32{float32(math.NaN()), 1, 1, 1}
	if _, err := Rank(context.Background(), m, x, 1, classes, Options{}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Error("a score that is not a number: ", err)
	}
}

func TestTables(t *testing.T) {
	all := []ImagePrediction{
		{Image: "a,b.jpg", Prediction: &Prediction{Class: "zebra", Probability: 0.75, Top: []Candidate{{"zebra", 0.75, -1.5}, {"okapi", 0.25, -3}}}},
		{Image: "c.jpg", Error: "the file is empty (0 bytes)"},
		{Image: "d.jpg", Prediction: &Prediction{Probability: 0.5, Top: []Candidate{{"okapi", 0.5, 1}, {"zebra", 0.5, 1}}}},
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, all); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"image,predicted,probability,top1,probability1,score1,top2,probability2,score2,error",
		"a;b.jpg,zebra,0.75,zebra,0.75,-1.5,okapi,0.25,-3,", "c.jpg,,,,,,,,,the file is empty (0 bytes)", "d.jpg,,0.5,okapi,0.5,1,zebra,0.5,1,"}
	for i, w := range want {
		rows[i][0] = strings.ReplaceAll(rows[i][0], ",", ";")
		if got := strings.Join(rows[i], ","); got != w {
			t.Errorf("row %d: %s, want %s", i, got, w)
		}
	}
	all[2].Damaged = "its data end early"
	b.Reset()
	if err := WriteCSV(&b, all); err != nil {
		t.Fatal(err)
	}
	if rows, err = csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if rows[0][9] != "damaged" || rows[1][9] != "" || rows[3][9] != "its data end early" {
		t.Error(rows)
	}
	want[0] = strings.Join(rows[0], ",")
	b.Reset()
	if err := WriteParquet(&b, all); err != nil {
		t.Fatal(err)
	}
	table, err := pqarrow.ReadTable(context.Background(), bytes.NewReader(b.Bytes()), parquet.NewReaderProperties(memory.DefaultAllocator),
		pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	names := strings.Split(want[0], ",")
	for i, name := range names {
		c := table.Column(i)
		for row, x := range all {
			v := c.Data().Chunk(0)
			text := ""
			if v.IsValid(row) {
				text = v.ValueStr(row)
			}
			w := rows[row+1][i]
			if i == 0 {
				w = x.Image
			}
			if f, ok := v.(*array.Float64); ok && v.IsValid(row) {
				text = number(f.Value(row), 64)
			}
			if c.Name() != name || text != w {
				t.Errorf("column %s, row %d: %q, want %s %q", c.Name(), row, text, name, w)
			}
		}
	}
}

// Without a fitted temperature it is 1; an image at the threshold is accepted; attributes that contribute nothing are no evidence.
func TestEdges(t *testing.T) {
	m := &bilinear{v: [][]float32{{1, 0}, {0, 1}}, names: []string{"stripes", "hooves"}}
	classes := &Classes{Names: []string{"a", "b"}, Vectors: [][]float32{{1, 1}, {0, 1}}}
	all, err := Rank(context.Background(), m, []float32{1, 1}, 1, classes, Options{Explain: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := math.E / (1 + math.E) // the scores are 2 and 1
	if p := all[0].Probability; math.Abs(p-want) > 1e-12 {
		t.Errorf("probability %v, want %v", p, want)
	}
	if e := all[0].Explanation; len(e.For) != 1 || e.For[0].Attribute != "stripes" || len(e.Against) != 0 {
		t.Errorf("%+v", e)
	}
	again, err := Rank(context.Background(), m, []float32{1, 1}, 1, classes, Options{NoneBelow: all[0].Probability})
	if err != nil || again[0].Class != "a" {
		t.Errorf("at the threshold: %+v, %v", again, err)
	}
	// A raw value that is missing, which the model fills, is null in the explanation.
	e := &explainer{most: 1, names: m.names, raw: [][]float32{{float32(math.NaN()), 1}}, vectors: [][]float32{{1, 1}}, mean: []float64{0, 0}}
	if x := e.of([]float32{3, 1}, 0); x.For[0].Class != nil || x.For[0].Weight != 3 {
		t.Errorf("%+v", x.For)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Rank(ctx, m, []float32{1, 1}, 1, classes, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

// The highest few are the first of the whole order, ties included.
func TestBest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for n := 1; n < 60; n++ {
		row := make([]float32, n)
		for i := range row {
			row[i] = float32(r.IntN(9))
		}
		whole := best(row, n, nil)
		for k := 1; k <= n; k++ {
			if got := best(row, k, nil); !slices.Equal(got, whole[:k]) {
				t.Fatalf("%v, %d: %v, want %v", row, k, got, whole[:k])
			}
		}
	}
}

// rejecter expects less of the best of many classes in the second image than in the others.
type rejecter struct{ *bilinear }

func (rejecter) Expected(_ []float32, n, candidates int) ([]float64, error) {
	out := make([]float64, n)
	for i := range out {
		if out[i] = float64(candidates); i == 1 {
			out[i] /= 2
		}
	}
	return out, nil
}

func TestNoneBelowExcess(t *testing.T) {
	m := &bilinear{v: [][]float32{{1, 0}, {0, 1}}, names: []string{"stripes", "hooves"}}
	classes := &Classes{Names: []string{"a", "b"}, Vectors: [][]float32{{1, 1}, {0, 1}}}
	x := make([]float32, 2*2*chunk)
	for i := range x {
		x[i] = 1 // scores 2 and 1
	}
	o := Options{NoneBelowExcess: func(n int) float64 { return float64(n) / 4 }} // 0.5
	all, err := Rank(context.Background(), rejecter{m}, x, 2*chunk, classes, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range all {
		excess, class := 0.0, ""
		if i == 1 {
			excess, class = 1, "a"
		}
		if a.Excess == nil || *a.Excess != excess || a.Class != class || a.Top[0].Class != "a" {
			t.Fatalf("image %d: %+v", i, a)
		}
	}
	if all, err := Rank(context.Background(), rejecter{m}, x[:2], 1, classes, Options{Excess: true}); err != nil || *all[0].Excess != 0 || all[0].Class != "a" {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := Rank(context.Background(), m, x[:2], 1, classes, o); !errors.Is(err, ErrNoThreshold) {
		t.Error(err)
	}
}
