package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
	"vzsl/pipeline/inspect"
	"vzsl/train/safetensors"
)

// world is a small dataset whose files a test writes and changes as it likes.
type world struct {
	t        *testing.T
	out      string
	classes  []string
	names    []string // attributes
	values   [][]float64
	images   []string
	class    []int // of each image
	features [][]float64
	network  string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, out: t.TempDir(), names: []string{"a", "b", "c", "d"}, network: "n"}
	rng := rand.New(rand.NewPCG(7, 1))
	to := make([][]float64, len(w.names))
	for i := range to {
		for range 10 {
			to[i] = append(to[i], rng.NormFloat64())
		}
	}
	for k := range 8 {
		w.classes = append(w.classes, fmt.Sprintf("k%d", k))
		row := make([]float64, len(w.names))
		for i := range row {
			row[i] = float64(1+rng.IntN(99)) / 100
		}
		w.values = append(w.values, row)
		for range 6 {
			x := make([]float64, 10)
			for j := range x {
				x[j] = 3 + .05*rng.NormFloat64()
				for a, v := range row {
					x[j] += (v - .5) * to[a][j]
				}
			}
			w.images, w.class, w.features = append(w.images, fmt.Sprintf("p%02d.jpg", len(w.images))), append(w.class, k), append(w.features, x)
		}
	}
	return w
}

func (w *world) in(args ...string) []string {
	return append(args, "--dataset", "x", "--out", w.out)
}

// describe writes the class table of classes and attributes in the order given.
func (w *world) describe(classes, attributes []int) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("class")
	for _, j := range attributes {
		b.WriteString("," + w.names[j])
	}
	for _, k := range classes {
		b.WriteString("\n" + w.classes[k])
		for _, j := range attributes {
			fmt.Fprintf(&b, ",%g", w.values[k][j])
		}
	}
	filetest.Write(w.t, filepath.Join(w.out, "data", "classes.csv"), b.String()+"\n")
	done(w.t, w.in("attributes", "--data", filepath.Join(w.out, "data"))...)
}

// store writes the features of rows, as those of a dataset.
func (w *world) store(dataset string, rows []int) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("image,class")
	for j := range w.features[0] {
		fmt.Fprintf(&b, ",f%d", j)
	}
	for _, i := range rows {
		b.WriteString("\n" + w.images[i] + "," + w.classes[w.class[i]])
		for _, v := range w.features[i] {
			fmt.Fprintf(&b, ",%g", v)
		}
	}
	file := filetest.Write(w.t, filepath.Join(w.out, "features.csv"), b.String()+"\n")
	done(w.t, "import", "csv", file, "--dataset", dataset, "--data", filepath.Join(w.out, "data"), "--network", w.network, "--force", "--out", w.out)
}

