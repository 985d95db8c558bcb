package pipeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/filetest"
	"vzsl/internal/interop"
	"vzsl/predict"
)

// TestInteropTables: DuckDB, Polars and parquet-wasm see in every table of a run what its commands said of it. (Shards, class
// table and roles to the bit: datasets/shards.)
func TestInteropTables(t *testing.T) {
	for _, reader := range interop.Readers { // skip before anything is made
		interop.Node(t, interop.Packages[reader])
	}
	out, data, model := interopRun(t)
	in := func(args ...string) []string {
		return append(args, "--dataset", "demo", "--out", out)
	}
	unseen := lines(t, filepath.Join(data, "unseen.txt"))

	// Three unseen classes: no fourth and fifth place, so nulls. Seen classes are tested too, so there are two tasks.
	three := filetest.Write(t, filepath.Join(t.TempDir(), "three.txt"), strings.Join(unseen[:3], "\n"))
	done(t, in("split", "--split", "three", "--seen", filepath.Join(data, "seen.txt"), "--unseen", three, "--test-seen", "0.34")...)
	done(t, in("train", "--split", "three", "--method", "eszsl")...)
	evaluated := done(t, in("evaluate", "--split", "three", "--method", "eszsl")...)
	predictions := evaluated["predictions"].(string)
	done(t, in("tune", "--split", "demo", "--method", "eszsl", "--run", "tuned", "--trials", "2", "--folds", "2")...)
	trials := filepath.Join(out, "runs", "tuned", "tuning", "trials.parquet")
	generated := done(t, in("generate", "--split", "demo", "--per-class", "5")...)
	parts, err := filepath.Glob(filepath.Join(out, "features", "demo-generated", "*", "part-*.parquet"))
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	answers := filepath.Join(out, "answers.parquet")
	bad := filetest.Write(t, filepath.Join(out, "bad.jpg"), "no image")
	told := predictJSON(t, exitSkipped, filepath.Join(data, unseen[0]), bad, "--run", "demo-demo-vzsl", "--out", out, "--model", model, "--parquet", answers)

	ranked := predictJSON(t, exitDone, filepath.Join(out, "features", "demo", "demo"), "--run", "demo-three-eszsl", "--out", out)

	var journal [][]any // of the search
	b := bufio.NewScanner(bytes.NewReader(filetest.Read(t, filepath.Join(out, "runs", "tuned", "tuning", "fits.jsonl"))))
	b.Buffer(nil, 1<<24)
	for b.Scan() {
		var fit struct {
			Trial, Fold *int32
			Seconds     float64
			Points      []struct{ Accuracy float64 }
		}
		if err := json.Unmarshal(b.Bytes(), &fit); err != nil {
			t.Fatal(err)
		}
		if len(fit.Points) > 0 {
			best := 0.0
			for _, p := range fit.Points {
				best = max(best, p.Accuracy)
			}
			journal = append(journal, interop.Row(*fit.Trial, *fit.Fold, best, fit.Seconds))
		}
	}
	slices.SortFunc(journal, func(a, b []any) int {
		return slices.Compare([]float64{a[0].(float64), a[1].(float64)}, []float64{b[0].(float64), b[1].(float64)})
	})
	var named [][]any
	for _, x := range told.Images {
		row := []any{x.Image}
		if x.Prediction == nil {
			row = append(row, make([]any, 2+3*5)...)
			named = append(named, append(row, x.Error))
			continue
		}
		row = append(row, x.Class, x.Probability)
		for _, c := range x.Top {
			row = append(row, c.Class, c.Probability, c.Score)
		}
		named = append(named, interop.Row(append(row, nil)...))
	}
	var drawn [][]any
	for image, text := range rowsOf(t, filepath.Dir(parts[0])) {
		drawn = append(drawn, []any{image, text})
	}
	byFirst := func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) }
	slices.SortFunc(drawn, byFirst)
	if len(journal) < 2 || len(named) != 7 || len(drawn) != 60 || generated["features"] != 60.0 {
		t.Fatal(len(journal), len(named), len(drawn))
	}

	for _, reader := range interop.Readers {
		tables := interop.Tables(t, out, reader, predictions, trials, answers, parts[0])
		checkPredictions(t, reader, tables[0], evaluated, ranked.Images)
		var fits [][]any
		for _, r := range tables[1].Rows {
			fits = append(fits, []any{r[0], r[1], r[4], r[5]})
			if s := map[string]any{}; json.Unmarshal([]byte(r[2].(string)), &s) != nil || json.Unmarshal([]byte(r[3].(string)), &s) != nil || r[6] != "" {
				t.Errorf("%s: %v", reader, r)
			}
		}
		if d := cmp.Diff(journal, fits); d != "" {
			t.Errorf("%s, trials: %s", reader, d)
		}
		if d := cmp.Diff(named, tables[2].Rows); d != "" {
			t.Errorf("%s, answers: %s", reader, d)
		}
		var got [][]any
		for _, r := range tables[3].Rows {
			got = append(got, []any{r[0], row(r[1].(string), vector(r[3]))})
		}
		slices.SortFunc(got, byFirst)
		if d := cmp.Diff(drawn, got); d != "" {
			t.Errorf("%s, generated features: %s", reader, d)
		}
		if reader != "duckdb" {
			continue
		}
		interop.Pushdown(t, tables[0], "task", "image", "class", "predicted", "rank", "top3")
		interop.Pushdown(t, tables[1], "trial", "fold", "accuracy")
		interop.Pushdown(t, tables[2], "image", "predicted", "probability", "error")
		interop.Pushdown(t, tables[3], "image", "class", "label")
		for _, table := range tables {
			interop.Spark(t, table)
		}
	}
}

