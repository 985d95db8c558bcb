package convert

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// kindOf takes a file's name in testdata/kinds apart: the program that wrote it, what it holds, and which values.
var kindOf = regexp.MustCompile(`^([a-z]+)_(.*?)(?:-([iufb]))?(\.[a-z.]+)?$`)

// kindValue is value j of row i of the scripts there.
func kindValue(kind string, i, j int) float32 {
	n := float32(3*i + j)
	switch kind {
	case "u":
		return n
	case "i":
		return n - 4
	case "f":
		return (n - 4) / 2
	}
	return float32(int(n) % 2)
}

// refusedKinds say what is refused, with which words; or read with rows left out.
var refusedKinds = map[string]string{
	"numpy_maps.npy":             "pool the maps (x.mean((2, 3)))",
	"numpy_list.npy":             "expected a matrix with a row of features",
	"numpy_complex.npy":          "x.astype('float32')",
	"numpy_longdouble.npy":       "x.astype('float32')",
	"numpy_object.npy":           "x.astype('float32')",
	"numpy_dates.npy":            "x.astype('float32')",
	"numpy_structured.npy":       "save each field as an array",
	"numpy_two.npz":              "--feature-column",
	"numpy_object.npz":           "x.astype(str)",
	"scipy_complex.mat":          "y = abs(features)",
	"octave_complex.mat":         "y = abs(features)",
	"octave_structs.mat":         "y = [data.field]",
	"octave_text.mat":            "octave --eval",
	"octave_binary.mat":          "octave --eval",
	"octave_hdf5.mat":            "octave --eval",
	"octave_v4.mat":              "octave --eval",
	"scipy_two.mat":              "--feature-column",
	"pandas_similarity.csv":      `"similarity" holds numbers beside the features`,
	"pandas_lists.csv":           "write the table as Parquet",
	"pandas_gzip.csv.gz":         "gunzip",
	"duckdb_lists.csv":           "write the table as Parquet",
	"duckdb_image_bytes.parquet": "not text, such as those of an image",
	"duckdb_nested_2.parquet":    "flatten them",
	"duckdb_ragged.parquet":      "not have 3 values as the first",
	"duckdb_null_class.parquet":  "has no class",
	"duckdb_two_lists.parquet":   "--feature-column",
	"arrow_stream.arrow":         "write it as an IPC file",
}

var skippedKinds = map[string]int{"pandas_missing.csv": 2, "duckdb_null_row.parquet": 4, "duckdb_null_value.parquet": 4}

// importKind imports a file of testdata/kinds.
func importKind(t *testing.T, file string) (*features.Cache, *features.Manifest, error) {
	t.Helper()
	list := func(name, text string) []string {
		return []string{filetest.Write(t, filepath.Join(t.TempDir(), name), text)}
	}
	classes := []string{"ant", "bee", "cat", "ant", "bee", "cat", "ant"}
	o := Import{
		Files: []string{filepath.Join("testdata", "kinds", file)}, Dataset: "kinds", Network: "n", Out: filepath.Join(t.TempDir(), "out"), ShardRows: 3,
		Known: Known{Classes: []features.Class{{Name: "ant", ID: 1}, {Name: "bee", ID: 2}, {Name: "cat", ID: 3}}},
	}
	if strings.HasSuffix(file, ".npy") || strings.Contains(file, "savetxt") || strings.Contains(file, "pandas_numbers") {
		o.Labels = list("classes.txt", strings.Join(classes, "\n"))
		var images strings.Builder
		for i, c := range classes {
			fmt.Fprintf(&images, "%s/%d.jpg\n", c, i)
		}
		o.Images = list("images.txt", images.String())
	}
	m, err := Run(context.Background(), o)
	if err != nil {
		return nil, nil, err
	}
	c, err := features.OpenCache(context.Background(), o.Out, nil)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, m, err
}

