package custody

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"vzsl/internal/filetest"
	"vzsl/internal/lock"
)

func TestMain(m *testing.M) {
	lock.Patience = time.Millisecond
	os.Exit(m.Run())
}

func open(t *testing.T, dir string, sub ...string) *Folder {
	t.Helper()
	f, err := Open(t.Context(), dir, false, sub...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f := open(t, dir)
	must(t, f.Write(Bytes("b", []byte("B")), Bytes("in/a", []byte("A"))), f.Write(Bytes("b", []byte("B2"))), f.Close(), f.Close())
	if names, err := Names(dir); err != nil || !reflect.DeepEqual(names, []string{"b", "in/a"}) {
		t.Error(names, err)
	}
	list := string(must1(os.ReadFile(filepath.Join(dir, Name))))
	if want := hash([]byte("B2")) + "  b\n" + hash([]byte("A")) + "  in/a\n"; !strings.HasPrefix(list, want) || strings.Count(list, "\n") != 3 {
		t.Errorf("%s", list)
	}
	if b, err := ReadFile(dir, "in/a"); err != nil || string(b) != "A" {
		t.Error(b, err)
	}
	if err := CheckFile(dir, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	filetest.Write(t, filepath.Join(dir, "stranger"), "x")
	filetest.WantError(t, CheckFile(dir, "stranger"), "stranger is damaged", "does not list it")
	filetest.Write(t, filepath.Join(dir, "b"), "B1")
	_, err := ReadFile(dir, "b")
	filetest.WantError(t, err, filepath.Join(dir, "b")+" is damaged or was changed by another program", "sha256", hash([]byte("B1"))[:12])
	if !IsDamaged(err) || strings.Contains(err.Error(), "being written") {
		t.Error(err)
	}
	f = open(t, dir)
	must(t, f.Remove("b", "stranger", "in/a"), f.Close())
	if Has(dir) {
		t.Error("a list of nothing")
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSha256sum: the list is one that sha256sum reads, with names that have to be escaped.
func TestSha256sum(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	for _, name := range []string{"a", "in/two words", `back\slash`, "new\nline"} {
		must(t, f.Write(Bytes(name, []byte(name))))
	}
	must(t, f.Close())
	for _, name := range []string{`back\slash`, "new\nline"} {
		must(t, CheckFile(dir, name))
	}
	program, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("sha256sum is not installed")
	}
	cmd := exec.Command(program, "--check", "--strict", Name)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Count(out, []byte(": OK")) != 4 {
		t.Errorf("%s%v", out, err)
	}
}

// TestEveryFlip: no bit of the list or of a file can change unnoticed.
func TestEveryFlip(t *testing.T) {
	dir := t.TempDir()
	must(t, WriteAll(t.Context(), dir, Bytes("a", []byte("some bytes")), Bytes("b", nil)))
	for name, check := range map[string]func([]byte) error{
		"a":  func(b []byte) error { return Check(dir, "a", b) },
		Name: func(b []byte) error { _, err := parse(Name, b); return err },
	} {
		was := must1(os.ReadFile(filepath.Join(dir, name)))
		for bit := range 8 * len(was) {
			b := bytes.Clone(was)
			b[bit/8] ^= 1 << (bit % 8)
			if err := check(b); !IsDamaged(err) {
				t.Fatalf("bit %d of %s: %v", bit, name, err)
			}
		}
		for n := range was {
			if err := check(was[:n]); !IsDamaged(err) {
				t.Fatalf("%s of %d bytes: %v", name, n, err)
			}
		}
	}
	must(t, CheckFile(dir, "a"), CheckFile(dir, "b"))
}

// TestKilledAnywhere takes what lies in the folder at every moment of a replacement, as a process that is killed then leaves it: each
// file goes with the list, and the next writer continues.
func TestKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	must(t, WriteAll(t.Context(), dir, Bytes("a", []byte("old a")), Bytes("b", []byte("old b"))))
	var moments []string
	snapshot := func() {
		to := t.TempDir()
		must(t, os.CopyFS(to, os.DirFS(dir)))
		moments = append(moments, to)
	}
	f := open(t, dir)
	while := func(name, text string) File {
		return File{Name: name, Write: func(w io.WriteSeeker) error {
			snapshot()
			_, err := io.WriteString(w, text)
			snapshot()
			return err
		}}
	}
	must(t, f.Write(while("a", "new a"), while("c", "new c")))
	snapshot() // before the list is settled
	// Between the list and the renaming, and between the two renamings.
	base := moments[len(moments)-1]
	for _, name := range []string{"a", "c"} {
		to := t.TempDir()
		must(t, os.CopyFS(to, os.DirFS(base)))
		if name == "a" {
			must(t, os.WriteFile(filepath.Join(to, "a"), []byte("old a"), 0o644))
		}
		must(t, os.Remove(filepath.Join(to, "c")))
		moments = append(moments, to)
	}
	must(t, f.Close())
	snapshot()
	for i, m := range moments {
		for _, name := range []string{"a", "b", "c"} {
			if err := CheckFile(m, name); err != nil && (name != "c" || !errors.Is(err, fs.ErrNotExist)) {
				t.Errorf("moment %d: %v", i, err)
			}
		}
		g := open(t, m)
		must(t, g.Write(Bytes("b", []byte("newer"))), g.Close())
		for name, sums := range must1(read(m)) {
			if len(sums) != 1 {
				t.Errorf("moment %d: %d checksums of %s", i, len(sums), name)
			}
			must(t, CheckFile(m, name))
		}
		for _, e := range must1(os.ReadDir(m)) {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("moment %d: %s is left", i, e.Name())
			}
		}
	}
	if len(moments) != 8 {
		t.Error(len(moments))
	}
}

func TestOldFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "in/b", "other/c", ".hidden"} {
		filetest.Write(t, filepath.Join(dir, filepath.FromSlash(name)), "x")
	}
	must(t, CheckFile(dir, "a")) // nothing is known of it
	f := open(t, dir, "in")
	must(t, f.Close())
	if Has(dir) {
		t.Error("nothing was written, but there is a list")
	}
	f = open(t, dir, "in")
	must(t, f.Write(Bytes("new", nil)), f.Close())
	if names, err := Names(dir); err != nil || fmt.Sprint(names) != "[a in/b new]" {
		t.Error(names, err)
	}
}

