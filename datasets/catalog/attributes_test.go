package catalog

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/attributes"
	"vzsl/internal/filetest"
)

func awaFolder(t *testing.T, continuous string) string {
	dir := filepath.Join(t.TempDir(), "Animals_with_Attributes2")
	for name, text := range map[string]string{
		"classes.txt":                     "     1\tantelope\n     2\tgrizzly+bear\n     3\tlion\n",
		"predicates.txt":                  "     1\tblack\n     2\twhite\n",
		"predicate-matrix-binary.txt":     "0 1\n1 0\n0 0\n",
		"predicate-matrix-continuous.txt": continuous,
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAwAAttributes(t *testing.T) {
	dir := awaFolder(t, "  -1.00  12.34\n 39.25   1.39\n\n100.00     0.00  \n")
	classes := []string{"lion", "antelope"}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		table, err := describeAwA(d, classes, "continuous")
		if err != nil {
			t.Fatal(err)
		}
		if table.Missing() != 1 || !slices.Equal(table.Values[0], []float32{100, 0}) || table.Values[1][1] != 12.34 || !slices.Equal(table.Names, []string{"black", "white"}) {
			t.Errorf("%+v", table)
		}
		if err := table.FillFrom("antelope", "lion"); err != nil || table.Values[1][0] != 100 || table.Missing() != 0 || !strings.Contains(table.Source, "taken from lion") {
			t.Error(err, table.Values, table.Source)
		}
		if err := table.FillFrom("antelope", "tiger"); err == nil {
			t.Error("filled from a class that is not there")
		}
	}
	table, err := describeAwA(dir, classes, "binary")
	if err != nil || !slices.Equal(table.Values[1], []float32{0, 1}) {
		t.Error(table, err)
	}
	for text, say := range map[string]string{
		"1 2\n3 4\n":           "expected 3 rows",
		"1 2\n3 4\n5 6\n7 8\n": "found more",
		"1 2\n3\n5 6\n":        "expected 2 values",
		"1 2\n3 x\n5 6\n":      `"x"`,
		"1 2\n3 -2.00\n5 6\n":  "only -1",
		"1 2\n3 4\n5 +Inf\n":   "not a number",
	} {
		_, err := describeAwA(awaFolder(t, text), classes, "continuous")
		if err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), "predicate-matrix-continuous.txt") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := describeAwA(t.TempDir(), classes, "binary"); err == nil || !strings.Contains(err.Error(), "predicates.txt") {
		t.Error(err)
	}
	if _, err := describeAwA(dir, []string{"lion", "Antelope"}, "binary"); err == nil || !strings.Contains(err.Error(), `written "antelope"`) {
		t.Error(err)
	}
}

// TestAwAReal: the published matrix; the marks are antelope's, and xlsa17 has the same values.
func TestAwAReal(t *testing.T) {
	data := filetest.Data(t)
	order, err := attributes.ReadNames(filepath.Join(data, "awa", "classes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := describeAwA(filepath.Join(data, "awa"), order, "continuous")
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Values) != 50 || len(table.Names) != 85 || table.Missing() != 4 {
		t.Errorf("%d classes, %d attributes, %d missing", len(table.Values), len(table.Names), table.Missing())
	}
	for i, v := range table.Values[0] {
		if (v != v) != slices.Contains([]string{"black", "white", "blue", "brown"}, table.Names[i]) {
			t.Errorf("antelope's %s is %v", table.Names[i], v)
		}
	}
	other, err := attributes.ReadXLSA17(filepath.Join(data, "xlsa17", "AWA2", "att_splits.mat"), attributes.XLSA17Original, order, nil)
	if err != nil {
		t.Fatal(err)
	}
	for c, row := range table.Values {
		for i, v := range row {
			if w := other.Values[c][i]; (v != v) != (w != w) || math.Abs(float64(v-w)) > 0.006 {
				t.Fatalf("%s %s: %v, xlsa17 has %v", order[c], table.Names[i], v, w)
			}
		}
	}
}

// golden is what NumPy and SciPy read in the miniatures that datasets/testdata/layouts/make_layouts.py makes.
type golden struct {
	SUN map[string][]float64
	AwA struct{ Continuous, Binary map[string][]float64 }
}

const layouts = "testdata/layouts"

// same compares a table with what NumPy and SciPy read; -1 is a missing value.
func same(t *testing.T, got *attributes.Table, want map[string][]float64) {
	t.Helper()
	if len(got.Classes) != len(want) {
		t.Errorf("%d classes, not %d", len(got.Classes), len(want))
	}
	for i, c := range got.Classes {
		for k, w := range want[c] {
			if v := got.Values[i][k]; v != float32(w) && !(w == -1 && v != v) {
				t.Errorf("%s %s: %v, not %v", c, got.Names[k], v, w)
			}
		}
	}
}

func TestAwAGolden(t *testing.T) {
	g := filetest.JSON[golden](t, filepath.Join(layouts, "golden.json"))
	classes := []string{"lion", "killer+whale", "antelope", "grizzly+bear"}
	for which, want := range map[string]map[string][]float64{"continuous": g.AwA.Continuous, "binary": g.AwA.Binary} {
		table, err := describeAwA(filepath.Join(layouts, "awa"), classes, which)
		if err != nil {
			t.Fatal(err)
		}
		same(t, table, want)
		if (table.Missing() == 2) != (which == "continuous") || !slices.Equal(table.Names, []string{"black", "white", "bipedal"}) {
			t.Error(which, table.Missing(), table.Names)
		}
	}
}

// TestSUN: of SciPy's files and of Octave's.
func TestSUNAttributes(t *testing.T) {
	classes := []string{"desert_road", "desert/sand", "abbey", "desert/vegetation"}
	for _, dir := range []string{filepath.Join(layouts, "sun"), filepath.Join(layouts, "octave", "sun")} {
		table, err := describeSUN(dir, classes, "")
		if err != nil {
			t.Fatal(err)
		}
		same(t, table, filetest.JSON[golden](t, filepath.Join(layouts, "golden.json")).SUN)
		if !slices.Equal(table.Names, []string{"sailing/ boating", "driving", "open area"}) {
			t.Errorf("%q", table.Names)
		}
	}
	if _, err := describeSUN(filepath.Join(layouts, "sun", "SUNAttributeDB"), []string{"abbey", "airlock"}, ""); err == nil || !strings.Contains(err.Error(), "airlock") {
		t.Error(err)
	}
	if _, err := describeSUN(t.TempDir(), classes, ""); err == nil || !strings.Contains(err.Error(), "images.mat") {
		t.Error(err)
	}
}
