package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

func drawClass(t *rapid.T) Class {
	return rapid.SampledFrom(classes).Draw(t, "class")
}

// The same seed gives the same bytes, in this run and in any other: the hash was written down once. Should the
// renderer be meant to change, network/render and network/train.py must be run again too.
func TestRenderIsDeterministic(t *testing.T) {
	sum := sha256.New()
	for i, c := range classes {
		seed := uint64(1000 + i)
		a, b := c.Render(seed), c.Render(seed)
		if !bytes.Equal(a.Pix, b.Pix) {
			t.Fatalf("%s, seed %d: two different images", c.Name, seed)
		}
		sum.Write(RGB(a))
	}
	const want = "6f0bb63bbfc871e6f82d9ad52b00031970a1e03033b6343792e42174d8233f1f"
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("hash of the images %s, want %s", got, want)
	}
}

func TestRenderVariesWithSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClass(t)
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		if a != b && bytes.Equal(c.Render(a).Pix, c.Render(b).Pix) {
			t.Fatalf("%s: seeds %d and %d give the same image", c.Name, a, b)
		}
	})
}

// The centre crop of the network's recipe, 56 of 64, keeps the middle 70 of 80 pixels: the object must be within.
func TestObjectIsWithinTheCrop(t *testing.T) {
	const margin = (Side - Side*56/64) / 2 * 256
	for i := range 20000 {
		s := classes[i%len(classes)].draw(uint64(i))
		for at := int64(0); at <= Side*256; at += 128 {
			for _, edge := range []int64{margin, Side*256 - margin} {
				if s.materialAt(at, edge) != none || s.materialAt(edge, at) != none {
					t.Fatalf("%s, seed %d: the object reaches %d/256 pixels from the border", s.class.Name, i, min(edge, Side*256-edge))
				}
			}
		}
	}
}

// An image shows its class: the object has the area of its size and shape, and both tones of a texture that has two.
func TestObjectHasItsAttributes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClass(t)
		s := c.draw(rapid.Uint64().Draw(t, "seed"))
		var n [3]int // of quarter pixels
		for y := int64(64); y < Side*256; y += 128 {
			for x := int64(64); x < Side*256; x += 128 {
				n[s.materialAt(x, y)]++
			}
		}
		object := n[first] + n[other]
		// Every shape fills 0.9 (star) to 2.6 (disc) squares of its radius.
		square := 4 * int(s.radiusU) * int(s.radiusV) / (256 * 256)
		if object*10 < square*9 || object*10 > square*26 {
			t.Fatalf("%s: the object covers %d quarter pixels, its radius squared is %d", c.Name, object, square)
		}
		share := float64(n[other]) / float64(object)
		lo, hi := 0.25, 0.75
		switch kinds[kindTexture].values[c.values[kindTexture]] {
		case "plain":
			lo, hi = 0, 0
		case "dotted":
			lo, hi = 0.12, 0.5
		}
		if share < lo || share > hi {
			t.Fatalf("%s: %.2f of the object in the second tone, want %.2f to %.2f", c.Name, share, lo, hi)
		}
	})
}

// Sampling only where the corners of a pixel differ must come to nearly the same as sampling everywhere: it can only
// miss what is thinner than a pixel.
func TestShortcutOfSampling(t *testing.T) {
	missed, total := 0, 0
	for i, c := range classes {
		s := c.draw(uint64(i))
		for y := int64(0); y < Side*256; y += 256 {
			for x := int64(0); x < Side*256; x += 256 {
				m := s.materialAt(x, y)
				if m != s.materialAt(x+256, y) || m != s.materialAt(x, y+256) || m != s.materialAt(x+256, y+256) {
					continue // sampled
				}
				total++
				for sample := range int64(16) {
					if s.materialAt(x+32+sample%4*64, y+32+sample/4*64) != m {
						missed++
						break
					}
				}
			}
		}
	}
	if missed*1000 > total*3 {
		t.Errorf("%d of %d pixels taken for uniform are not", missed, total)
	}
}

// The noise is what its comments say: within bounds and about even.
func TestNoise(t *testing.T) {
	sum, n := int64(0), int64(0)
	for y := range int64(100) {
		for x := range int64(100) {
			v := noiseAt(7, x, y)
			w := smoothNoise(7, x, y, 5, 3)
			if v < -256 || v > 256 || w < -256 || w > 256 {
				t.Fatalf("noise at %d,%d: %d, smooth %d", x, y, v, w)
			}
			sum += v
			n++
		}
	}
	if mean := sum / n; mean < -5 || mean > 5 {
		t.Errorf("mean %d over %d places, want about 0", mean, n)
	}
	if smoothNoise(7, 10, 9, 5, 3) != noiseAt(7, 2, 3) {
		t.Error("smooth noise does not pass through its lattice")
	}
}
