package native

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vzsl/extract/onnx"
	"vzsl/internal/filetest"
)

// towers is where make_towers.py put networks for texts, and what ONNX Runtime computes with them.
const towers = "../../textencoder/testdata"

type towerGolden map[string]struct {
	Texts   [][]int
	Pad     int
	Output  string
	Vectors [][]float32
	Seconds float64
}

func readTowers(t testing.TB, folder string) towerGolden {
	t.Helper()
	return filetest.JSON[towerGolden](t, filepath.Join(folder, "golden.json"))
}

// TestText compares text towers with ONNX Runtime, in batches of texts of several lengths. VZSL_TOWERS names a folder of others,
// of the real sizes.
func TestText(t *testing.T) {
	folder := towers
	if f := os.Getenv("VZSL_TOWERS"); f != "" {
		folder = f
	}
	for name, g := range readTowers(t, folder) {
		t.Run(name, func(t *testing.T) {
			net, err := onnx.OpenText(filepath.Join(folder, name+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			longest := net.Length()
			for _, ids := range g.Texts {
				longest = max(longest, len(ids))
			}
			check(t, net, g.Output, g.Texts, g.Pad, longest, g.Vectors)
			if !net.Masked() {
				return // it is not told which tokens are a text's own
			}
			var short [][]int // alone, they need not be filled up so far
			var want [][]float32
			for i, ids := range g.Texts {
				if len(ids) <= 7 {
					short, want = append(short, ids), append(want, g.Vectors[i])
				}
			}
			check(t, net, g.Output, short, g.Pad, 8, want)
		})
	}
}

func check(t *testing.T, net *onnx.Text, output string, texts [][]int, pad, length int, want [][]float32) {
	t.Helper()
	p, dims, err := net.Plan(output, length)
	if err != nil {
		t.Fatal(err)
	}
	e, err := OfPlan(p)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	in := make([]float32, 0, len(texts)*2*length)
	for _, ids := range texts {
		row, mask := make([]float32, length), make([]float32, length)
		for i := range row {
			row[i] = float32(pad)
			if i < len(ids) {
				row[i], mask[i] = float32(ids[i]), 1
			}
		}
		in = append(append(in, row...), mask...)
	}
	out := make([]float32, len(texts)*e.Dim())
	start := time.Now()
	if err := e.Run(in, len(texts), out); err != nil {
		t.Fatal(err)
	}
	seconds := time.Since(start).Seconds()
	worst := 0.0
	for i, w := range want {
		got := out[i*e.Dim() : (i+1)*e.Dim()]
		if len(dims) == 3 { // the first token, and the mean of the text's own
			c := dims[2]
			mean := make([]float32, c)
			for k := range mean {
				for j := range texts[i] {
					mean[k] += got[j*c+k] / float32(len(texts[i]))
				}
			}
			got = append(append([]float32{}, got[:c]...), mean...)
		}
		if len(got) != len(w) {
			t.Fatalf("%d values, want %d", len(got), len(w))
		}
		for k := range w {
			worst = max(worst, math.Abs(float64(got[k]-w[k])))
		}
	}
	if !(worst < 1e-4) {
		t.Errorf("length %d: off by %v", length, worst)
	}
	t.Logf("length %d, %d texts: off by %.2g, %.3f s", length, len(texts), worst, seconds)
}
