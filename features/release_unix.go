//go:build unix

package features

import "golang.org/x/sys/unix"

// release lets go of a read-only mapping's pages: they leave this process, not the system's memory. Others may be reading
// them meanwhile. Where it fails nothing but memory is lost.
func release(mapped []byte) { _ = unix.Madvise(mapped, unix.MADV_DONTNEED) }
