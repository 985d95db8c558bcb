package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Of many that create one file one succeeds, and nothing is left beside it.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "x")
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := Create(path, func(w io.WriteSeeker) error { _, err := fmt.Fprint(w, i); return err })
			switch {
			case err == nil:
				won.Add(1)
				if b, err := os.ReadFile(path); err != nil || string(b) != fmt.Sprint(i) {
					t.Errorf("%d wrote, %q is there, %v", i, b, err)
				}
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := Create(path, func(io.WriteSeeker) error { return errors.New("broken") }); err == nil || errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "a"))
	if err != nil || len(left) != 1 || won.Load() != 1 {
		t.Errorf("%d of 20 succeeded, %v is there, %v", won.Load(), left, err)
	}
}
