package jpeg

import (
	"bytes"
	stdjpeg "image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// TestIDCT compares with the definition in float64. The accurate integer DCT must
// meet IEEE 1180's bound on a single sample, one level.
func TestIDCT(t *testing.T) {
	var cos [8][8]float64
	for x := range 8 {
		for u := range 8 {
			cos[x][u] = math.Cos(float64(2*x+1)*float64(u)*math.Pi/16) / 2
			if u == 0 {
				cos[x][u] /= math.Sqrt2
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var in, b [64]int32
		n := rapid.IntRange(0, 20).Draw(t, "coefficients")
		last := 0
		for range n {
			k := rapid.IntRange(0, 63).Draw(t, "k")
			in[k] = int32(rapid.IntRange(-600, 600).Draw(t, "v"))
			last = max(last, k)
		}
		b = in
		const stride = 11
		var dst [8 * stride]uint8
		idct(&b, last, dst[:], stride)
		if b != [64]int32{} {
			t.Fatal("the block is not cleared")
		}
		for y := range 8 {
			for x := range 8 {
				s := 128.0
				for v := range 8 {
					for u := range 8 {
						s += float64(in[8*v+u]) * cos[y][v] * cos[x][u]
					}
				}
				s = min(max(s, 0), 255)
				if d := math.Abs(float64(dst[y*stride+x]) - s); d > 1 {
					t.Fatalf("sample %d, %d is %d, want %.2f", x, y, dst[y*stride+x], s)
				}
			}
			for x := 8; x < stride; x++ {
				if dst[y*stride+x] != 0 {
					t.Fatal("written beyond the block")
				}
			}
		}
	})
}

// TestHuffman codes random symbols with random canonical tables and reads them back,
// through stuffed FF bytes.
func TestHuffman(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A valid set of code lengths: never more than the free codes, all ones unused.
		var counts [16]byte
		free, total := 1, 0
		for l := range counts {
			free *= 2
			n := rapid.IntRange(0, min(free-1, 200-total)).Draw(t, "count")
			counts[l] = byte(n)
			free -= n
			total += n
		}
		if total == 0 {
			t.Skip("no codes")
		}
		symbols := make([]byte, total)
		for i, v := range rapid.Permutation(seq(256)).Draw(t, "symbols")[:total] {
			symbols[i] = byte(v)
		}
		var table huffman
		if !table.build(counts[:], symbols, false) {
			t.Fatal("a valid table is refused")
		}
		type code struct {
			bits uint32
			n    int
		}
		codes := map[byte]code{}
		c, k := uint32(0), 0
		for l := range counts {
			for range counts[l] {
				codes[symbols[k]] = code{c, l + 1}
				c++
				k++
			}
			c <<= 1
		}
		text := rapid.SliceOfN(rapid.SampledFrom(symbols), 1, 60).Draw(t, "text")
		var w bitWriter
		for _, s := range text {
			w.put(codes[s].bits, codes[s].n)
		}
		w.put(0x7f, 7)
		var r bitReader
		r.reset(append(w.out, 0xff, 0xd9), 0)
		for i, s := range text {
			r.fill()
			if got := r.symbol(&table); got != s || r.bad || r.starved() {
				t.Fatalf("symbol %d is %d, want %d", i, got, s)
			}
		}
	})
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

type bitWriter struct {
	out []byte
	acc uint32
	n   int
}

func (w *bitWriter) put(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		w.acc = w.acc<<1 | v>>i&1
		if w.n++; w.n == 8 {
			w.out = append(w.out, byte(w.acc))
			if byte(w.acc) == 0xff {
				w.out = append(w.out, 0)
			}
			w.acc, w.n = 0, 0
		}
	}
}

// TestNearStandardLibrary: where nothing is subsampled, image/jpeg is an independent
// decoder that may differ by rounding only.
func TestNearStandardLibrary(t *testing.T) {
	for _, name := range []string{"444.jpg", "444-even.jpg", "444-progressive.jpg", "q100.jpg", "grey.jpg", "tiny-17x1.jpg"} {
		data, err := os.ReadFile(filepath.Join("../testdata/files", name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := stdjpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var d Decoder
		w, h, pix, err := d.Decode(data, nil, nil)
		if err != nil || w != want.Bounds().Dx() || h != want.Bounds().Dy() {
			t.Fatalf("%s: %d x %d, %v", name, w, h, err)
		}
		for i := range w * h {
			if name == "tiny-17x1.jpg" {
				break // 4:2:0: the size only
			}
			r, g, b, _ := want.At(i%w, i/w).RGBA()
			for c, v := range []uint32{r, g, b} {
				if d := int(pix[3*i+c]) - int(v>>8); d < -4 || d > 4 {
					t.Fatalf("%s: pixel %d, %d differs by %d", name, i%w, i/w, d)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../testdata/files/*.jpg")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	var used Decoder
	f.Fuzz(func(t *testing.T, data []byte) {
		allow := func(w, h int) error {
			if w*h > 1<<20 {
				return errStop
			}
			return nil
		}
		// A used decoder gives what a fresh one gives.
		var fresh Decoder
		w, h, pix, err := fresh.Decode(data, allow, nil)
		w2, h2, pix2, err2 := used.Decode(data, allow, nil)
		if (err == nil) != (err2 == nil) || w != w2 || h != h2 || !bytes.Equal(pix, pix2) {
			t.Fatalf("a used decoder differs: %d x %d %v, %d x %d %v", w, h, err, w2, h2, err2)
		}
		if err == nil && len(pix) != 3*w*h {
			t.Fatalf("%d x %d pixels in %d bytes", w, h, len(pix))
		}
		if cw, ch, cerr := Config(data); err == nil && (cerr != nil || cw != w || ch != h) {
			t.Fatalf("Config = %d, %d, %v", cw, ch, cerr)
		}
	})
}