// split makes the split own with the unseen classes, the lists in the order given.
func (w *world) split(order []int, unseen []string, more ...string) []string {
	var s, u []string
	for _, k := range order {
		if slices.Contains(unseen, w.classes[k]) {
			u = append(u, w.classes[k])
		} else {
			s = append(s, w.classes[k])
		}
	}
	return w.in(append([]string{"split", "--split", "own", "--validation", "1", "--test-seen", "0.2",
		"--seen", filetest.Write(w.t, filepath.Join(w.out, "s.txt"), strings.Join(s, "\n")+"\n"),
		"--unseen", filetest.Write(w.t, filepath.Join(w.out, "u.txt"), strings.Join(u, "\n")+"\n")}, more...)...)
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// made is a world with the split own.
func made(t *testing.T) *world {
	w := newWorld(t)
	w.describe(upTo(8), upTo(4))
	w.store("x", upTo(len(w.images)))
	w.store("new", []int{0, 7, 14, 21, 30})
	done(t, w.split(upTo(8), []string{"k1", "k4", "k6"})...)
	return w
}

func (w *world) train(method string, more ...string) []string {
	if strings.HasPrefix(method, "vzsl") {
		more = append([]string{"--set", "epochs=2", "--set", "hidden=8", "--set", "latent=3"}, more...)
	}
	return w.in(append([]string{"train", "--split", "own", "--method", method}, more...)...)
}

func (w *world) of(command, method string, more ...string) []string {
	return w.in(append([]string{command, "--split", "own", "--method", method}, more...)...)
}

func (w *world) path(elements ...string) string {
	return filepath.Join(append([]string{w.out}, elements...)...)
}

// doors are the commands that read a run of VZSL, but for train and tune.
func (w *world) doors() map[string][]string {
	run := "x-own-vzsl"
	return map[string][]string{
		"evaluate":           w.of("evaluate", "vzsl"),
		"predict":            w.of("predict", "vzsl", w.path("features", "new", "n")),
		"serve":              w.of("serve", "vzsl", "--model", "none.onnx"),
		"generate":           w.of("generate", "vzsl", "--per-class", "3", "--to", "generated", "--force"),
		"export onnx":        w.of("export", "vzsl", "--format", "onnx", "--force"),
		"export safetensors": w.of("export", "vzsl", "--format", "safetensors", "--force"),
		"export tensorboard": w.of("export", "vzsl", "--format", "tensorboard", "--force"),
		"report":             {"report", run, "--out", w.out},
		"report of several":  {"report", run, "x-own-eszsl", "--out", w.out},
		"train again":        w.train("vzsl"),
	}
}

// TestPermutations: rows, columns, classes and lists in another order change no figure and no answer.
func TestPermutations(t *testing.T) {
	filetest.Slow(t)
	w := made(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, method := range []string{"vzsl", "eszsl", "conse"} {
		done(t, w.train(method)...)
	}
	seen := func(method string) (any, any) {
		e := done(t, w.of("evaluate", method)...)
		p := done(t, w.of("predict", method, w.path("features", "new", "n"))...)
		slices.SortFunc(p["images"].([]any), func(a, b any) int {
			return strings.Compare(a.(map[string]any)["image"].(string), b.(map[string]any)["image"].(string))
		})
		return e, p
	}
	type figures struct{ evaluated, predicted any }
	before := map[string]figures{}
	for _, method := range []string{"vzsl", "eszsl", "conse"} {
		var f figures
		f.evaluated, f.predicted = seen(method)
		before[method] = f
	}
	for range 3 {
		order := rng.Perm(8)
		w.describe(order, rng.Perm(4))
		w.store("x", rng.Perm(len(w.images)))
		w.store("new", []int{21, 0, 30, 14, 7})
		done(t, w.split(rng.Perm(8), []string{"k1", "k4", "k6"}, "--force")...)
		for method, f := range before {
			e, p := seen(method)
			if !reflect.DeepEqual(e, f.evaluated) {
				t.Errorf("%s: evaluate gave\n%v\nand with all in another order\n%v", method, f.evaluated, e)
			}
			if !reflect.DeepEqual(p, f.predicted) {
				t.Errorf("%s: predict gave\n%v\nand with all in another order\n%v", method, f.predicted, p)
			}
			if r := done(t, w.train(method)...); r["reused"] != true {
				t.Errorf("%s: with all in another order it was trained anew", method)
			}
		}
	}
}

// TestChangedByte changes bytes of what a run was made from: every command that reads it refuses.
func TestChangedByte(t *testing.T) {
	filetest.Slow(t)
	w := made(t)
	done(t, w.train("vzsl")...)
	done(t, w.train("eszsl")...)
	done(t, w.of("evaluate", "vzsl")...)
	done(t, w.of("evaluate", "eszsl")...)
	shards, err := filepath.Glob(w.path("features", "x", "n", "part-*.parquet"))
	if err != nil || len(shards) != 1 {
		t.Fatal(shards, err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	flips := 3
	if os.Getenv("VZSL_LONG") != "" {
		flips = 40
	}
	for _, file := range []string{
		w.path("features", "x", "splits", "own.parquet"), w.path("features", "x", "classes.parquet"), shards[0],
		w.path("features", "x", "n", "manifest.json"),
		w.path("runs", "x-own-vzsl", "model.safetensors"),
		w.path("runs", "x-own-vzsl", "inputs", "split.parquet"), w.path("runs", "x-own-vzsl", "inputs", "classes.parquet"),
	} {
		was := filetest.Read(t, file)
		for range flips {
			changed := bytes.Clone(was)
			at := rng.IntN(len(was))
			changed[at] ^= byte(1 << rng.IntN(8))
			filetest.Write(t, file, string(changed))
			for name, args := range w.doors() {
				if o := vzsl(t, append(args, "--quiet")...); o.code != exitFailed {
					t.Errorf("%s: byte %d of %d changed, and %s ends with %d\n%s", file, at, len(was), name, o.code, o.stderr)
				}
			}
		}
		filetest.Write(t, file, string(was))
	}
	for name, args := range w.doors() {
		if name != "serve" {
			if o := vzsl(t, args...); o.code != exitDone {
				t.Errorf("%s, with all as it was: %s", name, o.stderr)
			}
		}
	}
}

// TestChangedInputs writes inputs again with other contents: what differs is named, and so is what fixes it.
func TestChangedInputs(t *testing.T) {
	filetest.Slow(t)
	all := upTo(8)
	trained := made(t)
	for _, method := range []string{"vzsl", "eszsl"} {
		done(t, trained.train(method)...)
		done(t, trained.of("evaluate", method)...)
	}
	for name, c := range map[string]struct {
		change func(w *world)
		says   []string
	}{
		"split": {func(w *world) { done(w.t, w.split(all, []string{"k2", "k4", "k6"}, "--force")...) },
			[]string{"split:", `class "k1" was unseen, now it is`, `class "k2" was`, "now it is unseen", "cp ", "inputs/split.parquet"}},
		"roles": {func(w *world) { done(w.t, w.split(all, []string{"k1", "k4", "k6"}, "--force", "--seed", "2")...) },
			[]string{"split:", "image ", "was train, now it is test_seen"}},
		"value": {func(w *world) { w.values[4][2] = .123; w.describe(all, upTo(4)) },
			[]string{"class table:", `c of class "k4" was`, "now it is 0.123", "inputs/classes.parquet"}},
		"attribute": {func(w *world) { w.names[3] = "e"; w.describe(all, upTo(4)) },
			[]string{`attribute "d" is gone`, `attribute "e" is new`}},
		"attribute less": {func(w *world) { w.describe(all, upTo(3)) }, []string{`attribute "d" is gone`}},
		"feature": {func(w *world) { w.features[9][3] += .25; w.store("x", upTo(len(w.images))) },
			[]string{"features:", `image "p09.jpg" has another feature`}},
		"image less": {func(w *world) { w.store("x", upTo(len(w.images))[1:]) }, []string{`image "p00.jpg" no longer has a feature`}},
		"class of an image": {func(w *world) { w.class[9] = 2; w.store("x", upTo(len(w.images))) },
			[]string{`image "p09.jpg" was of class "k1", now it is of class "k2"`}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			copyTree(t, trained.out, w.out)
			c.change(w)
			for door, args := range w.doors() {
				words := append([]string{"--force"}, c.says...)
				if door == "train again" { // it says how to start over only
					words = slices.DeleteFunc(words, func(s string) bool { return strings.HasPrefix(s, "cp ") || strings.HasPrefix(s, "inputs/") })
				}
				refused(t, exitFailed, words, args...)
			}
			if name == "class of an image" { // training would go, but the image tests unseen classes
				done(t, w.split(all, []string{"k1", "k4", "k6"}, "--force")...)
			}
			// The command that it names mends it.
			o := vzsl(t, w.of("evaluate", "vzsl")...)
			again := regexp.MustCompile(`'vzsl (train [^']*)'`).FindStringSubmatch(o.stderr)
			if again == nil {
				t.Fatalf("no command to train again: %s", o.stderr)
			}
			done(t, strings.Fields(again[1])...)
			done(t, w.of("evaluate", "vzsl")...)
		})
	}
}

// TestUnchangedInputs: what a run does not depend on may change.
func TestUnchangedInputs(t *testing.T) {
	w := made(t)
	done(t, w.train("eszsl")...)
	before := done(t, w.of("evaluate", "eszsl")...)
	predicted := done(t, w.of("predict", "eszsl", w.path("features", "new", "n"))...)
	w.classes, w.values = append([]string{"okapi"}, w.classes...), append([][]float64{{1, 2, 3, 4}}, w.values...)
	for i := range w.class {
		w.class[i]++
	}
	w.describe(upTo(9), upTo(4))
	for name, change := range map[string]func(){
		"a class described since":     func() {},
		"features labelled by it too": func() { w.store("x", upTo(len(w.images))) },
		"an image of it": func() {
			w.images, w.class, w.features = append(w.images, "p98.jpg"), append(w.class, 0), append(w.features, w.features[0])
			w.store("x", upTo(len(w.images)))
		},
	} {
		change()
		if e := done(t, w.of("evaluate", "eszsl")...); !reflect.DeepEqual(e, before) {
			t.Errorf("%s: evaluate gave %v, then %v", name, before, e)
		}
		if p := done(t, w.of("predict", "eszsl", w.path("features", "new", "n"))...); !reflect.DeepEqual(p, predicted) {
			t.Errorf("%s: predict gave %v, then %v", name, predicted, p)
		}
		if r := done(t, w.train("eszsl")...); r["reused"] != true {
			t.Errorf("%s: the run was trained anew", name)
		}
	}
	// The dataset's own files gone, the run's record is what counts.
	for _, file := range []string{w.path("features", "x", "splits", "own.parquet"), w.path("features", "x", "classes.parquet")} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if e := done(t, w.of("evaluate", "eszsl")...); e["mean_per_class"] == nil || !reflect.DeepEqual(e["mean_per_class"], before["mean_per_class"]) {
		t.Errorf("without the dataset's files: %v", e)
	}
	if err := os.RemoveAll(w.path("features", "x")); err != nil {
		t.Fatal(err)
	}
	if p := done(t, w.of("predict", "eszsl", w.path("features", "new", "n"))...); !reflect.DeepEqual(p, predicted) {
		t.Errorf("without the features: %v", p)
	}
}

// TestForeignModel puts the model of another run into a run.
func TestForeignModel(t *testing.T) {
	w := made(t)
	for _, m := range [][]string{{}, {"--seed", "2", "--run", "seed2"}, {"--set", "scale=9", "--run", "scale"}} {
		done(t, w.train("vzsl", m...)...)
	}
	done(t, w.train("eszsl")...)
	done(t, w.of("evaluate", "vzsl")...)
	done(t, w.of("evaluate", "eszsl")...)
	own := w.path("runs", "x-own-vzsl", "model.safetensors")
	for run, says := range map[string]string{"seed2": "seed in the model 2, in config.toml 1", "scale": "scale in the model 9", "x-own-eszsl": "method in the model eszsl"} {
		filetest.Write(t, own, string(filetest.Read(t, w.path("runs", run, "model.safetensors"))))
		for _, args := range w.doors() {
			refused(t, exitFailed, []string{"is not the one that was trained there", says, "force"}, args...)
		}
	}
}

// TestTrainAgain: the command that a refused run names trains it as it was trained, all its seeds, with its settings, by its search.
func TestTrainAgain(t *testing.T) {
	w := made(t)
	search := []string{"--trials", "2", "--folds", "2"}
	runs := map[string][]string{
		"settings": w.train("vzsl", "--set", "scale=7", "--seed", "5", "--run", "settings"),
		"seeds":    w.train("vzsl", "--set", "scale=7", "--seed", "3", "--seeds", "2", "--run", "seeds"),
		"search":   w.in(append([]string{"tune", "--split", "own", "--method", "eszsl", "--run", "search"}, search...)...),
		"searched": w.in(append([]string{"tune", "--split", "own", "--method", "eszsl", "--seeds", "2", "--run", "searched"}, search...)...),
	}
	config := func(run string) string {
		folder := map[string]string{"seeds": "/seed-4", "searched": "/seed-2"}[run]
		text := string(filetest.Read(t, w.path("runs", run+folder, "config.toml")))
		return regexp.MustCompile(`(?m)^(accuracy|deviation|trial|.*sha256|lambda|gamma) = .*$`).ReplaceAllString(text, "")
	}
	before := map[string]string{}
	for run, args := range runs {
		done(t, args...)
		before[run] = config(run)
	}
	w.values[0][2] += .25
	w.describe(upTo(8), upTo(4))
	for run := range runs {
		o := vzsl(t, "evaluate", "--run", run, "--out", w.out)
		again := regexp.MustCompile(`'vzsl ((?:train|tune) [^']*)'`).FindStringSubmatch(o.stderr)
		if o.code != exitFailed || again == nil {
			t.Fatalf("%s: %d %s", run, o.code, o.stderr)
		}
		done(t, strings.Fields(again[1])...)
		done(t, "evaluate", "--run", run, "--out", w.out)
		if now := config(run); now != before[run] {
			t.Errorf("%s: '%s' trained\n%s\nnot\n%s", run, again[1], now, before[run])
		}
	}
}

// TestRecordGone: a run whose record was taken away is none of an earlier version.
func TestRecordGone(t *testing.T) {
	w := made(t)
	for _, method := range []string{"vzsl", "eszsl"} {
		done(t, w.train(method)...)
		done(t, w.of("evaluate", method)...)
	}
	if err := os.RemoveAll(w.path("runs", "x-own-vzsl", "inputs")); err != nil {
		t.Fatal(err)
	}
	for _, args := range w.doors() {
		refused(t, exitFailed, []string{"what the run was made from", "split.parquet", "force"}, args...)
	}
}

// TestReportOfEarlierModel: a stored figure is not shown beside the curves of a later training.
func TestReportOfEarlierModel(t *testing.T) {
	w := made(t)
	done(t, w.train("vzsl")...)
	done(t, w.of("evaluate", "vzsl")...)
	done(t, w.train("vzsl", "--seed", "2", "--force")...)
	refused(t, exitFailed, []string{"an earlier model", "vzsl evaluate --run x-own-vzsl"}, "report", "x-own-vzsl", "--out", w.out)
	done(t, w.of("evaluate", "vzsl")...)
	done(t, "report", "x-own-vzsl", "--out", w.out)
	// A training under way has no model and no checksum.
	config := w.path("runs", "x-own-vzsl", "config.toml")
	if err := os.Remove(w.path("runs", "x-own-vzsl", "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	done(t, "report", "x-own-vzsl", "--out", w.out)
	text, _, _ := strings.Cut(string(filetest.Read(t, config)), "# the model that the training ended with")
	table := string(filetest.Read(t, config))
	if err := custody.WriteAll(t.Context(), filepath.Dir(config), custody.Bytes("config.toml", []byte(text+table[strings.Index(table, "[vzsl]"):]))); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"earlier model", "not finished"}, "report", "x-own-vzsl", "--out", w.out)
}

// age makes a run one of an earlier version: without its record and its model's checksum.
func (w *world) age(run string) {
	w.t.Helper()
	dir := w.path("runs", run)
	if err := os.RemoveAll(filepath.Join(dir, "inputs")); err != nil {
		w.t.Fatal(err)
	}
	f, err := safetensors.Read(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		w.t.Fatal(err)
	}
	text := regexp.MustCompile(`(# of the record[^\n]*\n)?inputs_sha256 = [^\n]*\n`).ReplaceAllString(f.Metadata["config"], "")
	if text == f.Metadata["config"] || strings.Contains(text, "inputs") {
		w.t.Fatal(text)
	}
	f.Metadata["config"] = text
	var model bytes.Buffer
	if err := safetensors.Encode(&model, f); err != nil {
		w.t.Fatal(err)
	}
	filetest.Write(w.t, filepath.Join(dir, "model.safetensors"), model.String())
	filetest.Write(w.t, filepath.Join(dir, "config.toml"), text)
	if err := os.Remove(filepath.Join(dir, custody.Name)); err != nil {
		w.t.Fatal(err)
	}
}

// TestOldRuns opens runs of earlier versions: what they say of their inputs is compared, and what could not be is said.
func TestOldRuns(t *testing.T) {
	w := made(t)
	done(t, w.train("eszsl")...)
	before := done(t, w.of("evaluate", "eszsl")...)
	w.age("x-own-eszsl")
	if r := done(t, w.train("eszsl")...); r["reused"] != true {
		t.Error("a run of an earlier version was trained anew")
	}
	o := vzsl(t, w.of("evaluate", "eszsl")...)
	if o.code != exitDone || !strings.Contains(o.stderr, "an earlier version") || !strings.Contains(o.stderr, "which images are tested") {
		t.Errorf("%d %s", o.code, o.stderr)
	}
	w.describe(upTo(8), []int{2, 0, 3, 1})
	if e := done(t, w.of("evaluate", "eszsl")...); !reflect.DeepEqual(e, before) {
		t.Errorf("with columns in another order: %v, then %v", before, e)
	}
	predict := w.of("predict", "eszsl", w.path("features", "new", "n"))
	done(t, predict...)
	done(t, w.split(upTo(8), []string{"k2", "k4", "k6"}, "--force")...)
	for _, args := range [][]string{w.of("evaluate", "eszsl"), predict} {
		refused(t, exitFailed, []string{"split", "--force"}, args...)
	}
	done(t, w.split(upTo(8), []string{"k1", "k4", "k6"}, "--force")...)
	w.values[0][0] += .5
	w.describe(upTo(8), upTo(4))
	for _, args := range [][]string{w.of("evaluate", "eszsl"), predict} {
		refused(t, exitFailed, []string{"class table", "--force"}, args...)
	}
}

// TestSplitKept: a split that runs were made with is not replaced unless told.
func TestSplitKept(t *testing.T) {
	w := made(t)
	other := w.split(upTo(8), []string{"k2", "k4", "k6"})
	same := w.split(upTo(8), []string{"k1", "k4", "k6"})
	done(t, w.split(upTo(8), []string{"k2", "k4", "k6"})...) // no run yet
	done(t, w.split(upTo(8), []string{"k1", "k4", "k6"})...)
	done(t, w.train("eszsl")...)
	done(t, same...)
	file := w.path("features", "x", "splits", "own.parquet")
	before := filetest.Read(t, file)
	w.split(upTo(8), []string{"k2", "k4", "k6"}) // its lists
	refused(t, exitFailed, []string{"run x-own-eszsl was trained with this split", `class "k1" was unseen`, "--split", "--force"}, other...)
	if !bytes.Equal(filetest.Read(t, file), before) {
		t.Error("a refused split was written")
	}
	done(t, append(other, "--split", "another")...)
	done(t, w.train("eszsl", "--seeds", "2", "--run", "several")...)
	refused(t, exitFailed, []string{"3 runs were trained", "several/seed-2"}, other...)
	if o := vzsl(t, append(other, "--force")...); o.code != exitDone || !strings.Contains(o.stderr, "x-own-eszsl") {
		t.Errorf("%d %s", o.code, o.stderr)
	}
	refused(t, exitFailed, []string{`class "k1" was unseen`}, w.of("evaluate", "eszsl")...)
}

// TestUnassigned: images that were added after the split are named, with the command that gives them a role.
func TestUnassigned(t *testing.T) {
	w := made(t)
	done(t, w.train("eszsl")...)
	if o := vzsl(t, w.of("evaluate", "eszsl")...); strings.Contains(o.stderr, "no role") {
		t.Errorf("every image has a role: %s", o.stderr)
	}
	w.images, w.class, w.features = append(w.images, "p99.jpg"), append(w.class, 1), append(w.features, w.features[6])
	w.store("x", upTo(len(w.images)))
	command := "'vzsl split --dataset=x "
	for _, args := range [][]string{w.train("eszsl", "--run", "later"), w.of("evaluate", "eszsl")} {
		o := vzsl(t, args...)
		if o.code != exitDone || !strings.Contains(o.stderr, "1 images of the split's classes") || !strings.Contains(o.stderr, "p99.jpg") || !strings.Contains(o.stderr, command) {
			t.Errorf("vzsl %s: %d %s", strings.Join(args, " "), o.code, o.stderr)
		}
	}
	// The shots' pool has no role on purpose.
	done(t, w.split(upTo(8), []string{"k1", "k4", "k6"}, "--shots", "1", "--shot-pool", "3", "--split", "few")...)
	if o := vzsl(t, w.in("train", "--split", "few", "--method", "eszsl")...); o.code != exitDone || strings.Contains(o.stderr, "no role") {
		t.Errorf("%d %s", o.code, o.stderr)
	}
}

// TestSplitByImage makes a split of the user's own table, and of the one that vzsl wrote itself.
func TestSplitByImage(t *testing.T) {
	w := made(t)
	var b strings.Builder
	b.WriteString("path;set\n")
	for i, image := range w.images {
		role := []string{"train", "test"}[i%6/5]
		if c := w.class[i]; c == 1 || c == 4 || c == 6 {
			role = "test_unseen"
		}
		fmt.Fprintf(&b, "%s;%s\n", image, role)
	}
	table := filetest.Write(t, w.path("roles.csv"), b.String())
	refused(t, exitUsage, []string{"--split"}, w.in("split", "--images", table)...)
	refused(t, exitUsage, []string{"--test-seen"}, w.in("split", "--split", "mine", "--images", table, "--test-seen", "0.1")...)
	r := done(t, w.in("split", "--split", "mine", "--images", table, "--validation", "1")...)
	if r["seen_classes"] != 5.0 || r["unseen_classes"] != 3.0 || r["validation_classes"] != 1.0 {
		t.Errorf("%v", r)
	}
	images := r["images"].(map[string]any)
	if images["test_unseen"] != 18.0 || images["test_seen"] != 5.0 || images["train"] != 20.0 || images["validation"] != 5.0 {
		t.Errorf("%v", images)
	}
	done(t, w.in("train", "--split", "mine", "--method", "eszsl")...)
	first := done(t, w.in("evaluate", "--split", "mine", "--method", "eszsl")...)
	done(t, w.in("split", "--split", "again", "--images", w.path("features", "x", "splits", "mine.parquet"))...)
	done(t, w.in("train", "--split", "again", "--method", "eszsl")...)
	if e := done(t, w.in("evaluate", "--split", "again", "--method", "eszsl")...); !reflect.DeepEqual(e["mean_per_class"], first["mean_per_class"]) || !reflect.DeepEqual(e["generalised"], first["generalised"]) {
		t.Errorf("the same roles again: %v, then %v", first, e)
	}
}

// TestCheckStale: check names what is not of what is there any more, and the command that mends it.
func TestCheckStale(t *testing.T) {
	w := made(t)
	check := func(code int) inspect.Findings {
		t.Helper()
		return checked(t, code, "x", w.path("data"), "--layout", "folder", "--out", w.out)
	}
	says := func(c inspect.Findings, next string, words ...string) {
		t.Helper()
		problems := strings.Join(c.Problems, "\n")
		for _, s := range words {
			if !strings.Contains(problems, s) {
				t.Errorf("the problems do not say %q:\n%s", s, problems)
			}
		}
		if !strings.Contains(c.Next, next) {
			t.Errorf("next %s, not %s", c.Next, next)
		}
	}
	done(t, w.train("vzsl")...)
	done(t, w.of("evaluate", "vzsl")...)
	if c := check(exitSkipped); !strings.Contains(c.Next, "all done") {
		t.Errorf("all is of what is there: %v, next %s", c.Problems, c.Next)
	}
	done(t, w.train("vzsl", "--seed", "3", "--force")...)
	says(check(exitSkipped), "vzsl evaluate --run x-own-vzsl", "earlier model")
	done(t, w.of("evaluate", "vzsl")...)

	done(t, w.split(upTo(8), []string{"k2", "k4", "k6"}, "--force")...)
	c := check(exitSkipped)
	says(c, "vzsl train --dataset x --split own --method vzsl", `class "k1" was unseen`, "cp ")
	done(t, strings.Fields(c.Next)[1:]...)
	done(t, w.of("evaluate", "vzsl")...)

	file := w.path("data", "classes.csv")
	filetest.Write(t, file, strings.Replace(string(filetest.Read(t, file)), "\nk3,", "\nk3,7", 1))
	c = check(exitSkipped)
	says(c, "vzsl attributes", "older description", `a of class "k3"`)
	done(t, append(strings.Fields(c.Next)[1:], "--out", w.out)...)
	says(check(exitSkipped), "vzsl train", `a of class "k3"`)
}

// TestChangedUnderSeveral: a search, a comparison and a few-shot study do not continue with runs that were made from other inputs;
// inputs in another order are the same.
func TestChangedUnderSeveral(t *testing.T) {
	filetest.Slow(t)
	w := made(t)
	commands := map[string][]string{
		"tune":    w.in("tune", "--split", "own", "--method", "eszsl", "--trials", "1", "--folds", "2", "--run", "tuned"),
		"compare": w.in("compare", "--split", "own", "--methods", "eszsl,conse", "--trials", "1", "--folds", "2", "--seeds", "1", "--budget", "0"),
		"fewshot": w.in("fewshot", "--split", "own", "--methods", "eszsl", "--shots", "0,1", "--pool", "2", "--seeds", "1"),
	}
	before := map[string]map[string]any{}
	for name, args := range commands {
		before[name] = done(t, args...)
	}
	w.describe([]int{7, 2, 5, 0, 1, 6, 4, 3}, []int{3, 1, 0, 2})
	w.store("x", rand.New(rand.NewPCG(1, 2)).Perm(len(w.images)))
	for name, args := range commands {
		r := done(t, args...)
		for _, key := range []string{"best", "methods", "points"} {
			if !reflect.DeepEqual(r[key], before[name][key]) {
				t.Errorf("%s with all in another order: %s\n%v\nwas\n%v", name, key, r[key], before[name][key])
			}
		}
	}
	w.values[2][1] += .25
	w.describe(upTo(8), upTo(4))
	for name, args := range commands {
		code := exitFailed
		refused(t, code, []string{"other inputs", `b of class "k2" was`, "force"}, args...)
		if name == "fewshot" {
			done(t, append(args, "--force")...)
		}
	}
}
