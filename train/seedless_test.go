package train

import (
	"context"
	"slices"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/train/internal/traintest"
	"vzsl/train/methods"
	"vzsl/train/methods/vzsl"
	"vzsl/train/runs"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

// TestSeedless: with what a search chose, the methods that say so give the same scores with every seed, the others do not.
func TestSeedless(t *testing.T) {
	filetest.Slow(t)
	for _, name := range methods.Names() {
		if methods.Lookup(name).NeedsShots {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, "")
			s, err := settings.Preset("", name)
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := s.Config.(*vzsl.Config); ok {
				c.LearnedWeight = c.LearnedWeight[:1] // the drawn classes are named better without the learned block
			}
			o.Settings = s
			share(&o)
			tuned, err := tuning.Tune(context.Background(), tuning.Options{Settings: s, Dir: t.TempDir(), Features: o.Features, Classes: o.Classes, Roles: o.Roles, Trials: 1, Folds: 2})
			if err != nil {
				t.Fatal(err)
			}
			var scores [2][]float32
			for i := range scores {
				o.Dir, o.Settings, o.Tuned = t.TempDir(), tuned.Settings, tuned.Record()
				o.Seed = uint64(i + 1)
				if _, err := Run(context.Background(), o); err != nil {
					t.Fatal(err)
				}
				p, err := runs.Load(o.Dir)
				if err != nil {
					t.Fatal(err)
				}
				if scores[i], err = p.Score(slices.Concat(o.Features.(*traintest.Features).X...), o.Features.Rows(), o.Classes.Values); err != nil {
					t.Fatal(err)
				}
			}
			if same := slices.Equal(scores[0], scores[1]); same != methods.Lookup(name).Seedless {
				t.Errorf("the same scores with two seeds: %v, seedless: %v", same, methods.Lookup(name))
			}
		})
	}
}
