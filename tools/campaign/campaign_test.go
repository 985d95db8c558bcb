//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vzsl/internal/filetest"
)

// built is the command, built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vzsl-campaign-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "vzsl")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "vzsl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &exec.ExitError{Stderr: out}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func short(t *testing.T) *campaign {
	t.Helper()
	filetest.Slow(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	const seed = 1 // the same in every run of the tests; the campaigns by hand draw theirs
	// In memory where that can be: most of a stage's time is spent waiting for the disk.
	work, err := os.MkdirTemp("/dev/shm", "vzsl-campaign-test-")
	if err != nil {
		work = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(work) })
	return &campaign{program: program{path}, work: work, checkout: filepath.Join("..", ".."), until: time.Now().Add(time.Hour), rng: rand.New(rand.NewPCG(seed, 0)), log: io.Discard}
}

// stagesOf are those of a short test; all of them with VZSL_LONG=1.
func stagesOf(t *testing.T, few string) string {
	t.Helper()
	if os.Getenv("VZSL_LONG") != "" {
		return ""
	}
	return few
}

// TestTorture is 'make torture' in short.
func TestTorture(t *testing.T) {
	c := short(t)
	r, err := c.torture(t.Context(), 12, stagesOf(t, "extract,attributes,split,train,tune,evaluate"))
	if r == nil {
		t.Fatal(err)
	}
	if r.Kills < 12 || r.Resumed == 0 || r.Different+r.Missing+r.Left+r.Stuck > 0 {
		t.Errorf("%+v", *r)
	}
}

// TestFaults is 'make faults' in short: one moment of each fault below three commands.
func TestFaults(t *testing.T) {
	c := short(t)
	r, err := c.breakFiles(t.Context(), 1, stagesOf(t, "attributes"))
	if r == nil {
		t.Skipf("needs root and FUSE: %v", err)
	}
	if err != nil || r.Faults < 7 || r.Failed == 0 {
		t.Errorf("%v\n%s", err, strings.Join(r.Found, "\n"))
	}
}

