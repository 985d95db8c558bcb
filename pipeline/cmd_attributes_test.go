package pipeline

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// demoVectors writes GloVe vectors of the words in the demo's class names, those of skip left out.
func demoVectors(t *testing.T, data, name string, dim int, skip string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	have := map[string]bool{skip: true}
	lines := bufio.NewScanner(f)
	lines.Scan()
	for lines.Scan() {
		class, _, _ := strings.Cut(lines.Text(), ",")
		for _, w := range strings.Split(class, "-") {
			if have[w] {
				continue
			}
			have[w] = true
			fmt.Fprint(&b, w)
			for k := range dim {
				h := 17
				for _, c := range w {
					h = h*131 + int(c) + 7*k
				}
				fmt.Fprintf(&b, " %.3f", float64(h%2000)/1000-1)
			}
			fmt.Fprintln(&b)
		}
	}
	return filetest.Write(t, filepath.Join(t.TempDir(), name), b.String())
}

func TestWordVectors(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	out := t.TempDir()
	in := func(args ...string) []string { return append(args, "--dataset", "demo", "--data", data, "--out", out) }
	vectors := demoVectors(t, data, "words.txt", 12, "")

	r := done(t, in("attributes", "--words", vectors)...)
	if r["classes"] != 60.0 || r["attributes"] != 12.0 || r["missing"] != 0.0 {
		t.Errorf("%v", r)
	}
	r = done(t, in("attributes", "--own", "--words", vectors)...)
	if r["attributes"] != 34.0 {
		t.Errorf("%v", r)
	}
	table, err := features.ReadClassTable(filepath.Join(out, "features", "demo", "classes.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if w := table.BlockWidths(); len(w) != 2 || w[0] != 22 || w[1] != 12 {
		t.Errorf("blocks %v", table.Blocks)
	}
	// Trained and scored with both.
	done(t, in("extract", "--model", model)...)
	done(t, "split", "--dataset", "demo", "--out", out, "--split", "x", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	done(t, "train", "--dataset", "demo", "--out", out, "--split", "x", "--method", "eszsl")
	r = done(t, in("evaluate", "--split", "x", "--method", "eszsl")...)
	if top1 := r["mean_per_class"].(map[string]any)["value"].(float64); top1 < 3./12 {
		t.Errorf("%.0f%% of the unseen classes' images are named", 100*top1)
	}

	// Unknown words.
	swans := 0
	for _, c := range table.Classes {
		if strings.Contains(c, strings.SplitN(table.Classes[0], "-", 2)[0]) {
			swans++
		}
	}
	color := strings.SplitN(table.Classes[0], "-", 2)[0]
	partly := demoVectors(t, data, "partly.txt", 5, color)
	words := done(t, in("attributes", "--words", partly)...)["words"].([]any)[0].(map[string]any)
	if n := len(words["partly"].(map[string]any)); n != swans {
		t.Errorf("%d classes without %q, expected %d", n, color, swans)
	}
	if o := vzsl(t, in("attributes", "--words", partly)...); o.code != exitDone || strings.Count(o.stderr, "level=WARN") != 1 || !strings.Contains(o.stderr, fmt.Sprint(swans, " classes")) {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
	none := filetest.Write(t, filepath.Join(t.TempDir(), "none.txt"), "x 1 2 3\ny 1 2 3\n")
	refused(t, exitFailed, []string{"none.txt", "60 of the 60 classes", "and 52 more", "--names", "--max-unknown 60"}, in("attributes", "--words", none)...)
	if r := done(t, in("attributes", "--own", "--words", none, "--max-unknown", "60")...); r["missing"] != 180.0 {
		t.Errorf("%v", r)
	}
	phrases := filetest.Write(t, filepath.Join(t.TempDir(), "phrases.tsv"), strings.Join(table.Classes, "\tq, x\n")+"\tq, x\nstranger\tz\n")
	if r := done(t, in("attributes", "--words", none, "--names", phrases)...); r["missing"] != 0.0 {
		t.Errorf("%v", r)
	}
	refused(t, exitFailed, []string{"both", "none_001"}, in("attributes", "--words", none+","+none, "--names", phrases)...)
	refused(t, exitFailed, []string{"nowhere.bin", "vzsl download"}, in("attributes", "--words", "nowhere.bin")...)
	refused(t, exitFailed, []string{"p.tsv:1", "class<tab>phrase"}, in("attributes", "--words", none, "--names", filetest.Write(t, filepath.Join(t.TempDir(), "p.tsv"), "alone\n"))...)
	refused(t, exitFailed, []string{"p.tsv", table.Classes[0]}, in("attributes", "--words", none, "--names", filetest.Write(t, filepath.Join(t.TempDir(), "p.tsv"), "a b\n"))...)
	refused(t, exitUsage, []string{"elmo", "glove"}, in("attributes", "--words", none, "--words-format", "elmo")...)
	refused(t, exitUsage, []string{"--own"}, in("attributes", "--own")...)

	// A value that is missing.
	gap := filetest.Write(t, filepath.Join(t.TempDir(), "gap.csv"), "class,x\n"+table.Classes[0]+",\n"+strings.Join(table.Classes[1:], ",7\n")+",7\n")
	if r := done(t, in("attributes", "--csv", gap)...); r["missing"] != 1.0 {
		t.Errorf("%v", r)
	}
	refused(t, exitFailed, []string{"values are missing", ": x)", "--missing keep"}, in("attributes", "--csv", gap, "--missing", "error")...)
	refused(t, exitFailed, []string{"antelope"}, in("attributes", "--csv", gap, "--missing", "copy")...)

	// A class table is a Parquet file of class descriptions too.
	copied := filepath.Join(t.TempDir(), "copied.parquet")
	b, err := os.ReadFile(filepath.Join(out, "features", "demo", "classes.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, copied, string(b))
	if r := done(t, in("attributes", "--csv", copied)...); r["attributes"] != 1.0 || r["missing"] != 1.0 {
		t.Errorf("%v", r)
	}
}
