package methods

import (
	"slices"

	"vzsl/train/method"
	"vzsl/train/methods/plda"
	"vzsl/train/methods/vzsl"
)

// all are the methods, this project's own first.
var all = []*method.Spec{
	&vzsl.Spec, &vzsl.SharpSpec, &plda.Spec,
	&eszslSpec, &saeSpec, &gfzslSpec, &dapSpec, &iapSpec, &conseSpec, &sseSpec, &bidilelSpec, &sdlSpec, &syncSpec,
	&deviseSpec, &aleSpec, &sjeSpec, &ampSpec, &cadavaeSpec, &cmtSpec, &mlzscSpec, &jfaSpec, &ssvocSpec, &latemSpec,
	&clipSpec, &logisticSpec,
}

// All are the methods, this project's own first.
func All() []*method.Spec { return slices.Clone(all) }

// Lookup is the method of a name, nil where there is none.
func Lookup(name string) *method.Spec {
	for _, m := range all {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Names are the methods' names.
func Names() []string {
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	return names
}
