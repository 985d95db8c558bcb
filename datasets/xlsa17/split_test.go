package xlsa17

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/datasets/splits"
)

// TestSplitByList: without res101.mat the images of the proposed split are named by a list in its order, and the split is the very
// one that res101.mat gives; lists that cannot be of the dataset are refused.
func TestSplitByList(t *testing.T) {
	content, matrices := xlsa17Toy()
	whole, err := Open(xlsa17Folder(t, content, matrices), "", "")
	if err != nil {
		t.Fatal(err)
	}
	images, classes := whole.labelled()
	list := content["image_files"].([]string)
	want, err := whole.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, 0, classes, images)
	if err != nil {
		t.Fatal(err)
	}
	bare := func() *Folder {
		dir := xlsa17Folder(t, content, matrices)
		if err := os.Remove(filepath.Join(dir, FeaturesFile)); err != nil {
			t.Fatal(err)
		}
		x, err := Open(dir, "", "")
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, names := range [][]string{list, shortened(list)} {
		x := bare()
		if err := x.NameImages("list.txt", names, images); err != nil {
			t.Fatal(err)
		}
		got, err := x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, 0, classes, images)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Roles, want.Roles) || !slices.Equal(got.Images, want.Images) || !slices.Equal(got.Seen, want.Seen) || !slices.Equal(got.Unseen, want.Unseen) ||
			!slices.Equal(got.Validation, want.Validation) {
			t.Errorf("by the list %v, by res101.mat %v", got, want)
		}
	}
	if _, err := bare().Split(splits.Definition{}, 0, classes, images); err == nil || !strings.Contains(err.Error(), "--images") {
		t.Errorf("without a list: %v", err)
	}
	for say, names := range map[string][]string{
		"names 3 images": list[:3],
		"is in line 1":   append(shortened(list)[1:2], shortened(list)[1:]...),
	} {
		if err := bare().NameImages("list.txt", names, images); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v", say, err)
		}
	}
	if err := whole.NameImages("list.txt", list, images); err == nil || !strings.Contains(err.Error(), "not needed") {
		t.Errorf("beside res101.mat: %v", err)
	}
}

func shortened(list []string) []string {
	short, _ := shortNames(list)
	return short
}
