// Package interop lets tests run other programs on our files: DuckDB, Polars, parquet-wasm, Apache Arrow and ONNX
// Runtime in node, NumPy and pandas in Python. `make interop` installs the packages of testdata/package.json, after which
// every `go test` uses them; node looks into NODE_PATH too. Debian has python3-numpy and python3-pandas.
package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Testdata is the folder of the readers.
var Testdata = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "testdata")
}()

// lacks ends a test whose program is missing: it skips, or fails if VZSL_INTEROP names the program, as make interop does.
func lacks(t testing.TB, program, what string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("VZSL_INTEROP"), ","), program) {
		t.Fatal("needs " + what)
	}
	t.Skip("needs " + what)
}

// asked skips a test in quick runs: other programs take seconds to start, so they run in make interop and make test-slow.
func asked(t testing.TB) {
	t.Helper()
	if !slices.ContainsFunc([]string{"VZSL_INTEROP", "VZSL_SLOW", "VZSL_LONG"}, func(name string) bool { return os.Getenv(name) != "" }) {
		t.Skip("make interop and make test-slow run it")
	}
}

// Node is a command that runs node with the given packages. The test skips if there is no node or a package does not
// load; with node in VZSL_INTEROP it fails.
func Node(t testing.TB, packages []string, args ...string) *exec.Cmd {
	t.Helper()
	asked(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	node := func(args ...string) *exec.Cmd {
		// Without threads of its own for compiling, for which node may wait forever when it ends (nodejs/node#54918).
		c := exec.CommandContext(ctx, "node", append([]string{"--single-threaded"}, args...)...)
		path := filepath.Join(Testdata, "node_modules")
		if p := os.Getenv("NODE_PATH"); p != "" {
			path += string(os.PathListSeparator) + p
		}
		c.Env = append(os.Environ(), "NODE_PATH="+path)
		return c
	}
	_, _ = os.Stat(filepath.Join(Testdata, "node_modules")) // go test does not keep results from before it was made
	b, err := json.Marshal(packages)
	if err != nil {
		t.Fatal(err)
	}
	if err := node("-e", "for (const p of "+string(b)+") require(p)").Run(); err != nil {
		lacks(t, "node", fmt.Sprintf("node with %s: make interop", strings.Join(packages, ", ")))
	}
	return node(args...)
}

// Python is a call of a Python in which modules can be imported, Debian's before another; the test skips where there is none,
// and fails with python in VZSL_INTEROP.
func Python(t testing.TB, modules []string, args ...string) *exec.Cmd {
	t.Helper()
	asked(t)
	imports := strings.Join(append([]string{"sys"}, modules...), ", ")
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import "+imports).Run() == nil {
			return exec.Command(python, args...)
		}
	}
	lacks(t, "python", fmt.Sprintf("python3 with %s (Debian: python3-numpy, python3-pandas)", imports))
	return nil
}

// Output is what a command writes to its standard output; the test fails if the command does.
func Output(t testing.TB, c *exec.Cmd) []byte {
	t.Helper()
	var out, problem bytes.Buffer
	c.Stdout, c.Stderr = &out, &problem
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, problem.Bytes())
	}
	return out.Bytes()
}

// Table is a table as a reader returns it. A row's values are nil, bool, float64, string, "NaN" or a list of them.
type Table struct {
	Columns  [][2]string       // name, type as the reader calls it
	Rows     [][]any           // in the order of the file
	Chunks   [][]any           // of DuckDB: path, row group, its rows, smallest, largest, nulls, type, encodings, compression
	Metadata map[string]string // of DuckDB
}

// Readers of Parquet, as Tables takes them.
var Readers = []string{"duckdb", "polars", "wasm"}

// Packages are what a reader needs of node.
var Packages = map[string][]string{
	"duckdb": {"@duckdb/node-api"}, "sql": {"@duckdb/node-api"}, "polars": {"nodejs-polars"},
	"wasm": {"parquet-wasm", "apache-arrow"}, "arrow": {"apache-arrow"},
}

