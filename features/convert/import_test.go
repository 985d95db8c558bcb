package convert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// toyImport has the classes of make_npy.py's labels.
func toyImport(t testing.TB) Import {
	return Import{Known: Known{Classes: toyClasses}, Dataset: "toy", Network: "x", Out: filepath.Join(t.TempDir(), "out"), ShardRows: 3}
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
		filetest.Write(t, filepath.Join(dir, c, fmt.Sprintf("i%d.txt", i)), s.String())
	}
	filetest.Write(t, filepath.Join(dir, "README"), "no features")
	return dir
}

// TestImports: the same matrix in every kind of file.
func TestImports(t *testing.T) {
	text := func(s string) string { return filetest.Write(t, filepath.Join(t.TempDir(), "x.csv"), s) }
	list := func(l ...string) []string { return l }
	for name, change := range map[string]func(o *Import){
		"npz": func(o *Import) {
			o.Files, o.Labels, o.Images = list("testdata/features.npz"), list(":y"), list(":files")
		},
		"npz by itself":  func(o *Import) { o.Files = list("testdata/features.npz") },
		"npz compressed": func(o *Import) { o.Files, o.Columns.Features = list("testdata/features_compressed.npz"), list("x") },
		"npz other file": func(o *Import) {
			o.Files, o.Labels = list("testdata/features.npz"), list("testdata/columns.mat:labels")
		},
		"mat columns":    func(o *Import) { o.Files = list("testdata/columns.mat") },
		"mat rows":       func(o *Import) { o.Files, o.Labels, o.Images = list("testdata/rows.mat"), list(":y"), list(":names") },
		"mat MatConvNet": func(o *Import) { o.Files, o.Columns.Features = list("testdata/matconvnet.mat"), list("x") },
		"mat sparse":     func(o *Import) { o.Files = list("testdata/sparse.mat") },
		"csv":            func(o *Import) { o.Files = list(text(csvText(","))) },
		"csv tabs": func(o *Import) {
			o.Files, o.Columns.Image, o.Columns.Class = list(text(csvText("\t"))), "file", "class"
		},
		"parquet list":    func(o *Import) { o.Files = list("testdata/list.parquet") },
		"parquet array":   func(o *Import) { o.Files, o.Columns.Features = list("testdata/array.parquet"), list("feature") },
		"parquet by name": func(o *Import) { o.Files = list("testdata/array.parquet") },
		"parquet flat": func(o *Import) {
			o.Files, o.Images = list("testdata/flat.parquet"), list("testdata/features.npz:files")
		},
		"text": func(o *Import) { o.Files = list(textFeatures(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			o := toyImport(t)
			change(&o)
			// From the first shard on, then with the others there already.
			for range 2 {
				m, err := Run(context.Background(), o)
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
			if _, err := Run(context.Background(), o); err != nil {
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
				if class := []string{"c", "a", "b", "b", "c", "a", "a"}[i]; cache.Classes()[r] != class || o.Known.Classes[cache.Labels()[r]].Name != class {
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
	file := func(name, text string) string { return filetest.Write(t, filepath.Join(t.TempDir(), name), text) }
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
		"npz none":          {"npz", func(o *Import) { o.Files = []string{"none.npz"} }, []string{"none.npz"}},
		"npy as npz":        {"npz", func(o *Import) { o.Files, o.Format = []string{"testdata/c_f4.npy"}, "npz" }, []string{"not of the format npz but npy"}},
		"npz no such array": {"npz", func(o *Import) { o.Files, o.Columns.Features = []string{"testdata/features.npz"}, []string{"z"} }, []string{`"z"`, `"x", "y", "files"`}},
		"npz no labels":     {"npz", func(o *Import) { o.Files, o.Labels = []string{"testdata/features.npz"}, []string{":l"} }, []string{`"l"`, `"x", "y", "files"`}},
		"mat text": {"mat", func(o *Import) {
			o.Files, o.Columns.Features = []string{"testdata/columns.mat"}, []string{"image_files"}
		}, []string{"image_files", "cannot be a feature"}},
		"mat list":        {"mat", func(o *Import) { o.Files, o.Labels = []string{"testdata/columns.mat"}, []string{":features"} }, []string{"features", "expected a list"}},
		"csv word":        {"csv", func(o *Import) { o.Files = []string{file("x.csv", strings.Replace(csv, ",-3", ",abc", 1))} }, []string{"x.csv:2", `"abc"`, "x0"}},
		"csv class":       {"csv", func(o *Import) { o.Files = []string{file("x.csv", strings.Replace(csv, ",c,", ",z,", 1))} }, []string{"x.csv", `"z"`}},
		"csv short row":   {"csv", func(o *Import) { o.Files = []string{file("x.csv", csv+"i9.jpg,a,1\n")} }, []string{"x.csv:9", "7 fields"}},
		"csv header only": {"csv", func(o *Import) { o.Files = []string{file("x.csv", csv[:strings.Index(csv, "\n")])} }, []string{"x.csv", "no rows"}},
		"csv no features": {"csv", func(o *Import) { o.Files = []string{file("x.csv", "image,class\na,b\n")} }, []string{"no features"}},
		"csv image twice": {"csv", func(o *Import) { o.Files = []string{file("x.csv", strings.Replace(csv, "i1.", "i0.", 1))} }, []string{"i0.jpg", "duplicate"}},
		"parquet none":    {"parquet", func(o *Import) { o.Files = []string{"none.parquet"} }, []string{"none.parquet"}},
		"parquet csv":     {"parquet", func(o *Import) { o.Files = []string{file("x.parquet", csv)} }, []string{"x.parquet", "is text", ".csv"}},
		"parquet folder":  {"parquet", func(o *Import) { o.Files = []string{t.TempDir()} }, []string{"no .parquet files"}},
		"parquet ragged":  {"parquet", func(o *Import) { o.Files = []string{"testdata/ragged.parquet"} }, []string{"ragged.parquet", "feature", "not have 5 values"}},
		"parquet no name": {"parquet", func(o *Import) { o.Files = []string{"testdata/noname.parquet"} }, []string{"noname.parquet", "image", "row 6", "no image name"}},
		"text none":       {"text", func(o *Import) { o.Files = []string{t.TempDir()} }, []string{"Features/vgg19"}},
		"text stranger": {"text", func(o *Import) {
			o.Files = []string{folder(func(dir string) { filetest.Write(t, filepath.Join(dir, "zz", "1.txt"), "1") })}
		}, []string{"zz", "neither the dataset nor its name"}},
		"text short": {"text", func(o *Import) {
			o.Files = []string{folder(func(dir string) { filetest.Write(t, filepath.Join(dir, "b", "i2.txt"), "1 2 3") })}
		}, []string{"i2.txt holds 3 values", "5"}},
		"text long": {"text", func(o *Import) {
			o.Files = []string{folder(func(dir string) { filetest.Write(t, filepath.Join(dir, "b", "i2.txt"), "1 2 3 4 5 6") })}
		}, []string{"i2.txt holds 6 values", "5"}},
		"text word": {"text", func(o *Import) {
			o.Files = []string{folder(func(dir string) { filetest.Write(t, filepath.Join(dir, "b", "i2.txt"), "1 2 x 4 5") })}
		}, []string{"i2.txt", "value 3", `"x"`}},
		"text empty": {"text", func(o *Import) {
			o.Files = []string{folder(func(dir string) { filetest.Write(t, filepath.Join(dir, "b", "i2.txt"), "") })}
		}, []string{"i2.txt is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := toyImport(t)
			if c.run != "npz" {
				o.Format = c.run
			}
			c.change(&o)
			_, err := Run(context.Background(), o)
			filetest.WantError(t, err, c.says...)
		})
	}
}
