//go:build unix

package extract

import (
	"os"
	"syscall"
)

// fifo puts a named pipe in the place of a file.
func fifo(path string) bool {
	return os.Remove(path) == nil && syscall.Mkfifo(path, 0o644) == nil
}
