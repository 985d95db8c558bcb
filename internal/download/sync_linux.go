package download

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncAll flushes the whole file system of dir, in one call for many files.
func syncAll(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd())) == nil
}
