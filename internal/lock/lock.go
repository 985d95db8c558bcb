// Package lock keeps two processes from writing into one folder at the same time. The operating system drops a lock when its
// process ends, however it ends, so that the lock file of a killed one means nothing; it says who holds the lock and since when.
package lock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"vzsl/internal/lookup"
)

// Name is the name of the lock file in the folder that it locks.
const Name = ".lock"

// On Windows a locked file cannot be read by others: a file beside it names the holder.
const besideName = Name + ".holder"

// Patience is how long Take waits for another process: most locks are held for a few files alone.
var Patience = 2 * time.Second

// Holder is who holds a lock, according to the lock file.
type Holder struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

func (h *Holder) String() string {
	if h == nil || h.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("'%s' (process %d on %s, since %s)", h.Command, h.PID, h.Host, h.Since.Local().Format("2006-01-02 15:04:05"))
}

// HeldError reports that another process is writing into a folder.
type HeldError struct {
	Dir    string
	Holder *Holder // nil: not known
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is being written by %v: wait for it to end or stop it", e.Dir, e.Holder)
}

// Lock is held until Release.
type Lock struct {
	dir  string
	f    *flock.Flock
	made []string // folders that Take created, deepest first
}

// tryLock is replaced in tests.
var tryLock = (*flock.Flock).TryLock

// Take locks a folder and creates it if it does not exist. If another process holds it for longer than Patience the error is a
// *HeldError; if the file system does not support locks, the error says so.
func Take(ctx context.Context, dir string) (*Lock, error) { return take(ctx, dir, Patience) }

// Wait is Take without a limit: it waits until the other process is done or ctx ends.
func Wait(ctx context.Context, dir string) (*Lock, error) { return take(ctx, dir, 0) }

func take(ctx context.Context, dir string, patience time.Duration) (*Lock, error) {
	made, err := MakeDir(dir)
	if err != nil {
		return nil, err
	}
	l := &Lock{dir: dir, made: made}
	path := filepath.Join(dir, Name)
	began := time.Now()
	for {
		l.f = flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(0o644))
		ok, err := tryLock(l.f)
		switch {
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
			_ = os.Remove(path) // nobody can hold it
			l.unmake()
			return nil, fmt.Errorf("%s: its file system does not support file locks (%w), which prevent two commands from writing there at once: use a folder on another file system, or mount this one with locking", dir, err)
		case err != nil:
			l.unmake()
			return nil, fmt.Errorf("cannot write in %s: %w", dir, err)
		case ok && l.current(path):
			l.sign()
			return l, nil
		case ok: // the process before removed the file between our opening and locking it
			_ = l.f.Unlock()
			continue
		}
		if patience > 0 && time.Since(began) >= patience {
			return nil, &HeldError{dir, read(dir)}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// current reports whether the locked file is still the one in the folder.
func (l *Lock) current(path string) bool {
	mine, err1 := l.f.Stat()
	there, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// Check returns an error if the folder is no longer the one that was locked: it was removed or replaced, or its file system is no longer
// mounted, and files would be written elsewhere.
func (l *Lock) Check() error {
	if l == nil || l.f == nil || l.current(filepath.Join(l.dir, Name)) {
		return nil
	}
	return fmt.Errorf("%s was removed or replaced, or its file system was unmounted, while this command was writing there; files written before that are in the original folder: mount it again and run the same command again", l.dir)
}

// sign writes into the lock file who holds it. This only informs people: the lock is valid even if it cannot be written.
func (l *Lock) sign() {
	host, _ := os.Hostname()
	words := append([]string{strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")}, os.Args[1:]...)
	b, err := json.Marshal(Holder{Host: host, PID: os.Getpid(), Command: strings.Join(words, " "), Since: time.Now().Round(time.Second)})
	if err == nil {
		_ = os.WriteFile(signature(l.dir), append(b, '\n'), 0o644)
	}
}

func signature(dir string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(dir, besideName)
	}
	return filepath.Join(dir, Name)
}

func read(dir string) *Holder {
	var h Holder
	if b, err := os.ReadFile(signature(dir)); err != nil || json.Unmarshal(b, &h) != nil {
		return nil
	}
	return &h
}

// Held returns who else is writing into a folder now; nil: nobody, or this process.
func Held(dir string) *HeldError {
	f := flock.New(filepath.Join(dir, Name), flock.SetFlag(os.O_RDONLY)) // not created
	if ok, err := f.TryRLock(); ok || err != nil {
		_ = f.Unlock()
		return nil //nolint:nilerr // a folder that cannot be locked is held by nobody
	}
	h := read(dir)
	if host, _ := os.Hostname(); h != nil && h.PID == os.Getpid() && h.Host == host {
		return nil
	}
	return &HeldError{dir, h}
}

// Release ends the lock and removes the folders that Take created if they are empty.
func (l *Lock) Release() error {
	if l == nil || l.f == nil {
		return nil
	}
	path := filepath.Join(l.dir, Name)
	if runtime.GOOS != "windows" && l.current(path) {
		_ = os.Remove(path) // while it is held: processes waiting for the file notice that it is gone
	}
	err := l.f.Unlock()
	if runtime.GOOS == "windows" { // an open file cannot be removed there, nor one that somebody else has open
		_ = os.Remove(signature(l.dir))
		_ = os.Remove(path)
	}
	l.f = nil
	l.unmake()
	if err != nil {
		return fmt.Errorf("unlock %s: %w", l.dir, err)
	}
	return nil
}

func (l *Lock) unmake() {
	for _, d := range l.made {
		if os.Remove(d) != nil { // it is not empty
			return
		}
	}
}

// Is reports whether a file in a folder belongs to this package.
func Is(name string) bool { return name == Name || name == besideName }

// MakeDir is MkdirAll that returns the folders it created, deepest first.
func MakeDir(dir string) (made []string, err error) {
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		fi, err := os.Stat(d)
		if err == nil {
			if !fi.IsDir() {
				return nil, fmt.Errorf("%s is a file: remove it or give another folder", d)
			}
			break
		}
		if !lookup.Absent(err) {
			return nil, err
		}
		made = append(made, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	return made, os.MkdirAll(dir, 0o755)
}