// interopRun is a copy of demoRun's folder that a test may change.
func interopRun(t *testing.T) (out, data, model string) {
	trained, data, model := demoRun(t)
	out = t.TempDir()
	if err := os.CopyFS(out, os.DirFS(trained)); err != nil {
		t.Fatal(err)
	}
	return out, data, model
}

func vector(v any) []float32 {
	var x []float32
	for _, f := range v.([]any) {
		x = append(x, float32(f.(float64)))
	}
	return x
}

// checkPredictions: the rows agree with themselves, with the report, and with what predict says of the same features.
func checkPredictions(t *testing.T, reader string, table interop.Table, report map[string]any, said []predict.ImagePrediction) {
	t.Helper()
	var names []string
	for _, c := range table.Columns {
		names = append(names, c[0])
	}
	want := strings.Fields("task image class predicted correct rank score top1 top2 top3 top4 top5 score1 score2 score3 score4 score5")
	if d := cmp.Diff(want, names); d != "" {
		t.Fatalf("%s: %s", reader, d)
	}
	const task, image, class, predicted, correct, rank, score, top, scores = 0, 1, 2, 3, 4, 5, 6, 7, 12
	right, images := map[string]float64{}, map[string]float64{}
	nulls, compared, tasks := 0, 0, map[any]int{}
	answers := map[any][]predict.Candidate{}
	for _, x := range said {
		answers[x.Image] = x.Top
	}
	for _, r := range table.Rows {
		tasks[r[task]]++
		if r[predicted] != r[top] || r[correct] != (r[rank] == 1.0) {
			t.Fatalf("%s: %v", reader, r)
		}
		if k := int(r[rank].(float64)); k <= 5 && (r[top+k-1] != r[class] || r[scores+k-1] != r[score]) {
			t.Fatalf("%s: %v", reader, r)
		}
		if r[task] != "zero-shot" {
			continue
		}
		if r[top+3] == nil && r[top+4] == nil && r[scores+3] == nil && r[scores+4] == nil {
			nulls++
		}
		for k, c := range answers[r[image]] {
			if r[top+k] != c.Class || r[scores+k] != float64(c.Score) {
				t.Fatalf("%s: %v, but predict says %v", reader, r, answers[r[image]])
			}
			compared++
		}
		images[r[class].(string)]++
		if r[correct] == true {
			right[r[class].(string)]++
		}
	}
	mean := 0.0
	for c, n := range images {
		mean += right[c] / n / float64(len(images))
	}
	top1 := report["mean_per_class"].(map[string]any)["value"].(float64)
	if math.Abs(mean-top1) > 1e-9 || nulls != 18 || compared != 3*18 || tasks["zero-shot"] != 18 || tasks["generalised"] != 18+96 || len(tasks) != 2 {
		t.Errorf("%s: mean per class %v, not %v; %d rows with nulls; %v", reader, mean, top1, nulls, tasks)
	}
}

// TestInteropExports: Apache Arrow's own library and NumPy read exported features to the bit.
func TestInteropExports(t *testing.T) {
	out, _, _ := demoRun(t)
	to := t.TempDir()
	want := rowsOf(t, filepath.Join(out, "features", "demo", "demo"))
	export := func(t *testing.T, format, name string) string {
		path := filepath.Join(to, name)
		done(t, "export", "--dataset", "demo", "--out", out, "--format", format, "--to", path)
		return path
	}
	same := func(t *testing.T, got map[string]string) {
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	t.Run("arrow", func(t *testing.T) {
		interop.Node(t, interop.Packages["arrow"])
		table := interop.Tables(t, to, "arrow", export(t, "arrow", "f.arrow"))[0]
		if d := cmp.Diff([][2]string{{"image", "Utf8"}, {"class", "Utf8"}, {"label", "Int32"}, {"feature", "FixedSizeList[128]<Float32>"}}, table.Columns); d != "" {
			t.Error(d)
		}
		got := map[string]string{}
		for _, r := range table.Rows {
			got[r[0].(string)] = row(r[1].(string), vector(r[3]))
		}
		same(t, got)
	})
	t.Run("npy", func(t *testing.T) {
		dir := export(t, "npy", "arrays")
		numpy := interop.Python(t, []string{"numpy"}, "-c", `
import numpy as np, sys
x, y = np.load("features.npy"), np.load("labels.npy")
assert x.dtype == np.float32 and y.dtype == np.int32 and x.shape == (len(y), 128), (x.dtype, x.shape, y.dtype, y.shape)
classes, images = ([l.rstrip("\n") for l in open(f, encoding="utf-8")] for f in ("classes.txt", "images.txt"))
for i, image in enumerate(images):
    print(image, classes[y[i]], x[i].tobytes().hex())
`)
		numpy.Dir = dir
		raw := interop.Output(t, numpy)
		got := map[string]string{}
		for _, l := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			f := strings.Fields(l)
			var x []byte
			if _, err := fmt.Sscanf(f[2], "%x", &x); err != nil {
				t.Fatal(err)
			}
			got[f[0]] = f[1] + string(x)
		}
		same(t, got)
	})
}
