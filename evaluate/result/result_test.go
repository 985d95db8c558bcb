package result

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/filetest"
)

func anyRun() *Run {
	return &Run{
		Name: "vzsl-1", Method: "VZSL", Program: "vzsl 0.1.0", Command: "vzsl evaluate --run runs/vzsl-1",
		Features: features.Source{Dataset: "CUB", Network: "squeezenet1.1", NetworkSHA256: "0123abcd", Layer: "gap", Recipe: "caffe-227", Engine: "native", Program: "vzsl 0.1.0", Dim: 512},
		Config:   map[string]any{"latent": 100},
		Seeds:    []Field{{"training", "1"}},
		Hashes:   []Field{{HashedModel, "89abcdef"}},
	}
}

// The keys of report.json are what other programs rely on.
func TestJSONKeys(t *testing.T) {
	split := evaluatetest.Small()
	split.Whole = true
	r := split.Result(t)
	r.Candidates = append(r.Candidates, "unpictured")
	r.WithoutImages = []string{"unpictured"}
	r.Classes = append(r.Classes, evaluate.Class{Name: "unpictured"})
	r.Pictured = &evaluate.Pictured{Candidates: 8}
	run := anyRun()
	run.Transductive = true
	data, err := encode(r, run, nil, map[string][]byte{"x": nil})
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, v := range v {
				if path != ".about.config" && path != ".files_sha256" {
					walk(path+"."+k, v)
				}
			}
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
		default:
			keys[path] = true
		}
	}
	walk("", v)
	var got []string
	for k := range keys {
		got = append(got, k)
	}
	sort.Strings(got)
	text := strings.Join(got, "\n") + "\n"
	if os.Getenv("VZSL_UPDATE") != "" {
		if err := os.WriteFile("testdata/keys.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(filetest.Read(t, "testdata/keys.txt")), text); diff != "" {
		t.Errorf("keys of report.json changed (VZSL_UPDATE=1 rewrites the list): %s", diff)
	}
}

func TestPredictions(t *testing.T) {
	r := evaluatetest.Small().Result(t)
	// Fewer candidates than ranked columns leave nulls.
	for i := range r.Predictions {
		if r.Predictions[i].Rank <= 3 {
			r.Predictions[i].Top = r.Predictions[i].Top[:3]
		}
	}
	data, err := encodePredictions(r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	all := append(append([]evaluate.Prediction{}, r.Predictions...), r.Generalised.Predictions...)
	if int(table.NumRows()) != len(all) || int(f.NumRows()) != len(all) {
		t.Fatalf("%d rows, want %d", table.NumRows(), len(all))
	}
	column := func(name string) []any {
		var values []any
		i := table.Schema().FieldIndices(name)[0]
		for _, chunk := range table.Column(i).Data().Chunks() {
			for k := range chunk.Len() {
				switch c := chunk.(type) {
				case *array.String:
					values = append(values, c.Value(k))
				case *array.Float32:
					values = append(values, c.Value(k))
				case *array.Int32:
					values = append(values, c.Value(k))
				case *array.Boolean:
					values = append(values, c.Value(k))
				default:
					t.Fatalf("%s is %T", name, chunk)
				}
				if chunk.IsNull(k) {
					values[len(values)-1] = nil
				}
			}
		}
		return values
	}
	task, image, class, predicted := column("task"), column("image"), column("class"), column("predicted")
	correct, rank, score := column("correct"), column("rank"), column("score")
	top3, score3, top5, score5 := column("top3"), column("score3"), column("top5"), column("score5")
	nulls := 0
	for i, p := range all {
		classes, wantTask := r.Candidates, "zero-shot"
		if i >= len(r.Predictions) {
			classes, wantTask = r.Generalised.Candidates, "generalised"
		}
		got := []any{task[i], image[i], class[i], predicted[i], correct[i], rank[i], score[i], top3[i], score3[i]}
		want := []any{wantTask, p.Image, classes[p.Class], classes[p.Top[0].Class], p.Rank == 1, int32(p.Rank), p.Score, classes[p.Top[2].Class], p.Top[2].Score}
		if len(p.Top) < 5 {
			nulls++
			got, want = append(got, top5[i], score5[i]), append(want, nil, nil)
		} else {
			got, want = append(got, top5[i], score5[i]), append(want, classes[p.Top[4].Class], p.Top[4].Score)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("row %d: %s", i, diff)
		}
	}
	if nulls == 0 {
		t.Error("no row with fewer than five classes was tried")
	}
}

func TestReadRefuses(t *testing.T) {
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	r := evaluatetest.Small().Result(t)
	dir := t.TempDir()
	if err := Write(dir, r, anyRun(), nil, nil); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) { // with its checksum
		if err := custody.WriteAll(t.Context(), dir, custody.Bytes(name, []byte(text))); err != nil {
			t.Fatal(err)
		}
	}
	whole := filetest.Read(t, filepath.Join(dir, JSONFile))
	for _, c := range []struct{ json, says string }{
		{string(whole[:len(whole)/2]), "damaged"},
		{strings.Replace(string(whole), schema, "vzsl.report/9", 1), "vzsl.report/9"},
		{`{"schema": "vzsl.report/1"}`, "no complete result"},
		{`{"schema": "vzsl.report/1", "about": null, "result": null}`, "no complete result"},
	} {
		put(JSONFile, c.json)
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), JSONFile) {
			t.Errorf("%v does not say %q", err, c.says)
		}
	}
	put(JSONFile, string(whole))
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(PredictionsFile, "PAR1")
	if err := s.ReadPredictions(); err == nil || !strings.Contains(err.Error(), "does not belong to") {
		t.Errorf("other predictions: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, PredictionsFile)); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadPredictions(); err == nil || !strings.Contains(err.Error(), "not found; it is needed") {
		t.Errorf("no predictions: %v", err)
	}
}

