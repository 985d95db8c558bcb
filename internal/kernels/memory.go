package kernels

import "unsafe"

// aligned returns n zeros that start on a cache line (64 bytes).
func aligned[T float](n int) []T {
	var t T
	size := int(unsafe.Sizeof(t))
	s := make([]T, n+64/size)
	if r := int(uintptr(unsafe.Pointer(unsafe.SliceData(s))) & 63); r != 0 {
		s = s[(64-r)/size:]
	}
	return s[:n:n]
}

// Buffer is memory for weights and activations, outside Go's heap where the
// system allows, so that it neither counts for the garbage collector nor moves
// its pace, and on huge pages where there are any.
type Buffer struct {
	Data []float32
	free func()
}

// NewBuffer returns n zeros, aligned to a cache line. Free gives them back.
func NewBuffer(n int) *Buffer {
	if data, free := mapped(n); data != nil {
		return &Buffer{Data: data, free: free}
	}
	return &Buffer{Data: aligned[float32](n)}
}

// Free releases the memory. Slices of Data must not be used after it.
func (b *Buffer) Free() {
	if b == nil {
		return
	}
	if b.free != nil {
		b.free()
	}
	b.Data, b.free = nil, nil
}

// pages is a Buffer that grows.
type pages struct{ *Buffer }

func (p *pages) grown(n int) []float32 {
	if p.Buffer == nil || len(p.Data) < n {
		p.Free()
		// From a huge page's size on, so that it gets one.
		p.Buffer = NewBuffer(max(n, 512<<10))
	}
	return p.Data[:n]
}
