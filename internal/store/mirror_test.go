package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/internal/store/storetest"
)

func everything(string) bool { return true }

// Two processes at one place: each has a mirror of its own, and sees what the other put into the store.
func TestMirror(t *testing.T) {
	fast(t)
	ctx := context.Background()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s3 := storetest.S3(t)
	s3.Put(t, "out/a/old.txt", []byte("old"))
	s3.Put(t, "out/.hidden/x", []byte("x"))
	s3.Put(t, "outside/x", []byte("x"))
	s3.Network.Bad.Store(30)
	var o Opener
	open := func() *Mirror {
		m, err := o.Open("s3://bucket/out/")
		if err == nil {
			err = m.Fetch(ctx, everything)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	read := func(m *Mirror, key string) string {
		b, err := os.ReadFile(m.Local(key))
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	a, b := open(), open()
	if a.Dir == b.Dir || read(a, "a/old.txt") != "old" || a.Address != "s3://bucket/out" {
		t.Error(a.Dir, b.Dir, read(a, "a/old.txt"))
	}
	if _, ok := a.Key(filepath.Join(a.Dir, ".hidden", "x")); ok {
		t.Error("a hidden file is the store's")
	}
	mine, theirs := filetest.Write(t, filepath.Join(t.TempDir(), "x"), "mine"), filetest.Write(t, filepath.Join(t.TempDir(), "x"), "theirs")
	if err := a.Create(ctx, "a/new.txt", mine); err != nil && !errors.Is(err, fs.ErrExist) { // where the answer to the first try was lost
		t.Fatal(err)
	}
	if err := b.Create(ctx, "a/new.txt", theirs); !errors.Is(err, fs.ErrExist) || read(b, "a/new.txt") != "mine" {
		t.Error(err, read(b, "a/new.txt"))
	}
	filetest.Write(t, a.Local("a/log.txt"), "line")
	if err := os.Remove(a.Local("a/old.txt")); err != nil {
		t.Fatal(err)
	}
	if err := a.Settle(ctx, everything); err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, b.Local("a/unknown.txt"), "left by a killed process")
	if err := b.Fetch(ctx, everything); err != nil {
		t.Fatal(err)
	}
	if read(b, "a/log.txt") != "line" || !strings.Contains(read(b, "a/old.txt"), "no such file") || !strings.Contains(read(b, "a/unknown.txt"), "no such file") {
		t.Error(read(b, "a/log.txt"), read(b, "a/old.txt"), read(b, "a/unknown.txt"))
	}
	if err := b.Settle(ctx, everything); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	before := s3.Network.Requests.Load()
	s3.Network.Bad.Store(0)
	if c := open(); c.Dir != a.Dir || read(c, "a/log.txt") != "line" {
		t.Error(c.Dir, a.Dir, read(c, "a/log.txt"))
	}
	if n := s3.Network.Requests.Load() - before; n > 3 { // the list; what was deleted from this mirror's side is not asked for
		t.Errorf("%d requests for what is there", n)
	}
	if got := strings.Join(s3.Keys(t), " "); got != "out/.hidden/x out/a/log.txt out/a/new.txt outside/x" {
		t.Error(got)
	}
	path, err := o.File(ctx, "s3://bucket/out/a/log.txt", func(string) bool { return false })
	if b, _ := os.ReadFile(path); err != nil || string(b) != "line" || filepath.Base(path) != "log.txt" {
		t.Error(path, err)
	}
	_, err = o.File(ctx, "s3://bucket/out/a/none.txt", everything)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
