package workspace

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/internal/store/storetest"
	"vzsl/internal/wholefile"
)

// What a process wrote and removed before a file is in the store before that file is: it may be killed then.
func TestMountedInOrder(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s3 := storetest.S3(t)
	s3.Put(t, "work/runs/r/old.json", []byte("old"))
	w := New("")
	if err := w.Mount(context.Background(), "s3://bucket/work", true); err != nil {
		t.Fatal(err)
	}
	log, model := filepath.Join(w.Dir, "runs", "r", "tuning", "journal.jsonl"), filepath.Join(w.Dir, "runs", "r", "seed-1", "model")
	filetest.Write(t, log, "one\n")
	if err := os.Remove(filepath.Join(w.Dir, "runs", "r", "old.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(model), 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(wantKeys, wantLog string) {
		t.Helper()
		if err := wholefile.Bytes(model, []byte("model")); err != nil {
			t.Fatal(err)
		}
		if keys := strings.Join(s3.Keys(t), " "); keys != wantKeys {
			t.Error(keys)
		}
		if got := string(s3.Get(t, "work/runs/r/tuning/journal.jsonl")); got != wantLog {
			t.Errorf("%q", got)
		}
	}
	put("work/runs/r/seed-1/model work/runs/r/tuning/journal.jsonl", "one\n")
	filetest.Write(t, log, "one\ntwo\n")
	put("work/runs/r/seed-1/model work/runs/r/tuning/journal.jsonl", "one\ntwo\n")
	if err := w.Unmount(); err != nil {
		t.Fatal(err)
	}
	// The next process goes on with the log that it has fetched.
	if err := w.Mount(context.Background(), "s3://bucket/work", true); err != nil {
		t.Fatal(err)
	}
	put("work/runs/r/seed-1/model work/runs/r/tuning/journal.jsonl", "one\ntwo\n")
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"three\n", "four\n"} {
		if _, err := f.WriteString(line); err != nil {
			t.Fatal(err)
		}
		put("work/runs/r/seed-1/model work/runs/r/tuning/journal.jsonl", string(s3.Get(t, "work/runs/r/tuning/journal.jsonl"))+line)
	}
	if err := errors.Join(f.Close(), w.Unmount()); err != nil {
		t.Fatal(err)
	}
}
