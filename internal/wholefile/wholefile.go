// Package wholefile writes files that appear whole or not at all, on every system that Go builds for.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Write makes the file at path, and its folder where needed, of what write writes: aside, under the name's hidden form with
// digits behind (".name123"), synced, then renamed. Where anything fails, what was there before stays. The error names path.
func Write(path string, write func(w io.WriteSeeker) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := aside(filepath.Join(dir, "."+name))
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	syncDir(dir)
	return nil
}

// syncDir: a new name is on the disk once the folder is; some file systems cannot sync one, and Windows need not.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// Bytes writes a file of the given bytes.
func Bytes(path string, data []byte) error {
	return Write(path, func(w io.WriteSeeker) error {
		_, err := w.Write(data)
		return err
	})
}

// aside creates a file that is not there yet, in the destination's own folder, never in $TMPDIR: what a killed run leaves behind
// is then found by the next one, and a rename does not cross disks. os.CreateTemp would leave it readable by its owner alone.
func aside(prefix string) (*os.File, error) {
	for range 1000 {
		f, err := os.OpenFile(prefix+strconv.FormatUint(uint64(rand.Uint32()), 10), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s*: there are too many of them: remove what killed runs have left behind", prefix)
}

// Sweep removes what killed writes of the named files left in dir. Nothing else may be writing them.
func Sweep(dir string, names ...string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, name := range names {
			digits, ok := strings.CutPrefix(e.Name(), "."+name)
			if _, err := strconv.ParseUint(digits, 10, 32); !ok || err != nil {
				continue
			}
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove what an interrupted run left behind: %w", err)
			}
		}
	}
	return nil
}
