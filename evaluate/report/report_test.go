package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
)

func small(t testing.TB) (*evaluate.Result, [][]string) {
	names, images := numbered(8, 12)
	return makeUp{dataset: "made up", split: "half", unseen: names, images: images, seen: 6, heldOut: 5, noise: 0.5}.result(t), images
}

func TestWrite(t *testing.T) {
	r, images := small(t)
	about := anyAbout()
	about.ImageRoot = drawPictures(t, images)
	dir := filepath.Join(t.TempDir(), "reports", "one")
	paths, err := Write(dir, r, about)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"predictions.parquet", "report.html", "report.json"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}

	data, err := os.ReadFile(paths.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema string
		About  struct {
			Name     string
			Features struct{ Network string }
			Config   struct{ Latent int }
		}
		Result    evaluate.Result
		Confusion [][3]int
		Files     map[string]string `json:"files_sha256"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "vzsl.report/1" || got.About.Name != "vzsl-1" || got.About.Features.Network != "squeezenet1.1" || got.About.Config.Latent != 100 {
		t.Errorf("%+v", got.About)
	}
	want := *r
	want.Predictions = nil
	g := *r.Generalised
	g.Predictions = nil
	want.Generalised = &g
	if diff := cmp.Diff(want, got.Result); diff != "" {
		t.Error(diff)
	}
	n := 0
	for _, c := range got.Confusion {
		n += c[2]
	}
	if n != r.Images {
		t.Errorf("the confusion matrix holds %d of %d images", n, r.Images)
	}
	for name, sum := range got.Files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := sha256.Sum256(data); hex.EncodeToString(s[:]) != sum {
			t.Errorf("%s: its hash in report.json is another", name)
		}
	}
	if len(got.Files) != 2 {
		t.Errorf("hashes of %v", got.Files)
	}

	again := filepath.Join(t.TempDir(), "again")
	if _, err := Write(again, r, about); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, dir) {
		a, b := read(t, filepath.Join(dir, name)), read(t, filepath.Join(again, name))
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs from run to run", name)
		}
	}
}

// The keys of report.json are what other programs rely on.
func TestJSONKeys(t *testing.T) {
	names, images := numbered(8, 12)
	r := makeUp{dataset: "made up", split: "half", unseen: names, images: images, seen: 6, heldOut: 5, noise: 0.5, whole: true}.result(t)
	r.Candidates = append(r.Candidates, "unpictured")
	r.WithoutImages = []string{"unpictured"}
	r.Classes = append(r.Classes, evaluate.Class{Name: "unpictured"})
	r.Pictured = &evaluate.Pictured{Candidates: 8}
	about := anyAbout()
	about.Transductive = true
	data, err := encodeJSON(r, &about, map[string][]byte{"x": nil})
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
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/keys.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, "testdata/keys.txt")), text); diff != "" {
		t.Errorf("keys of report.json changed (UPDATE=1 rewrites the list): %s", diff)
	}
}

func TestPredictions(t *testing.T) {
	r, _ := small(t)
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

func TestWholeOrNotAtAll(t *testing.T) {
	r, _ := small(t)
	about := anyAbout()

	t.Run("the folder is a file", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "report")
		write(t, dir, "mine")
		_, err := Write(dir, r, about)
		if err == nil || !strings.Contains(err.Error(), dir+" is a file") {
			t.Errorf("error %v", err)
		}
		if string(read(t, dir)) != "mine" {
			t.Error("the file was touched")
		}
	})
	t.Run("a folder above is a file", func(t *testing.T) {
		above := filepath.Join(t.TempDir(), "reports")
		write(t, above, "mine")
		if _, err := Write(filepath.Join(above, "one"), r, about); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a file's place is a folder", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, htmlName), "earlier")
		write(t, filepath.Join(dir, predictionsName), "earlier")
		if err := os.Mkdir(filepath.Join(dir, jsonName), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Write(dir, r, about)
		if err == nil || !strings.Contains(err.Error(), jsonName) {
			t.Errorf("error %v", err)
		}
		if string(read(t, filepath.Join(dir, htmlName))) != "earlier" || string(read(t, filepath.Join(dir, predictionsName))) != "earlier" {
			t.Error("a part of the earlier report was replaced")
		}
		if diff := cmp.Diff([]string{"predictions.parquet", "report.html", "report.json"}, names(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nothing is left of a new folder", func(t *testing.T) {
		root := t.TempDir()
		about := about
		about.Config = math.NaN() // cannot be written as JSON
		if _, err := Write(filepath.Join(root, "a", "b"), r, about); err == nil {
			t.Error("no error")
		}
		if err := writeAll(filepath.Join(root, "a", "b"), []output{{filepath.Join(root, "elsewhere", "x"), nil}}); err == nil {
			t.Error("no error")
		}
		if left := names(t, root); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("an earlier report is replaced", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, htmlName), "earlier")
		write(t, filepath.Join(dir, "notes.txt"), "mine")
		if _, err := Write(dir, r, about); err != nil {
			t.Fatal(err)
		}
		if string(read(t, filepath.Join(dir, htmlName))) == "earlier" || string(read(t, filepath.Join(dir, "notes.txt"))) != "mine" {
			t.Error("not replaced, or more than the report was touched")
		}
	})
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), fs.FileMode(0o644)); err != nil {
		t.Fatal(err)
	}
}
