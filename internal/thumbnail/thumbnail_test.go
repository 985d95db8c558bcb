package thumbnail

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestOf(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 400, 100)) // transparent, but for a red half
	for x := range 200 {
		for y := range 100 {
			img.Set(x, y, color.NRGBA{255, 0, 0, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.png")
	open := func(data []byte) *os.File {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	text, w, h, err := Of(open(b.Bytes()), 80, nil)
	if err != nil || w != 400 || h != 100 {
		t.Fatal(w, h, err)
	}
	small, err := jpeg.Decode(bytes.NewReader(text))
	if err != nil || small.Bounds().Dx() != 80 || small.Bounds().Dy() != 20 {
		t.Fatal(small.Bounds(), err)
	}
	near := func(c color.Color, r, g, b uint32) bool {
		x, y, z, _ := c.RGBA()
		d := func(a, b uint32) bool { return max(a>>8, b)-min(a>>8, b) < 20 }
		return d(x, r) && d(y, g) && d(z, b)
	}
	if !near(small.At(10, 10), 255, 0, 0) || !near(small.At(70, 10), 255, 255, 255) {
		t.Error(small.At(10, 10), small.At(70, 10))
	}
	for _, bad := range [][]byte{nil, []byte("text"), b.Bytes()[:60]} {
		if _, _, _, err := Of(open(bad), 80, nil); err == nil {
			t.Errorf("%q is an image", bad)
		}
	}
}

// The corner that is red shows where EXIF's orientation says that row 0 and column 0 are.
func TestTurned(t *testing.T) {
	img := image.NewNRGBA(image.Rect(5, 5, 8, 7)) // 3 x 2
	img.Set(5, 5, color.NRGBA{255, 0, 0, 255})
	img.Set(7, 5, color.NRGBA{0, 255, 0, 255})     // the other end of row 0
	for orientation, want := range map[int][4]int{ // of red: column, row; of green
		1: {0, 0, 2, 0}, 2: {2, 0, 0, 0}, 3: {2, 1, 0, 1}, 4: {0, 1, 2, 1}, 5: {0, 0, 0, 2}, 6: {1, 0, 1, 2}, 7: {1, 2, 1, 0}, 8: {0, 2, 0, 0}, 9: {0, 0, 2, 0},
	} {
		got := turned(img, orientation)
		b := got.Bounds()
		if long := b.Dy() == 3; long != (orientation >= 5 && orientation <= 8) {
			t.Errorf("orientation %d: %v", orientation, b)
		}
		r, _, _, _ := got.At(b.Min.X+want[0], b.Min.Y+want[1]).RGBA()
		_, g, _, _ := got.At(b.Min.X+want[2], b.Min.Y+want[3]).RGBA()
		if r>>8 != 255 || g>>8 != 255 {
			t.Errorf("orientation %d: red or green is elsewhere", orientation)
		}
	}
}