// TestLimits: with 64 open files, and with a clock that was set back since everything that is there was made, every command makes the
// files that it makes otherwise.
func TestLimits(t *testing.T) {
	c := short(t)
	w, err := c.world(t.Context(), 6)
	if err != nil {
		t.Fatal(err)
	}
	var want tree
	for _, how := range []string{"as usual", "64 open files", "a clock set back"} {
		dir := filepath.Join(c.work, "limits") // the same for all: what they write says how they were called
		if err := refill(dir, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		most := limits{time: 10 * time.Minute}
		if how == "64 open files" {
			most.files = 64
		}
		for i, s := range w.stages() {
			if i > 7 && os.Getenv("VZSL_LONG") == "" {
				break
			}
			if o, err := c.call(t.Context(), dir, most, append(s.args, "--quiet")...); err != nil || o.code != 0 {
				t.Fatalf("%s: vzsl %s: %v, exit code %d: %s", how, s.name, err, o.code, o.stderr)
			}
			if how != "a clock set back" {
				continue
			}
			later := time.Now().AddDate(20, 0, 0)
			err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
				return errors.Join(err, os.Chtimes(path, later, later))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if differ, missing, left := want.compare(got); len(differ)+len(missing)+len(left) > 0 {
			t.Errorf("%s: %v differ, %v are missing, %v are left", how, differ, missing, left)
		}
	}
}

// TestFuzzCommands is 'make fuzz-commands' in short: a few inputs of every format.
func TestFuzzCommands(t *testing.T) {
	c := short(t)
	r, err := c.fuzz(t.Context(), 120, "")
	if r == nil {
		t.Fatal(err)
	}
	if err != nil || r.Inputs < 120 || r.ExitCodes["1"] == 0 || len(r.ByFormat) < 30 {
		t.Errorf("%v\n%s", err, strings.Join(r.Found, "\n"))
	}
}

// TestSoak is 'make soak' in short.
func TestSoak(t *testing.T) {
	c := short(t)
	r, err := c.soak(t.Context(), 4*time.Second)
	if r == nil {
		t.Fatal(err)
	}
	if err != nil || r.Total < 100 || r.Requests["predict 200"] == 0 || r.Requests["other host 403"] == 0 {
		t.Errorf("%v %v\n%s", err, r.Requests, strings.Join(r.Found, "\n"))
	}
}

// TestFinds: a command that does everything wrong is found to do so.
func TestFinds(t *testing.T) {
	script := filepath.Join(t.TempDir(), "vzsl")
	text := `#!/bin/sh
case "$1" in
panics) echo 'panic: runtime error' >&2; exit 2;;
usage) echo 'vzsl: unknown' >&2; exit 2;;
silent) exit 1;;
names) echo "vzsl: $2: damaged" >&2; exit 1;;
escapes) touch x; exit 0;;
*) exec sleep 60;;
esac
`
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &campaign{program: program{script}, work: t.TempDir(), rng: rand.New(rand.NewPCG(1, 1)), log: io.Discard}
	for what, count := range map[string]func(r *fuzzed) int{
		"panics": func(r *fuzzed) int { return r.Panics }, "usage": func(r *fuzzed) int { return r.Codes }, "silent": func(r *fuzzed) int { return r.Codes },
		"escapes": func(r *fuzzed) int { return r.Escaped }, "names": func(r *fuzzed) int { return 1 - r.Unnamed - len(r.Found) },
	} {
		f := &format{name: what, file: "a.txt", seeds: [][]byte{[]byte("seed")}, commands: func(files []string, _ string) [][]string { return [][]string{{what, files[0]}} }}
		r := &fuzzed{ByFormat: map[string]int{}, ExitCodes: map[string]int{}}
		if err := c.feed(t.Context(), nil, f, 1, c.rng, r); err != nil || count(r) != 1 {
			t.Errorf("%s: %+v, %v", what, r.Found, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if o, err := c.call(ctx, ".", limits{time: 50 * time.Millisecond}, "hangs"); err != nil || !o.hung {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestCompareTrees(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	files := map[string][2]string{ // of the undisturbed run, and of the other
		"same.txt":      {"x", "x"},
		"differs.txt":   {"x", "y"},
		"missing.txt":   {"x", ""},
		".left.txt1":    {"", "x"},
		"times.json":    {`{"a": [{"seconds": 1, "b": 2}], "tuning_seconds": 1}`, `{"a": [{"b": 2, "seconds": 2.5}], "tuning_seconds": 7}`},
		"values.json":   {`{"a": [{"seconds": 1, "b": 2}]}`, `{"a": [{"seconds": 1, "b": 3}]}`},
		"fits.jsonl":    {"{\"a\":1,\"elapsed\":1}\n{\"a\":2}\n", "{\"a\":2}\n{\"a\":1,\"elapsed\":9}\n"},
		"order.jsonl":   {"{\"a\":1}\n{\"a\":2}\n", "{\"a\":2}\n{\"a\":1}\n"},
		"page.html":     {"<td>50ms<td>3 s<td>1m20s<td>90.3", "<td>1.5s<td>2 s<td>9ms<td>90.3"},
		"figures.html":  {"<td>50ms<td>90.3", "<td>50ms<td>90.4"},
		"table.csv":     {"a,training_seconds\n1,2\n", "a,training_seconds\n1,3\n"},
		"damaged.jsonl": {"{}", "{}\n{\"a\""},
	}
	for name, text := range files {
		for i, dir := range []string{a, b} {
			if text[i] == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text[i]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := readTree(b); err == nil || !strings.Contains(err.Error(), "damaged.jsonl") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(b, "damaged.jsonl")); err != nil {
		t.Fatal(err)
	}
	want, err := readTree(a)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readTree(b)
	if err != nil {
		t.Fatal(err)
	}
	differ, missing, left := want.compare(got)
	if s := strings.Join(differ, " "); s != "differs.txt figures.html order.jsonl values.json" {
		t.Errorf("differ: %s", s)
	}
	if strings.Join(missing, " ") != "damaged.jsonl missing.txt" || strings.Join(left, " ") != ".left.txt1" {
		t.Errorf("missing %v, left %v", missing, left)
	}
}

// TestMutate: every input differs from run to run, and is the same again from the same seed.
func TestMutate(t *testing.T) {
	seeds := [][]byte{bytes.Repeat([]byte("0123456789 abc "), 50), {1, 2, 3}, {}}
	changed := 0
	for i := range uint64(2000) {
		a, b := mutate(rand.New(rand.NewPCG(1, i)), seeds), mutate(rand.New(rand.NewPCG(1, i)), seeds)
		if !bytes.Equal(a, b) {
			t.Fatalf("input %d is not the same again", i)
		}
		if !bytes.Equal(a, seeds[0]) && !bytes.Equal(a, seeds[1]) && len(a) > 0 {
			changed++
		}
	}
	if changed < 1000 {
		t.Errorf("%d of 2000 inputs were changed", changed)
	}
}
