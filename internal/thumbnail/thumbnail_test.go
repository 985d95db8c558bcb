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
	text, w, h, err := Of(open(b.Bytes()), 80)
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
		if _, _, _, err := Of(open(bad), 80); err == nil {
			t.Errorf("%q is an image", bad)
		}
	}
}
