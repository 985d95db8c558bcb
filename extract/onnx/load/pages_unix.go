//go:build unix

package load

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// releasePages tells the system that the pages within b, part of a mapped file, need not stay in this
// process's memory; touched again, they are read again.
func releasePages(b []byte) {
	page := uintptr(unix.Getpagesize())
	if uintptr(len(b)) < 64*page {
		return
	}
	p := uintptr(unsafe.Pointer(&b[0]))
	skip := (page - p%page) % page
	size := (uintptr(len(b)) - skip) / page * page
	_ = unix.Madvise(b[skip:skip+size], unix.MADV_DONTNEED) // it only saves memory
}
