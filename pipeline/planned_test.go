package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/filetest"
	"vzsl/internal/store/storetest"
)

// Tasks over files of a source read them where the plan says, without listing them again, and leave what one process does.
func TestPlannedSources(t *testing.T) {
	_, model := demoData(t)
	sources := filepath.Join("..", "datasets", "source", "testdata")
	out := t.TempDir()
	extract := []string{"extract", "--dataset", "zoo", "--model", model, "--shard-rows", "5", "--batch", "3"}
	folder := func(to string) string { return filepath.Join(out, to, "features", "zoo", "demo") }
	done(t, append(extract, "--data", filepath.Join(sources, "pictures"), "--out", filepath.Join(out, "want"))...)
	want := contents(t, folder("want"))
	pictures, err := filepath.Glob(filepath.Join(sources, "pictures", "*", "*.*"))
	if err != nil || len(pictures) < 9 {
		t.Fatal(pictures, err)
	}
	s3 := storetest.S3(t)
	for _, name := range []string{"cls-000.tar", "cls-001.tar", "cls-002.tar", "json-000.tar.gz", "json-001.tar.gz", "json-002.tar.gz", "hf-00000-of-00002.parquet", "hf-00001-of-00002.parquet"} {
		s3.Put(t, "x/"+name, filetest.Read(t, filepath.Join(sources, name)))
	}
	copied := filepath.Join(out, "copy.tgz")
	filetest.Write(t, copied, string(filetest.Read(t, filepath.Join(sources, "folder.tgz"))))
	listed := func(to string) bool {
		_, err := os.Stat(filepath.Join(out, to, "plans", "zoo-demo", "images.parquet"))
		return err == nil
	}
	plan := func(to string, args []string) string {
		t.Helper()
		done(t, append(append([]string{"plan"}, extract...), append([]string{"--tasks", "2", "--measure", "0", "--out", filepath.Join(out, to), "--data"}, args...)...)...)
		return filepath.Join(out, to, "plans", "zoo-demo")
	}
	for i, args := range [][]string{
		{filepath.Join(sources, "cls-{000..002}.tar")},
		{filepath.Join(sources, "index-*.tar"), "--class-names", filepath.Join(sources, "names.txt")},
		{copied},
		{filepath.Join(sources, "plain.parquet"), "--data-columns", "image=img,class=animal"},
		{"s3://bucket/x/cls-*.tar"},
		{"s3://bucket/x/json-{000..002}.tar.gz", "--s3-endpoint", s3.URL},
		{"s3://bucket/x/hf-*.parquet"},
	} {
		to := string(rune('a' + i))
		p := plan(to, args)
		if !listed(to) {
			t.Errorf("%v: the plan has no list", args)
		}
		if args[0] == copied { // as on another machine
			if err := os.Chtimes(copied, time.Time{}, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		before := s3.Network.Requests.Load()
		for _, task := range []string{"0", "1"} {
			done(t, "extract", "--plan", p, "--task", task)
		}
		// A plain tar file: a request for each image. Others: each file is read by the tasks that need it.
		if n, images := s3.Network.Requests.Load()-before, int64(len(pictures)); strings.Contains(args[0], "cls-*") && n > images {
			t.Errorf("%v: %d requests", args, n)
		}
		before = s3.Network.Requests.Load()
		done(t, "finish", p)
		if n := s3.Network.Requests.Load() - before; n != 0 {
			t.Errorf("%v: finish made %d requests", args, n)
		}
		if diff := cmp.Diff(want, contents(t, folder(to))); diff != "" {
			t.Errorf("%v: %s", args, diff)
		}
	}
	if plan("list", []string{filepath.Join(sources, "list.csv")}); listed("list") {
		t.Error("the plan of a list file repeats it")
	}
	// Other files than those that were planned.
	p := plan("changed", []string{"s3://bucket/x/cls-*.tar"})
	s3.Put(t, "x/cls-000.tar", append(s3.Get(t, "x/cls-000.tar"), make([]byte, 512)...))
	s3.Put(t, "x/cls-001.tar", append(s3.Get(t, "x/cls-001.tar"), make([]byte, 512)...))
	s3.Put(t, "x/cls-002.tar", append(s3.Get(t, "x/cls-002.tar"), make([]byte, 512)...))
	refused(t, exitPlan, []string{"s3://bucket/x/cls-", "run vzsl plan again"}, "extract", "--plan", p, "--task", "0")
	p = plan("changed-tar", []string{copied})
	filetest.Write(t, copied, string(filetest.Read(t, filepath.Join(sources, "json-000.tar.gz"))))
	refused(t, exitPlan, []string{"the images have changed"}, "extract", "--plan", p, "--task", "0")
}

// TestSplitBesideAPlan: features that are planned, and not computed yet, do not keep others from being split.
func TestSplitBesideAPlan(t *testing.T) {
	from, data, model := demoRun(t)
	out := t.TempDir()
	if err := os.CopyFS(filepath.Join(out, "features"), os.DirFS(filepath.Join(from, "features"))); err != nil {
		t.Fatal(err)
	}
	done(t, "plan", "extract", "--dataset", "demo", "--data", data, "--model", model, "--network", "later", "--tasks", "2", "--measure", "0", "--out", out)
	split := []string{"split", "--dataset", "demo", "--split", "again", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"), "--out", out}
	if o := vzsl(t, split...); o.code != exitDone || !strings.Contains(o.stderr, "not complete are left out") || !strings.Contains(o.stderr, "later") {
		t.Errorf("%+v", o)
	}
	// Where there are no others, the error says how to finish them.
	if err := os.RemoveAll(filepath.Join(out, "features", "demo", "demo")); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"is not complete"}, append(split, "--force")...)
}
