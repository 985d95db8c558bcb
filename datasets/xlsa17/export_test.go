package xlsa17

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"vzsl/datasets/splits"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/filetest"
	"vzsl/internal/matfile"
)

func TestExport(t *testing.T) {
	content, matrices := xlsa17Toy()
	x, err := Open(xlsa17Folder(t, content, matrices), "", "")
	if err != nil {
		t.Fatal(err)
	}
	images, classes := x.labelled()
	o := convert.Import{Dataset: "toy", Network: "res101", Out: filepath.Join(t.TempDir(), "out"), Known: convert.Known{Classes: x.Classes}}
	if _, err := x.Import(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	cache, err := features.OpenCache(context.Background(), o.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	roles, err := x.Split(splits.Definition{Name: "proposed", Validation: []string{"002.B"}}, 0, classes, images)
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	table := &features.ClassTable{Classes: classes, Attributes: []string{"a", "b"}, Values: [][]float32{{3, 4}, {nan, 2}, {0, 0}, {6, 8}}}
	to := Export{Features: cache, Classes: table, Roles: roles, Dir: filepath.Join(t.TempDir(), "new")}
	e, err := to.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if e.Missing != 1 || len(e.Files) != 7 || e.Counts["trainval_loc"] != 6 || e.Counts["test_seen_loc"] != 3 {
		t.Errorf("%+v", e)
	}
	f, err := matfile.Open(filepath.Join(to.Dir, SplitsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string][]float64{
		"original_att": {3, 4, -1, 2, 0, 0, 6, 8}, "att": {0.6, 0.8, -1 / math.Sqrt(5), 2 / math.Sqrt(5), 0, 0, 0.6, 0.8},
		"trainval_loc": matrices["trainval_loc"].([]float64), "test_seen_loc": matrices["test_seen_loc"].([]float64), "test_unseen_loc": matrices["test_unseen_loc"].([]float64),
		"train_loc": {1, 4, 6, 7}, "val_loc": {2, 5},
	} {
		a, err := f.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Float64s(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", name, got, want)
		}
	}
	again, err := Open(to.Dir, "", "")
	if err != nil || !slices.Equal(again.Images, x.Images) {
		t.Error(err)
	}
	_, err = to.Write(context.Background())
	filetest.WantError(t, err, "res101.mat", "--force")
	to.Force = true
	table.Classes = []string{"a", "b", "c", "d"}
	_, err = to.Write(context.Background())
	filetest.WantError(t, err, "different datasets")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	table.Classes = classes
	_, err = to.Write(ctx)
	filetest.WantError(t, err, "res101.mat", "canceled")
	to.Roles = &features.Split{Name: "none"}
	_, err = to.Write(context.Background())
	filetest.WantError(t, err, "split none", "0 training images")
}
