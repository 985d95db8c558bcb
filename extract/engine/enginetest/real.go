package enginetest

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
)

// tolerance is what features may differ by from ONNX Runtime's, as a part of the image's largest value.
const tolerance = 1e-5

// Birds are n of the real images in the folder of test data, spread over the classes, prepared by a
// recipe; the test skips where the images are absent.
func Birds(t testing.TB, n int, recipe string, size int) []float32 {
	t.Helper()
	dir := Shared(t, "cub/CUB_200_2011/images")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.jpg"))
	if err != nil || len(files) < n {
		t.Skipf("%s holds %d images, not %d", dir, len(files), n)
	}
	sort.Strings(files)
	r, err := preprocess.Preset(recipe, size, size)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, n*r.Values())
	for i := range n {
		name := files[i*len(files)/n]
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		im, err := preprocess.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := r.Apply(im, false, out[i*r.Values():(i+1)*r.Values()]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestBirds compares the features of n real images with what ONNX Runtime computes from the same
// pixels.
func TestBirds(t *testing.T, create New, network, recipe string, size, n int) {
	path := Shared(t, network)
	x := Birds(t, n, recipe, size)
	want := reference(t, path, "", x, []int{n, 3, size, size})
	start := time.Now()
	got, l := Run(t, create, path, "", size, x, n)
	t.Logf("%s of %s: %.4f s an image, loading included", l.What, filepath.Base(path), time.Since(start).Seconds()/float64(n))
	Close(t, got, want, n, tolerance)
}

// vgg19 is the path of a VGG-19 of full size with random weights: the file named by VZSL_VGG19, else
// one made in the system's temporary folder and kept there. The test skips where it is absent and
// python3 with numpy is, too.
func vgg19(t testing.TB) string {
	t.Helper()
	path := os.Getenv("VZSL_VGG19")
	if path == "" {
		path = filepath.Join(os.TempDir(), "vzsl-test-vgg19.onnx")
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	python(t, "numpy", "make_vgg19.py", path)
	return path
}

// TestVGG19 compares fc7 of n images, and of a quarter as many images of noise, with ONNX Runtime's,
// on the full-size network.
func TestVGG19(t *testing.T, create New, n int) {
	long(t)
	path := vgg19(t)
	x := Birds(t, n, "torchvision", 224)
	rng := rand.New(rand.NewPCG(1, 2))
	for range n / 4 * 3 * 224 * 224 {
		x = append(x, float32(rng.NormFloat64()))
	}
	n += n / 4
	want := reference(t, path, "vgg0_dense1_relu_fwd", x, []int{n, 3, 224, 224})
	start := time.Now()
	net, l := Layer(t, path, "")
	if l.Tensor != "vgg0_dense1_relu_fwd" || l.Dim != 4096 {
		t.Fatalf("found layer %+v", l)
	}
	e, err := create(net, l, 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	loaded := time.Since(start)
	got := make([]float32, n*4096)
	for lo := 0; lo < n; lo += 8 {
		hi := min(n, lo+8)
		if err := e.Run(x[lo*3*224*224:hi*3*224*224], hi-lo, got[lo*4096:hi*4096]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("loaded in %.2f s, %.3f s an image", loaded.Seconds(), (time.Since(start)-loaded).Seconds()/float64(n))
	Close(t, got, want, n, tolerance)
}

// python runs one of testdata's scripts with a Python that has the modules; the test skips where there
// is none.
func python(t testing.TB, modules, script string, args ...string) {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import "+modules).Run() != nil {
			continue
		}
		if msg, err := exec.Command(python, append([]string{filepath.Join(testdata, script)}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, msg)
		}
		return
	}
	t.Skipf("needs python3 with %s", modules)
}

// Network is one of torchvision's, exported by torch at full size with random weights.
type Network struct {
	Name        string
	Transformer bool
}

// Torchvision is what became of one: the largest difference from ONNX Runtime's as a part of the largest value.
type Torchvision struct {
	Name, Layer string
	Features    int
	Difference  float64
}

// TestTorchvision compares networks of torchvision with ONNX Runtime: at the layer found by itself, of the newer
// ones (see export_torchvision.py) at their class scores, on two images. The files are kept in the folder
// named by VZSL_TORCHVISION, else in one in the system's temporary folder.
func TestTorchvision(t *testing.T, create New, networks ...Network) (list []Torchvision) {
	long(t)
	dir := os.Getenv("VZSL_TORCHVISION")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "vzsl-test-torchvision")
	}
	python(t, "torch, torchvision, onnx", "export_torchvision.py", dir)
	for _, n := range networks {
		t.Run(n.Name, func(t *testing.T) {
			path := filepath.Join(dir, n.Name+".onnx")
			net, err := onnx.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			size := net.Input().Height
			l, err := net.Layer("")
			if err != nil {
				t.Fatal(err)
			}
			outputs := net.Outputs()
			_ = net.Close()
			t.Logf("%s: %q, %d features", l.What, l, l.Dim)
			x := Birds(t, 2, "torchvision", size)
			layer := l.String()
			if !slices.Contains(outputs, l.Tensor) {
				layer = "output"
			}
			got, o := Run(t, create, path, layer, size, x, 2)
			want := reference(t, path, layer, x, []int{2, 3, size, size})
			tolerance := float64(tolerance)
			if n.Transformer {
				tolerance = 1e-4
			}
			Close(t, got, want, 2, tolerance)
			row := Torchvision{Name: n.Name, Layer: l.What, Features: l.Dim}
			for i := range 2 {
				_, d := Difference(got[i*o.Dim:][:o.Dim], want[i*o.Dim:][:o.Dim])
				row.Difference = max(row.Difference, d)
			}
			list = append(list, row)
		})
	}
	return list
}

// Networks are torchvision's by their names.
func Networks(names ...string) (list []Network) {
	for _, n := range names {
		list = append(list, Network{Name: n, Transformer: strings.HasPrefix(n, "vit") || strings.HasPrefix(n, "swin") || strings.HasPrefix(n, "maxvit")})
	}
	return list
}
