package shards

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nodeModules is a folder with @duckdb/node-api and nodejs-polars.
func nodeModules(t *testing.T) string {
	for _, dir := range []string{os.Getenv("VZSL_NODE_MODULES"), os.Getenv("NODE_PATH")} {
		if _, err := os.Stat(filepath.Join(dir, "nodejs-polars")); dir != "" && err == nil {
			if _, err := exec.LookPath("node"); err != nil {
				t.Skip("no node")
			}
			return dir
		}
	}
	t.Skip("VZSL_NODE_MODULES names no folder with @duckdb/node-api and nodejs-polars (npm)")
	return ""
}

// DuckDB and Polars see the types and values that were written, over several parts and row groups.
func TestOthersReadShards(t *testing.T) {
	modules := nodeModules(t)
	top := t.TempDir()
	dir := filepath.Join(top, "net")
	src := source(6, 1500, 1024) // two row groups in the first part, one in the second
	fill(t, dir, src, 100)
	table := classes(600, 5)
	classFile, splitFile := filepath.Join(top, ClassTableName), filepath.Join(top, "split.parquet")
	if err := WriteClassTable(classFile, table); err != nil {
		t.Fatal(err)
	}
	roles := &Roles{Images: []string{"a", "é"}, Roles: []Role{RoleTrain, RoleTestUnseen}}
	if err := WriteRoles(splitFile, roles); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("node", "testdata/read.mjs", modules, dir, classFile, splitFile).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == 77 {
		t.Skipf("DuckDB and Polars cannot be loaded from %s: %s", modules, failed.Stderr)
	} else if errors.As(err, &failed) {
		t.Fatalf("%v\n%s", err, failed.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Types    map[string]string
		Groups   [][]any
		Rows     [][]any
		Nulls    float64
		Metadata map[string]string
		Classes  [][]any
		Roles    [][]any
		Cosine   float64
	}
	var got struct{ DuckDB, Polars seen }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}

	var want [][]any
	for part := range src.parts() {
		p := rowsOf(src, part, 100)
		for i := range p.Images {
			want = append(want, []any{p.Images[i], p.Classes[i], float64(p.Labels[i]), floats(p.Features[i*6 : i*6+6])})
		}
	}
	sort.Slice(want, func(i, j int) bool { return want[i][0].(string) < want[j][0].(string) })
	var wantClasses [][]any
	for i, c := range table.Classes {
		wantClasses = append(wantClasses, []any{float64(i), c, table.WNIDs[i], floats(table.Values[i])})
	}
	for name, s := range map[string]seen{"DuckDB": got.DuckDB, "Polars": got.Polars} {
		if d := cmp.Diff(want, s.Rows); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(wantClasses, s.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if d := cmp.Diff(map[string]string{"image": "VARCHAR", "class": "VARCHAR", "label": "INTEGER", "feature": "FLOAT[]"}, got.DuckDB.Types); d != "" {
		t.Error(d)
	}
	if f := got.Polars.Types["feature"]; !strings.Contains(f, "FixedSizeList") || !strings.Contains(f, "Float32") || !strings.Contains(f, ",6)") {
		t.Error(got.Polars.Types)
	}
	if got.DuckDB.Nulls != 0 || math.Abs(got.DuckDB.Cosine-1) > 1e-6 || len(got.DuckDB.Groups) != 2 || got.DuckDB.Groups[0][0] != 2.0 {
		t.Error(got.DuckDB.Nulls, got.DuckDB.Cosine, got.DuckDB.Groups)
	}
	if m := got.DuckDB.Metadata; m["vzsl.layer"] != src.Layer || m["vzsl.dim"] != "6" || m["vzsl.schema"] != schemaShard {
		t.Error(m)
	}
	if d := cmp.Diff([][]any{{"a", "train"}, {"é", "test_unseen"}}, got.DuckDB.Roles); d != "" {
		t.Error(d)
	}
}

func floats(v []float32) []any {
	out := make([]any, len(v))
	for i, x := range v {
		out[i] = float64(x)
		if x != x {
			out[i] = "NaN"
		}
	}
	return out
}
