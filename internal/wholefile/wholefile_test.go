package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	path := filepath.Join(dir, "x.txt")
	for _, text := range []string{"first", "second"} {
		err := Write(path, func(w io.WriteSeeker) error {
			if s := names(t, dir); !regexp.MustCompile(`^\.x\.txt\.\d+\.vzsl-tmp( x\.txt)?$`).MatchString(s) {
				t.Errorf("while writing there are %s", s)
			}
			_, err := io.WriteString(w, text)
			return err
		})
		if b, _ := os.ReadFile(path); err != nil || string(b) != text || names(t, dir) != "x.txt" {
			t.Errorf("%q %v %s", b, err, names(t, dir))
		}
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm()&0o600 != 0o600 {
		t.Error(st.Mode(), err)
	}
	// What fails leaves what was there, and nothing else.
	broken := errors.New("broken")
	err := Write(path, func(w io.WriteSeeker) error {
		_, _ = io.WriteString(w, "third")
		return broken
	})
	if b, _ := os.ReadFile(path); !errors.Is(err, broken) || !strings.Contains(err.Error(), path) || string(b) != "second" || names(t, dir) != "x.txt" {
		t.Errorf("%q %v %s", b, err, names(t, dir))
	}
	if err := Bytes(filepath.Join(path, "y"), nil); err == nil || !strings.Contains(err.Error(), "x.txt") {
		t.Errorf("a folder that is a file: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Bytes(filepath.Join(dir, "taken"), nil); err == nil || names(t, dir) != "taken x.txt" {
		t.Errorf("a file that is a folder: %v, %s", err, names(t, dir))
	}
	t.Chdir(dir)
	if err := Bytes("bare", []byte("x")); err != nil || names(t, ".") != "bare taken x.txt" {
		t.Error(err, names(t, "."))
	}
}

// TestVanished: where the folder has gone under a file that is being written, as below a file system that is no longer mounted, the error
// names the file and says what to do.
func TestVanished(t *testing.T) {
	for name, place := range map[string]func(path string, write func(io.WriteSeeker) error) error{"write": Write, "create": Create} {
		dir := filepath.Join(t.TempDir(), "mounted")
		path := filepath.Join(dir, "x")
		err := place(path, func(io.WriteSeeker) error {
			return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o755))
		})
		if err == nil || !strings.HasPrefix(err.Error(), "write "+path+": its folder was removed or replaced") || !strings.Contains(err.Error(), "run the same command again") {
			t.Errorf("%s: %v", name, err)
		}
		if s := names(t, dir); s != "" {
			t.Errorf("%s: %s", name, s)
		}
	}
}

