package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// Pooling says how one feature is made of a sequence of tokens (T x C) or of maps (C x H x W).
type Pooling string

// The ways.
const (
	PoolClass     Pooling = "cls"      // the class token, the first
	PoolMean      Pooling = "mean"     // the mean of the patches, without class and register tokens
	PoolMax       Pooling = "max"      // the largest value of each channel over the patches
	PoolClassMean Pooling = "cls+mean" // both, one after the other
)

// Poolings are the ways to pool, for help texts.
func Poolings() []string {
	return []string{string(PoolClass), string(PoolMean), string(PoolMax), string(PoolClassMean)}
}

const PoolMark = " pool="

// SplitPool takes the pooling off a layer's name.
func SplitPool(name string) (string, Pooling, error) {
	i := strings.LastIndex(name, PoolMark)
	if i < 0 {
		return name, "", nil
	}
	p := name[i+len(PoolMark):]
	if !slices.Contains(Poolings(), p) {
		return "", "", fmt.Errorf("unknown pooling %q: choose one of %s", p, strings.Join(Poolings(), ", "))
	}
	return name[:i], Pooling(p), nil
}

// pooled adds the steps of a pooling of value v to the plan, and says what is taken.
func (b *Builder) pooled(v int, pool Pooling) (out int, what string, err error) {
	d := b.imageDims(v)
	n := load.NewNode("pooling", string(pool))
	if len(d) == 4 && d[0] == 1 && pool != PoolClass && pool != PoolClassMean { // maps
		op, what := plan.Op(&plan.GlobalPool{}), "the mean"
		if pool == PoolMax {
			op, what = &plan.Reduce{Kind: plan.ReduceMax, Axes: []int{2, 3}}, "the maximum"
		}
		if out, err = b.addStep(n, "", op, []int{b.batch, d[1], 1, 1}, v); err == nil {
			out, err = b.addStep(n, "", &plan.Reshape{}, []int{b.batch, d[1]}, out)
		}
		return out, what, err
	}
	if len(d) != 3 || d[0] != 1 {
		return 0, "", fmt.Errorf("pooling %s requires a sequence of tokens (N x T x C) or, for mean and max, feature maps (N x C x H x W), not shape %v", pool, d)
	}
	tokens, channels := d[1], d[2]
	before, ok := Prefix(tokens)
	if pool != PoolClass && !ok {
		return 0, "", fmt.Errorf("pooling %s: which of the %d tokens are patches is ambiguous (not a square number, with or without class and register tokens); use --pool cls", pool, tokens)
	}
	if before == 0 && ok && (pool == PoolClass || pool == PoolClassMean) {
		return 0, "", fmt.Errorf("pooling %s requires a class token, but all %d tokens are patches (%d x %d); use --pool mean", pool, tokens, root(tokens), root(tokens))
	}
	row := []int{b.batch, channels}
	class := func() (int, error) {
		t, err := b.sliceAxis(n, "", v, 1, 0, 1)
		if err != nil {
			return 0, err
		}
		return b.addStep(n, "", &plan.Reshape{}, row, t)
	}
	over := func(kind plan.ReduceKind) (int, error) {
		t := v
		if before > 0 {
			var err error
			if t, err = b.sliceAxis(n, "", v, 1, before, tokens-before); err != nil {
				return 0, err
			}
		}
		return b.addStep(n, "", &plan.Reduce{Kind: kind, Axes: []int{1}}, row, t)
	}
	switch pool {
	case PoolClass:
		out, err = class()
		return out, "the class token", err
	case PoolMean:
		out, err = over(plan.ReduceMean)
		return out, "the mean of the patches", err
	case PoolMax:
		out, err = over(plan.ReduceMax)
		return out, "the maximum over the patches", err
	}
	x, err := class()
	if err != nil {
		return 0, "", err
	}
	y, err := over(plan.ReduceMean)
	if err != nil {
		return 0, "", err
	}
	out, err = b.addStep(n, "", &plan.Concat{Axis: 1}, []int{b.batch, 2 * channels}, x, y)
	return out, "the class token and the mean of the patches", err
}

// Apply pools one image's value of shape dims, as the steps of a plan do.
func (p Pooling) Apply(dims []int, x []float32) ([]float32, error) {
	b := &Builder{batch: 1, plan: &plan.Plan{}, vals: map[string]int{}}
	v, err := b.addValue("x", dims, load.TypeFloat, false)
	if err != nil {
		return nil, err
	}
	if v, _, err = b.pooled(v, p); err != nil {
		return nil, err
	}
	values := make([][]float32, len(b.plan.Values))
	values[0] = x
	for _, s := range b.plan.Steps {
		in, d := make([][]float32, len(s.In)), make([][]int, len(s.In))
		for i, a := range s.In {
			in[i], d[i] = values[a], b.plan.Values[a].Dims
		}
		od := b.plan.Values[s.Out].Dims
		values[s.Out] = make([]float32, load.Elements(od))
		if err := plan.Eval(s.Op, in, d, values[s.Out], od); err != nil {
			return nil, err
		}
	}
	return values[v], nil
}

// Prefix is the number of tokens before the patches: those are a square, the others a class token,
// perhaps one of distillation, or four or eight registers after it.
func Prefix(tokens int) (int, bool) {
	for _, p := range []int{0, 1, 2, 5, 9} {
		if r := root(tokens - p); tokens > p && r*r == tokens-p {
			return p, true
		}
	}
	return 0, false
}

func root(n int) int { return int(math.Round(math.Sqrt(float64(max(n, 0))))) }

// Output makes a tensor, pooled where pool is set, the plan's output. It gives the output's length and what the pooling took.
func (b *Builder) Output(tensor string, pool Pooling) (dim int, what string, err error) {
	v, ok := b.vals[tensor]
	if !ok {
		return 0, "", fmt.Errorf("the tensor %q does not depend on the image", tensor)
	}
	if pool != "" {
		if v, what, err = b.pooled(v, pool); err != nil {
			return 0, "", err
		}
	}
	b.plan.Output = v
	return b.plan.Values[v].Len(), what, nil
}
