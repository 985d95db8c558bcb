package wholefile

import "os"

// Durable makes writes sync to the disk before they return, so that they survive a power failure. Tests set it
// to false (internal/filetest): no test ends in a power failure, what killed processes leave does not depend on it, and thousands
// of small files then take seconds instead of minutes on a disk that others use.
var Durable = true

// Sync flushes a file to the disk.
func Sync(f *os.File) error {
	if !Durable {
		return nil
	}
	return f.Sync()
}

// SyncDir flushes a folder's entries to the disk; some file systems do not support this, and Windows does not need it.
func SyncDir(dir string) {
	if !Durable {
		return
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
