package pipeline

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

// TestPredictForeign: files of features of another program are named as the same features in shards are.
func TestPredictForeign(t *testing.T) {
	w := made(t)
	done(t, w.train("eszsl")...)
	run := []string{"--run", "x-own-eszsl", "--out", w.out}
	want := predictJSON(t, exitDone, append([]string{filepath.Join(w.out, "features", "x", "n")}, run...)...)

	dir := t.TempDir()
	table := "image," + strings.Join(numbered("f", 10), ",") + "\n"
	for i, x := range w.features {
		table += w.images[i]
		for _, v := range x {
			table += fmt.Sprintf(",%g", v)
		}
		table += "\n"
	}
	csv := filetest.Write(t, filepath.Join(dir, "new.csv"), table)
	got := predictJSON(t, exitDone, append([]string{csv}, run...)...)
	if len(got.Images) != len(want.Images) {
		t.Fatalf("%d answers, not %d", len(got.Images), len(want.Images))
	}
	for i := range want.Images {
		alike(t, got.Images[i], want.Images[i])
	}

	// A row with a missing value is skipped and said, the others stay.
	rows := strings.SplitAfter(table, "\n")
	cells := strings.Split(rows[3], ",")
	rows[3] = strings.Join(append([]string{cells[0], ""}, cells[2:]...), ",")
	broken := filetest.Write(t, filepath.Join(dir, "broken.csv"), strings.Join(rows, ""))
	got = predictJSON(t, exitSkipped, append([]string{broken}, run...)...)
	if got.Images[2].Prediction != nil || !strings.Contains(got.Images[2].Error, "value 0 is missing") {
		t.Errorf("%+v", got.Images[2])
	}
	alike(t, got.Images[3], want.Images[3])

	if o := vzsl(t, append([]string{"predict", csv, "--split", "other"}, run...)...); o.code != exitDone || !strings.Contains(o.stderr, "--split other is ignored") {
		t.Error(o.stderr)
	}
	refused(t, exitFailed, []string{"narrow.csv", "2 values", "10"}, append([]string{"predict", filetest.Write(t, filepath.Join(dir, "narrow.csv"), "f0,f1\n1,2\n")}, run...)...)
	refused(t, exitFailed, []string{"new.npy", "is text"}, append([]string{"predict", filetest.Write(t, filepath.Join(dir, "new.npy"), "1 2 3")}, run...)...)
	refused(t, exitFailed, []string{"words.csv", "no features"}, append([]string{"predict", filetest.Write(t, filepath.Join(dir, "words.csv"), "image,class\na,b\n")}, run...)...)

	// Imported without labels they make shards that are named, and that are neither trained on nor split.
	done(t, "import", csv, "--dataset", "later", "--data", filepath.Join(w.out, "data"), "--network", "n", "--out", w.out)
	got = predictJSON(t, exitDone, append([]string{filepath.Join(w.out, "features", "later", "n")}, run...)...)
	for i := range want.Images {
		alike(t, got.Images[i], want.Images[i])
	}
	if o := vzsl(t, "verify", filepath.Join(w.out, "features", "later")); o.code != exitDone {
		t.Error(o.stderr)
	}
	done(t, "attributes", "--dataset", "later", "--data", filepath.Join(w.out, "data"), "--out", w.out)
	refused(t, exitFailed, []string{"not labelled", "vzsl predict"}, "split", "--dataset", "later", "--split", "own", "--seen", filepath.Join(w.out, "s.txt"), "--unseen", filepath.Join(w.out, "u.txt"), "--out", w.out)
}

func numbered(stem string, n int) []string {
	var l []string
	for i := range n {
		l = append(l, fmt.Sprintf("%s%d", stem, i))
	}
	return l
}
