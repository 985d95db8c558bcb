package onnx

import (
	"maps"
	"slices"
)

// emitters turn operators into steps. Where operator set versions differ, each reads what the
// versions before and after say: an attribute where there is one, else the input.
var emitters = map[string]func(*builder, *node) error{
	"Conv":               (*builder).conv,
	"Gemm":               (*builder).gemm,
	"MatMul":             (*builder).matmul,
	"Einsum":             (*builder).einsum,
	"Attention":          (*builder).attention,
	"RMSNormalization":   (*builder).rmsNorm,
	"MaxPool":            (*builder).pool,
	"AveragePool":        (*builder).pool,
	"GlobalAveragePool":  (*builder).globalPool,
	"GlobalMaxPool":      (*builder).globalPool,
	"BatchNormalization": (*builder).batchNorm,
	"Clip":               (*builder).clip,
	"Gelu":               (*builder).gelu,
	"Where":              (*builder).where,
	"Concat":             (*builder).concat,
	"Split":              (*builder).split,
	"Slice":              (*builder).slice,
	"Gather":             (*builder).gather,
	"GatherElements":     (*builder).gatherElements,
	"GatherND":           (*builder).gatherND,
	"ScatterND":          (*builder).scatter,
	"ScatterElements":    (*builder).scatter,
	"Expand":             (*builder).expand,
	"Tile":               (*builder).tile,
	"DepthToSpace":       (*builder).depthSpace,
	"SpaceToDepth":       (*builder).depthSpace,
	"Trilu":              (*builder).trilu,
	"Flatten":            (*builder).reshape,
	"Reshape":            (*builder).reshape,
	"Squeeze":            (*builder).reshape,
	"Unsqueeze":          (*builder).reshape,
	"Identity":           (*builder).identity,
	"Dropout":            (*builder).dropout,
	"Cast":               (*builder).castTo,
	"CastLike":           (*builder).castTo,
	"Transpose":          (*builder).transpose,
	"Shape":              (*builder).shapeOf,
	"Size":               (*builder).sizeOf,
	"Softmax":            (*builder).softmax,
	"LogSoftmax":         (*builder).softmax,
	"LRN":                (*builder).lrn,
	"Pad":                (*builder).pad,
	"Resize":             (*builder).resize,
	"Upsample":           (*builder).resize,
	"CumSum":             (*builder).cumSum,

	"LayerNormalization":        (*builder).layerNorm,
	"InstanceNormalization":     (*builder).groupNorm,
	"GroupNormalization":        (*builder).groupNorm,
	"LpNormalization":           (*builder).lpNorm,
	"MeanVarianceNormalization": (*builder).meanVariance,

	"com.microsoft.Gelu":                   (*builder).gelu,
	"com.microsoft.FastGelu":               (*builder).gelu,
	"com.microsoft.FusedMatMul":            (*builder).fusedMatMul,
	"com.microsoft.MultiHeadAttention":     (*builder).multiHead,
	"com.microsoft.BiasGelu":               (*builder).gelu,
	"com.microsoft.SkipLayerNormalization": (*builder).layerNorm,
}

func init() {
	for name := range activations {
		emitters[name] = (*builder).activation
	}
	for name := range binaries {
		emitters[name] = (*builder).binary
	}
	for name := range reductions {
		emitters[name] = (*builder).reduce
	}
}

// Operators are the names of all that are read, on images or on constants.
func Operators() []string {
	names := slices.Collect(maps.Keys(emitters))
	names = append(names, foldable()...)
	names = append(names, "Constant", "If")
	slices.Sort(names)
	return slices.Compact(names)
}
