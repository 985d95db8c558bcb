package pipeline

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/filetest"
	"vzsl/internal/store"
	"vzsl/internal/store/storetest"
)

// Folder, tar, Parquet, list and bucket with the same images give the same features, byte for byte.
func TestSources(t *testing.T) {
	_, model := demoData(t)
	sources := filepath.Join("..", "datasets", "source", "testdata")
	out := t.TempDir()
	extract := func(to, data string, more ...string) map[string]string {
		t.Helper()
		dir := filepath.Join(out, to)
		done(t, append([]string{"extract", "--dataset", "zoo", "--data", data, "--model", model, "--out", dir, "--shard-rows", "5", "--batch", "3"}, more...)...)
		return contents(t, filepath.Join(dir, "features", "zoo", "demo"))
	}
	want := extract("folder", filepath.Join(sources, "pictures"))
	s3 := storetest.S3(t)
	for _, name := range []string{"cls-000.tar", "cls-001.tar", "cls-002.tar", "json-000.tar.gz", "json-001.tar.gz", "json-002.tar.gz", "hf-00000-of-00002.parquet", "hf-00001-of-00002.parquet"} {
		b, err := os.ReadFile(filepath.Join(sources, name))
		if err != nil {
			t.Fatal(err)
		}
		s3.Put(t, "x/"+name, b)
	}
	for i, args := range [][]string{
		{filepath.Join(sources, "cls-{000..002}.tar")},
		{filepath.Join(sources, "json-*.tar.gz")},
		{filepath.Join(sources, "index-*.tar"), "--class-names", filepath.Join(sources, "names.txt")},
		{filepath.Join(sources, "folder.tgz")},
		{filepath.Join(sources, "hf-*.parquet")},
		{filepath.Join(sources, "plain.parquet"), "--data-columns", "image=img,class=animal"},
		{"s3://bucket/x/cls-*.tar"},
		{"s3://bucket/x/json-{000..002}.tar.gz", "--s3-endpoint", s3.URL},
		{"s3://bucket/x/hf-*.parquet"},
	} {
		if diff := cmp.Diff(want, extract(string(rune('a'+i)), args[0], args[1:]...)); diff != "" {
			t.Errorf("%v: %s", args, diff)
		}
	}

	// What is wrong is listed, and the rest continues.
	o := vzsl(t, "extract", "--dataset", "zoo", "--data", filepath.Join(sources, "broken.tar"), "--model", model, "--out", filepath.Join(out, "broken"))
	skipped := contents(t, filepath.Join(out, "broken", "features", "zoo", "demo"))["skipped.csv"]
	for _, line := range []string{"ant/2.png,no class", "bee/7.png,its archive ends within it", "bee/8.png,", "bee/9.cls,the archive has no image for it"} {
		if !strings.Contains(skipped, line) {
			t.Errorf("%q is not in skipped.csv:\n%s", line, skipped)
		}
	}
	if o.code != exitSkipped || !strings.Contains(o.stderr, "broken.tar is damaged: it ends too early") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
	o = vzsl(t, "check", "zoo", filepath.Join(sources, "broken.tar"), "--out", filepath.Join(out, "broken"))
	if o.code != exitSkipped || !strings.Contains(o.stdout, "3 images cannot be used") {
		t.Errorf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}

	// Classes come from the source, their descriptions from a table.
	table := filetest.Write(t, filepath.Join(out, "classes.csv"), "class,legs,wings\nant,6,0\nbee,6,4\néléphant,4,0\nspider,8,0\n")
	r := done(t, "attributes", "--dataset", "zoo", "--data", filepath.Join(sources, "cls-*.tar"), "--csv", table, "--out", filepath.Join(out, "a"))
	if r["classes"] != 4.0 {
		t.Error(r)
	}
	done(t, "split", "--dataset", "zoo", "--split", "pictured", "--validation", "1", "--out", filepath.Join(out, "a"))

	refused(t, exitUsage, []string{"--data-columns", "is a folder"}, "extract", "--dataset", "zoo", "--data", sources, "--data-columns", "class=x", "--model", model, "--out", out)
	refused(t, exitUsage, []string{"layout cub"}, "extract", "--dataset", "zoo", "--data", "s3://bucket/x/", "--layout", "cub", "--model", model, "--out", out)
	refused(t, exitUsage, []string{"image=COLUMN"}, "extract", "--data-columns", "picture=x")
}

// contents are the files of a folder but for its cache.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all[e.Name()] = string(b)
		}
	}
	return all
}

