package preprocess

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	lossless := bytes.Clone(jpg)
	lossless[sof+1] = 0xc3
	animated := bytes.Clone(file(t, "lossy-alpha.webp"))
	animated[20] |= 2
	within := bytes.Clone(file(t, "palette.bmp"))
	within[30] = 5 // a PNG in it
	header := bytes.Clone(file(t, "rgb.png"))
	header[29] ^= 1
	palette := bytes.Clone(file(t, "palette.png"))
	palette[bytes.Index(palette, []byte("PLTE"))+5] ^= 1
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty (0 bytes)"},
		{"text", []byte("this is not an image\nat all\n"), `looks like a text file (begins "this is not an image")`},
		{"blanks", []byte(" \n\n"), "text file"},
		{"cut rune", append(bytes.Repeat([]byte("a"), 511), []byte("é and more")...), "text file"},
		{"html", []byte("\n<!DOCTYPE html><html><body>404"), "HTML page"},
		{"svg", []byte(`<?xml version="1.0"?><svg xmlns="x"/>`), "SVG"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "Git LFS pointer"},
		{"tiff", []byte("II*\x00\x08\x00\x00\x00"), "truncated TIFF"},
		{"bigtiff", []byte("II+\x00\x08\x00\x00\x00"), "BigTIFF image, which is not supported: convert it"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00"), "HEIC image, which is not supported: convert it to JPEG"},
		{"avif", []byte("\x00\x00\x00\x18ftypavif\x00\x00"), "AVIF image, which is not supported: convert it to JPEG"},
		{"zip", []byte("PK\x03\x04\x14\x00\x00\x00"), "ZIP archive"},
		{"zeros", make([]byte, 5000), "zero bytes"},
		{"noise", []byte("\x07\xfe\x81\x00\x99"), "known format (begins with bytes 07 fe 81 00 99)"},
		{"half a JPEG", jpg[:len(jpg)/2], "truncated JPEG"},
		{"JPEG without EOI", jpg[:len(jpg)-2], "truncated JPEG"},
		{"JPEG head", jpg[:2], "truncated JPEG"},
		{"JPEG bomb", huge, "too large: 65500 x 65500 pixels"},
		{"12-bit JPEG", twelve, "unsupported JPEG: 12 bits"},
		{"lossless JPEG", lossless, "unsupported JPEG: lossless"},
		{"JPEG of markers", []byte("\xff\xd8\xff\xd9"), "no image"},
		{"PNG bomb", hugePNG(1<<30, 1<<30), "too large"},
		{"PNG bomb, smaller", hugePNG(20000, 20000), "too large: 20000 x 20000 pixels, the limit is 100 million (--max-pixels)"},
		{"half a PNG", file(t, "rgb.png")[:900], "truncated PNG"},
		{"half a GIF", file(t, "plain.gif")[:1200], "truncated GIF"},
		{"GIF head", file(t, "plain.gif")[:9], "truncated GIF"},
		{"half a BMP", file(t, "rgb.bmp")[:900], "truncated BMP"},
		{"half a WebP", file(t, "lossy.webp")[:100], "WebP"},
		{"animated WebP without a frame", animated, "WebP"},
		{"BMP with a PNG in it", within, "unsupported BMP: compression 5"},
		{"PNG with a wrong header", header, "checksum of its header is wrong"},
		{"PNG with a wrong palette", palette, "checksum of its palette is wrong"},
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
// anywhere is called truncated, but those whose image is complete before.
func TestEveryCut(t *testing.T) {
	for name := range readGolden(t).Decode {
		data := file(t, name)
		for n := 2; n < len(data); n += 1 + len(data)/60 {
			im, err := Decode(data[:n])
			if err == nil {
				im.Release()
			}
			if name == "trailing.jpg" || name == "impossible-code.jpg" || sniff(data) != formatJPEG {
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

func TestPresets(t *testing.T) {
	lines, err := os.ReadFile("testdata/recipes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Presets() {
		if r, err := Preset(name, 0, 0); err != nil || !slices.Contains(strings.Split(string(lines), "\n"), r.String()) {
			t.Errorf("%s: testdata/recipes.txt, which is compared with PIL and torchvision, lacks %s", name, r)
		}
		r, err := Preset(name, 227, 227)
		if err != nil || PresetHelp(name) == "" {
			t.Fatalf("%s: %v", name, err)
		}
		if again, err := Parse(r.String()); err != nil || again != r {
			t.Errorf("%s is read back as %v, %v", r, again, err)
		}
		// As version 0.1.0 wrote it.
		if again, err := Parse(name + "-227"); err != nil || again != r {
			t.Errorf("%s-227 is %v, %v; want %v", name, again, err, r)
		}
		if usual, err := Preset(name, 0, 0); err != nil || usual.Width < 224 {
			t.Errorf("%s: %v, %v", name, usual, err)
		}
		if wide, err := Preset(name, 320, 96); err != nil || wide.Width != 320 || wide.Height != 96 {
			t.Errorf("%s: %v, %v", name, wide, err)
		}
		for _, size := range []int{-1, 1 << 30} {
			if _, err := Preset(name, size, size); err == nil {
				t.Errorf("%s: size %d accepted", name, size)
			}
		}
	}
	_, err = Preset("keras", 224, 224)
	if err == nil {
		t.Fatal("an unknown recipe is taken")
	}
	_, offered, _ := strings.Cut(err.Error(), "choose one of ")
	for _, name := range Presets() {
		if !slices.Contains(strings.Split(offered, ", "), name) {
			t.Errorf("unknown recipe: %v does not offer %s", err, name)
		}
	}
	var none Recipe
	if err := none.Apply(&RGB{W: 1, H: 1, Pix: make([]uint8, 3)}, false, nil); err == nil {
		t.Error("the zero recipe works")
	}
	r, _ := Preset("caffe", 2, 2)
	if err := r.Apply(&RGB{W: 1, H: 1, Pix: make([]uint8, 3)}, false, make([]float32, 11)); err == nil {
		t.Error("a short destination is accepted")
	}
	if err := r.Apply(&RGB{W: 2, H: 2, Pix: make([]uint8, 3)}, false, make([]float32, 12)); err == nil {
		t.Error("an image without its pixels is accepted")
	}
}

// TestBadRecipes: what is no recipe is refused with the part that is wrong.
func TestBadRecipes(t *testing.T) {
	const good = "size=224x224 resize=shorter:256 interpolation=bilinear crop=even channels=rgb rescale=1/255 mean=0.485,0.456,0.406 std=0.229,0.224,0.225 exif=ignore"
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"size=224x224", "size=0x224", "size"}, {"size=224x224", "size=224x9000", "size"}, {"size=224x224 ", "", "size is missing"},
		{"shorter:256", "shorter", "size in pixels"}, {"shorter:256", "narrower:256", `unknown resize "narrower"`}, {"shorter:256", "none:3", "no size"},
		{"bilinear", "cubic", `unknown interpolation "cubic"`}, {"crop=even", "crop=odd", "rounding"}, {"rgb", "rgba", "unknown channels"},
		{"1/255", "0", "rescale"}, {"1/255", "1/0", "rescale"}, {"1/255", "x", "rescale"}, {"0.485,0.456,0.406", "1,2", "mean"},
		{"0.229,0.224,0.225", "0", "std above 0"}, {"0.229,0.224,0.225", "NaN", "std"}, {"mean=0.485,0.456,0.406", "mean=Inf", "mean"},
		{"rgb", "grey", "one channel"}, {"exif=ignore", "exif=maybe", "apply or ignore"}, {"exif=ignore", "exif=ignore exif=ignore", "duplicate exif"},
		{"exif=ignore", "exif=ignore pad=1,2,300", "colour"}, {"exif=ignore", "exif=ignore colour=1", `unknown key "colour"`}, {"exif=ignore", "exif=ignore upright", "key=value"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if r, err := Parse(text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want an error with %q", text, r, err, c.want)
		}
	}
}

// TestElongated: a strip whose resized image would be a bomb costs no more than
// its window.
func TestElongated(t *testing.T) {
	r, _ := Preset("torchvision", 224, 224)
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
			want := r.value(c, 200)
			for _, v := range dst[c*224*224 : (c+1)*224*224] {
				if math.Float32bits(v) != math.Float32bits(want) {
					t.Fatalf("%v: a plain image gives %g, want %g", s, v, want)
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
	r, err := Preset("torchvision", 14, 14)
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
		o := Orientation(data)
		if o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
		im.Orient(o)
		if err := r.Apply(im, true, dst); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzParse: whatever is read as a recipe can be applied and is read back from its text.
func FuzzParse(f *testing.F) {
	for _, want := range readGolden(f).Recipe {
		f.Add(want.Recipe)
	}
	for _, bad := range []string{"", "caffe", "caffe-", "caffe-x", "-224", "other-224", "caffe-0", "caffe-224+bbox-12345678", "caffe-224"} {
		f.Add(bad)
	}
	im := &RGB{W: 3, H: 2, Pix: make([]uint8, 18)}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(r.String()); err != nil || again != r {
			t.Fatalf("%q is written as %q and read as %v, %v", text, r, again, err)
		}
		if r.Values() > 1<<16 {
			return
		}
		if err := r.Apply(im, false, make([]float32, r.Values())); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFlaws: damaged and unfinished files are distinguished from whole ones.
func TestFlaws(t *testing.T) {
	flaws := map[string]string{
		"first-scan.jpg": "scans are incomplete", "dc-bits-missing.jpg": "scans are incomplete", "second-scan.jpg": "scans are incomplete", "fourth-scan.jpg": "scans are incomplete",
		"bits-missing.jpg": "scans are incomplete", "first-scan-420.jpg": "scans are incomplete", "bits-missing-420.jpg": "scans are incomplete",
		"impossible-code.jpg": "impossible code", "data-missing.jpg": "impossible code", "ends-early.jpg": "end early",
		"restart-missing.jpg": "restart marker", "restart-twice.jpg": "restart marker", "channel-missing.jpg": "no data",
	}
	for name := range readGolden(t).Decode {
		im := open(t, name)
		if want, ok := flaws[name]; ok != (im.Flaw != "") || !strings.Contains(im.Flaw, want) {
			t.Errorf("%s: flaw %q, want %q", name, im.Flaw, want)
		}
		delete(flaws, name)
	}
	if len(flaws) > 0 {
		t.Errorf("not there: %v", flaws)
	}
}
