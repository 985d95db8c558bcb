package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vzsl/internal/filetest"
	"vzsl/internal/lock"
	"vzsl/pipeline/verify"
)

// A campaign of bit rot: in a workspace with every kind of file that the commands write, a bit is flipped, a file is cut off or another
// one is put in its place. Each time verify must name the file, and each command that reads it must refuse it or give exactly what it gave
// before.

// rotten is a workspace, and the commands that read what is in it.
type rotten struct {
	out, data, model string
	consumers        []consumer
	want             map[string]string // what each gave, undamaged
	epochs           int               // of the interrupted run
}

// consumer is a command that reads the files that match.
type consumer struct {
	name    string
	args    []string
	reads   []string // patterns of path.Match, of the path in the workspace; a folder's name stands for all below it
	outputs []string // files that it writes, beside standard output
}

// volatile are fields of standard output and of JSON files that no two runs have alike.
var volatile = []string{"seconds", "data_wait", "took_ns", "started", "images_per_second", "engine_share", "reused", "milliseconds", "seconds_of_fits", "files_sha256"}

func steady(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range volatile {
			delete(v, key)
		}
		for k, x := range v {
			v[k] = steady(x)
		}
	case []any:
		for i, x := range v {
			v[i] = steady(x)
		}
	}
	return v
}

