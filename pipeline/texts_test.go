package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/datasets/demo"
	"vzsl/features"
)

// TestTexts: classes are described by attributes and by their names, a method trains on either, CLIP names by the names, and the
// record of each run binds to its part of the table.
func TestTexts(t *testing.T) {
	data, other := demoData(t)
	t.Chdir(t.TempDir())
	pair := filepath.Join("models", "pair")
	if err := demo.WritePair(pair); err != nil {
		t.Fatal(err)
	}
	done(t, "extract", "--dataset", "toy", "--data", data, "--model", pair, "--engine", "native")
	res := done(t, "attributes", "--dataset", "toy", "--data", data, "--own", "--text-model", pair)
	if res["text"].(map[string]any)["texts"].(float64) != 60 {
		t.Errorf("%v", res)
	}
	table, err := features.ReadClassTable("features/toy/classes.parquet")
	if err != nil {
		t.Fatal(err)
	}
	b, from := table.TextBlock()
	if b == nil || from != 22 || b.Width != 48 || len(b.Text.Templates) != 1 || len(b.Text.Model.Towers) != 1 || table.Texts[0] != "large blue checked disc on grass" {
		t.Fatalf("%+v, %q", b, table.Texts)
	}
	done(t, "split", "--dataset", "toy", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	refused(t, exitFailed, []string{"--descriptions text"}, "train", "--dataset", "toy", "--split", "demo", "--method", "clip")
	refused(t, exitFailed, []string{"has no vectors of texts"}, "train", "--dataset", "toy", "--split", "demo", "--method", "clip", "--descriptions", "attributes")
	refused(t, exitFailed, []string{`no description "sentences"`, "attributes and text"}, "train", "--dataset", "toy", "--split", "demo", "--method", "eszsl", "--descriptions", "sentences")
	for _, r := range []struct{ run, method, descriptions string }{{"a", "eszsl", "attributes"}, {"t", "eszsl", "text"}, {"both", "eszsl", "attributes+text"}, {"c", "clip", "text"}} {
		done(t, "train", "--dataset", "toy", "--split", "demo", "--method", r.method, "--descriptions", r.descriptions, "--run", r.run)
		res := done(t, "evaluate", "--dataset", "toy", "--split", "demo", "--run", r.run)
		accuracy := findNumber(res, "mean_per_class", "value")
		t.Logf("%s on %s: %v", r.method, r.descriptions, accuracy)
		if !(accuracy > 0.25) { // of 12 classes: chance is 0.08
			t.Errorf("%s on %s: %v", r.method, r.descriptions, accuracy)
		}
	}
	// Features of another network do not lie in the space of the texts.
	done(t, "extract", "--dataset", "toy", "--data", data, "--model", other, "--network", "other", "--engine", "native")
	refused(t, exitFailed, []string{"their vectors do not lie in one space"}, "train", "--dataset", "toy", "--split", "demo", "--method", "clip", "--descriptions", "text", "--network", "other", "--run", "x")
	// Sentences, a class without one, and flags that do not go together.
	csv := []string{"class,text"}
	for _, c := range table.Classes {
		csv = append(csv, c+",\"a "+strings.ReplaceAll(c, "-", " ")+", as said\"")
	}
	write(t, "sentences.csv", strings.Join(csv, "\n")+"\n")
	done(t, "attributes", "--dataset", "toy", "--data", data, "--text", "sentences.csv", "--text-model", pair)
	write(t, "fewer.csv", strings.Join(csv[:len(csv)-1], "\n")+"\n")
	refused(t, exitFailed, []string{"no text for 1 of 60 classes"}, "attributes", "--dataset", "toy", "--data", data, "--text", "fewer.csv", "--text-model", pair)
	refused(t, exitUsage, []string{"--text-model"}, "attributes", "--dataset", "toy", "--data", data, "--text", "sentences.csv")
	refused(t, exitUsage, []string{"clip80"}, "attributes", "--dataset", "toy", "--data", data, "--text-model", pair, "--template", "a picture")
	if err := os.Remove(filepath.Join(pair, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"holds no tokenizer"}, "attributes", "--dataset", "toy", "--data", data, "--text-model", pair)
}

// findNumber looks for a number below these keys, one in the other, wherever the first is.
func findNumber(v any, keys ...string) float64 {
	m, ok := v.(map[string]any)
	if !ok {
		return 0
	}
	if len(keys) == 1 {
		n, _ := m[keys[0]].(float64)
		return n
	}
	if n := findNumber(m[keys[0]], keys[1:]...); n != 0 {
		return n
	}
	for _, x := range m {
		if n := findNumber(x, keys...); n != 0 {
			return n
		}
	}
	return 0
}
