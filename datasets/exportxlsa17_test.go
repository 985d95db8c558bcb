package datasets

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/matfile"
)

func TestExportXLSA17(t *testing.T) {
	content, splits := xlsa17Toy()
	x, err := OpenXLSA17(xlsa17Folder(t, content, splits), "", "")
	if err != nil {
		t.Fatal(err)
	}
	images, classes := x.labelled()
	o := convert.Import{Dataset: "toy", Network: "res101", Out: filepath.Join(t.TempDir(), "out"), Known: convert.Known{Classes: x.Classes}}
	if _, err := ImportXLSA17(context.Background(), x, o); err != nil {
		t.Fatal(err)
	}
	cache, err := features.OpenCache(context.Background(), o.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	roles, err := x.Split(Split{Name: "proposed", Validation: []string{"002.B"}}, 0, classes, images)
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	table := &features.ClassTable{Classes: classes, Attributes: []string{"a", "b"}, Values: [][]float32{{3, 4}, {nan, 2}, {0, 0}, {6, 8}}}
	to := ExportXLSA17Options{Features: cache, Classes: table, Roles: roles, Dir: filepath.Join(t.TempDir(), "new")}
	e, err := ExportXLSA17(context.Background(), to)
	if err != nil {
		t.Fatal(err)
	}
	if e.Missing != 1 || len(e.Files) != 7 || e.Counts["trainval_loc"] != 6 || e.Counts["test_seen_loc"] != 3 {
		t.Errorf("%+v", e)
	}
	f, err := matfile.Open(filepath.Join(to.Dir, XLSA17Splits))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string][]float64{
		"original_att": {3, 4, -1, 2, 0, 0, 6, 8}, "att": {0.6, 0.8, -1 / math.Sqrt(5), 2 / math.Sqrt(5), 0, 0, 0.6, 0.8},
		"trainval_loc": splits["trainval_loc"].([]float64), "test_seen_loc": splits["test_seen_loc"].([]float64), "test_unseen_loc": splits["test_unseen_loc"].([]float64),
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
	again, err := OpenXLSA17(to.Dir, "", "")
	if err != nil || !slices.Equal(again.Images, x.Images) {
		t.Error(err)
	}
	_, err = ExportXLSA17(context.Background(), to)
	wantError(t, err, "res101.mat", "--force")
	to.Force = true
	table.Classes = []string{"a", "b", "c", "d"}
	_, err = ExportXLSA17(context.Background(), to)
	wantError(t, err, "different datasets")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	table.Classes = classes
	_, err = ExportXLSA17(ctx, to)
	wantError(t, err, "res101.mat", "canceled")
	to.Roles = &features.Roles{Name: "none"}
	_, err = ExportXLSA17(context.Background(), to)
	wantError(t, err, "split none", "0 images to train on")
}
