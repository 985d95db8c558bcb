package custody

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"vzsl/internal/lock"
)

// DamagedError reports a file whose bytes are not those that were written.
type DamagedError struct {
	Path string
	Why  string
	Held *lock.HeldError // who is writing into its folder; nil: nobody
}

func (e *DamagedError) Error() string {
	text := fmt.Sprintf("%s is damaged or was changed by another program: %s", e.Path, e.Why)
	if e.Held != nil {
		text += fmt.Sprintf(" (%v)", e.Held)
	}
	return text
}

// IsDamaged reports whether an error is about a damaged file.
func IsDamaged(err error) bool {
	var d *DamagedError
	return errors.As(err, &d)
}

// ReadFile reads a file of a folder, its name with slashes, and checks it against the folder's list. In a folder without a list nothing
// is checked.
func ReadFile(dir, name string) (data []byte, err error) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	err = check(dir, name, func() (string, error) {
		if data, err = os.ReadFile(path); err != nil {
			return "", err
		}
		return hash(data), nil
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// CheckFile checks a file as ReadFile does, without keeping it in memory. If there is no such file the error is fs.ErrNotExist.
func CheckFile(dir, name string) error {
	return check(dir, name, func() (string, error) { return SHA256(filepath.Join(dir, filepath.FromSlash(name))) })
}

// Check checks bytes that were read as a file of a folder.
func Check(dir, name string, data []byte) error {
	return check(dir, name, func() (string, error) { return hash(data), nil })
}

// CheckSum checks the checksum of a file that was read by other means.
func CheckSum(dir, name, sum string) error {
	return check(dir, name, func() (string, error) { return sum, nil })
}

// retries of a check whose list is replaced meanwhile.
const retries = 10

func check(dir, name string, sum func() (string, error)) error {
	l, err := read(dir)
	for range retries {
		if err != nil {
			return err
		}
		have, err := sum()
		if err != nil || l == nil {
			return err
		}
		if slices.Contains(l[name], have) {
			return nil
		}
		now, err := read(dir)
		if err != nil {
			return err
		}
		if slices.Equal(now[name], l[name]) {
			return &DamagedError{filepath.Join(dir, filepath.FromSlash(name)), why(l[name], have), lock.Held(dir)}
		}
		l = now // the file was replaced between the two
	}
	return fmt.Errorf("%s: another process keeps replacing it: wait until it has ended and run the command again", filepath.Join(dir, name))
}

func why(want []string, have string) string {
	if len(want) == 0 {
		return Name + " beside it does not list it"
	}
	return fmt.Sprintf("its sha256 is %.12s..., %s names %.12s...", have, Name, want[0])
}

// SHA256 is the checksum of a file's bytes, in hexadecimal.
func SHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