// TestMain is, where told so, a process that is writing a file until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("VZSL_TEST_WRITE"); path != "" {
		_ = Write(path, func(io.WriteSeeker) error {
			_, _ = os.Stdout.WriteString("writing\n")
			time.Sleep(time.Minute)
			return nil
		})
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestSweep: what a living process is writing stays, also for one that writes beside it; what a killed one was writing goes with the
// next file that is written there.
func TestSweep(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there the age tells, of a day")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "VZSL_TEST_WRITE="+filepath.Join(dir, "x"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	err = Write(filepath.Join(dir, "y"), func(io.WriteSeeker) error { // this process's own is left too
		return Bytes(filepath.Join(dir, "z"), nil)
	})
	if s := names(t, dir); err != nil || !regexp.MustCompile(`^\.x\.\d+\.vzsl-tmp y z$`).MatchString(s) {
		t.Error(s, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if s := names(t, dir); !strings.HasPrefix(s, ".x.") {
		t.Fatal("the killed process left nothing: nothing was tested")
	}
	if err := Bytes(filepath.Join(dir, "y"), nil); err != nil || names(t, dir) != "y z" {
		t.Error(names(t, dir), err)
	}
}

func TestTemporary(t *testing.T) {
	dir := t.TempDir()
	f, remove, err := Temporary(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir); err != nil || f.Name() != filepath.Join(dir, names(t, dir)) {
		t.Error(names(t, dir), err)
	}
	if err := errors.Join(remove(), remove()); err != nil || names(t, dir) != "" {
		t.Error(names(t, dir), err)
	}
}

func TestTemporaryDir(t *testing.T) {
	dir := t.TempDir()
	path, remove, err := TemporaryDir(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Bytes(filepath.Join(path, "in"), nil), Sweep(dir)); err != nil || filepath.Base(path) != names(t, dir) || !IsTemporary(names(t, dir)) {
		t.Error(names(t, dir), err)
	}
	a, err := Move(filepath.Join(path, "in"), filepath.Join(dir, "out"))
	if err == nil {
		err = a.Commit()
	}
	if err := errors.Join(err, remove()); err != nil || names(t, dir) != "out" {
		t.Error(names(t, dir), err)
	}
	// That of a process that is gone: with its lock, and without one after a while.
	for i, name := range []string{".a.1.vzsl-tmp", ".b.2.vzsl-tmp", ".c.3.vzsl-tmp"} {
		p := filepath.Join(dir, name)
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := os.WriteFile(filepath.Join(p, dirLock), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1 {
			long := time.Now().Add(-time.Hour)
			if err := os.Chtimes(p, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Sweep(dir); err != nil || runtime.GOOS != "windows" && names(t, dir) != ".c.3.vzsl-tmp out" {
		t.Error(names(t, dir), err)
	}
}

func TestSweepOfEarlierVersions(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", ".a123", ".a", ".a12b", ".b7", ".ab9", ".a.5.vzsl-tmp2", "a.5.vzsl-tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir, "a", "c"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); strings.Contains(got, "123") || len(strings.Fields(got)) != 7 {
		t.Errorf("left %s", got)
	}
	if err := Sweep(filepath.Join(dir, "none"), "a"); err != nil {
		t.Error(err)
	}
}

// TestRename: only a rename that is reported as failed, and was done, is treated as done. The lost answer of a server is tried by
// 'make faults'.
func TestRename(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(at(name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Rename(at("a"), at("none/a")); err == nil {
		t.Error("into a folder that is not there")
	}
	if err := Rename(at("none"), at("b")); err == nil {
		t.Error("a file that is not there")
	}
	if err := os.Link(at("a"), at("a2")); err != nil {
		t.Skip(err)
	}
	if err := Rename(at("a"), at("b")); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(at("b")); err != nil || string(b) != "a" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestLostAnswer: a rename or a link that was done, but is reported as failed, counts as done; one that was not done does not.
func TestLostAnswer(t *testing.T) {
	defer func() { rename, link = os.Rename, os.Link }()
	lost := errors.New("input/output error")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	content := func(name, want string) {
		t.Helper()
		if b, err := os.ReadFile(at(name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	text := func(s string) func(io.WriteSeeker) error {
		return func(w io.WriteSeeker) error { _, err := io.WriteString(w, s); return err }
	}
	for _, failure := range []error{lost, fs.ErrNotExist, fs.ErrExist} { // as the server words what it finds done
		rename = func(from, to string) error { return errors.Join(os.Rename(from, to), failure) }
		link = func(from, to string) error { return errors.Join(os.Link(from, to), failure) }
		if err := Write(at("written"), text("a")); err != nil {
			t.Error(err)
		}
		if err := os.Mkdir(at("folder"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := Rename(at("folder"), at("moved")); err != nil {
			t.Error(err)
		}
		if err := Create(at("created"), text("b")); err != nil {
			t.Error(err)
		}
		link = func(string, string) error { return errors.ErrUnsupported } // a disk without hard links
		if err := Create(at("renamed"), text("c")); err != nil {
			t.Error(err)
		}
		content("written", "a")
		content("created", "b")
		content("renamed", "c")
		if s := names(t, dir); s != "created moved renamed written" {
			t.Error(s)
		}
		for _, name := range []string{"moved", "created", "renamed"} {
			if err := os.Remove(at(name)); err != nil {
				t.Fatal(err)
			}
		}
		rename, link = func(string, string) error { return failure }, func(string, string) error { return failure }
		if err := Write(at("written"), text("d")); !errors.Is(err, failure) {
			t.Error(err)
		}
		if err := Create(at("created"), text("d")); !errors.Is(err, failure) {
			t.Error(err)
		}
		content("written", "a")
		if s := names(t, dir); s != "written" {
			t.Error(s)
		}
	}
}

// TestOneRename: what users rely on is renamed here alone, where a lost answer is known for what it is.
func TestOneRename(t *testing.T) {
	root := filepath.Join("..", "..")
	renames := regexp.MustCompile(`\bos\.(Rename|Link|Symlink)\(`)
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (rel == "tools" || rel == filepath.Join("internal", "wholefile") || name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && rel != "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		seen++
		b, err := os.ReadFile(path)
		if found := renames.Find(b); found != nil {
			t.Errorf("%s: %s...): use wholefile.Rename", rel, found)
		}
		return err
	})
	if err != nil || seen < 100 {
		t.Error(seen, err)
	}
}

// TestUnknown: a temporary file of which the file system cannot tell whether it is there is removed, and its lock with it.
func TestUnknown(t *testing.T) {
	defer func() { stat = os.Stat }()
	dir := t.TempDir()
	broken := errors.New("input/output error")
	stat = func(string) (os.FileInfo, error) { return nil, broken }
	if err := Bytes(filepath.Join(dir, "x"), nil); !errors.Is(err, broken) || names(t, dir) != "" {
		t.Error(err, names(t, dir))
	}
	swept := 0
	stat = func(name string) (os.FileInfo, error) { // by another process, twice
		if swept++; swept < 3 {
			return nil, errors.Join(os.Remove(name), fs.ErrNotExist)
		}
		return os.Stat(name)
	}
	if err := Bytes(filepath.Join(dir, "x"), nil); err != nil || names(t, dir) != "x" || swept != 3 {
		t.Error(err, names(t, dir), swept)
	}
}
