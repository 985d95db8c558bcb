//go:build !windows

package shards

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// aside is a file being written beside its destination, in the same folder, under a hidden name.
type aside struct {
	*renameio.PendingFile
	path string
}

func createAside(path string) (*aside, error) {
	// In the destination's own folder, never $TMPDIR: what a killed run leaves behind is then found by the next one.
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &aside{PendingFile: f, path: path}, nil
}

// commit syncs the file, renames it to its destination and syncs the folder.
func (a *aside) commit() error {
	if err := a.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", a.path, err)
	}
	d, err := os.Open(filepath.Dir(a.path))
	if err != nil {
		return fmt.Errorf("write %s: %w", a.path, err)
	}
	defer d.Close()
	// Some file systems cannot sync a folder; the rename itself has succeeded.
	_ = d.Sync()
	return nil
}

// drop removes the file unless it was committed.
func (a *aside) drop() { _ = a.Cleanup() }
