package lock

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"vzsl/internal/filetest"
)

// TestMain is, where told so, a process that takes a lock, says so and stays until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("VZSL_TEST_LOCK"); dir != "" {
		if _, err := Take(context.Background(), dir); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("locked\n")
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTakeAndRelease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	l, err := Take(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = take(t.Context(), dir, time.Millisecond)
	var held *HeldError
	if !errors.As(err, &held) || held.Holder == nil || held.Holder.PID != os.Getpid() || time.Since(held.Holder.Since) > time.Minute {
		t.Fatal(err)
	}
	filetest.WantError(t, err, dir, "is being written by", filepath.Base(os.Args[0]), held.Holder.Host, "wait for it to end or stop it")
	if h := Held(dir); h != nil { // by nobody else
		t.Error(h)
	}
	if err := errors.Join(l.Release(), l.Release(), (*Lock)(nil).Release()); err != nil {
		t.Error(err)
	}
	if Held(dir) != nil {
		t.Error("held after its release")
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folders that it made, and nobody filled, are still there")
	}
}

// TestKilled: a lock whose process was killed is nobody's; a living one's is told with its process.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "VZSL_TEST_LOCK="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if b := make([]byte, 7); true {
		if n, err := out.Read(b); err != nil || string(b[:n]) != "locked\n" {
			t.Fatalf("%q %v", b[:n], err)
		}
	}
	_, err = take(t.Context(), dir, time.Millisecond)
	var held *HeldError
	if !errors.As(err, &held) || held.Holder.PID != cmd.Process.Pid {
		t.Error(err)
	}
	if h := Held(dir); h == nil || h.Holder.PID != cmd.Process.Pid {
		t.Error(h)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if h := Held(dir); h != nil {
		t.Error("held by a process that is gone:", h)
	}
	if _, err := os.Stat(filepath.Join(dir, Name)); err != nil {
		t.Error("the killed process left no lock file: nothing was tested", err)
	}
	l, err := Take(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Error("left behind", entries)
	}
}

// TestExclusive: of many at once one is inside at a time, although each removes the lock file when it is done.
func TestExclusive(t *testing.T) {
	dir := t.TempDir()
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				l, err := Wait(t.Context(), dir)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				time.Sleep(100 * time.Microsecond)
				inside.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestWaitEnds(t *testing.T) {
	dir := t.TempDir()
	l, err := Take(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, stop)
	if _, err := Wait(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFileSystemWithoutLocks(t *testing.T) {
	was := tryLock
	defer func() { tryLock = was }()
	for _, e := range []error{syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP} {
		tryLock = func(f *flock.Flock) (bool, error) { return false, &os.PathError{Op: "flock", Path: f.Path(), Err: e} }
		dir := filepath.Join(t.TempDir(), "new")
		_, err := Take(t.Context(), dir)
		filetest.WantError(t, err, dir, "does not support file locks", "use a folder on another file system")
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Error("left", dir)
		}
	}
	if _, err := Take(t.Context(), filepath.Join(filetest.Write(t, filepath.Join(t.TempDir(), "f"), "x"), "y")); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Error(err)
	}
}

// TestCheck: a folder that took the place of the locked one, as the one below a file system that is not mounted any more, is distinguished from it,
// and its lock is not removed.
func TestCheck(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a folder with a locked file cannot be moved")
	}
	dir := filepath.Join(t.TempDir(), "run")
	l, err := Take(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err == nil || !strings.Contains(err.Error(), "mounted") || !strings.Contains(err.Error(), dir) {
		t.Errorf("without a folder: %v", err)
	}
	other, err := Take(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err == nil {
		t.Error("another folder in its place")
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if err := other.Check(); err != nil {
		t.Errorf("the other folder's lock was removed: %v", err)
	}
	if err := other.Release(); err != nil {
		t.Error(err)
	}
}