// The rows of the table in docs/formats.md: what a file holds, by its name.
var kindRows = []struct {
	label string
	files *regexp.Regexp
}{
	{"float16", regexp.MustCompile(`_f2-|big_f2|float16`)},
	{"float32", regexp.MustCompile(`_f4-|big_f4|single|float32|list_float-|columns_float-`)},
	{"float64", regexp.MustCompile(`_f8-|big_f8|_double-|float64|floats-|polars_columns-f.csv|duckdb_columns-f.csv`)},
	{"int8 to int64", regexp.MustCompile(`_i\d|int\d+-i|tinyint-i|smallint-i|integer-i|bigint-i|whole-i`)},
	{"uint8 to uint64", regexp.MustCompile(`_u\d|big_u|uint\d+-u|tinyint-u|smallint-u|integer-u|bigint-u`)},
	{"128-bit integers", regexp.MustCompile(`hugeint`)},
	{"bool", regexp.MustCompile(`bool|logical|truth`)},
	{"decimal", regexp.MustCompile(`decimal`)},
	{"lists", regexp.MustCompile(`_list_.*\.(parquet|arrow)$`)},
	{"fixed-size lists", regexp.MustCompile(`fixed|array`)},
	{"a column per feature", regexp.MustCompile(`_columns|floats-f`)},
	{"[N,1,D], [N,D,1,1], 1x1xDxN", regexp.MustCompile(`n1d|nd11|matconvnet`)},
	{"lists of one list", regexp.MustCompile(`nested_1`)},
	{"lists of several lists, feature maps", regexp.MustCompile(`nested_2|maps`)},
	{"Fortran order, rows as images", regexp.MustCompile(`fortran|rows`)},
	{"sparse", regexp.MustCompile(`sparse`)},
	{"fields of structs", regexp.MustCompile(`(scipy|octave)_struct-`)},
	{"arrays of structs", regexp.MustCompile(`_structs\.`)},
	{"MATLAB 4, Octave's text, binary and HDF5", regexp.MustCompile(`octave_(text|binary|hdf5|v4)\.`)},
	{"dictionary, enum, categorical names", regexp.MustCompile(`enum|dictionary|polars_(list|columns)_.*(parquet|arrow)`)},
	{"large strings, string views", regexp.MustCompile(`large_text|polars_.*arrow`)},
	{"binary as names", regexp.MustCompile(`blob_names|arrow_binary`)},
	{"image as struct of bytes and path", regexp.MustCompile(`image_struct`)},
	{"image as bytes alone", regexp.MustCompile(`image_bytes`)},
	{"Hive partitions", regexp.MustCompile(`hive`)},
	{"index of a data frame", regexp.MustCompile(`index`)},
	{"decimal commas", regexp.MustCompile(`semicolon`)},
	{"byte order mark, tabs, blanks", regexp.MustCompile(`bom|tab-f|savetxt`)},
	{"times beside the features", regexp.MustCompile(`timestamp`)},
	{"a missing value (its row is skipped and listed)", regexp.MustCompile(`missing|null_(row|value)`)},
	{"a missing class", regexp.MustCompile(`null_class`)},
	{"rows of unequal length", regexp.MustCompile(`ragged`)},
	{"two matrices", regexp.MustCompile(`two`)},
	{"numbers beside the features", regexp.MustCompile(`similarity`)},
	{"lists written as text", regexp.MustCompile(`_lists.csv`)},
	{"complex numbers", regexp.MustCompile(`complex`)},
	{"long double, dates", regexp.MustCompile(`longdouble|dates`)},
	{"structured arrays", regexp.MustCompile(`structured`)},
	{"Python objects (pickles)", regexp.MustCompile(`object`)},
	{"compression: gzip, zstd, snappy, LZ4, brotli", regexp.MustCompile(`_(gzip|zstd|snappy|lz4|lz4_raw|brotli|compressed)-f`)},
	{"a file compressed as a whole", regexp.MustCompile(`csv.gz`)},
	{"BYTE_STREAM_SPLIT, delta, pages of version 2", regexp.MustCompile(`v2-f|byte_stream_split`)},
	{"IPC streams", regexp.MustCompile(`stream.arrow`)},
}

