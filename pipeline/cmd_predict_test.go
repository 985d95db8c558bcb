package pipeline

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/predict"
	"vzsl/predict/server"
)

// predicted is the JSON of vzsl predict.
type predicted struct {
	Run        string
	Classes    int
	Calibrated bool
	Skipped    int
	Images     []predict.ImagePrediction
}

func predictJSON(t *testing.T, code int, args ...string) (p predicted) {
	t.Helper()
	o := vzsl(t, append(append([]string{"predict"}, args...), "--json", "--quiet")...)
	if o.code != code {
		t.Fatalf("vzsl predict %s: exit code %d\n%s", strings.Join(args, " "), o.code, o.stderr)
	}
	if err := json.Unmarshal([]byte(o.stdout), &p); err != nil {
		t.Fatalf("%v\n%s", err, o.stdout)
	}
	return p
}

// trained is a folder with a run of ESZSL and one of VZSL on the demo's few images, made once for all tests.
var trained = sync.OnceValues(func() (string, error) {
	dir, err := pictures()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "trained")
	data := filepath.Join(dir, "data")
	for _, args := range [][]string{
		{"extract", "--data", data, "--model", filepath.Join(dir, "demo.onnx")},
		{"attributes", "--data", data},
		{"split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt")},
		{"train", "--split", "demo", "--method", "eszsl"},
		{"train", "--split", "demo", "--set", "epochs=3"},
	} {
		var b strings.Builder
		if code := run(context.Background(), append(args, "--dataset", "demo", "--out", out, "-q"), &b, &b); code != exitDone {
			return "", fmt.Errorf("%v: %s", args, b.String())
		}
	}
	return out, nil
})

func demoRun(t *testing.T) (out, data, model string) {
	t.Helper()
	out, err := trained()
	if err != nil {
		t.Fatal(err)
	}
	data, model = demoData(t)
	return out, data, model
}

// lines are those of a text file.
func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// TestPredict: images, their features, and classes given again in a file with other columns in another order give the
// same answers, which are mostly right.
func TestPredict(t *testing.T) {
	out, data, model := demoRun(t)
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	args := []string{"--run", "demo-demo-eszsl", "--out", out, "--model", model, "--top", "60"}
	var folders []string
	for _, c := range unseen {
		folders = append(folders, filepath.Join(data, c))
	}
	p := predictJSON(t, exitDone, append(folders, args...)...)
	if p.Classes != 12 || !p.Calibrated || p.Run != "demo-demo-eszsl" || len(p.Images) != 72 {
		t.Fatalf("%d classes, calibrated %v, %d images", p.Classes, p.Calibrated, len(p.Images))
	}
	right, byImage := 0, map[string]predict.ImagePrediction{}
	for _, x := range p.Images {
		class := filepath.Base(filepath.Dir(filepath.FromSlash(x.Image)))
		if x.Class == class {
			right++
		}
		byImage[class+"/"+filepath.Base(x.Image)] = x
	}
	if right < 36 {
		t.Errorf("%d of 72 images are named rightly", right)
	}

	// Features in place of images.
	shard := filepath.Join(out, "features", "demo", "demo")
	same := 0
	for _, x := range predictJSON(t, exitDone, append([]string{shard}, args...)...).Images {
		if want, ok := byImage[x.Image]; ok {
			same++
			alike(t, x, want)
		}
	}
	if same != 72 {
		t.Errorf("%d of 72 images are among the features", same)
	}

	// The unseen classes in a file of their own.
	own := filepath.Join(t.TempDir(), "own.csv")
	shuffled(t, filepath.Join(data, "classes.csv"), own, func(class string) bool { return slices.Contains(unseen, class) })
	for _, x := range predictJSON(t, exitDone, append([]string{filepath.Join(data, unseen[3], "00?.png"), "--classes", own}, args...)...).Images {
		alike(t, x, byImage[unseen[3]+"/"+filepath.Base(x.Image)])
	}

	// All classes; none of them.
	p = predictJSON(t, exitDone, append([]string{filepath.Join(data, unseen[0], "000.png"), "--seen", "--none-below", "1", "--explain"}, args...)...)
	x := p.Images[0]
	if p.Classes != 60 || len(x.Top) != 60 || x.Class != "" || x.Explanation == nil || len(x.Explanation.For) != 5 {
		t.Errorf("%d classes, %+v", p.Classes, x)
	}
}

// alike fails where two answers differ.
func alike(t *testing.T, got, want predict.ImagePrediction) {
	t.Helper()
	if len(got.Top) != len(want.Top) || got.Class != want.Class {
		t.Fatalf("%s: %+v, want %+v", got.Image, got, want)
	}
	p := map[string]float64{}
	for _, c := range want.Top {
		p[c.Class] = c.Probability
	}
	for _, c := range got.Top {
		if d := c.Probability - p[c.Class]; d > 1e-5 || d < -1e-5 {
			t.Fatalf("%s, %s: %g, want %g", got.Image, c.Class, c.Probability, p[c.Class])
		}
	}
}

