package pipeline

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// TestXLSA17RoundTrip: what export --format xlsa17 writes comes back by import xlsa17 and, its attributes, by attributes --csv:
// missing values and negative ones, those that are -1 among them, names that other files would read otherwise, WordNet ids,
// descriptions of several blocks.
func TestXLSA17RoundTrip(t *testing.T) {
	filetest.Slow(t)
	nan := float32(math.NaN())
	names := []string{"ant", "#1 bee", "desert/sand", "sand", "été é"}
	for name, c := range map[string]struct {
		values [][]float32
		blocks []features.Block
		wnids  []string
		says   string
	}{
		"positive":                 {[][]float32{{1, 2}, {0, 1}, {3, 3}, {4, 0.1}, {1, 1e-30}}, nil, nil, ""},
		"missing":                  {[][]float32{{nan, 2}, {0, 1}, {3, nan}, {4, 0.1}, {1, 1}}, nil, nil, "2 missing attribute values are -1 there"},
		"negative":                 {[][]float32{{-0.5, 1}, {0.3, -7}, {-2, 3}, {1, 1}, {2, 2}}, nil, nil, ""},
		"missing among negative":   {[][]float32{{-0.5, 1}, {0.3, nan}, {-2, 3}, {nan, nan}, {2, 2}}, nil, nil, "3 missing attribute values are NaN there"},
		"a real -1":                {[][]float32{{-1, 1}, {0.3, 5}, {2, 3}, {1, -1}, {2, 2}}, nil, nil, ""},
		"a real -1 and missing":    {[][]float32{{-1, 1}, {0.3, nan}, {2, 3}, {1, -1}, {2, 2}}, nil, nil, "1 missing attribute values are NaN there"},
		"blocks and WordNet ids":   {[][]float32{{1, 2}, {0, 1}, {3, 3}, {4, 0.1}, {1, 1}}, []features.Block{{Name: "own", Width: 1}, {Name: "words", Width: 1}}, []string{"n00000001", "", "n00000003", "", ""}, ""},
		"all missing of one class": {[][]float32{{nan, nan}, {0, 1}, {3, 3}, {4, 0.1}, {1, 1}}, nil, nil, "2 missing"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			data := filepath.Join(out, "data")
			csv, rows := "class,a,b\n", "image,class,f0,f1\n"
			for k, class := range names {
				csv += fmt.Sprintf("%q,0,0\n", class)
				for i := range 4 { // import xlsa17 cuts others' names at images/
					rows += fmt.Sprintf("train/images/%d/%d.jpg,%q,%d,%v\n", k, i, class, k, float32(i)/3)
				}
			}
			filetest.Write(t, filepath.Join(data, "classes.csv"), csv)
			in := []string{"--dataset", "x", "--data", data, "--out", out}
			done(t, append([]string{"import", "csv", filetest.Write(t, filepath.Join(out, "f.csv"), rows), "--network", "n"}, in...)...)
			done(t, append([]string{"attributes"}, in...)...)
			path := filepath.Join(out, "features", "x", "classes.parquet")
			table, err := features.ReadClassTable(path)
			if err != nil {
				t.Fatal(err)
			}
			table.Values, table.Blocks, table.Attributes = c.values, c.blocks, []string{"has stripes", "tail::long"}
			if c.wnids != nil {
				table.WNIDs = c.wnids
			}
			if err := features.WriteClassTable(path, table); err != nil {
				t.Fatal(err)
			}
			if table, err = features.ReadClassTable(path); err != nil {
				t.Fatal(err)
			}
			done(t, "split", "--dataset", "x", "--random", "1", "--unseen-classes", "2", "--test-seen", "0.25", "--out", out)
			o := vzsl(t, "export", "--format", "xlsa17", "--dataset", "x", "--split", "random-1", "--to", filepath.Join(out, "to"), "--out", out)
			if o.code != exitDone || !strings.Contains(o.stdout, c.says) || c.says == "" && strings.Contains(o.stdout, "missing") {
				t.Fatalf("export: %d %s%s", o.code, o.stdout, o.stderr)
			}
			was, err := features.ReadSplit(filepath.Join(out, "features", "x", "splits", "random-1.parquet"))
			if err != nil {
				t.Fatal(err)
			}

			r := done(t, "import", "xlsa17", filepath.Join(out, "to"), "--dataset", "again", "--out", out)
			roles, err := features.ReadSplit(r["split"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(byImage(was), byImage(roles)); d != "" {
				t.Error(d)
			}
			a, b := rowsOf(t, filepath.Join(out, "features", "x", "n")), rowsOf(t, filepath.Join(out, "features", "again", "res101"))
			if d := cmp.Diff(a, b); d != "" {
				t.Error(d)
			}
			done(t, append([]string{"attributes", "--csv", filepath.Join(out, "to", "att_splits.mat"), "--dataset", "more"}, in[2:]...)...)
			for _, dataset := range []string{"again", "more"} {
				got, err := features.ReadClassTable(filepath.Join(out, "features", dataset, "classes.parquet"))
				if err != nil {
					t.Fatal(err)
				}
				want := *table
				want.Dataset, want.Source = got.Dataset, got.Source
				if dataset == "more" {
					want.WNIDs = got.WNIDs // the dataset's: the descriptions have none
				}
				if d := cmp.Diff(&want, got, cmpopts.EquateNaNs()); d != "" {
					t.Errorf("%s: %s", dataset, d)
				}
			}
		})
	}
}

func byImage(r *features.Split) map[string]features.Role {
	m := make(map[string]features.Role, len(r.Images))
	for i, image := range r.Images {
		m[image] = r.Roles[i]
	}
	return m
}
