package train

import (
	"context"
	"os"
	"slices"
	"testing"

	"vzsl/train/runs"
)

// A model that was fitted in memory scores as the one of a run folder, bit by bit, and leaves no file.
func TestFit(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"eszsl", "vzsl"} {
		o := options(t, t.TempDir())
		use(t, &o, name)
		if _, err := Run(ctx, o); err != nil {
			t.Fatal(err)
		}
		stored, err := runs.Load(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = t.TempDir()
		t.Chdir(o.Dir)
		fitted, err := Fit(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(o.Dir); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
		if _, err := fitted.Inputs(); err != nil {
			t.Error(err)
		}
		x := o.Features.Feature(0)
		a, err := stored.Score(x, 1, o.Classes.Values)
		if err != nil {
			t.Fatal(err)
		}
		b, err := fitted.Score(x, 1, o.Classes.Values)
		if err != nil || !slices.Equal(a, b) || fitted.Temperature() != stored.Temperature() {
			t.Errorf("%s: %v, stored %v, %v", name, b, a, err)
		}
	}
	o := options(t, "")
	o.Classes = nil
	if _, err := Fit(ctx, o); err == nil {
		t.Error("no class table is needed")
	}
	if _, err := Run(ctx, options(t, "")); err == nil {
		t.Error("a run without a folder")
	}
}
