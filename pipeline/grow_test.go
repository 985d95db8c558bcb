package pipeline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/internal/filetest"
)

// A collection that changes: check and verify say so, extract computes what is new, changed or was skipped and nothing else, and
// leaves what an extraction from nothing does.
func TestCollectionGrows(t *testing.T) {
	data, model := copyPictures(t)
	out := filepath.Join(t.TempDir(), "o")
	extract := func(out string, more ...string) []string {
		return append([]string{"extract", "--dataset", "demo", "--data", data, "--model", model, "--shard-rows", "40", "--out", out}, more...)
	}
	folder := filepath.Join("features", "demo", "demo")
	same := func(code int) {
		t.Helper()
		fresh := filepath.Join(t.TempDir(), "o")
		if o := vzsl(t, extract(fresh, "--quiet")...); o.code != code {
			t.Fatalf("code %d: %s", o.code, o.stderr)
		}
		sameFiles(t, filepath.Join(fresh, folder), filepath.Join(out, folder))
	}
	verify := []string{"verify", filepath.Join(out, folder), "--data", data}
	done(t, extract(out)...)
	if r := done(t, extract(out)...); r["computed"] != 0.0 || r["resumed"] != 360.0 {
		t.Error(r)
	}
	if o := vzsl(t, verify...); o.code != exitDone {
		t.Error(o.stdout, o.stderr)
	}
	found, err := filepath.Glob(filepath.Join(data, "*", "*.png"))
	if err != nil || len(found) != 360 {
		t.Fatal(len(found), err)
	}
	bytesOf := func(path string) string { return string(filetest.Read(t, path)) }
	for i, at := range []int{10, 100, 300} {
		filetest.Write(t, filepath.Join(filepath.Dir(found[at]), "00x.png"), bytesOf(found[i+200]))
	}
	was := bytesOf(found[33])
	filetest.Write(t, found[31], bytesOf(found[250]))
	filetest.Write(t, found[32], bytesOf(found[251]))
	filetest.Write(t, found[33], was[:len(was)/2])
	for _, at := range []int{5, 150} {
		if err := os.Remove(found[at]); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, exitFailed, []string{"problems found"}, verify...)
	const stale = "3 new, 3 changed, 2 gone"
	if o := vzsl(t, verify...); !strings.Contains(o.stdout, "stale: "+stale) {
		t.Error(o.stdout)
	}
	if o := vzsl(t, "check", "demo", data, "--layout", catalog.Folder, "--out", out); !strings.Contains(o.stdout, stale) || !strings.Contains(o.stdout, "vzsl extract") {
		t.Error(o.stdout)
	}
	o := vzsl(t, extract(out)...)
	if o.code != exitSkipped || !strings.Contains(o.stdout, "5 computed") || !strings.Contains(o.stdout, stale) {
		t.Errorf("code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	same(exitSkipped)
	// A skipped image is tried each time; it is computed when it can be.
	if o := vzsl(t, extract(out)...); o.code != exitSkipped || !strings.Contains(o.stdout, "all features were already there") {
		t.Errorf("code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	filetest.Write(t, found[33], was)
	if r := done(t, extract(out)...); r["computed"] != 1.0 || r["retried"] != 1.0 {
		t.Error(r)
	}
	same(exitDone)
	if o := vzsl(t, verify...); o.code != exitDone {
		t.Error(o.stdout, o.stderr)
	}
	// The bytes of an image change and its size and time do not: only its checksum tells.
	st, err := os.Stat(found[60])
	if err != nil {
		t.Fatal(err)
	}
	other := []byte(bytesOf(found[60]))
	other[len(other)-20] ^= 4
	filetest.Write(t, found[60], string(other))
	if err := os.Chtimes(found[60], st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if r := done(t, extract(out)...); r["changed"] != 0.0 {
		t.Error(r)
	}
	if r := done(t, extract(out, "--check", "none")...); r["changed"] != 0.0 {
		t.Error(r)
	}
	if o := vzsl(t, extract(out, "--check", "hash", "--json", "--quiet")...); !strings.Contains(o.stdout, `"changed": 1`) {
		t.Error(o.stdout, o.stderr)
	}
	refused(t, exitUsage, []string{"--check", "mtime"}, extract(out, "--check", "time")...)
	// Of another network it is another collection.
	refused(t, exitFailed, []string{"made with other settings", "recipe"}, extract(out, "--recipe", "caffe")...)
}

// Features of version 0.1.0 stay as they are until the list of images changes; then their rows are copied.
func TestOldFeaturesGrow(t *testing.T) {
	filetest.Slow(t)
	data, model := copyPictures(t)
	out := filepath.Join(t.TempDir(), "o")
	extract := []string{"extract", "--dataset", "demo", "--data", data, "--model", model, "--out", out}
	done(t, extract...)
	dir := filepath.Join(out, "features", "demo", "demo")
	c, err := features.OpenCache(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	src := c.Source()
	src.ShardRows = 100
	old := filepath.Join(t.TempDir(), "old")
	w, err := features.Create(old, src, false)
	if err != nil {
		t.Fatal(err)
	}
	for part := range w.Parts() {
		lo, hi := w.Range(part)
		p := features.Part{Images: c.Images()[lo:hi], Classes: c.Classes()[lo:hi], Labels: c.Labels()[lo:hi]}
		for i := lo; i < hi; i++ {
			p.Features = append(p.Features, c.Feature(i)...)
		}
		if err := w.WritePart(part, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--check", "mtime"}} { // the images change; the check is asked for
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		before := fileSums(t, dir)
		if args == nil {
			if r := done(t, extract...); r["computed"] != 0.0 || r["shards"] != 4.0 || len(fileSums(t, dir)) != len(before) {
				t.Errorf("what is as it was is written again: %v", r)
			}
			some, err := filepath.Glob(filepath.Join(data, "*", "000.png"))
			if err != nil || len(some) < 2 {
				t.Fatal(err)
			}
			filetest.Write(t, filepath.Join(filepath.Dir(some[0]), "more.png"), string(filetest.Read(t, some[1])))
		}
		r := done(t, append(extract, append(args, "--shard-rows", "50")...)...)
		if r["computed"] != 1.0 || r["new"] != 1.0 {
			t.Error(r)
		}
		fresh := filepath.Join(t.TempDir(), "o")
		done(t, append(extract[:len(extract)-1:len(extract)-1], fresh, "--shard-rows", "50")...)
		sameFiles(t, filepath.Join(fresh, "features", "demo", "demo"), dir)
		if m, err := features.ReadManifest(dir); err != nil || !m.Grows() || bytes.Contains(filetest.Read(t, filepath.Join(dir, "manifest.json")), []byte("-of-")) {
			t.Error(m, err)
		}
	}
}