// digest is what a command gave: its standard output and files. folder is the workspace's, which texts may name.
func (c *consumer) digest(t *testing.T, folder, stdout string) string {
	t.Helper()
	h := sha256.New()
	text := func(b []byte) {
		var v any
		if json.Unmarshal(b, &v) == nil {
			var err error
			if b, err = json.Marshal(steady(v)); err != nil {
				t.Fatal(err)
			}
		}
		h.Write(bytes.ReplaceAll(b, []byte(folder), nil))
	}
	text([]byte(stdout))
	for _, pattern := range c.outputs {
		files, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(h, pattern, len(files))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// in runs a command in a folder: see plans.
func (r *rotten) in(t *testing.T, folder string, args ...string) outcome {
	t.Helper()
	if err := os.Chdir(folder); err != nil {
		t.Fatal(err)
	}
	o := vzsl(t, args...)
	if err := os.Chdir(r.out); err != nil {
		t.Fatal(err)
	}
	return o
}

func (r *rotten) run(t *testing.T, c *consumer, folder string) (code int, digest, stderr string) {
	t.Helper()
	args := slices.Clone(c.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "OUT", folder)
	}
	o := r.in(t, folder, append(args, "--out", folder, "--json", "--quiet")...)
	if strings.Contains(o.stderr, "goroutine ") {
		t.Errorf("%s panicked:\n%s", c.name, o.stderr)
	}
	if o.code != exitDone {
		return o.code, "", o.stderr
	}
	return o.code, c.digest(t, folder, o.stdout), o.stderr
}

// newRotten makes the workspace.
func newRotten(t *testing.T) *rotten {
	data, model := demoData(t)
	r := &rotten{out: t.TempDir(), data: data, model: model, want: map[string]string{}}
	in := func(args ...string) { t.Helper(); done(t, append(args, "--dataset", "demo", "--out", r.out)...) }
	small := []string{"--set", "epochs=3", "--set", "hidden=16", "--set", "latent=4"}
	in("extract", "--data", data, "--model", model, "--shard-rows", "100")
	in("attributes", "--data", data)
	seen, unseen := filepath.Join(data, "seen.txt"), filepath.Join(data, "unseen.txt")
	in("split", "--split", "demo", "--seen", seen, "--unseen", unseen, "--test-seen", "0.2")
	in("split", "--split", "other", "--seen", unseen, "--unseen", seen)
	in("train", "--split", "demo", "--method", "eszsl")
	in(append([]string{"train", "--split", "demo", "--method", "vzsl"}, small...)...)
	in("train", "--split", "other", "--method", "eszsl", "--run", "swap")
	in("tune", "--split", "demo", "--method", "devise", "--set", "epochs=2", "--trials", "3", "--folds", "2", "--run", "tuned")
	r.interrupted(t)
	in("evaluate", "--run", "demo-demo-eszsl")
	in("evaluate", "--run", "demo-demo-vzsl")
	done(t, "report", "demo-demo-eszsl", "demo-demo-vzsl", "--out", r.out)
	for _, format := range []string{"onnx", "safetensors", "tensorboard"} {
		in("export", "--run", "demo-demo-vzsl", "--format", format)
	}
	for _, format := range []string{"npy", "csv", "arrow"} {
		in("export", "--format", format)
	}
	in("export", "--format", "xlsa17", "--split", "demo")
	r.plans(t, in)

	picture := filepath.Join(data, lines(t, filepath.Join(data, "unseen.txt"))[2], "000.png")
	net, table, splits := "features/demo/demo", "features/demo/classes.parquet", "features/demo/splits"
	vzslRun, eszslRun := "runs/demo-demo-vzsl", "runs/demo-demo-eszsl"
	r.consumers = []consumer{
		{"evaluate", []string{"evaluate", "--run", "demo-demo-vzsl"}, []string{net, table, splits, vzslRun}, []string{"reports/demo-demo-vzsl/report.json", "reports/demo-demo-vzsl/predictions.parquet"}},
		{"train another", []string{"train", "--dataset", "demo", "--split", "demo", "--method", "sae", "--run", "another"}, []string{net, table, splits}, []string{"runs/another/model.safetensors"}},
		{"train again", append([]string{"train", "--dataset", "demo", "--split", "demo", "--method", "vzsl"}, small...), []string{vzslRun}, []string{vzslRun + "/model.safetensors", vzslRun + "/config.toml"}},
		{"train on", r.begun(), []string{"runs/begun"}, []string{"runs/begun/model.safetensors"}},
		{"tune on", []string{"tune", "--dataset", "demo", "--split", "demo", "--method", "devise", "--set", "epochs=2", "--trials", "3", "--folds", "2", "--run", "tuned"}, []string{"runs/tuned"}, []string{"runs/tuned/model.safetensors"}},
		{"generate", []string{"generate", "--run", "demo-demo-vzsl", "--per-class", "3", "--to", "drawn"}, []string{vzslRun, table, splits}, []string{"features/drawn/*/part-*.parquet"}},
		{"predict", []string{"predict", picture, "--run", "demo-demo-eszsl", "--model", model}, []string{eszslRun, net + "/manifest.json", net + "/SHA256SUMS", table, splits}, nil},
		{"export onnx", []string{"export", "--run", "demo-demo-vzsl", "--format", "onnx", "--to", "OUT/m.onnx"}, []string{vzslRun}, []string{"m.onnx"}},
		{"export tensorboard", []string{"export", "--run", "demo-demo-vzsl", "--format", "tensorboard", "--to", "OUT/curves"}, []string{vzslRun}, []string{"curves/*/*"}},
		{"export npy", []string{"export", "--dataset", "demo", "--format", "npy", "--to", "OUT/arrays"}, []string{net}, []string{"arrays/*.npy", "arrays/*.txt"}},
		{"export xlsa17", []string{"export", "--dataset", "demo", "--format", "xlsa17", "--split", "demo", "--to", "OUT/x"}, []string{net, table, splits}, []string{"x/*"}},
		{"report", []string{"report", "demo-demo-eszsl"}, []string{eszslRun, "reports/demo-demo-eszsl"}, []string{"reports/demo-demo-eszsl/report.html", "reports/demo-demo-eszsl/report.json"}},
		{"report of two", []string{"report", "demo-demo-eszsl", "demo-demo-vzsl", "--to", "two"}, []string{"reports/demo-demo-eszsl", "reports/demo-demo-vzsl"}, []string{"reports/two/compared.json"}},
		{"export again", []string{"export", "--run", "demo-demo-vzsl", "--format", "onnx"}, []string{"export/onnx"}, []string{"export/onnx/*.onnx"}},
		{"status", []string{"status", "plans/tasks-demo"}, []string{"plans/tasks-demo"}, nil},
		{"finish", []string{"finish", "plans/tasks-demo"}, []string{"plans/tasks-demo", "features/tasks/demo"}, []string{"features/tasks/demo/[a-z]*.*"}},
		{"task again", []string{"extract", "--plan", "plans/tasks-demo", "--task", "1/2"}, []string{"plans/tasks-demo", "features/tasks/demo"}, nil},
		{"status of trainings", []string{"status", "plans/demo-train"}, []string{"plans/demo-train"}, nil},
		{"task", []string{"train", "--plan", "plans/demo-train", "--task", "1/2"}, []string{"plans/demo-train"}, []string{"runs/planned/seed-2/model.safetensors"}},
		{"export features again", []string{"export", "--dataset", "demo", "--format", "npy"}, []string{"export/npy"}, []string{"export/npy/*/*.npy"}},
	}
	for i := range r.consumers {
		c := &r.consumers[i]
		folder := r.copied(t)
		code, digest, stderr := r.run(t, c, folder)
		if code != exitDone {
			t.Fatalf("%s in the undamaged workspace: %s", c.name, stderr)
		}
		if os.Getenv("VZSL_LONG") != "" {
			if _, again, _ := r.run(t, c, r.copied(t)); again != digest {
				t.Fatalf("%s gives something else each time: it tests nothing", c.name)
			}
		}
		r.want[c.name] = digest
	}
	return r
}

// plans leaves one of an extraction, whose tasks are done, and one of trainings, of which one is. Their paths are relative, so that they
// mean the copy of a workspace that a command is run in.
func (r *rotten) plans(t *testing.T, in func(args ...string)) {
	t.Helper()
	t.Chdir(r.out)
	done(t, "plan", "extract", "--dataset", "tasks", "--data", r.data, "--model", r.model, "--shard-rows", "100", "--tasks", "2", "--measure", "0")
	done(t, "plan", "train", "--dataset", "demo", "--split", "demo", "--method", "eszsl", "--seeds", "2", "--run", "planned")
	for _, task := range [][]string{{"extract", "plans/tasks-demo", "0"}, {"extract", "plans/tasks-demo", "1"}, {"train", "plans/demo-train", "0"}} {
		done(t, task[0], "--plan", task[1], "--task", task[2])
	}
}

// begun trains the run that is interrupted, and then goes on with it.
func (r *rotten) begun() []string {
	return []string{"train", "--dataset", "demo", "--split", "demo", "--method", "vzsl", "--run", "begun", "--set", "epochs=" + strconv.Itoa(r.epochs), "--set", "hidden=16", "--set", "latent=4"}
}

// interrupted leaves a run with a checkpoint.
func (r *rotten) interrupted(t *testing.T) {
	t.Helper()
	dir := filepath.Join(r.out, "runs", "begun")
	for r.epochs = 100; ; r.epochs *= 2 {
		cmd, stderr := ownProcess(t, append(r.begun(), "--out", r.out)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool {
			b, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
			return err == nil && bytes.Count(b, []byte("\n")) > 2
		})
		_ = cmd.Process.Signal(syscall.SIGTERM) // not SIGINT, which who starts the tests in the background has ignored
		_ = cmd.Wait()
		if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); err == nil { // it was done before: a longer one
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "checkpoints", "last.safetensors")); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		return
	}
}

