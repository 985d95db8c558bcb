package pipeline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vzsl/datasets/demo"
	"vzsl/features"
	"vzsl/internal/filetest"
)

// TestTexts: classes are described by attributes and by their names, a method trains on either, CLIP names by the names, and the
// record of each run binds to its part of the table.
func TestTexts(t *testing.T) {
	filetest.Slow(t)
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
	newTextClasses(t, data, pair, table)
	// Features of another network do not lie in the space of the texts.
	done(t, "extract", "--dataset", "toy", "--data", data, "--model", other, "--network", "other", "--engine", "native")
	refused(t, exitFailed, []string{"their vectors are not in the same embedding space"}, "train", "--dataset", "toy", "--split", "demo", "--method", "clip", "--descriptions", "text", "--network", "other", "--run", "x")
	// Sentences, a class without one, and flags that do not go together.
	csv := []string{"class,text"}
	for _, c := range table.Classes {
		csv = append(csv, c+",\"a "+strings.ReplaceAll(c, "-", " ")+", as said\"")
	}
	filetest.Write(t, "sentences.csv", strings.Join(csv, "\n")+"\n")
	done(t, "attributes", "--dataset", "toy", "--data", data, "--text", "sentences.csv", "--text-model", pair)
	filetest.Write(t, "fewer.csv", strings.Join(csv[:len(csv)-1], "\n")+"\n")
	refused(t, exitFailed, []string{"no text for 1 of 60 classes"}, "attributes", "--dataset", "toy", "--data", data, "--text", "fewer.csv", "--text-model", pair)
	refused(t, exitUsage, []string{"--text-model"}, "attributes", "--dataset", "toy", "--data", data, "--text", "sentences.csv")
	refused(t, exitUsage, []string{"clip80"}, "attributes", "--dataset", "toy", "--data", data, "--text-model", pair, "--template", "an image")
	if err := os.Remove(filepath.Join(pair, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"holds no tokenizer"}, "attributes", "--dataset", "toy", "--data", data, "--text-model", pair)
}

// newTextClasses: a run on texts takes new classes by name and by sentence, in predict and serve, with the vectors that training had.
func newTextClasses(t *testing.T, data, pair string, table *features.ClassTable) {
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	picture := filepath.Join(data, unseen[0], "001.png")
	best := func(args ...string) string {
		return predictJSON(t, exitDone, append([]string{picture, "--run"}, args...)...).Images[0].Top[0].Class
	}
	top := func(args ...string) any {
		return predictJSON(t, exitDone, append([]string{picture, "--run"}, args...)...).Images[0].Top
	}
	for _, run := range []string{"t", "c"} {
		var named []string
		for _, u := range unseen {
			named = append(named, "--class", u)
		}
		want := top(run) // of the class table
		if got := top(append([]string{run}, named...)...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: by name %v, of the table %v", run, got, want)
		}
		filetest.Write(t, "names.txt", strings.Join(unseen, "\n")+"\n")
		if got := top(run, "--classes", "names.txt"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: a list of names: %v, of the table %v", run, got, want)
		}
		csv := "class,text\n"
		for _, u := range unseen {
			csv += "class " + u + "," + strings.ReplaceAll(u, "-", " ") + "\n"
		}
		filetest.Write(t, "said.csv", csv)
		if got := best(run, "--classes", "said.csv"); got != "class "+best(run) {
			t.Errorf("%s: sentences of a file: %s", run, got)
		}
		if got := best(run, "--text", "said.csv", "--class", "nothing=small grey plain bar on sand"); got != "class "+best(run) {
			t.Errorf("%s: --text: %s", run, got)
		}
	}
	for _, r := range []struct {
		code  int
		wants string
		args  []string
	}{
		{exitUsage, "not trained on vectors of texts", []string{"--run", "a", "--class", "x=a small disc"}},
		{exitUsage, "not trained on vectors of texts", []string{"--run", "a", "--text", "said.csv"}},
		{exitUsage, "there already", []string{"--run", "t", "--class", "x", "--class", "x"}},
		{exitFailed, "lacks 22 of the model's 70 attributes", []string{"--run", "both", "--class", "x"}},
		{exitFailed, "no text for", []string{"--run", "t", "--classes", "names.txt", "--text", "said.csv"}},
	} {
		refused(t, r.code, []string{r.wants}, append([]string{"predict", picture}, r.args...)...)
	}
	// Another text model under the name.
	other := t.TempDir()
	if err := demo.WritePair(other); err != nil {
		t.Fatal(err)
	}
	vocabulary := string(filetest.Read(t, filepath.Join(other, "tokenizer.json")))
	filetest.Write(t, filepath.Join(other, "tokenizer.json"), vocabulary+" ")
	refused(t, exitFailed, []string{"is not the text model", "--text-model"}, "predict", picture, "--run", "t", "--class", "x", "--text-model", other)

	url := serve(t, "--run", "t")
	ask := func(method, path, body string) (int, string) {
		code, text := requested(t, method, url+path, []byte(body))
		return code, string(text)
	}
	var said, stored struct{ Attributes map[string]float64 }
	if code, text := ask("POST", "/describe", `{"phrase": "`+strings.ReplaceAll(unseen[1], "-", " ")+`"}`); code != 200 || json.Unmarshal([]byte(text), &said) != nil {
		t.Errorf("%d %s", code, text)
	}
	if code, text := ask("GET", "/classes/"+unseen[1], ""); code != 200 || json.Unmarshal([]byte(text), &stored) != nil || !reflect.DeepEqual(said, stored) || len(said.Attributes) != 48 {
		t.Errorf("%d %s: %v", code, text, said)
	}
	if code, text := ask("PUT", "/classes/new", `{"phrase": "large blue disc"}`); code != 201 {
		t.Errorf("%d %s", code, text)
	}
	if code, text := ask("PUT", "/classes/other", ""); code != 201 {
		t.Errorf("%d %s", code, text)
	}
	if code, text := ask("GET", "/attributes", ""); code != 200 || !strings.Contains(text, `"described_by":"text"`) {
		t.Errorf("%d %s", code, text)
	}
	clipEverywhere(t, data, unseen)
	_ = os.Rename(pair, pair+"-away")
	refused(t, exitFailed, []string{"--text-model"}, "predict", filepath.Join(data), "--run", "t", "--class", "x", "--model", filepath.Join(pair+"-away", "vision_model.onnx"))
	if err := os.Rename(pair+"-away", pair); err != nil {
		t.Fatal(err)
	}
}

