// Package plan is what engines run: the part of a network that leads to one layer, as steps for one image.
//
// The steps are the types of steps.go; [Eval] computes each of them in the slow, obvious way. It folds
// what depends on constants alone, runs in engines where they have no faster way, and is what their faster
// ways are tested against. [Plan.Simplify] recognises what is written out in small operators (GELU, layer
// normalisation, attention), drops what does nothing at inference, and folds BatchNormalization, constant
// scales and activations into the step before them.
package plan