// An archive that is written again with one image changed and one more makes two images to compute.
func TestSourceGrows(t *testing.T) {
	filetest.Slow(t)
	_, model := demoData(t)
	for _, name := range []string{"x.tar", "x.tar.gz", "x.csv"} {
		dir := t.TempDir()
		put := func(pictures map[string]string) {
			var b bytes.Buffer
			var w io.WriteCloser = struct {
				io.Writer
				io.Closer
			}{&b, io.NopCloser(nil)}
			if strings.HasSuffix(name, ".gz") {
				w = gzip.NewWriter(&b)
			}
			list := "path,class\n"
			a := tar.NewWriter(w)
			for _, member := range slices.Sorted(maps.Keys(pictures)) {
				data := pictures[member]
				if name == "x.csv" {
					path := filepath.Join(dir, member)
					if was, err := os.ReadFile(path); err != nil || string(was) != data {
						filetest.Write(t, path, data)
					}
				}
				list += member + "," + strings.Split(member, "/")[0] + "\n"
				if err := a.WriteHeader(&tar.Header{Name: member, Size: int64(len(data)), Mode: 0o644}); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(a, data); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(a.Close()); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, ".gz") {
				_ = w.Close()
			}
			if name == "x.csv" {
				b.Reset()
				b.WriteString(list)
			}
			filetest.Write(t, filepath.Join(dir, name), b.String())
		}
		sources := filepath.Join("..", "datasets", "source", "testdata", "pictures")
		picture := func(of string) string {
			b, err := os.ReadFile(filepath.Join(sources, of))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		all := map[string]string{"ant/0.png": picture("ant/0.png"), "ant/1.png": picture("ant/1.png"), "bee/0.png": picture("bee/0.png"), "bee/1.png": picture("bee/1.png")}
		extract := func(out string, want float64, more ...string) {
			t.Helper()
			r := done(t, append([]string{"extract", "--dataset", "zoo", "--data", filepath.Join(dir, name), "--model", model, "--out", out}, more...)...)
			if r["computed"] != want {
				t.Errorf("%s: computed %v images, not %v", name, r["computed"], want)
			}
		}
		out := filepath.Join(dir, "out")
		put(all)
		extract(out, 4)
		extract(out, 0)
		extract(out, 0, "--check", "hash")
		all["ant/1.png"], all["bee/2.png"] = picture("ant/2.png"), picture("bee/2.png")
		put(all)
		extract(out, 2)
		fresh := filepath.Join(dir, "fresh")
		extract(fresh, 5)
		features := func(out string) map[string]string { return contents(t, filepath.Join(out, "features", "zoo", "demo")) }
		if diff := cmp.Diff(features(fresh), features(out)); diff != "" {
			t.Error(diff)
		}
	}
}

// A workspace in a bucket, on a network that fails one request in five: every stage, the same features as in a folder, and another
// machine continues where one ended.
func TestBucket(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	s3 := storetest.S3(t)
	s3.Network.Bad.Store(20)
	defer func(was func(int) time.Duration) { store.Pause = was }(store.Pause)
	store.Pause = func(int) time.Duration { return time.Millisecond }
	network, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	s3.Put(t, "models/demo.onnx", network)
	machine := func() { t.Setenv("XDG_CACHE_HOME", t.TempDir()) }
	in := func(args ...string) []string {
		return append([]string{args[0], "--dataset", "demo", "--out", "s3://bucket/work"}, args[1:]...)
	}
	machine()
	r := done(t, in("extract", "--data", data, "--model", "s3://bucket/models/demo.onnx", "--shard-rows", "40")...)
	if r["folder"] != "s3://bucket/work/features/demo/demo" {
		t.Error(r["folder"])
	}
	folder := t.TempDir()
	done(t, "extract", "--dataset", "demo", "--out", folder, "--data", data, "--model", model, "--shard-rows", "40")
	features := contents(t, filepath.Join(folder, "features", "demo", "demo"))
	for name, want := range features {
		if got := string(s3.Get(t, "work/features/demo/demo/"+name)); got != want {
			t.Errorf("%s: %d bytes in the bucket, %d in the folder", name, len(got), len(want))
		}
	}
	machine()
	if r := done(t, in("extract", "--data", data, "--model", model)...); r["computed"] != 0.0 {
		t.Errorf("computed %v images again", r["computed"])
	}
	machine()
	done(t, in("attributes", "--data", data)...)
	done(t, in("split", "--random", "1", "--unseen-classes", "3")...)
	machine()
	done(t, in("train", "--split", "random-1", "--method", "eszsl")...)
	machine()
	done(t, in("evaluate", "--split", "random-1", "--method", "eszsl", "--data", data)...)
	report := s3.Get(t, "work/reports/demo-random-1-eszsl/report.json")
	if !strings.Contains(string(report), "eszsl") {
		t.Error(string(report))
	}
	for _, key := range s3.Keys(t) {
		if strings.Contains(key, "/.") {
			t.Errorf("%s is in the bucket", key)
		}
	}
	if s3.Network.Faults.Load() == 0 {
		t.Error("nothing went wrong")
	}

	// What changed is replaced, and what is gone goes.
	machine()
	smaller := t.TempDir()
	if err := os.CopyFS(smaller, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	classes, err := filepath.Glob(filepath.Join(smaller, "*", "000.png"))
	if err != nil || len(classes) < 3 {
		t.Fatal(err)
	}
	if err := os.Remove(classes[0]); err != nil {
		t.Fatal(err)
	}
	done(t, in("extract", "--data", smaller, "--model", model)...)
	fresh := t.TempDir()
	done(t, "extract", "--dataset", "demo", "--out", fresh, "--data", smaller, "--model", model, "--shard-rows", "40")
	features = contents(t, filepath.Join(fresh, "features", "demo", "demo"))
	there := 0
	for _, key := range s3.Keys(t) {
		if name, ok := strings.CutPrefix(key, "work/features/demo/demo/"); ok {
			there++
			if got := string(s3.Get(t, key)); got != features[name] {
				t.Errorf("%s: %d bytes in the bucket, %d in the folder", name, len(got), len(features[name]))
			}
		}
	}
	if there != len(features) {
		t.Errorf("%d files in the bucket, %d in the folder", there, len(features))
	}
	refused(t, exitFailed, []string{"it is read-only"}, "attributes", "--dataset", "demo", "--data", data, "--out", "https://127.0.0.1:1/x")
}

// Eight processes (three without VZSL_LONG=1) at the tasks of one plan in a bucket, on a network that fails one request in ten, some of them killed, some started
// twice: the bucket holds what one process leaves in a folder, and nothing that finished was computed again.
func TestBucketTasks(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	s3 := storetest.S3(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	n := 3
	if os.Getenv("VZSL_LONG") != "" {
		n = 8
	}
	one := t.TempDir()
	done(t, "extract", "--dataset", "demo", "--out", one, "--data", data, "--model", model, "--shard-rows", "16")
	plan := "s3://bucket/work/plans/demo-demo"
	r := done(t, "plan", "extract", "--dataset", "demo", "--out", "s3://bucket/work", "--data", data, "--model", model, "--shard-rows", "16", "--tasks", fmt.Sprint(n), "--measure", "8")
	if r["plan"] != plan+"/plan.json" || r["tasks"] != float64(n) {
		t.Fatal(r)
	}
	s3.Network.Bad.Store(10)
	task := func(i int, kill time.Duration) {
		cmd, stderr := process(t, nil, "extract", "--plan", plan, "--task", fmt.Sprintf("%d/%d", i, n))
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		if kill > 0 {
			time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		}
		if err := cmd.Wait(); err != nil && kill == 0 {
			t.Errorf("task %d: %v\n%s", i, err, stderr)
		}
	}
	var first sync.WaitGroup
	for i := range n {
		kill := time.Duration(0)
		if i%3 == 0 {
			kill = time.Duration(1+rand.N(3000)) * time.Millisecond
		}
		first.Go(func() { task(i, kill) })
	}
	first.Go(func() { task(1, 0) }) // twice
	first.Wait()
	for i := 0; i < n; i += 3 {
		task(i, 0)
	}
	before := map[string]string{}
	for _, key := range s3.Keys(t) {
		before[key] = string(s3.Get(t, key))
	}
	for _, i := range []int{0, 1} { // once more: there is nothing left to do
		if r := done(t, "extract", "--plan", plan, "--task", fmt.Sprintf("%d/%d", i, n)); r["computed"] != 0.0 {
			t.Errorf("task %d computed %v images again", i, r["computed"])
		}
	}
	if s := done(t, "status", plan); s["done"] != s["units"] || s["tasks"] != float64(n) {
		t.Error(s)
	}
	done(t, "finish", plan)
	want := contents(t, filepath.Join(one, "features", "demo", "demo"))
	got := map[string]string{}
	for _, key := range s3.Keys(t) {
		if name, ok := strings.CutPrefix(key, "work/features/demo/demo/"); ok {
			got[name] = string(s3.Get(t, key))
			if was, ok := before[key]; ok && was != got[name] && name != "manifest.json" {
				t.Errorf("%s was written again", name)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Error(diff)
	}
	for name := range want {
		if want[name] != got[name] {
			t.Errorf("%s differs from that of one process", name)
		}
	}
	if s3.Network.Faults.Load() == 0 {
		t.Error("nothing went wrong")
	}
	t.Logf("%d requests, %d of them failed", s3.Network.Requests.Load(), s3.Network.Faults.Load())
}
