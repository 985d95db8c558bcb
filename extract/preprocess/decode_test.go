package preprocess

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/files", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hugePNG is a well-formed head that promises w x h pixels.
func hugePNG(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestBadFilesAreExplained(t *testing.T) {
	jpg := file(t, "420.jpg")
	// The frame header says 65500 x 65500.
	huge := bytes.Clone(jpg)
	sof := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[sof+5:], []byte{0xff, 0xdc, 0xff, 0xdc})
	twelve := bytes.Clone(jpg)
	twelve[sof+4] = 12
	arithmetic := bytes.Clone(jpg)
	arithmetic[sof+1] = 0xc9
	animated := bytes.Clone(file(t, "lossy-alpha.webp"))
	animated[20] |= 2
	rle := bytes.Clone(file(t, "palette.bmp"))
	rle[30] = 1
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty (0 bytes)"},
		{"text", []byte("this is not a picture\nat all\n"), `looks like a text file (begins "this is not a picture")`},
		{"blanks", []byte(" \n\n"), "text file"},
		{"cut rune", append(bytes.Repeat([]byte("a"), 511), []byte("é and more")...), "text file"},
		{"html", []byte("\n<!DOCTYPE html><html><body>404"), "HTML page"},
		{"svg", []byte(`<?xml version="1.0"?><svg xmlns="x"/>`), "SVG"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "Git LFS pointer"},
		{"tiff", []byte("II*\x00\x08\x00\x00\x00"), "TIFF image, which is not read: convert it"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00"), "HEIC"},
		{"zip", []byte("PK\x03\x04\x14\x00\x00\x00"), "ZIP archive"},
		{"zeros", make([]byte, 5000), "zero bytes"},
		{"noise", []byte("\x07\xfe\x81\x00\x99"), "known format (begins with bytes 07 fe 81 00 99)"},
		{"half a JPEG", jpg[:len(jpg)/2], "truncated JPEG"},
		{"JPEG without EOI", jpg[:len(jpg)-2], "truncated JPEG"},
		{"JPEG head", jpg[:2], "truncated JPEG"},
		{"half a JPEG, ended", append(bytes.Clone(jpg[:len(jpg)/2]), 0xff, 0xd9), "data ends early"},
		{"JPEG bomb", huge, "too large: 65500 x 65500 pixels"},
		{"12-bit JPEG", twelve, "unsupported JPEG: 12 bits"},
		{"arithmetic JPEG", arithmetic, "unsupported JPEG: arithmetic"},
		{"JPEG of markers", []byte("\xff\xd8\xff\xd9"), "no picture"},
		{"PNG bomb", hugePNG(1<<30, 1<<30), "too large"},
		{"PNG bomb, smaller", hugePNG(20000, 20000), "too large: 20000 x 20000 pixels, the limit is 100 million"},
		{"half a PNG", file(t, "rgb.png")[:900], "truncated PNG"},
		{"half a GIF", file(t, "plain.gif")[:1200], "truncated GIF"},
		{"GIF head", file(t, "plain.gif")[:9], "truncated GIF"},
		{"half a BMP", file(t, "rgb.bmp")[:900], "truncated BMP"},
		{"half a WebP", file(t, "lossy.webp")[:100], "WebP"},
		{"animated WebP", animated, "unsupported WebP: an animation"},
		{"run-length BMP", rle, "unsupported BMP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im, err := Decode(c.data)
			if err == nil {
				t.Fatalf("decoded to %d x %d pixels", im.W, im.H)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q lacks %q", err, c.want)
			}
			if _, _, err := Size(c.data); err == nil && len(c.data) < 3 {
				t.Error("Size accepts it")
			}
		})
	}
}

