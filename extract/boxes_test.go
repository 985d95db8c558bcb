package extract

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/datasets"
)

// TestBoxes: of each image its own box goes to the engine; a box beside the image is a reason to skip it.
func TestBoxes(t *testing.T) {
	t.Parallel()
	const n = 20
	halves := func(i int) []byte { // left i, right 1000 + i
		m := image.NewNRGBA(image.Rect(0, 0, 2*side, side))
		for x := range 2 * side {
			number := i + x/side*1000
			for y := range side {
				m.Set(x, y, color.NRGBA{uint8(number >> 8), uint8(number), 77, 255})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			panic(err)
		}
		return b.Bytes()
	}
	d := makeImages(t, t.TempDir(), n, halves)
	var boxes []datasets.Box
	var want []int
	for i := range n {
		switch {
		case i == 13:
			boxes = append(boxes, datasets.Box{X: 100, Y: 0, W: 4, H: 4})
		case i%3 == 0:
			boxes = append(boxes, datasets.Box{X: side, Y: 0, W: side, H: side})
			want = append(want, 1000+i)
		default:
			boxes = append(boxes, datasets.Box{X: 0, Y: 1, W: side, H: side - 1})
			want = append(want, i)
		}
	}
	e := &fakeEngine{}
	o := options(d, e, create(t, filepath.Join(t.TempDir(), "features"), d))
	o.Boxes = boxes
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(e.seen, want) || res.Skipped != 1 {
		t.Errorf("the engine got %v, %d skipped", e.seen, res.Skipped)
	}
	o.Boxes = boxes[:3]
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "3 boxes for 20 images") {
		t.Error(err)
	}
}
