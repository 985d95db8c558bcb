package filetest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vzsl/internal/matfile"
)

// MAT is the content of a MATLAB file by its variables: []float64 (a column), [][]float64 (columns), []string.
type MAT map[string]any

// WriteMAT writes a MATLAB file, its folder too, with the variables in the order of their names, and gives its path.
func WriteMAT(t testing.TB, path string, content MAT) string {
	t.Helper()
	return FillMAT(t, path, func(w *matfile.Writer) error {
		for _, n := range slices.Sorted(maps.Keys(content)) {
			var err error
			switch v := content[n].(type) {
			case []string:
				err = w.Texts(n, v)
			case []float64:
				err = w.Doubles(n, len(v), 1, v)
			case [][]float64:
				err = w.Doubles(n, len(v[0]), len(v), slices.Concat(v...))
			default:
				err = fmt.Errorf("%s: variables of type %T are not written", n, v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// FillMAT writes a MATLAB file, its folder too, with what fill writes, and gives its path.
func FillMAT(t testing.TB, path string, fill func(w *matfile.Writer) error) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := matfile.NewWriter(f, "test")
	if err == nil {
		err = fill(w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
