package onnx

func (b *builder) identity(n *node) error {
	x, _, err := b.image(n, 0)
	if err != nil {
		return err
	}
	return b.alias(n, x)
}

// dropout does nothing, unless it is left in training mode with anything to drop.
func (b *builder) dropout(n *node) error {
	k, err := b.constant(n, 2, true)
	if err != nil {
		return err
	}
	if k != nil && b.file.model.opset >= 12 {
		training, err := k.scalar()
		if err != nil {
			return err
		}
		ratio := 0.5
		if k, err = b.constant(n, 1, true); err != nil {
			return err
		} else if k != nil {
			if ratio, err = k.scalar(); err != nil {
				return err
			}
		}
		if training != 0 && ratio != 0 {
			return unsupported(n, "is in training mode")
		}
	}
	return b.identity(n)
}

// castTo is Cast on what depends on the image: between floating-point types it does nothing, as all is
// computed in float32; truth values become numbers as they are.
func (b *builder) castTo(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	to, from := int32(n.int("to", 0)), b.types[x]
	if n.op == "CastLike" {
		v, k, err := b.arg(n, 1)
		switch {
		case err != nil:
			return err
		case k != nil:
			to = k.typ()
		case v >= 0:
			to = b.types[v]
		}
	}
	switch {
	case isFloat(to) && (isFloat(from) || from == typeBool), to == from:
		if isFloat(from) {
			return b.alias(n, x)
		}
		if err := b.emit(n, &Reshape{}, d, x); err != nil {
			return err
		}
		b.types[b.vals[n.outputs[0]]] = to
		return nil
	case to == typeBool:
		if err := b.emit(n, &Constant2{Kind: Equal, Values: []float32{0}}, d, x); err != nil {
			return err
		}
		y := b.vals[n.outputs[0]]
		b.plan.Values[y].Name = ""
		z, err := b.step(n, n.outputs[0], &Activation{Kind: Not}, d, y)
		if err == nil {
			b.types[z] = typeBool
		}
		return err
	}
	return unsupported(n, "turns the image's data into %s", typeName(to))
}
