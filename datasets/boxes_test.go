package datasets

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestCUBBoxes(t *testing.T) {
	_, root := cub(t) // image ids 3, 1, 2
	d, err := Open("cub", root)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "bounding_boxes.txt")
	_, err = CUBBoxes(d)
	wantError(t, err, "no bounding_boxes.txt in "+root)
	write(t, file, "1 60.0 27.0 325.0 304.0\n2 1 2 3 4\n3 0.5 0 7.25 8\n")
	boxes, err := CUBBoxes(d)
	want := []Box{{0.5, 0, 7.25, 8}, {60, 27, 325, 304}, {1, 2, 3, 4}}
	if err != nil || !slices.Equal(boxes, want) {
		t.Error(boxes, err)
	}
	if a, b := BoxesSHA256(want), BoxesSHA256(want[:2]); len(a) != 64 || a == b {
		t.Error(a, b)
	}
	for text, say := range map[string]string{
		"1 1 2 3 4\n2 1 2 3 4\n": "image id 3 (005.C/x_1.jpg) has no line",
		"1 1 2 3 4\n1 1 2 3 4\n": "txt:2: image id 1 is already in line 1",
		"1 1 2 3\n":              "txt:1: expected",
		"9 1 2 3 4\n":            "txt:1: image id 9 is not in images.txt",
		"1 1 2 0 4\n":            "txt:1: a box of 0 x 4",
		"1 1 NaN 3 4\n":          `txt:1: "NaN"`,
		"1 1 2 x 4\n":            `txt:1: "x"`,
		"0 1 2 3 4\n":            "image id",
	} {
		write(t, file, text)
		_, err := CUBBoxes(d)
		wantError(t, err, "bounding_boxes", say)
	}
}