// clipEverywhere: what every method does CLIP does: few-shot beside a linear probe, GZSL, exports, images of a class in predict and serve.
func clipEverywhere(t *testing.T, data string, unseen []string) {
	res := done(t, "fewshot", "--dataset", "toy", "--split", "demo", "--descriptions", "text", "--methods", "clip,logistic", "--shots", "0,2", "--pool", "3", "--seeds", "1", "--run", "few")
	if points := res["points"].([]any); len(points) != 3 || findNumber(points[1].(map[string]any), "mean_per_class", "mean") < findNumber(points[0].(map[string]any), "mean_per_class", "mean") {
		t.Errorf("%v", points)
	}
	done(t, "split", "--dataset", "toy", "--split", "all", "--test-seen", "0.34", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	done(t, "train", "--dataset", "toy", "--split", "all", "--method", "clip", "--descriptions", "text", "--run", "g")
	if g := done(t, "evaluate", "--dataset", "toy", "--split", "all", "--run", "g"); findNumber(g, "generalised", "h", "value") == 0 {
		t.Errorf("%v", g)
	}
	done(t, "export", "--format", "onnx", "--run", "c")
	examples := t.TempDir()
	for _, u := range unseen[:2] {
		filetest.Write(t, filepath.Join(examples, u, "2.png"), string(filetest.Read(t, filepath.Join(data, u, "002.png"))))
	}
	picture := filepath.Join(data, unseen[1], "001.png")
	plain := predictJSON(t, exitDone, picture, "--run", "c").Images[0].Top
	taught := predictJSON(t, exitDone, picture, "--run", "c", "--examples", examples).Images[0].Top
	if taught[0].Class != unseen[1] || reflect.DeepEqual(plain, taught) {
		t.Errorf("with images %v, without %v", taught, plain)
	}
	url := serve(t, "--run", "c", "--examples", examples)
	if code, text, err := post(url+"/predict", filetest.Read(t, picture)); err != nil || code != 200 || !strings.Contains(text, unseen[1]) {
		t.Errorf("%d %s %v", code, text, err)
	}
	if code, text, err := post(url+"/classes/"+unseen[3], filetest.Read(t, filepath.Join(data, unseen[3], "002.png"))); err != nil || code != 200 {
		t.Errorf("%d %s %v", code, text, err)
	}
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
