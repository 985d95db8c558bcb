package wholefile

import "os"

// Durable says that what is written is on the disk before it counts as written, so that it outlives a power failure. Tests set it
// to false (internal/filetest): no test ends in a power failure, what killed processes leave does not depend on it, and thousands
// of small files then take seconds instead of minutes on a disk that others use.
var Durable = true

// Sync puts what was written to the file on the disk.
func Sync(f *os.File) error {
	if !Durable {
		return nil
	}
	return f.Sync()
}

// SyncDir puts the names of a folder's files on the disk; some file systems cannot do that, and Windows need not.
func SyncDir(dir string) {
	if !Durable {
		return
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
