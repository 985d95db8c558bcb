package train

import (
	"context"
	"math"
	"testing"

	"vzsl/features"
	"vzsl/train/runs"
)

// TestBlocks: a description that the class table says is joined of two is normalised block by block, so that the second's
// large units do not drown the first, and a run with other blocks is another run.
func TestBlocks(t *testing.T) {
	joined := func(dir string, blocks bool) Options {
		o := options(t, dir)
		use(t, &o, "eszsl")
		for i, row := range o.Classes.Values {
			o.Classes.Values[i] = append(append([]float32{}, row...), 1e6*float32(i%7), -1e6*float32(i%3))
		}
		o.Classes.Attributes = append(o.Classes.Attributes, "loud_1", "loud_2")
		if blocks {
			o.Classes.Blocks = []features.Block{{Name: "own", Width: 8}, {Name: "loud", Width: 2}}
		}
		return o
	}
	dir := t.TempDir()
	o := joined(dir, true)
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	p, err := runs.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, p.Normaliser().Width())
	if err := p.Normaliser().Apply(o.Classes.Values[3], v); err != nil {
		t.Fatal(err)
	}
	for i, part := range [][]float32{v[:8], v[8:10]} {
		sum := 0.0
		for _, x := range part {
			sum += float64(x) * float64(x)
		}
		if math.Abs(sum-0.5) > 1e-6 {
			t.Errorf("block %d has the squared length %v, not 1/2", i, sum)
		}
	}
	if _, err := Run(context.Background(), joined(dir, false)); err == nil {
		t.Error("the same attributes without blocks passed for the same run")
	}
}