// copied is a copy of the workspace with the files' times.
func (r *rotten) copied(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(r.out, func(from string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.out, from)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !strings.HasSuffix(from, ".jsonl") && !strings.Contains(from, ".cache") { // those are changed in their places
			return os.Link(from, filepath.Join(to, rel))
		}
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, rel), b, 0o644); err != nil {
			return err
		}
		return os.Chtimes(filepath.Join(to, rel), st.ModTime(), st.ModTime())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// tally is a row of the table.
type tally struct{ damaged, found, refused, same, wrong int }

func TestBitRot(t *testing.T) {
	filetest.Slow(t)
	flips := 24
	if os.Getenv("VZSL_LONG") != "" {
		flips = 2000
	}
	if n, err := strconv.Atoi(os.Getenv("VZSL_FLIPS")); err == nil {
		flips = n
	}
	r := newRotten(t)
	var files []string
	err := filepath.WalkDir(r.out, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(r.out, p)
		if st, e := d.Info(); e == nil && st.Size() > 0 && !lock.Is(d.Name()) {
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string][]string{}
	for _, f := range files {
		byKind[kind(f)] = append(byKind[kind(f)], f)
	}
	kinds := slices.Sorted(func(yield func(string) bool) {
		for k := range byKind {
			if !yield(k) {
				return
			}
		}
	})
	seed := uint64(1) // the short form is the same in every run; the long one draws
	if os.Getenv("VZSL_LONG") != "" {
		seed = uint64(time.Now().UnixNano())
	}
	if s, err := strconv.ParseUint(os.Getenv("VZSL_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("VZSL_SEED=%d, %d kinds of files", seed, len(kinds))
	rng := rand.New(rand.NewPCG(seed, 1))
	table := map[string]*tally{}
	began := time.Now()
	for n := range flips {
		k := kinds[n%len(kinds)]
		of := byKind[k]
		file := of[rng.IntN(len(of))]
		folder := r.copied(t)
		what := r.damage(t, rng, folder, file, of)
		if table[k] == nil {
			table[k] = &tally{}
		}
		if !r.one(t, folder, file, what, table[k]) {
			t.Errorf("VZSL_SEED=%d, damage %d: %s of %s", seed, n, what, file)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if (n+1)%100 == 0 {
			t.Logf("%d in %v", n+1, time.Since(began).Round(time.Second))
		}
	}
	var sum tally
	var text strings.Builder
	fmt.Fprintf(&text, "| file | damaged | found by verify | commands that read it | refused | same as undamaged | wrong |\n|---|---|---|---|---|---|---|\n")
	row := func(name string, a *tally) {
		fmt.Fprintf(&text, "| %s | %d | %d | %d | %d | %d | %d |\n", name, a.damaged, a.found, a.refused+a.same+a.wrong, a.refused, a.same, a.wrong)
	}
	for _, k := range kinds {
		if a := table[k]; a != nil {
			row(k, a)
			sum = tally{sum.damaged + a.damaged, sum.found + a.found, sum.refused + a.refused, sum.same + a.same, sum.wrong + a.wrong}
		}
	}
	row("all", &sum)
	t.Logf("in %v, %s/%s:\n%s", time.Since(began).Round(time.Second), runtime.GOOS, runtime.GOARCH, text.String())
}

// damage damages a file; the time of its last change stays, as it does when a disk forgets, or is now, as when a program writes.
func (r *rotten) damage(t *testing.T, rng *rand.Rand, folder, file string, alike []string) string {
	t.Helper()
	at := filepath.Join(folder, filepath.FromSlash(file))
	was, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(at)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(was)
	what := ""
	switch choice := rng.IntN(10); {
	case choice == 0:
		n := rng.IntN(len(b))
		b, what = b[:n], fmt.Sprintf("cut to %d of %d bytes", n, len(b))
	case choice == 1 && len(alike) > 1:
		other := alike[rng.IntN(len(alike))]
		if b, err = os.ReadFile(filepath.Join(r.out, filepath.FromSlash(other))); err != nil {
			t.Fatal(err)
		}
		what = "replaced by " + other
	}
	if what == "" || bytes.Equal(b, was) {
		b = bytes.Clone(was)
		bit := rng.IntN(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		what = fmt.Sprintf("bit %d flipped", bit)
	}
	if err := errors.Join(os.Remove(at), os.WriteFile(at, b, 0o644)); err != nil { // a file of its own: the others are links
		t.Fatal(err)
	}
	if rng.IntN(2) == 0 {
		what += ", its time kept"
		if err := os.Chtimes(at, st.ModTime(), st.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	return what
}

// one verifies the damaged workspace and runs what reads the file.
func (r *rotten) one(t *testing.T, folder, file, what string, a *tally) (ok bool) {
	t.Helper()
	a.damaged++
	ok = true
	o := r.in(t, folder, "verify", folder, "--json", "--quiet")
	var found []verify.Folder
	if err := json.Unmarshal([]byte(o.stdout), &found); err != nil {
		t.Errorf("verify: %v\n%s%s", err, o.stdout, o.stderr)
		return false
	}
	named := false
	for _, f := range found {
		for _, p := range f.Problems {
			rel, err := p.File, error(nil)
			if filepath.IsAbs(rel) {
				rel, err = filepath.Rel(folder, p.File)
			}
			if err != nil || p.Stage == "" || p.Command == "" {
				t.Errorf("%+v", p)
				ok = false
			}
			rel = filepath.ToSlash(rel)
			named = named || rel == file || strings.HasPrefix(file, rel+"/")
		}
	}
	if named && o.code == exitFailed {
		a.found++
	} else {
		ok = false
		t.Errorf("verify does not name it: %s", o.stdout)
	}
	for i := range r.consumers {
		c := &r.consumers[i]
		if !slices.ContainsFunc(c.reads, func(p string) bool { return file == p || strings.HasPrefix(file, p+"/") }) {
			continue
		}
		own := r.copyOf(t, folder)
		code, digest, stderr := r.run(t, c, own)
		if err := os.RemoveAll(own); err != nil {
			t.Fatal(err)
		}
		switch {
		case (code == exitFailed || code == exitPlan || code == exitUsage && strings.Contains(stderr, "is a plan of")) && strings.TrimSpace(stderr) != "":
			a.refused++
		case code == exitDone && digest == r.want[c.name]:
			a.same++
		default:
			a.wrong++
			ok = false
			t.Errorf("%s goes on with another result: code %d\n%s", c.name, code, stderr)
		}
	}
	return ok
}

// copyOf is a copy of a damaged workspace: a command that reads it may change it.
func (r *rotten) copyOf(t *testing.T, folder string) string {
	t.Helper()
	return (&rotten{out: folder}).copied(t)
}
