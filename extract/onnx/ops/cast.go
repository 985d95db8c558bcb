package ops

import (
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

func (b *Builder) identity(n *load.Node) error {
	x, _, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	return b.alias(n, x)
}

// dropout does nothing, unless it is left in training mode with anything to drop.
func (b *Builder) dropout(n *load.Node) error {
	k, err := b.constantArg(n, 2, true)
	if err != nil {
		return err
	}
	if k != nil && b.file.Model.Opset >= 12 {
		training, err := k.Scalar()
		if err != nil {
			return err
		}
		ratio := 0.5
		if k, err = b.constantArg(n, 1, true); err != nil {
			return err
		} else if k != nil {
			if ratio, err = k.Scalar(); err != nil {
				return err
			}
		}
		if training != 0 && ratio != 0 {
			return load.Unsupported(n, "training mode")
		}
	}
	return b.identity(n)
}

// castTo is Cast on what depends on the image: between floating-point types it does nothing, as all is
// computed in float32; truth values become numbers as they are.
func (b *Builder) castTo(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	to, from := int32(n.Int("to", 0)), b.types[x]
	if n.Op == "CastLike" {
		v, k, err := b.arg(n, 1)
		switch {
		case err != nil:
			return err
		case k != nil:
			to = k.Type()
		case v >= 0:
			to = b.types[v]
		}
	}
	switch {
	case load.IsFloat(to) && (load.IsFloat(from) || from == load.TypeBool || isWhole(from)), isWhole(to) && (isWhole(from) || from == load.TypeBool), to == from:
		if load.IsFloat(from) {
			return b.alias(n, x)
		}
		if err := b.emit(n, &plan.Reshape{}, d, x); err != nil {
			return err
		}
		b.types[b.vals[n.Outputs[0]]] = to
		return nil
	case to == load.TypeBool:
		if err := b.emit(n, &plan.BinaryConstant{Kind: plan.Equal, Values: []float32{0}}, d, x); err != nil {
			return err
		}
		y := b.vals[n.Outputs[0]]
		b.plan.Values[y].Name = ""
		z, err := b.addStep(n, n.Outputs[0], &plan.Activation{Kind: plan.Not}, d, y)
		if err == nil {
			b.types[z] = load.TypeBool
		}
		return err
	}
	return load.Unsupported(n, "casts values that depend on the image to %s", load.TypeName(to))
}

// isWhole tells the integers, whose values are computed in float32 as they are: token ids, counts and places are small enough.
func isWhole(typ int32) bool { return typ == load.TypeInt32 || typ == load.TypeInt64 }
