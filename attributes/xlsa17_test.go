package attributes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/internal/matfile"
)

func splitsFile(t *testing.T, names []string, original []float64, rows int) string {
	t.Helper()
	return filetest.FillMAT(t, filepath.Join(t.TempDir(), "att_splits.mat"), func(w *matfile.Writer) error {
		if names != nil {
			if err := w.Texts("allclasses_names", names); err != nil {
				return err
			}
		}
		if original != nil {
			if err := w.Doubles("original_att", rows, len(original)/rows, original); err != nil {
				return err
			}
		}
		return w.Doubles("att", 2, 3, []float64{1, 0, 0.6, -0.8, 0, 1})
	})
}

func TestXLSA17(t *testing.T) {
	classes := []string{"c", "a", "b"} // another order than the file's
	file := splitsFile(t, []string{"a", "b", "c", "d"}, []float64{1, 2, -1, 4, 5, 6, 7, 8}, 2)
	table, err := ReadXLSA17(file, "", classes, classes)
	if err != nil {
		t.Fatal(err)
	}
	if table.Missing() != 1 || table.Values[2][0] == table.Values[2][0] || !slices.Equal(table.Values[0], []float32{5, 6}) || table.Values[2][1] != 4 {
		t.Error(table.Values)
	}
	notes := strings.Join(table.Notes, "\n")
	if !strings.Contains(notes, "1 values are -1") || !strings.Contains(notes, "d") || !strings.Contains(table.Source, "original_att") {
		t.Error(notes, table.Source)
	}
	// A matrix with other negative values has no marks for missing ones.
	file = splitsFile(t, []string{"a", "b", "c"}, []float64{1, 2, -1, -3, 5, 6}, 2)
	if table, err = ReadXLSA17(file, XLSA17Original, classes, classes); err != nil || table.Missing() != 0 || table.Values[2][0] != -1 {
		t.Error(table, err)
	}
	if table, err = ReadXLSA17(file, XLSA17Unit, classes, classes); err != nil || !slices.Equal(table.Values[0], []float32{0, 1}) {
		t.Error(table, err)
	}
	// All of the file, where no classes are asked for.
	if table, err = ReadXLSA17(file, "", nil, nil); err != nil || !slices.Equal(table.Classes, []string{"a", "b", "c"}) {
		t.Error(table, err)
	}
	// SUN's names are spelt as the dataset spells them.
	sun := splitsFile(t, []string{"desert_road", "desert_sand", "abbey"}, nil, 0)
	if table, err = ReadXLSA17(sun, "", []string{"abbey", "desert/sand", "desert_road"}, nil); err != nil || !slices.Equal(table.Values[2], []float32{1, 0}) || !slices.Equal(table.Values[0], []float32{0, 1}) {
		t.Error(table, err)
	}
	// Without names the order of allclasses.txt, or that of the classes, stands.
	file = splitsFile(t, nil, nil, 0)
	if table, err = ReadXLSA17(file, "", classes, classes); err != nil || !slices.Equal(table.Values[0], []float32{1, 0}) || len(table.Notes) != 1 {
		t.Error(table, err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "allclasses.txt"), []byte("a\nb\nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if table, err = ReadXLSA17(file, "", classes, classes); err != nil || !slices.Equal(table.Values[0], []float32{0, 1}) || len(table.Notes) != 1 {
		t.Error(table, err)
	}
	for _, c := range []struct {
		file, which string
		classes     []string
		says        []string
	}{
		{file, XLSA17Original, classes, []string{"original_att", "att_splits.mat"}},
		{file, "", []string{"a", "e"}, []string{"no row", "e"}},
		{splitsFile(t, []string{"a", "b"}, nil, 0), "", classes, []string{"3 columns for 2 classes"}},
		{splitsFile(t, nil, nil, 0), "", classes[:2], []string{"no allclasses_names"}},
		{"none.mat", "", classes, []string{"none.mat"}},
	} {
		_, err := ReadXLSA17(c.file, c.which, c.classes, c.classes)
		if err == nil {
			t.Errorf("%v: no error", c.says)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q does not say %q", err, s)
			}
		}
	}
}

// TestMATOfOthers: class descriptions in a MATLAB file that is not xlsa17's go by the class names beside them, a class in a column or
// in a row; without names they are refused.
func TestMATOfOthers(t *testing.T) {
	file := func(rows, columns int, values []float64, names ...string) string {
		return filetest.FillMAT(t, filepath.Join(t.TempDir(), "own.mat"), func(w *matfile.Writer) error {
			if err := w.Doubles("att", rows, columns, values); err != nil || names == nil {
				return err
			}
			return w.Texts("classes", names)
		})
	}
	o := FileOptions{Classes: []string{"ant", "bee", "cat"}, Numbered: []string{"ant", "bee", "cat"}}
	for name, path := range map[string]string{
		"a class in a column": file(2, 3, []float64{5, 6, 1, 2, 3, 4}, "cat", "ant", "bee"),
		"a class in a row":    file(3, 2, []float64{5, 1, 3, 6, 2, 4}, "cat", "ant", "bee"),
	} {
		got, err := ReadFile(path, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range [][]float32{{1, 2}, {3, 4}, {5, 6}} {
			if !slices.Equal(got.Values[i], want) {
				t.Errorf("%s: %v", name, got.Values)
			}
		}
	}
	if _, err := ReadFile(file(2, 3, make([]float64, 6)), o); err == nil || !strings.Contains(err.Error(), "no column of class names") {
		t.Error(err)
	}
	splits := splitsFile(t, nil, nil, 0)
	if _, err := ReadXLSA17(splits, "", o.Classes, nil); err == nil || !strings.Contains(err.Error(), "allclasses.txt") {
		t.Error(err)
	}
}
