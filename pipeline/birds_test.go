package pipeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/datasets/catalog"
	"vzsl/internal/filetest"
	"vzsl/predict/server"
)

// TestBirds: a model trained on real images of the seen classes of CUB's first validation split names real images of its
// unseen classes, which it knows from rows of a CSV only, on the command line and over HTTP with the same result.
func TestBirds(t *testing.T) {
	filetest.Slow(t)
	shared := os.Getenv("VZSL_TEST_DATA")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared", "data")
	}
	model, err := filepath.Abs(filepath.Join(shared, "models", "squeezenet1.1-imagenet-gap512.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	cub := filepath.Join(shared, "cub", "CUB_200_2011")
	for _, p := range []string{model, cub} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("%s is not here (VZSL_TEST_DATA names the folder of test data)", p)
		}
	}
	dir := t.TempDir()
	const perClass = 12
	link := func(class string, n int, to string) (linked int) {
		files, err := filepath.Glob(filepath.Join(cub, "images", class, "*.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(files)
		for _, f := range files[:min(n, len(files))] {
			b := filetest.Read(t, f)
			filetest.Write(t, filepath.Join(to, class, filepath.Base(f)), string(b))
			linked++
		}
		return linked
	}
	var seen []string
	for _, class := range lines(t, filepath.Join(shared, "cub", "splits", "validation1-seen.txt")) {
		if link(class, perClass, filepath.Join(dir, "birds")) > 0 {
			seen = append(seen, class)
		}
	}
	var unseen []string
	for _, class := range lines(t, filepath.Join(shared, "cub", "splits", "validation1-unseen.txt")) {
		// One image each, and no class more than the 25 that have any.
		if link(class, 1, filepath.Join(dir, "unseen")) > 0 {
			unseen = append(unseen, class)
		}
	}
	if len(seen) != 52 || len(unseen) != 25 {
		t.Fatalf("%d seen and %d unseen classes have images", len(seen), len(unseen))
	}
	table, err := catalog.Lookup("cub").Describe(cub, append(slices.Clone(seen), unseen...), "")
	if err != nil {
		t.Fatal(err)
	}
	rows := func(name string, classes []string) string {
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.Write(append([]string{"class"}, table.Names...))
		for i, c := range table.Classes {
			if slices.Contains(classes, c) {
				row := []string{c}
				for _, v := range table.Values[i] {
					row = append(row, fmt.Sprint(v))
				}
				w.Write(row)
			}
		}
		w.Flush()
		return filetest.Write(t, filepath.Join(dir, name), b.String())
	}
	// The unseen classes are in no file that training sees: the split's own unseen class is one of the seen ones.
	described := rows("seen.csv", seen)
	held := filetest.Write(t, filepath.Join(dir, "held.txt"), seen[0]+"\n")
	kept := filetest.Write(t, filepath.Join(dir, "kept.txt"), strings.Join(seen[1:], "\n")+"\n")
	in := func(args ...string) []string { return append(args, "--dataset", "birds", "--out", dir) }
	done(t, in("extract", "--data", filepath.Join(dir, "birds"), "--model", model, "--recipe", "caffe")...)
	done(t, in("attributes", "--data", filepath.Join(dir, "birds"), "--csv", described)...)
	done(t, in("split", "--split", "birds", "--seen", kept, "--unseen", held)...)
	done(t, in("train", "--split", "birds")...)

	args := in("--split", "birds", "--model", model, "--classes", rows("unseen.csv", unseen), "--top", "25")
	p := predictJSON(t, exitDone, append(args, filepath.Join(dir, "unseen"))...)
	if p.Classes != 25 || len(p.Images) != 25 || !p.Calibrated {
		t.Fatalf("%d classes, %d images", p.Classes, len(p.Images))
	}
	url := serve(t, args...)
	right := 0
	for _, x := range p.Images {
		if strings.Contains(x.Image, "/"+x.Class+"/") {
			right++
		}
		b, err := os.ReadFile(filepath.FromSlash(x.Image))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.Post(url+"/predict", "image/jpeg", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		var a server.Response
		if err := errors.Join(err, json.Unmarshal(text, &a)); err != nil || r.StatusCode != 200 || len(a.Images) != 1 {
			t.Fatalf("%s: %s %s %v", x.Image, r.Status, text, err)
		}
		for k, c := range a.Images[0].Top {
			if want := x.Top[k]; c.Class != want.Class || math.Abs(c.Probability-want.Probability) > 1e-6 {
				t.Errorf("%s: over HTTP %v, on the command line %v", x.Image, c, want)
			}
		}
	}
	// Chance names one of 25.
	if right < 8 {
		t.Errorf("%d of 25 images of classes never seen are named rightly", right)
	}
	t.Logf("%d of 25 images of classes never seen are named rightly", right)
}
