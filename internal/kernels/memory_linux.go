package kernels

import (
	"syscall"
	"unsafe"
)

const hugePage = 2 << 20

// mapped asks the system for n floats. Data starts on a huge page so that all
// of it can lie on such pages; they are worth it, since a convolution walks
// through more pages than the address cache holds.
func mapped(n int) ([]float32, func()) {
	if n*4 < hugePage {
		return nil, nil
	}
	raw, err := syscall.Mmap(-1, 0, n*4+hugePage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	start := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (hugePage - 1)
	data := raw[start : start+n*4]
	// A refusal costs speed only.
	_ = syscall.Madvise(data, syscall.MADV_HUGEPAGE)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(data))), n), func() { _ = syscall.Munmap(raw) }
}