// shuffled writes some rows of a CSV with its columns in another order and one more.
func shuffled(t *testing.T, from, to string, keep func(class string) bool) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	order := rand.New(rand.NewPCG(1, 1)).Perm(len(rows[0]) - 1)
	var b strings.Builder
	w := csv.NewWriter(&b)
	for i, row := range rows {
		if i > 0 && !keep(row[0]) {
			continue
		}
		r := []string{row[0]}
		for _, k := range order {
			r = append(r, row[k+1])
		}
		more := "7"
		if i == 0 {
			more = "weight in kg"
		}
		w.Write(append(r, more))
	}
	w.Flush()
	filetest.Write(t, to, b.String())
}

// TestPredictWrites: tables, words for people, images that cannot be used.
func TestPredictWrites(t *testing.T) {
	out, data, model := demoRun(t)
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	good := filepath.Join(data, unseen[0], "000.png")
	dir := t.TempDir()
	bad := filetest.Write(t, filepath.Join(dir, "bad.jpg"), "no image")
	args := []string{"predict", good, bad, "--run", "demo-demo-vzsl", "--out", out, "--model", model}
	table := filepath.Join(dir, "answers.csv")
	o := vzsl(t, append(args, "--explain", "--csv", table, "--parquet", filepath.Join(dir, "answers.parquet"))...)
	if o.code != exitSkipped {
		t.Fatalf("exit code %d\n%s", o.code, o.stderr)
	}
	for _, word := range []string{good, "not an image: looks like a text file", "seen:", "for:", "against:", "%"} {
		if !strings.Contains(o.stdout, word) {
			t.Errorf("%q is not said:\n%s", word, o.stdout)
		}
	}
	b, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil || len(rows) != 3 || len(rows[0]) != 19 || rows[2][18] == "" {
		t.Errorf("%v %v", err, rows)
	}
	if st, err := os.Stat(filepath.Join(dir, "answers.parquet")); err != nil || st.Size() == 0 {
		t.Error(err)
	}
	if o := vzsl(t, append(args, "--csv", "-", "-q")...); o.stdout != string(b) {
		t.Errorf("--csv - wrote\n%s\nnot\n%s", o.stdout, b)
	}
}

func TestPredictRefusals(t *testing.T) {
	out, data, model := demoRun(t)
	dir := t.TempDir()
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	picture := filepath.Join(data, unseen[0], "000.png")
	in := func(args ...string) []string {
		return append([]string{"predict", "--out", out, "--run", "demo-demo-eszsl"}, args...)
	}
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	// The same network, but for its producer's name.
	other := filetest.Write(t, filepath.Join(dir, "demo.onnx"), string(b)+"\x12\x01x")
	refused(t, exitFailed, []string{"not the network", "sha256", "--model"}, in(picture, "--model", other)...)
	t.Chdir(dir)
	refused(t, exitFailed, []string{"models/demo.onnx", "--model"}, in(picture)...)
	refused(t, exitUsage, []string{"arg"}, in()...)
	refused(t, exitUsage, []string{"--top"}, in(picture, "--top", "0")...)
	refused(t, exitUsage, []string{"--none-below"}, in(picture, "--none-below", "50")...)
	refused(t, exitUsage, []string{"--words", "--classes"}, in(picture, "--words", "v.txt")...)
	refused(t, exitFailed, []string{"nowhere.png"}, in("nowhere.png", "--model", model)...)
	refused(t, exitFailed, []string{"no*.png"}, in("no*.png", "--model", model)...)
	refused(t, exitFailed, []string{"no images"}, in(dir, "--model", model)...)
	refused(t, exitFailed, []string{"text.png", "not an image"}, in(filetest.Write(t, "text.png", "text"), "--model", model)...)
	refused(t, exitFailed, []string{"no such run", "demo-demo-eszsl"}, "predict", picture, "--out", out, "--run", "other")
	refused(t, exitFailed, []string{"few.csv", "of the model's 22 attributes", "--words"}, in(picture, "--model", model, "--classes", filetest.Write(t, "few.csv", "class,red\nx,1\n"))...)
	refused(t, exitFailed, []string{"twice.txt:2", "x"}, in(picture, "--model", model, "--classes", filetest.Write(t, "twice.txt", "x\nx\n"))...)
	refused(t, exitFailed, []string{"nowhere.csv"}, in(picture, "--model", model, "--classes", "nowhere.csv")...)
	// The run's network is found where networks lie; descriptions in another unit are pointed at.
	filetest.Write(t, filepath.Join("models", "demo.onnx"), string(b))
	table := strings.ReplaceAll(string(filetest.Read(t, filepath.Join(data, "classes.csv"))), ",1", ",100")
	percent := filetest.Write(t, "percent.csv", table)
	for file, warned := range map[string]bool{filepath.Join(data, "classes.csv"): false, percent: true} {
		o := vzsl(t, in(picture, "--classes", file, "-q")...)
		if o.code != exitDone || strings.Contains(o.stderr, "same unit") != warned {
			t.Errorf("%s: exit code %d, %s", file, o.code, o.stderr)
		}
	}
	refused(t, exitFailed, []string{"classes.parquet", "features have 22 values"}, in(filepath.Join(out, "features", "demo", "classes.parquet"))...)
}

