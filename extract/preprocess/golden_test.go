package preprocess

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"testing"
	"vzsl/internal/filetest"
)

// golden is what PIL and torchvision made of testdata/files (testdata/golden.py).
type golden struct {
	Decode map[string]struct {
		W, H   int
		SHA256 string
	}
	Orientation map[string]struct {
		W, H   int
		SHA256 string
	}
	Resize []struct {
		Interpolation Interpolation
		W, H          int
		SHA256        string
	}
	Recipe []struct {
		File, Recipe string
		NCHW, NHWC   string
	}
}

func readGolden(t testing.TB) golden {
	t.Helper()
	g := filetest.JSON[golden](t, "testdata/golden.json")
	if len(g.Decode) == 0 || len(g.Resize) == 0 || len(g.Recipe) == 0 {
		t.Fatal("testdata/golden.json lacks a part")
	}
	return g
}

func open(t testing.TB, name string) *RGB {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/files", name))
	if err != nil {
		t.Fatal(err)
	}
	im, err := Decode(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return im
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestDecodeEqualsPIL(t *testing.T) {
	for name, want := range readGolden(t).Decode {
		t.Run(name, func(t *testing.T) {
			im := open(t, name)
			if im.W != want.W || im.H != want.H {
				t.Fatalf("%d x %d pixels, PIL has %d x %d", im.W, im.H, want.W, want.H)
			}
			if sum(im.Pix) != want.SHA256 {
				t.Error("pixels differ from PIL's")
			}
			data, _ := os.ReadFile(filepath.Join("testdata/files", name))
			if w, h, err := Size(data); err != nil || w != want.W || h != want.H {
				t.Errorf("Size = %d, %d, %v", w, h, err)
			}
		})
	}
}

// TestOrientationEqualsPIL: ImageOps.exif_transpose of all eight orientations, and of the three formats that carry one.
func TestOrientationEqualsPIL(t *testing.T) {
	seen := map[int]bool{}
	for name, want := range readGolden(t).Orientation {
		o := Orientation(file(t, name))
		seen[o] = true
		im := open(t, name)
		im.Orient(o)
		if im.W != want.W || im.H != want.H || sum(im.Pix) != want.SHA256 {
			t.Errorf("%s, turned by %d, differs from PIL's", name, o)
		}
	}
	if len(seen) != 8 {
		t.Errorf("orientations %v", seen)
	}
	for _, name := range []string{"rgb.png", "420.jpg", "lossy.webp", "plain.gif", "rgb.bmp"} {
		if o := Orientation(file(t, name)); o != 1 {
			t.Errorf("%s has orientation %d", name, o)
		}
	}
}

func TestResizeEqualsPIL(t *testing.T) {
	im := open(t, "rgb.png")
	var s scratch
	for _, want := range readGolden(t).Resize {
		whole := append([]uint8(nil), s.window(im, want.Interpolation, want.W, want.H, 0, 0, want.W, want.H)...)
		if sum(whole) != want.SHA256 {
			t.Errorf("resize to %d x %d, %s, differs from PIL's", want.W, want.H, want.Interpolation)
		}
		// A window of the resized image is that part of it.
		x, y := want.W/3, want.H/4
		w, h := (want.W-x+1)/2, (want.H-y+1)/2
		part := s.window(im, want.Interpolation, want.W, want.H, x, y, w, h)
		for i := range h {
			a, b := part[i*w*3:(i+1)*w*3], whole[((y+i)*want.W+x)*3:]
			if string(a) != string(b[:len(a)]) {
				t.Fatalf("window of %d x %d differs in row %d", want.W, want.H, i)
			}
		}
	}
}

func TestRecipesEqualTorchvision(t *testing.T) {
	for _, want := range readGolden(t).Recipe {
		r, err := Parse(want.Recipe)
		if err != nil {
			t.Fatal(err)
		}
		if r.String() != want.Recipe {
			t.Errorf("%s is written as %s", want.Recipe, r)
		}
		im := open(t, want.File)
		if r.EXIF {
			im.Orient(Orientation(file(t, want.File)))
		}
		dst := make([]float32, r.Values())
		for _, nhwc := range []bool{false, true} {
			if err := r.Apply(im, nhwc, dst); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 0, 4*len(dst))
			for _, v := range dst {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
			wantSum := want.NCHW
			if nhwc {
				wantSum = want.NHWC
			}
			if sum(b) != wantSum {
				t.Errorf("%s of %s (NHWC %v) differs from the original's", r, want.File, nhwc)
			}
		}
	}
}