var kindFormats = []struct{ label, ext string }{
	{"npy", ".npy"}, {"npz", ".npz"}, {"MATLAB", ".mat"}, {"Parquet", ".parquet"}, {"Arrow, Feather", ".arrow"}, {"text", ".csv .tsv .txt .gz"},
}

var kindWriters = map[string]string{"numpy": "NumPy", "scipy": "SciPy", "pandas": "pandas", "duckdb": "DuckDB", "polars": "Polars", "arrow": "Arrow", "octave": "Octave"}

// kindTable is the table of docs/formats.md: said is nil of what was read exactly, else the words of the refusal.
func kindTable(said map[string]string) string {
	var s strings.Builder
	s.WriteString("|")
	for _, f := range kindFormats {
		s.WriteString(" | " + f.label)
	}
	s.WriteString(" |\n|---" + strings.Repeat("|---", len(kindFormats)) + "|\n")
	for _, row := range kindRows {
		s.WriteString("| " + row.label)
		for _, f := range kindFormats {
			var writers, words []string
			for _, file := range slices.Sorted(maps.Keys(said)) {
				ext := cmp.Or(filepath.Ext(file), ".parquet") // a folder
				if !row.files.MatchString(file) || !slices.Contains(strings.Fields(f.ext), ext) {
					continue
				}
				if said[file] == "" {
					writers = append(writers, kindWriters[kindOf.FindStringSubmatch(file)[1]])
				} else {
					words = append(words, "refused: \""+said[file]+"\"")
				}
			}
			slices.Sort(writers)
			cell := append(slices.Compact(writers), slices.Compact(words)...)
			s.WriteString(" | " + strings.Join(cell, ", "))
		}
		s.WriteString(" |\n")
	}
	return s.String()
}

// TestKinds: files of every kind of value, written by the programs that write such, are read exactly or refused with advice.
func TestKinds(t *testing.T) {
	filetest.Slow(t)
	entries, err := os.ReadDir("testdata/kinds")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	defer func() {
		if !t.Failed() {
			filetest.InDocs(t, "../../docs/formats.md", "kinds", kindTable(said))
		}
	}()
	for _, e := range entries {
		file := e.Name()
		if strings.HasPrefix(file, "make_") {
			continue
		}
		said[file] = refusedKinds[file]
		t.Run(file, func(t *testing.T) {
			c, m, err := importKind(t, file)
			if words, ok := refusedKinds[file]; ok {
				filetest.WantError(t, err, words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			kind := kindOf.FindStringSubmatch(file)[3]
			rows := []int{0, 1, 2, 3, 4, 5, 6}
			if skip, ok := skippedKinds[file]; ok {
				kind, rows = "f", slices.Delete(rows, skip, skip+1)
			}
			if strings.Contains(file, "hive") { // its files are in the order of their folders
				rows = []int{0, 3, 6, 1, 4, 2, 5}
			}
			if m.Rows != len(rows) || m.Source.Dim != 3 || c.Rows() != len(rows) {
				t.Fatalf("%+v", m)
			}
			for r, i := range rows {
				class := []string{"ant", "bee", "cat"}[i%3]
				if c.Images()[r] != fmt.Sprintf("%s/%d.jpg", class, i) || c.Classes()[r] != class || int(c.Labels()[r]) != i%3 {
					t.Fatalf("row %d: %s of class %q, label %d", i, c.Images()[r], c.Classes()[r], c.Labels()[r])
				}
				for j, v := range c.Feature(r) {
					if v != kindValue(kind, i, j) {
						t.Fatalf("row %d: %v", i, c.Feature(r))
					}
				}
			}
		})
	}
}