// TestPredictWords: a model trained on word vectors takes names alone, and looks them up.
func TestPredictWords(t *testing.T) {
	_, data, model := demoRun(t)
	out, r := t.TempDir(), rand.New(rand.NewPCG(5, 5))
	var vectors strings.Builder
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	for _, c := range append(lines(t, filepath.Join(data, "seen.txt")), append([]string{"wonder"}, unseen...)...) {
		fmt.Fprint(&vectors, c)
		for range 12 {
			fmt.Fprintf(&vectors, " %.4f", r.NormFloat64())
		}
		vectors.WriteString("\n")
	}
	words := filetest.Write(t, filepath.Join(out, "vectors.txt"), vectors.String())
	in := func(args ...string) []string { return append(args, "--dataset", "demo", "--out", out) }
	done(t, in("extract", "--data", data, "--model", model)...)
	done(t, in("attributes", "--data", data, "--words", words)...)
	done(t, in("split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))...)
	done(t, in("train", "--split", "demo", "--method", "eszsl")...)
	args := in("--split", "demo", "--method", "eszsl", "--model", model, filepath.Join(data, unseen[0], "000.png"), "--top", "60")
	want := predictJSON(t, exitDone, args...).Images[0]
	for name, text := range map[string]string{"names.txt": "", "names.csv": "class\n"} {
		file := filetest.Write(t, filepath.Join(out, name), text+strings.Join(unseen, "\n")+"\n")
		alike(t, predictJSON(t, exitDone, append(args, "--classes", file, "--words", words)...).Images[0], want)
		refused(t, exitFailed, []string{name, "12 attributes", "--words"}, append(append([]string{"predict"}, args...), "--classes", file)...)
	}
	// A class that nobody has ever named, under other words.
	file := filetest.Write(t, filepath.Join(out, "new.txt"), unseen[0]+"\nmarvel\n")
	names := filetest.Write(t, filepath.Join(out, "phrases.txt"), "marvel\twonder\n")
	p := predictJSON(t, exitDone, append(args, "--classes", file, "--words", words, "--names", names)...)
	if len(p.Images[0].Top) != 2 {
		t.Errorf("%+v", p.Images[0])
	}
	// The same over HTTP.
	url := serve(t, in("--split", "demo", "--method", "eszsl", "--model", model, "--classes", filetest.Write(t, filepath.Join(out, "one.txt"), unseen[0]+"\n"), "--words", words)...)
	for class, want := range map[string]struct {
		body string
		code int
	}{
		"marvel":  {`{"phrase": "wonder"}`, http.StatusCreated},
		"wonder":  {"", http.StatusCreated},
		"unheard": {"", http.StatusUnprocessableEntity},
	} {
		if code, _ := requested(t, http.MethodPut, url+"/classes/"+class, []byte(want.body)); code != want.code {
			t.Errorf("PUT %s: %d, want %d", class, code, want.code)
		}
	}
	_, text, err := post(url+"/predict", filetest.Read(t, filepath.Join(data, unseen[0], "000.png")))
	var told server.Response
	if err != nil || json.Unmarshal([]byte(text), &told) != nil || told.Classes != 3 {
		t.Errorf("%v %s", err, text)
	}
	scores := map[string]float32{}
	for _, c := range told.Images[0].Top {
		scores[c.Class] = c.Score
	}
	for _, c := range p.Images[0].Top {
		if d := c.Score - scores[c.Class]; d > 1e-5 || d < -1e-5 {
			t.Errorf("%s: %g on the command line, %g over HTTP", c.Class, c.Score, scores[c.Class])
		}
	}

	refused(t, exitFailed, []string{"marvel", "--names"}, append(append([]string{"predict"}, args...), "--classes", file, "--words", words)...)
}

// TestPredictDamaged: an image whose JPEG file lacks a colour channel is classified, and said to be damaged.
func TestPredictDamaged(t *testing.T) {
	out, _, model := demoRun(t)
	args := []string{filepath.Join("..", "extract", "preprocess", "testdata", "files", "channel-missing.jpg"), "--run", "demo-demo-eszsl", "--model", model, "--out", out}
	p := predictJSON(t, exitDone, args...)
	if len(p.Images) != 1 || p.Images[0].Prediction == nil || p.Images[0].Damaged != "a colour channel has no data" {
		t.Errorf("%+v", p.Images)
	}
	if o := vzsl(t, append([]string{"predict"}, args...)...); o.code != exitDone || !strings.Contains(o.stderr, "image damaged, decoded as by libjpeg") || !strings.Contains(o.stderr, "channel-missing.jpg") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
}
