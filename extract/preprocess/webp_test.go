package preprocess

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// extended puts the chunks of a still WebP behind a VP8X chunk with a canvas of that size.
func extended(still []byte, w, h int, more ...[]byte) []byte {
	head := [18]byte{'V', 'P', '8', 'X', 10}
	put24 := func(b []byte, v int) { b[0], b[1], b[2] = byte(v), byte(v>>8), byte(v>>16) }
	put24(head[12:], w-1)
	put24(head[15:], h-1)
	b := append([]byte("RIFF\x00\x00\x00\x00WEBP"), head[:]...)
	for _, m := range more {
		b = append(b, m...)
	}
	b = append(b, still[12:]...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// TestWebPCanvas: a small canvas does not hide a large frame from the limit of pixels, nor the reverse. libwebp refuses both.
func TestWebPCanvas(t *testing.T) {
	for _, name := range []string{"lossy.webp", "lossless.webp"} {
		still := file(t, name)
		w, h, err := Size(still)
		if err != nil {
			t.Fatal(err)
		}
		if got, gotH, err := Size(extended(still, w, h)); err != nil || got != w || gotH != h {
			t.Errorf("%s with its own canvas: %d x %d, %v", name, got, gotH, err)
		}
		if _, err := Decode(extended(still, w, h)); err != nil {
			t.Errorf("%s with its own canvas: %v", name, err)
		}
		for _, c := range [][2]int{{1, 1}, {w + 1, h}, {w, h - 1}, {16384, 16384}} {
			b := extended(still, c[0], c[1])
			if _, _, err := Size(b); err == nil || !strings.Contains(err.Error(), "canvas") {
				t.Errorf("%s, canvas %v: %v", name, c, err)
			}
			if _, err := Decode(b); err == nil {
				t.Errorf("%s, canvas %v: decoded", name, c)
			}
		}
	}
	// The first frame is the one that is decoded: another of the right size behind it is no excuse.
	lossy, lossless := file(t, "lossy.webp"), file(t, "lossless.webp")
	large := bytes.Clone(lossless[12:])
	binary.LittleEndian.PutUint32(large[9:], 0x3fff|0x3fff<<14) // 16384 x 16384
	w, h, _ := Size(lossy)
	if _, _, err := Size(extended(lossy, w, h, large)); err == nil || !strings.Contains(err.Error(), "canvas") {
		t.Errorf("a large frame before a small one: %v", err)
	}
}
