package train

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// TestWeights: of two descriptions one of which is noise the validation classes give the other the larger weight, and do better than
// with equal ones; what was selected is in the run, and the same run again is found done.
func TestWeights(t *testing.T) {
	noisy := func(dir, weights string) Options {
		o := options(t, dir)
		use(t, &o, "eszsl")
		r := rand.New(rand.NewPCG(1, 2))
		for i, row := range o.Classes.Values {
			row = slices.Clone(row)
			for range 12 {
				row = append(row, float32(r.NormFloat64()))
			}
			o.Classes.Values[i] = row
		}
		own := len(o.Classes.Attributes)
		for k := range 12 {
			o.Classes.Attributes = append(o.Classes.Attributes, "noise_"+string(rune('a'+k)))
		}
		o.Classes.Blocks = []features.Block{{Name: "own", Width: own, Kind: features.KindAttributes}, {Name: "noise", Width: 12, Kind: features.KindText}}
		o.Weights = weights
		return o
	}
	dir := t.TempDir()
	equal, err := Run(context.Background(), noisy(t.TempDir(), ""))
	if err != nil {
		t.Fatal(err)
	}
	res, err := Run(context.Background(), noisy(dir, settings.WeightsAuto))
	if err != nil {
		t.Fatal(err)
	}
	own, noise := res.Choice["weight_attributes"], res.Choice["weight_text"]
	if !(own > noise) || own+noise != 1 || res.Accuracy < equal.Accuracy {
		t.Errorf("weights %v and %v, accuracy %v, with equal ones %v", own, noise, res.Accuracy, equal.Accuracy)
	}
	p, err := runs.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p.Normaliser().Shares(), []float64{own, noise}) || p.Settings().Weights != settings.WeightsAuto {
		t.Errorf("%v, %q", p.Normaliser().Shares(), p.Settings().Weights)
	}
	if again, err := Run(context.Background(), noisy(dir, settings.WeightsAuto)); err != nil || !again.Reused || again.Choice["weight_text"] != noise {
		t.Errorf("%+v, %v", again, err)
	}
	for _, bad := range []struct{ weights, say string }{{"1", "1 weights of 2"}, {"0,0", "more than 0"}, {"-1,2", "at least 0"}, {"all", "list of numbers"}} {
		if _, err := Run(context.Background(), noisy(t.TempDir(), bad.weights)); err == nil || !strings.Contains(err.Error(), bad.say) {
			t.Errorf("weights %q: %v", bad.weights, err)
		}
	}
	o := options(t, t.TempDir())
	use(t, &o, "eszsl")
	o.Weights = settings.WeightsAuto
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "only one description") {
		t.Errorf("one description: %v", err)
	}
}