// TestEveryCut cuts each file at many places: never a panic, and a JPEG cut
// anywhere is called truncated.
func TestEveryCut(t *testing.T) {
	for name := range readGolden(t).Decode {
		data := file(t, name)
		for n := 2; n < len(data); n += 1 + len(data)/60 {
			im, err := Decode(data[:n])
			if err == nil {
				im.Release()
			}
			if name == "trailing.jpg" || sniff(data) != formatJPEG {
				continue
			}
			if err == nil || !strings.Contains(err.Error(), "truncated JPEG") {
				t.Errorf("%s cut at %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
}

// TestBuffersAreClean decodes files of all kinds at once and in changing order, so that
// pooled memory of one is used for another.
func TestBuffersAreClean(t *testing.T) {
	g := readGolden(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				for name, want := range g.Decode { // random order
					data, err := os.ReadFile(filepath.Join("testdata/files", name))
					if err != nil {
						t.Error(err)
						continue
					}
					if im, err := Decode(data[:len(data)*2/3]); err == nil {
						im.Release()
					}
					im, err := Decode(data)
					if err != nil || sum(im.Pix) != want.SHA256 {
						t.Errorf("%s differs on a used buffer: %v", name, err)
						continue
					}
					im.Release()
				}
			}
		})
	}
	wg.Wait()
}

func TestParse(t *testing.T) {
	for _, name := range []string{"torchvision", "caffe", "caffe-crop"} {
		r, err := Parse(name, 227)
		if err != nil || r.String() != name+"-227" {
			t.Errorf("Parse(%s) = %v, %v", name, r, err)
		}
	}
	if _, err := Parse("keras", 224); err == nil || !strings.Contains(err.Error(), "torchvision, caffe, caffe-crop") {
		t.Errorf("unknown recipe: %v", err)
	}
	for _, size := range []int{0, -1, 1 << 30} {
		if _, err := Parse("caffe", size); err == nil {
			t.Errorf("size %d accepted", size)
		}
	}
	var none Recipe
	if err := none.Apply(&RGB{1, 1, make([]uint8, 3)}, false, nil); err == nil {
		t.Error("the zero recipe works")
	}
	r, _ := Parse("caffe", 2)
	if err := r.Apply(&RGB{1, 1, make([]uint8, 3)}, false, make([]float32, 11)); err == nil {
		t.Error("a short destination is accepted")
	}
	if err := r.Apply(&RGB{2, 2, make([]uint8, 3)}, false, make([]float32, 12)); err == nil {
		t.Error("a picture without its pixels is accepted")
	}
}

// TestElongated: a strip whose resized picture would be a bomb costs no more than
// its window.
func TestElongated(t *testing.T) {
	r, _ := Parse("torchvision", 224)
	dst := make([]float32, r.Values())
	for _, s := range [][2]int{{1, 60000}, {60000, 1}, {1, 1}, {65535, 3}} {
		im := newRGB(s[0], s[1])
		for i := range im.Pix {
			im.Pix[i] = 200
		}
		if err := r.Apply(im, false, dst); err != nil {
			t.Fatal(err)
		}
		for c := range 3 {
			want := torchvisionValue(c, 200)
			for _, v := range dst[c*224*224 : (c+1)*224*224] {
				if math.Float32bits(v) != math.Float32bits(want) {
					t.Fatalf("%v: a plain picture gives %g, want %g", s, v, want)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for name := range readGolden(f).Decode {
		f.Add(file(f, name))
	}
	f.Add(hugePNG(1<<31-1, 1<<31-1))
	r, err := Parse("torchvision", 14)
	if err != nil {
		f.Fatal(err)
	}
	dst := make([]float32, r.Values())
	f.Fuzz(func(t *testing.T, data []byte) {
		if w, h, err := Size(data); err == nil && w*h > 1<<22 {
			return // allowed, but slow
		}
		im, err := Decode(data)
		if err != nil {
			if im != nil || strings.TrimSpace(err.Error()) == "" {
				t.Fatalf("%v, %v", im, err)
			}
			return
		}
		defer im.Release()
		if im.W < 1 || im.H < 1 || len(im.Pix) != 3*im.W*im.H {
			t.Fatalf("%d x %d pixels in %d bytes", im.W, im.H, len(im.Pix))
		}
		if err := r.Apply(im, true, dst); err != nil {
			t.Fatal(err)
		}
	})
}

// A recipe is read back from its identity.
func TestParseIdentity(t *testing.T) {
	for _, name := range Recipes() {
		r := Recipe{Name: name, Size: 227}
		if got, err := ParseIdentity(r.String()); err != nil || got != r {
			t.Errorf("%s: %v %v", r, got, err)
		}
	}
	for _, bad := range []string{"", "caffe", "caffe-", "caffe-x", "-224", "other-224", "caffe-0", "caffe-224+bbox-12345678"} {
		if r, err := ParseIdentity(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, r)
		}
	}
}
