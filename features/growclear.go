package features

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"vzsl/internal/custody"
	"vzsl/internal/wholefile"
)

// sweep removes what killed runs were writing.
func (g *Growth) sweep(entries []fs.DirEntry) error {
	if err := wholefile.Sweep(g.dir); err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); leftover.MatchString(name) {
			if err := os.Remove(filepath.Join(g.dir, name)); err != nil && !absent(err) {
				return fmt.Errorf("remove the unfinished files of an interrupted run: %w", err)
			}
			g.note("removed %s, an unfinished file of an interrupted run", name)
		}
	}
	return sweepTables(g.dir)
}

// clear removes the shards and what was made from them.
func (g *Growth) clear(shards []string) error {
	for _, name := range append(shards, custody.Name, manifestName, skippedName, imagesName) {
		if err := os.Remove(filepath.Join(g.dir, name)); err != nil && !absent(err) {
			return fmt.Errorf("start over: %w", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(g.dir, cacheDir)); err != nil {
		return fmt.Errorf("start over: %w", err)
	}
	return nil
}