// TestOlder: testdata/older stands for the report of an earlier version. Write made it of a small split, then the keys below and SHA256SUMS
// were taken out; it is not written again, so that it also lacks every key that comes later, and must stay readable. What it has is compared.
func TestOlder(t *testing.T) {
	dir := filepath.Join("testdata", "older")
	for _, later := range []string{"rejection", "interval_over_classes"} {
		if strings.Contains(string(filetest.Read(t, filepath.Join(dir, JSONFile))), later) {
			t.Errorf("the older report has %q", later)
		}
	}
	old, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.ReadPredictions(); err != nil {
		t.Fatal(err)
	}
	if len(old.Result.Predictions) != old.Result.Images || old.Result.Generalised == nil {
		t.Error("the older report is not read as a whole")
	}
	old.Result.Hits[0].PerImage.Value /= 2
	if old.Result.Recheck() == nil {
		t.Error("an older report with another metric is taken")
	}
}

func TestWholeOrNotAtAll(t *testing.T) {
	r := evaluatetest.Small().Result(t)
	run := anyRun()
	const page = "report.html"
	write := func(dir string, run *Run) error {
		return Write(dir, r, run, nil, map[string][]byte{page: []byte("<!DOCTYPE html>")})
	}

	t.Run("the folder is a file", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "report")
		filetest.Write(t, dir, "mine")
		err := write(dir, run)
		if err == nil || !strings.Contains(err.Error(), dir+" is a file") {
			t.Errorf("error %v", err)
		}
		if string(filetest.Read(t, dir)) != "mine" {
			t.Error("the file was touched")
		}
	})
	t.Run("a folder above is a file", func(t *testing.T) {
		above := filepath.Join(t.TempDir(), "reports")
		filetest.Write(t, above, "mine")
		if err := write(filepath.Join(above, "one"), run); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a file's place is a folder", func(t *testing.T) {
		dir := t.TempDir()
		filetest.Write(t, filepath.Join(dir, page), "earlier")
		filetest.Write(t, filepath.Join(dir, PredictionsFile), "earlier")
		if err := os.Mkdir(filepath.Join(dir, JSONFile), 0o755); err != nil {
			t.Fatal(err)
		}
		err := write(dir, run)
		if err == nil || !strings.Contains(err.Error(), JSONFile) {
			t.Errorf("error %v", err)
		}
		if string(filetest.Read(t, filepath.Join(dir, page))) != "earlier" || string(filetest.Read(t, filepath.Join(dir, PredictionsFile))) != "earlier" {
			t.Error("a part of the earlier report was replaced")
		}
		if diff := cmp.Diff([]string{"predictions.parquet", "report.html", "report.json"}, filetest.Names(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nothing is left of a new folder", func(t *testing.T) {
		root := t.TempDir()
		bad := anyRun()
		bad.Config = math.NaN() // cannot be written as JSON
		if err := write(filepath.Join(root, "a", "b"), bad); err == nil {
			t.Error("no error")
		}
		if left := filetest.Names(t, root); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("an earlier report is replaced", func(t *testing.T) {
		dir := t.TempDir()
		filetest.Write(t, filepath.Join(dir, page), "earlier")
		filetest.Write(t, filepath.Join(dir, "notes.txt"), "mine")
		if err := write(dir, run); err != nil {
			t.Fatal(err)
		}
		if string(filetest.Read(t, filepath.Join(dir, page))) == "earlier" || string(filetest.Read(t, filepath.Join(dir, "notes.txt"))) != "mine" {
			t.Error("not replaced, or more than the report was touched")
		}
	})
}

// What is written is read again, with every image's ranking.
func TestRoundTrip(t *testing.T) {
	r := evaluatetest.Small().Result(t)
	dir := t.TempDir()
	published := &Published{Mark: "published", Metric: evaluate.Top1PerImage, Rows: []PublishedFigure{{Method: "SAE", Value: 56.6}, {Method: "VZSL", Value: 57.42, Std: 0.63}}}
	if err := Write(dir, r, anyRun(), published, nil); err != nil {
		t.Fatal(err)
	}
	stored, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := stored.ReadPredictions(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, stored.Result); d != "" {
		t.Error(d)
	}
	if stored.Run.ModelSHA256() != "89abcdef" || (&Run{}).ModelSHA256() != "" || stored.Dir() != dir {
		t.Errorf("%+v", stored.Run)
	}
	if f := published.Figure("VZSL"); f == nil || f.Value != 57.42 || published.Figure("none") != nil || (*Published)(nil).Figure("VZSL") != nil {
		t.Errorf("%+v", f)
	}
}
