package shards

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile writes a file aside, syncs it and renames it to path, making the folder where needed: it appears whole or not at
// all.
func WriteFile(path string, write func(w io.WriteSeeker) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := createAside(path)
	if err != nil {
		return err
	}
	defer f.drop()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.commit()
}
