package ops

import (
	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// BuildText is Build for a text of so many tokens. The plan's input is 2 x length numbers: the ids of the tokens, then the mask;
// everything is computed in float32, which holds both exactly.
func BuildText(f *load.File, in load.TextInput, tensor string, length int) (*Builder, error) {
	b := &Builder{file: f, batch: 1, plan: &plan.Plan{}, vals: map[string]int{}, consts: map[string]*fold.Constant{}, budget: fold.Budget{Left: load.MaxConstants}}
	tokens, err := b.addValue("", []int{1, 2, length}, load.TypeInt64, false)
	if err != nil {
		return nil, err
	}
	n := load.NewNode("input", in.IDs)
	part := func(name string, i int, typ int32) error {
		v, err := b.sliceAxis(n, "", tokens, 1, i, 1)
		if err != nil {
			return err
		}
		if v, err = b.addStep(n, name, &plan.Reshape{}, []int{1, length}, v); err != nil {
			return err
		}
		b.types[v] = typ
		return nil
	}
	if err := part(in.IDs, 0, load.TypeInt64); err != nil {
		return nil, err
	}
	if in.Mask != "" {
		if err := part(in.Mask, 1, in.MaskType); err != nil {
			return nil, err
		}
	}
	places := make([]int64, length)
	if in.Types != "" {
		b.consts[in.Types] = fold.OfIntegers(make([]int64, length), 1, length)
	}
	for i := range places {
		places[i] = int64(i)
	}
	if in.Positions != "" {
		b.consts[in.Positions] = fold.OfIntegers(places, 1, length)
	}
	return b.walk(tensor)
}

// End makes a tensor the plan's output, as it is.
func (b *Builder) End(tensor string) (dims []int) {
	b.plan.Output = b.vals[tensor]
	return b.imageDims(b.plan.Output)
}