func TestDamagedList(t *testing.T) {
	dir := t.TempDir()
	must(t, WriteAll(t.Context(), dir, Bytes("a", nil), Bytes("b", nil)))
	filetest.Write(t, filepath.Join(dir, Name), "")
	_, err := Open(t.Context(), dir, false)
	filetest.WantError(t, err, Name, "is damaged")
	must(t, WriteAll(t.Context(), dir, Bytes("a", nil)), CheckFile(dir, "a"))
	filetest.WantError(t, CheckFile(dir, "b"), "does not list it") // it may be damaged too
}

func TestAllOrNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	broken := errors.New("broken")
	bad := File{Name: "b", Write: func(io.WriteSeeker) error { return broken }}
	if err := WriteAll(t.Context(), dir, Bytes("a", nil), bad); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder is there", err)
	}
	must(t, WriteAll(t.Context(), dir, Bytes("a", []byte("1"))))
	if err := WriteAll(t.Context(), dir, Bytes("a", []byte("2")), bad); !errors.Is(err, broken) {
		t.Error(err)
	}
	if b, err := ReadFile(dir, "a"); string(b) != "1" || err != nil {
		t.Error(b, err)
	}
}

// TestReadersBesideAWriter: who reads while a file is replaced over and over has one of its versions, and never an error.
func TestReadersBesideAWriter(t *testing.T) {
	filetest.Slow(t)
	dir := t.TempDir()
	must(t, WriteAll(t.Context(), dir, Bytes("a", []byte("version 0"))))
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if b, err := ReadFile(dir, "a"); err != nil || !bytes.HasPrefix(b, []byte("version ")) {
					t.Error(string(b), err)
					return
				}
			}
		})
	}
	for i := range 10 {
		must(t, WriteAll(t.Context(), dir, Bytes("a", fmt.Appendf(nil, "version %d", i))))
	}
	stop()
	readers.Wait()
}

func TestHeld(t *testing.T) {
	dir := t.TempDir()
	l := must1(lock.Take(t.Context(), dir))
	defer l.Release()
	var held *lock.HeldError
	if _, err := Open(t.Context(), dir, false); !errors.As(err, &held) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(list{"a": {hash(nil)}, "b\n\\": {hash(nil), hash([]byte("b"))}}.encode())
	f.Add([]byte(mark))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := parse("x", b); err == nil && !bytes.Equal(l.encode(), b) {
			t.Error("another list")
		}
	})
}