// Tables reads Parquet files with one of Readers, Arrow IPC files with "arrow", or runs the queries of SQL scripts in DuckDB
// ("sql", a table for each query) in the folder dir.
func Tables(t testing.TB, dir, reader string, files ...string) []Table {
	t.Helper()
	c := Node(t, Packages[reader], append([]string{filepath.Join(Testdata, "read.js"), reader}, files...)...)
	c.Dir = dir
	var tables []Table
	if err := json.Unmarshal(Output(t, c), &tables); err != nil {
		t.Fatal(err)
	}
	return tables
}

// Row is a row as Table holds it.
func Row(values ...any) []any {
	row := make([]any, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case []float32:
			list := make([]any, len(v))
			for k, x := range v {
				list[k] = number(float64(x))
			}
			row[i] = list
		case int32:
			row[i] = float64(v)
		case float32:
			row[i] = number(float64(v))
		case float64:
			row[i] = number(v)
		default:
			row[i] = v
		}
	}
	return row
}

// number is a number as JSON can hold it.
func number(x float64) any {
	if math.IsNaN(x) {
		return "NaN"
	}
	return x
}

// Pushdown fails the test where DuckDB sees no smallest and largest value of a named column's chunk to skip row groups by, or
// others than its rows have. Nulls must be counted.
func Pushdown(t testing.TB, table Table, columns ...string) {
	t.Helper()
	at := map[string]int{}
	for i, c := range table.Columns {
		at[c[0]] = i
	}
	for _, name := range columns {
		first := 0
		for _, c := range table.Chunks {
			if c[0] != name {
				continue
			}
			rows := table.Rows[first : first+int(c[2].(float64))]
			first += len(rows)
			var smallest, largest any
			nulls := 0.0
			for _, r := range rows {
				switch v := r[at[name]].(type) {
				case nil:
					nulls++
				case string:
					if smallest == nil || v < smallest.(string) {
						smallest = v
					}
					if largest == nil || v > largest.(string) {
						largest = v
					}
				case float64:
					if smallest == nil || v < smallest.(float64) {
						smallest = v
					}
					if largest == nil || v > largest.(float64) {
						largest = v
					}
				}
			}
			told := func(v, text any) bool { return fmt.Sprint(v) == text || fmt.Sprint(v)+".0" == text } // DuckDB writes 1 as 1.0
			if smallest == nil || !told(smallest, c[3]) || !told(largest, c[4]) || c[5] != nulls {
				t.Errorf("%s, row group %v: %v to %v with %v nulls; its rows are %v to %v with %v", name, c[1], c[3], c[4], c[5], smallest, largest, nulls)
			}
		}
		if first != len(table.Rows) {
			t.Errorf("%s: row groups of %d rows, not %d", name, first, len(table.Rows))
		}
	}
}

// Spark holds a file, as DuckDB tells of it, to what Spark's documentation says that it reads: types, encodings, compression,
// lists of three levels. Spark itself is not run.
func Spark(t testing.TB, table Table) {
	t.Helper()
	for _, c := range table.Chunks {
		path := strings.Split(c[0].(string), ", ")
		plain := len(path) == 1 || len(path) == 3 && path[1] == "list" && path[2] == "element"
		encodings := strings.NewReplacer("RLE_DICTIONARY", "", "PLAIN_DICTIONARY", "", "PLAIN", "", "RLE", "", ", ", "").Replace(c[7].(string))
		if !plain || encodings != "" || !slices.Contains([]any{"INT32", "FLOAT", "DOUBLE", "BOOLEAN", "BYTE_ARRAY"}, c[6]) || !slices.Contains([]any{"ZSTD", "UNCOMPRESSED"}, c[8]) {
			t.Errorf("Spark may not read %v", c)
		}
	}
}
