package datasets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
)

// toyImport has the classes of make_npy.py's labels.
func toyImport(t testing.TB) Import {
	return Import{Kind: LabelID, Classes: []Class{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Dataset: "toy", Network: "x", Out: filepath.Join(t.TempDir(), "out"), ShardRows: 3}
}

func csvText(separator string) string {
	var s strings.Builder
	s.WriteString(strings.Join([]string{"file", "class", "x0", "x1", "x2", "x3", "x4"}, separator) + "\n")
	for i, c := range []string{"c", "a", "b", "b", "c", "a", "a"} {
		fmt.Fprintf(&s, "i%d.jpg%s%s", i, separator, c)
		for j := range 5 {
			fmt.Fprintf(&s, "%s%v", separator, want(i, j))
		}
		s.WriteString("\n")
	}
	return s.String()
}

// textFeatures makes a folder as AwA's; its rows are in the order of their files.
func textFeatures(t testing.TB) string {
	dir := t.TempDir()
	for i, c := range []string{"c", "a", "b", "b", "c", "a", "a"} {
		var s strings.Builder
		for j := range 5 {
			fmt.Fprintf(&s, " %g\n", want(i, j))
		}
		write(t, filepath.Join(dir, c, fmt.Sprintf("i%d.txt", i)), s.String())
	}
	write(t, filepath.Join(dir, "README"), "no features")
	return dir
}

// TestImports: the same matrix in every kind of file.
func TestImports(t *testing.T) {
	type imports = func(context.Context, Import) (*features.Manifest, error)
	with := func(f func(context.Context, Import, Columns) (*features.Manifest, error), c Columns) imports {
		return func(ctx context.Context, o Import) (*features.Manifest, error) { return f(ctx, o, c) }
	}
	text := func(s string) string { return write(t, filepath.Join(t.TempDir(), "x.csv"), s) }
	for name, c := range map[string]struct {
		run    imports
		change func(o *Import)
	}{
		"npz": {ImportNPZ, func(o *Import) { o.Features, o.Labels, o.Images = "testdata/features.npz", ":y", ":files" }},
		"npz compressed": {ImportNPZ, func(o *Import) {
			o.Features, o.Variable, o.Labels, o.Images = "testdata/features_compressed.npz", "x", ":y", ":files"
		}},
		"npz other file": {ImportNPZ, func(o *Import) {
			o.Features, o.Labels, o.Images = "testdata/features.npz", "testdata/columns.mat:labels", ":files"
		}},
		"mat columns": {ImportMAT, func(o *Import) { o.Features = "testdata/columns.mat" }},
		"mat rows":    {ImportMAT, func(o *Import) { o.Features, o.Labels, o.Images = "testdata/rows.mat", ":y", ":names" }},
		"mat MatConvNet": {ImportMAT, func(o *Import) {
			o.Features, o.Variable, o.Labels, o.Images = "testdata/matconvnet.mat", "x", ":y", ":names"
		}},
		"mat sparse":    {ImportMAT, func(o *Import) { o.Features = "testdata/sparse.mat" }},
		"csv":           {with(ImportCSV, Columns{}), func(o *Import) { o.Features, o.Kind = text(csvText(",")), LabelName }},
		"csv tabs":      {with(ImportCSV, Columns{Image: "file", Class: "class"}), func(o *Import) { o.Features, o.Kind = text(csvText("\t")), LabelName }},
		"parquet list":  {with(ImportParquet, Columns{}), func(o *Import) { o.Features = "testdata/list.parquet" }},
		"parquet array": {with(ImportParquet, Columns{Feature: "feature"}), func(o *Import) { o.Features = "testdata/array.parquet" }},
		"parquet flat":  {with(ImportParquet, Columns{}), func(o *Import) { o.Features, o.Images = "testdata/flat.parquet", "testdata/features.npz:files" }},
		"text":          {ImportText, func(o *Import) { o.Features = textFeatures(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			o := toyImport(t)
			c.change(&o)
			// From the first shard on, then with the others there already.
			for range 2 {
				m, err := c.run(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				if m.Rows != 7 || !m.Complete || m.Source.Dim != 5 || len(m.Source.NetworkSHA256) != 64 {
					t.Errorf("%+v", m)
				}
				if err := os.Remove(filepath.Join(o.Out, "part-00002-of-00003.parquet")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.run(context.Background(), o); err != nil {
				t.Fatal(err)
			}
			cache, err := features.OpenCache(context.Background(), o.Out, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			for r := range 7 {
				var i int
				if _, err := fmt.Sscanf(filepath.Base(cache.Images()[r]), "i%d.jpg", &i); err != nil || name != "text" && i != r {
					t.Fatalf("row %d: image %q", r, cache.Images()[r])
				}
				if class := []string{"c", "a", "b", "b", "c", "a", "a"}[i]; cache.Classes()[r] != class || o.Classes[cache.Labels()[r]].Name != class {
					t.Errorf("row %d: %s is of class %q, label %d", r, cache.Images()[r], cache.Classes()[r], cache.Labels()[r])
				}
				for j, v := range cache.Feature(r) {
					if v != want(i, j) {
						t.Fatalf("row %d: %v", r, cache.Feature(r))
					}
				}
			}
		})
	}
}

func TestImportsRefused(t *testing.T) {
	file := func(name, text string) string { return write(t, filepath.Join(t.TempDir(), name), text) }
	folder := func(change func(dir string)) string {
		dir := textFeatures(t)
		change(dir)
		return dir
	}
	csv := csvText(",")
	for name, c := range map[string]struct {
		run    string
		change func(o *Import)
		says   []string
	}{
		"npz none":          {"npz", func(o *Import) { o.Features = "none.npz" }, []string{"none.npz"}},
		"npz no zip":        {"npz", func(o *Import) { o.Features = "testdata/c_f4.npy" }, []string{"not a NumPy archive"}},
		"npz no such array": {"npz", func(o *Import) { o.Features, o.Variable = "testdata/features.npz", "z" }, []string{`"z"`, "x, y, files"}},
		"npz no labels":     {"npz", func(o *Import) { o.Features, o.Labels = "testdata/features.npz", ":l" }, []string{`"l"`, "x, y, files"}},
		"mat which":         {"mat", func(o *Import) { o.Features = "testdata/matconvnet.mat" }, []string{"which variable", "x, y, names"}},
		"mat text":          {"mat", func(o *Import) { o.Features, o.Variable = "testdata/columns.mat", "image_files" }, []string{"cell array", "real numbers"}},
		"mat list":          {"mat", func(o *Import) { o.Features, o.Labels = "testdata/columns.mat", ":features" }, []string{"features", "a list is wanted"}},
		"mat no folders":    {"mat", func(o *Import) { o.Features, o.Variable = "testdata/rows.mat", "fc7" }, []string{"folder is no class"}},
		"csv word":          {"csv", func(o *Import) { o.Features = file("x.csv", strings.Replace(csv, ",-3", ",abc", 1)) }, []string{"x.csv:2", `"abc"`, "x0"}},
		"csv class":         {"csv", func(o *Import) { o.Features = file("x.csv", strings.Replace(csv, ",c,", ",z,", 1)) }, []string{"x.csv", `"z"`}},
		"csv short row":     {"csv", func(o *Import) { o.Features = file("x.csv", csv+"i9.jpg,a,1\n") }, []string{"x.csv:9", "7 fields"}},
		"csv header only":   {"csv", func(o *Import) { o.Features = file("x.csv", csv[:strings.Index(csv, "\n")]) }, []string{"x.csv", "no rows"}},
		"csv no features":   {"csv", func(o *Import) { o.Features = file("x.csv", "image,class\na,b\n") }, []string{"no column of features"}},
		"csv image twice":   {"csv", func(o *Import) { o.Features = file("x.csv", strings.Replace(csv, "i1.", "i0.", 1)) }, []string{"i0.jpg", "twice"}},
		"parquet none":      {"parquet", func(o *Import) { o.Features = "none.parquet" }, []string{"none.parquet"}},
		"parquet csv":       {"parquet", func(o *Import) { o.Features = file("x.parquet", csv) }, []string{"x.parquet", "Parquet"}},
		"parquet folder":    {"parquet", func(o *Import) { o.Features = t.TempDir() }, []string{"no .parquet files"}},
		"parquet ragged":    {"parquet", func(o *Import) { o.Features = "testdata/ragged.parquet" }, []string{"ragged.parquet", "feature", "not 5 values"}},
		"parquet null":      {"parquet", func(o *Import) { o.Features = "testdata/null.parquet" }, []string{"null.parquet", "missing values"}},
		"parquet no name":   {"parquet", func(o *Import) { o.Features = "testdata/noname.parquet" }, []string{"noname.parquet", "image", "1 values are missing"}},
		"parquet two lists": {"parquet", func(o *Import) { o.Features = "testdata/array.parquet" }, []string{"2 columns of lists", "feature, other"}},
		"text none":         {"text", func(o *Import) { o.Features = t.TempDir() }, []string{"Features/vgg19"}},
		"text stranger": {"text", func(o *Import) {
			o.Features = folder(func(dir string) { write(t, filepath.Join(dir, "zz", "1.txt"), "1") })
		}, []string{"zz", "no class"}},
		"text short": {"text", func(o *Import) {
			o.Features = folder(func(dir string) { write(t, filepath.Join(dir, "b", "i2.txt"), "1 2 3") })
		}, []string{"i2.txt holds 3 values", "5"}},
		"text long": {"text", func(o *Import) {
			o.Features = folder(func(dir string) { write(t, filepath.Join(dir, "b", "i2.txt"), "1 2 3 4 5 6") })
		}, []string{"i2.txt holds 6 values", "5"}},
		"text word": {"text", func(o *Import) {
			o.Features = folder(func(dir string) { write(t, filepath.Join(dir, "b", "i2.txt"), "1 2 x 4 5") })
		}, []string{"i2.txt", "value 3", `"x"`}},
		"text empty": {"text", func(o *Import) {
			o.Features = folder(func(dir string) { write(t, filepath.Join(dir, "b", "i2.txt"), "") })
		}, []string{"i2.txt is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := toyImport(t)
			if c.run == "csv" {
				o.Kind = LabelName
			}
			c.change(&o)
			var err error
			switch c.run {
			case "npz":
				_, err = ImportNPZ(context.Background(), o)
			case "mat":
				_, err = ImportMAT(context.Background(), o)
			case "csv":
				_, err = ImportCSV(context.Background(), o, Columns{})
			case "parquet":
				_, err = ImportParquet(context.Background(), o, Columns{})
			case "text":
				_, err = ImportText(context.Background(), o)
			}
			wantError(t, err, c.says...)
		})
	}
}
