// Package enginetest is the conformance suite that every engine runs: small networks in the shapes
// that exporters give real ones, against what ONNX Runtime computed with them, and the real networks
// beside the checkout against ONNX Runtime itself where it is installed.
package enginetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"vzsl/extract/onnx"
	"vzsl/internal/filetest"
	"vzsl/internal/interop"
)

// Engine is what the suite tests.
type Engine interface {
	Run(images []float32, n int, features []float32) error
	Dim() int
	Close() error
}

// New makes an engine.
type New func(net *onnx.Network, layer onnx.Layer, h, w int) (Engine, error)

// Golden is a small network with its expected results.
type Golden struct {
	Name, Layer, What, Output, Recipe string
	Dim, Outputs                      int
	NHWC                              bool

	Path             string // of the network
	Features, Scores []float32
}

// Size is the golden networks' image size, Images their number of images.
const (
	Size   = 32
	Images = 2
)

// testdata is the folder of golden networks as seen from a package beside this one.
const testdata = "../testdata"

// Goldens reads the golden networks from dir, which is extract/engine/testdata.
func Goldens(t testing.TB, dir string) []Golden {
	t.Helper()
	list := filetest.JSON[[]Golden](t, filepath.Join(dir, "networks.json"))
	for i := range list {
		g := &list[i]
		g.Path = filepath.Join(dir, "networks", g.Name+".onnx")
		v := filetest.Float32s(t, filepath.Join(dir, "networks", g.Name+".f32"))
		if len(v) != Images*(g.Dim+g.Outputs) {
			t.Fatalf("%s: %d golden values", g.Name, len(v))
		}
		g.Features, g.Scores = v[:Images*g.Dim], v[Images*g.Dim:]
	}
	return list
}

// Pictures are the golden networks' images in the layout asked for.
func Pictures(t testing.TB, dir string, nhwc bool) []float32 {
	t.Helper()
	x := filetest.Float32s(t, filepath.Join(dir, "images.f32"))
	if !nhwc {
		return x
	}
	y := make([]float32, len(x))
	for i := range y {
		n, p, c := i/(3*Size*Size), i/3%(Size*Size), i%3
		y[i] = x[(n*3+c)*Size*Size+p]
	}
	return y
}

// Difference compares one image's features with the reference: 1 - cosine, and the largest
// difference as a part of the largest value.
func Difference(got, want []float32) (cosine, largest float64) {
	var dot, gg, ww, top float64
	for i, w := range want {
		g := float64(got[i])
		dot += g * float64(w)
		gg += g * g
		ww += float64(w) * float64(w)
		top = math.Max(top, math.Abs(float64(w)))
		if d := math.Abs(g - float64(w)); d > largest || d != d {
			largest = d
		}
	}
	if top == 0 {
		top = 1
	}
	if gg == ww && ww == 0 {
		return 0, largest / top
	}
	return 1 - dot/math.Sqrt(gg*ww), largest / top
}

// Close fails the test where features differ by more than rounding: cosine below 0.99999 or a
// difference above tolerance times the largest value of the image.
func Close(t *testing.T, got, want []float32, n int, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	dim := len(want) / n
	var cos, top float64
	for i := range n {
		c, d := Difference(got[i*dim:(i+1)*dim], want[i*dim:(i+1)*dim])
		if !(c <= 1e-5) || !(d <= tolerance) {
			t.Fatalf("image %d: 1-cosine %.3g, largest difference %.3g of the largest value", i, c, d)
		}
		cos, top = max(cos, c), max(top, d)
	}
	t.Logf("%d images of %d features: 1-cosine at most %.2g, difference at most %.2g of the largest value", n, dim, cos, top)
}

// Layer opens a network and finds a layer of it; it stays open until the test ends.
func Layer(t testing.TB, path, layer string) (*onnx.Network, onnx.Layer) {
	t.Helper()
	net, err := onnx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = net.Close() })
	l, err := net.Layer(layer)
	if err != nil {
		t.Fatal(err)
	}
	return net, l
}

// Run opens a network and computes a layer's features of n images. h and w are the file's.
func Run(t testing.TB, create New, path, layer string, size int, images []float32, n int) ([]float32, onnx.Layer) {
	t.Helper()
	net, l := Layer(t, path, layer)
	e, err := create(net, l, size, size)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	out := make([]float32, n*e.Dim())
	if err := e.Run(images, n, out); err != nil {
		t.Fatal(err)
	}
	return out, l
}

// TestGoldens runs the golden networks but those named in skip, at the layer found by itself and at
// the output, twice on one engine.
func TestGoldens(t *testing.T, create New, skip map[string]string) {
	for _, g := range Goldens(t, testdata) {
		t.Run(g.Name, func(t *testing.T) {
			if why, ok := skip[g.Name]; ok {
				t.Skip(why)
			}
			x := Pictures(t, testdata, g.NHWC)
			net, err := onnx.Open(g.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			for _, tc := range []struct {
				layer string
				want  []float32
			}{{"", g.Features}, {g.Output, g.Scores}} {
				l, err := net.Layer(tc.layer)
				if err != nil {
					t.Fatal(err)
				}
				e, err := create(net, l, Size, Size)
				if err != nil {
					t.Fatal(err)
				}
				if e.Dim() != l.Dim && net.Input().Height != 0 || e.Dim()*Images != len(tc.want) {
					t.Fatalf("%d features, the layer says %d, want %d", e.Dim(), l.Dim, len(tc.want)/Images)
				}
				got := make([]float32, len(tc.want))
				for range 3 { // an engine must not spoil its weights
					clear(got)
					if err := e.Run(x, Images, got); err != nil {
						t.Fatal(err)
					}
					Close(t, got, tc.want, Images, 1e-5)
				}
				// One image at a time.
				one := make([]float32, len(got))
				per := len(x) / Images
				for i := range Images {
					if err := e.Run(x[i*per:(i+1)*per], 1, one[i*e.Dim():(i+1)*e.Dim()]); err != nil {
						t.Fatal(err)
					}
				}
				Close(t, one, tc.want, Images, 1e-5)
				if err := e.Run(x, Images+1, got); err == nil {
					t.Error("images of the wrong length were taken")
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Shared is the path of a file in the folder of real data beside the checkout; the test skips where
// it is absent.
func Shared(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	p := filepath.Join(dir, filepath.FromSlash(path))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("%s is not here (VZSL_TEST_DATA names the folder of test data)", p)
	}
	return p
}

// long skips a test that takes minutes, unless asked for.
func long(t testing.TB) {
	t.Helper()
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("takes minutes; VZSL_LONG=1 runs it")
	}
}

// reference runs ONNX Runtime on images (n of the shape c, h, w or h, w, c) and returns an output of
// the network; the test skips where interop.Node does.
func reference(t testing.TB, network, output string, images []float32, shape []int) []float32 {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.f32"), filepath.Join(dir, "out.f32")
	b := make([]byte, 4*len(images))
	for i, v := range images {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	if err := os.WriteFile(in, b, 0o644); err != nil {
		t.Fatal(err)
	}
	s := fmt.Sprintf("%d,%d,%d,%d", shape[0], shape[1], shape[2], shape[3])
	interop.Output(t, interop.Node(t, []string{"onnxruntime-node"}, filepath.Join(testdata, "ort.js"), network, in, s, output, out, "4"))
	return filetest.Float32s(t, out)
}
