package enginetest

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Case is a small network whose result NumPy computed: extract/onnx/testdata/make_cases.py makes them.
type Case struct {
	Name          string
	Model         []byte
	Height, Width int
	X, Want       []float32
	Steps, Never  []string // types of package plan that the layer's plan must hold, and must not
}

// Cases reads cases.json in dir.
func Cases(t testing.TB, dir string) []Case {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []Case
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// Write puts the network into a temporary file.
func (c Case) Write(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(path, c.Model, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Check compares a result with NumPy's.
func (c Case) Check(t testing.TB, got []float32) {
	t.Helper()
	if len(got) != len(c.Want) {
		t.Fatalf("%d values, want %d", len(got), len(c.Want))
	}
	for i, want := range c.Want {
		if !(math.Abs(float64(got[i]-want)) <= 2e-5*(1+math.Abs(float64(want)))) {
			t.Fatalf("%v, want %v (value %d)", got, c.Want, i)
		}
	}
}
