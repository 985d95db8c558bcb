package ops

import (
	"maps"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
)

// emitters turn operators into steps. Where operator set versions differ, each reads what the
// versions before and after say: an attribute where there is one, else the input.
var emitters = map[string]func(*Builder, *load.Node) error{
	"Conv":               (*Builder).conv,
	"Gemm":               (*Builder).gemm,
	"MatMul":             (*Builder).matmul,
	"Einsum":             (*Builder).einsum,
	"Attention":          (*Builder).attention,
	"RMSNormalization":   (*Builder).rmsNorm,
	"MaxPool":            (*Builder).pool,
	"AveragePool":        (*Builder).pool,
	"GlobalAveragePool":  (*Builder).globalPool,
	"GlobalMaxPool":      (*Builder).globalPool,
	"BatchNormalization": (*Builder).batchNorm,
	"Clip":               (*Builder).clip,
	"Gelu":               (*Builder).gelu,
	"Where":              (*Builder).where,
	"Concat":             (*Builder).concat,
	"Split":              (*Builder).split,
	"Slice":              (*Builder).slice,
	"Gather":             (*Builder).gather,
	"GatherElements":     (*Builder).gatherElements,
	"GatherND":           (*Builder).gatherND,
	"ArgMax":             (*Builder).argMax,
	"ArgMin":             (*Builder).argMax,
	"ScatterND":          (*Builder).scatter,
	"ScatterElements":    (*Builder).scatter,
	"Expand":             (*Builder).expand,
	"Tile":               (*Builder).tile,
	"DepthToSpace":       (*Builder).depthSpace,
	"SpaceToDepth":       (*Builder).depthSpace,
	"Trilu":              (*Builder).trilu,
	"Flatten":            (*Builder).reshape,
	"Reshape":            (*Builder).reshape,
	"Squeeze":            (*Builder).reshape,
	"Unsqueeze":          (*Builder).reshape,
	"Identity":           (*Builder).identity,
	"Dropout":            (*Builder).dropout,
	"Cast":               (*Builder).castTo,
	"CastLike":           (*Builder).castTo,
	"Transpose":          (*Builder).transpose,
	"Shape":              (*Builder).shapeOf,
	"Size":               (*Builder).sizeOf,
	"Softmax":            (*Builder).softmax,
	"LogSoftmax":         (*Builder).softmax,
	"LRN":                (*Builder).lrn,
	"Pad":                (*Builder).pad,
	"Resize":             (*Builder).resize,
	"Upsample":           (*Builder).resize,
	"CumSum":             (*Builder).cumSum,

	"LayerNormalization":        (*Builder).layerNorm,
	"InstanceNormalization":     (*Builder).groupNorm,
	"GroupNormalization":        (*Builder).groupNorm,
	"LpNormalization":           (*Builder).lpNorm,
	"MeanVarianceNormalization": (*Builder).meanVariance,

	"com.microsoft.Gelu":                   (*Builder).gelu,
	"com.microsoft.FastGelu":               (*Builder).gelu,
	"com.microsoft.FusedMatMul":            (*Builder).fusedMatMul,
	"com.microsoft.MultiHeadAttention":     (*Builder).multiHead,
	"com.microsoft.BiasGelu":               (*Builder).gelu,
	"com.microsoft.SkipLayerNormalization": (*Builder).layerNorm,
}

func init() {
	for name := range activations {
		emitters[name] = (*Builder).activation
	}
	for name := range binaries {
		emitters[name] = (*Builder).binary
	}
	for name := range reductions {
		emitters[name] = (*Builder).reduce
	}
}

// Operators are the names of all that are read, on images or on constants.
func Operators() []string {
	names := slices.Collect(maps.Keys(emitters))
	names = append(names, fold.Operators()...)
	names = append(names, "Constant", "If")
	slices.Sort(names)
	return slices.Compact(names)
}
