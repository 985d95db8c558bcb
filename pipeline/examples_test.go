package pipeline

import (
	"cmp"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"vzsl/features"
	"vzsl/internal/interop"
)

// demoReport is a run as make demo leaves it, with its report, in a folder where the examples find it.
func demoReport(t *testing.T) (out string, top1 float64) {
	out, data, _ := interopRun(t)
	r := done(t, "evaluate", "--dataset", "demo", "--split", "demo", "--data", data, "--out", out)
	return out, r["mean_per_class"].(map[string]any)["value"].(float64)
}

func exampleFile(t *testing.T, name string) string {
	path, err := filepath.Abs(filepath.Join("..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInteropSQL: the queries of the example give what is computed here.
func TestInteropSQL(t *testing.T) {
	interop.Node(t, interop.Packages["sql"])
	out, top1 := demoReport(t)
	tables := interop.Tables(t, out, "sql", exampleFile(t, "duckdb_nearest.sql"))
	if len(tables) != 3 {
		t.Fatalf("%d results", len(tables))
	}
	f := exampleFeatures(t, out)

	query := slices.Index(f.roles, string(features.RoleTestUnseen))
	var order []int
	for i := range f.images {
		if i != query {
			order = append(order, i)
		}
	}
	near := func(i int) float64 { return cosine(f.x[query], f.x[i]) }
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(near(b), near(a)) })
	if len(tables[0].Rows) != 10 {
		t.Fatal(tables[0].Rows)
	}
	for k, r := range tables[0].Rows {
		if i := order[k]; r[0] != f.images[i] || r[1] != f.classes[i] || math.Abs(r[2].(float64)-near(i)) > 1e-5 {
			t.Errorf("neighbour %d is %v, not %s (%v)", k, r, f.images[i], near(i))
		}
	}

	means, seen := f.means(func(int) bool { return true }), map[string]bool{}
	for i, c := range f.classes {
		seen[c] = f.roles[i] != string(features.RoleTestUnseen)
	}
	if len(tables[1].Rows) != 12 {
		t.Fatal(tables[1].Rows)
	}
	for _, r := range tables[1].Rows {
		best, alike := "", -1.0
		for c, m := range means {
			if v := cosine(means[r[0].(string)], m); seen[c] && v > alike {
				best, alike = c, v
			}
		}
		if seen[r[0].(string)] || r[1] != best || math.Abs(r[2].(float64)-alike) > 1e-5 || !seen[r[3].(string)] {
			t.Errorf("%v: %s looks most like it (%v)", r, best, alike)
		}
	}

	mean := 0.0
	for _, r := range tables[2].Rows {
		mean += r[2].(float64) / 12
	}
	if math.Abs(mean-top1) > 1e-9 {
		t.Errorf("accuracy %v, the report has %v", mean, top1)
	}
}

// TestInteropPandas: so does the script. Debian's pandas has no reader of Parquet; Polars stands in for one.
func TestInteropPandas(t *testing.T) {
	env := interop.Node(t, interop.Packages["polars"]).Env
	python := interop.Python(t, []string{"numpy", "pandas"}, filepath.Join(interop.Testdata, "pandas_run.py"), exampleFile(t, "pandas_class_means.py"))
	out, top1 := demoReport(t)
	python.Args, python.Env = append(python.Args, out), env
	text := string(interop.Output(t, python))
	value := func(what string) float64 {
		m := regexp.MustCompile(what + `: ([0-9.]+) over`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in\n%s", what, text)
		}
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := value("vzsl"); math.Abs(v-top1) > 1e-6 {
		t.Errorf("vzsl: %v, the report has %v", v, top1)
	}
	if v := value("zero-shot by ridge regression"); v < 0.3 { // chance is 1/12
		t.Errorf("ridge regression: %v", v)
	}

	// The nearest class mean, again.
	f := exampleFeatures(t, out)
	count, held := map[string]int{}, make([]bool, len(f.images))
	for i, x := range f.x {
		length := 0.0
		for k, v := range x {
			x[k] = math.Sqrt(v)
			length += v
		}
		for k := range x {
			x[k] /= math.Sqrt(length)
		}
		held[i] = count[f.classes[i]]%2 == 1
		count[f.classes[i]]++
	}
	means := f.means(func(i int) bool { return f.roles[i] != string(features.RoleTestUnseen) && !held[i] })
	right, all := 0.0, 0.0
	for i, x := range f.x {
		if held[i] && means[f.classes[i]] != nil {
			best := ""
			for c, m := range means {
				if best == "" || cosine(x, m) > cosine(x, means[best]) {
					best = c
				}
			}
			all++ // as many of each class
			if best == f.classes[i] {
				right++
			}
		}
	}
	if v := value("nearest class mean"); math.Abs(v-right/all) > 1e-6 || all != 3*48 {
		t.Errorf("nearest class mean: %v, not %v of %v\n%s", v, right/all, all, text)
	}
	t.Log(text)
}

// exampleData are the features of the demo with their roles, by image.
type exampleData struct {
	images, classes, roles []string
	x                      [][]float64
}

func exampleFeatures(t *testing.T, out string) exampleData {
	t.Helper()
	c, err := features.OpenCache(t.Context(), filepath.Join(out, "features", "demo", "demo"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	roles, err := features.ReadSplit(filepath.Join(out, "features", "demo", "splits", "demo.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var d exampleData
	for i, image := range c.Images() {
		at := slices.Index(roles.Images, image)
		d.images, d.classes, d.roles = append(d.images, image), append(d.classes, c.Classes()[i]), append(d.roles, string(roles.Roles[at]))
		x := make([]float64, c.Dim())
		for k, v := range c.Feature(i) {
			x[k] = float64(v)
		}
		d.x = append(d.x, x)
	}
	if !slices.IsSorted(d.images) {
		t.Fatal("images are not in the order of their names")
	}
	return d
}

// means are the mean features of the classes over some of the images.
func (d exampleData) means(of func(i int) bool) map[string][]float64 {
	sum, n := map[string][]float64{}, map[string]float64{}
	for i, x := range d.x {
		if c := d.classes[i]; of(i) {
			if sum[c] == nil {
				sum[c] = make([]float64, len(x))
			}
			for k, v := range x {
				sum[c][k] += v
			}
			n[c]++
		}
	}
	for c, m := range sum {
		for k := range m {
			m[k] /= n[c]
		}
	}
	return sum
}

func cosine(a, b []float64) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for k := range a {
		ab, aa, bb = ab+a[k]*b[k], aa+a[k]*a[k], bb+b[k]*b[k]
	}
	return ab / math.Sqrt(aa*bb)
}
