package preprocess

import (
	"bytes"
	"image"
	"image/jpeg"
	"math/rand"
	"testing"
)

// photo is a 500 x 375 JPEG at 4:2:0 with about as much detail as a photograph
// (60 to 100 kB).
func photo(t testing.TB) []byte {
	t.Helper()
	const w, h = 500, 375
	rng := rand.New(rand.NewSource(1))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		x, y := i/4%w, i/4/w
		m.Pix[i] = uint8(60 + (x*y/700+x/3*(i%4+1))%120 + rng.Intn(45))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	data := photo(b)
	b.Logf("%d bytes", len(data))
	b.SetBytes(500 * 375)
	for b.Loop() {
		im, err := Decode(data)
		if err != nil {
			b.Fatal(err)
		}
		im.Release()
	}
}

func BenchmarkDecodeStandardLibrary(b *testing.B) {
	data := photo(b)
	b.SetBytes(500 * 375)
	for b.Loop() {
		if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTorchvision224(b *testing.B) {
	im, err := Decode(photo(b))
	if err != nil {
		b.Fatal(err)
	}
	r, _ := Preset("torchvision", 224, 224)
	dst := make([]float32, r.Values())
	for b.Loop() {
		if err := r.Apply(im, false, dst); err != nil {
			b.Fatal(err)
		}
	}
}
