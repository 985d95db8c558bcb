package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/engine/native"
)

func rehearsal(t *testing.T) *bench {
	return &bench{small: true, work: t.TempDir(), threads: 2, page: &bytes.Buffer{}}
}

// TestScripts: the peers' programs are where they are started from.
func TestScripts(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	sources, err := filepath.Glob(filepath.Join(scripts, "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("%v, %v", sources, err)
	}
	started := regexp.MustCompile(`script\("([^"]+)"\)`)
	names := 0
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range started.FindAllStringSubmatch(string(text), -1) {
			names++
			if _, err := os.Stat(script(m[1])); err != nil {
				t.Errorf("%s: %v", source, err)
			}
		}
	}
	if names < 4 {
		t.Errorf("%d programs found", names)
	}
}

// TestModel: both files are read, have the same fc7, and the description names the weights' places.
func TestModel(t *testing.T) {
	b := rehearsal(t)
	var want []float32
	for _, cut := range []bool{false, true} {
		n, err := b.vgg19(cut)
		if err != nil {
			t.Fatal(err)
		}
		net, l := enginetest.Layer(t, n.Path, "")
		if l.Tensor != "vgg0_dense1_relu_fwd" || l.Dim != n.Dim {
			t.Fatalf("found %+v", l)
		}
		e, err := native.New(net, l, n.Size, n.Size)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		x := make([]float32, 3*n.Size*n.Size)
		for i := range x {
			x[i] = float32(math.Sin(float64(i)))
		}
		got := make([]float32, n.Dim)
		if err := e.Run(x, 1, got); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if slices.Max(got) == 0 || !slices.Equal(got, want) {
			t.Error("the cut network has other features, or none")
		}

		file, err := os.ReadFile(n.Path)
		if err != nil {
			t.Fatal(err)
		}
		layers := 0
		for _, s := range n.Steps {
			if s.Op == "pool" {
				continue
			}
			layers++
			sum, count := 0.0, elements(s.Shape)
			for i := range count {
				v := float64(math.Float32frombits(binary.LittleEndian.Uint32(file[int(s.Weight)+4*i:])))
				sum += v * v
			}
			he := 2 / float64(count/s.Shape[0])
			if v := sum / float64(count); math.Abs(v/he-1) > 0.25 {
				t.Errorf("%s %v: weights of variance %.3g at %d, want %.3g", s.Op, s.Shape, v, s.Weight, he)
			}
		}
		if layers != 18 {
			t.Errorf("%d layers up to fc7", layers)
		}
		// A second call writes nothing.
		if err := os.WriteFile(n.Path, make([]byte, len(file)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := b.vgg19(cut); err != nil {
			t.Fatal(err)
		}
		if again, _ := os.ReadFile(n.Path); again[0] != 0 {
			t.Error("the file was written again")
		}
	}
}

// TestWorker speaks the protocol with both engines.
func TestWorker(t *testing.T) {
	b := rehearsal(t)
	n, err := b.vgg19(false)
	if err != nil {
		t.Fatal(err)
	}
	images, err := b.inputs(n)
	if err != nil {
		t.Fatal(err)
	}
	features := filepath.Join(b.work, "out.f32")
	for _, engine := range []string{"native", "gorgonia"} {
		var out bytes.Buffer
		in := strings.NewReader(fmt.Sprintf("run 1 2\nfeatures 2 %s\n", features))
		if err := work([]string{engine, n.Path, n.shape(), images}, in, &out); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "ready ") || len(strings.Fields(lines[1])) != 2 || lines[2] != "done" {
			t.Errorf("%s: %q", engine, lines)
		}
		if st, err := os.Stat(features); err != nil || st.Size() != int64(2*4*n.Dim) {
			t.Errorf("%s: features: %v, %v", engine, st, err)
		}
	}
	if err := work([]string{"native", n.Path, n.shape(), images}, strings.NewReader("dance\n"), io.Discard); err == nil {
		t.Error("an unknown request was taken")
	}
}

func TestTrainer(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100 MB of samples")
	}
	var out bytes.Buffer
	if err := work([]string{"train", "3"}, strings.NewReader("run 64 3\n"), &out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 2 || len(strings.Fields(lines[1])) != 3 {
		t.Errorf("%q", lines)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		v       []float64
		q, want float64
	}{{[]float64{3}, .5, 3}, {[]float64{4, 1}, .5, 2.5}, {[]float64{5, 1, 3}, .5, 3}, {[]float64{4, 0, 1, 2, 3}, .25, 1}, {[]float64{2, 1}, 1, 2}} {
		if got := quantile(c.v, c.q); got != c.want {
			t.Errorf("quantile %v of %v: %v, want %v", c.q, c.v, got, c.want)
		}
	}
}

func TestDifference(t *testing.T) {
	if d := difference([]float32{1, 2, 4}, []float32{1, 2.5, 5}); d != 0.2 {
		t.Error(d)
	}
	nan := float32(math.NaN())
	for _, bad := range [][]float32{{1, nan, 3}, {nan, 2, 3}, {1, 2, nan}, {1}} {
		if d := difference(bad, []float32{1, 2, 3}); d < 1e-3 {
			t.Errorf("%v: %v", bad, d)
		}
	}
}

func TestGoBench(t *testing.T) {
	list := parseGoBench(`goos: linux
BenchmarkSgemm/square-2048x2048x2048/avx512-2         	      10	 100 ns/op	       203.1 GFLOP/s	       259.0 peak-GFLOP/s
BenchmarkConv/vgg-1_1/avx2    	       5	  2 ns/op	        87.5 GFLOP/s
PASS
`)
	if len(list) != 2 || list[0].last() != "avx512" || list[0].value["peak-GFLOP/s"] != 259 ||
		list[1].parts[1] != "vgg-1_1" || list[1].last() != "avx2" || list[1].value["GFLOP/s"] != 87.5 {
		t.Errorf("%+v", list)
	}
}
