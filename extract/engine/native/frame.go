package native

import "vzsl/internal/kernels"

// frame is the memory of a run.
type frame struct {
	c      *compiler
	in     int // values of one of the caller's images
	n      int // images the views are made for
	room   int // images the buffers hold
	all    *kernels.Buffer
	bufs   [][]float32    // the slots, parts of all
	acts   []*kernels.Act // of values that are maps
	clear  [][]int        // values whose halo is to be cleared before an instruction
	images []float32      // the caller's
	first  int            // image that the instruction at work begins with
}

// pageFloats is a page of memory.
const pageFloats = 1024

// run takes n images through the program, the early part of it a chunk at a time.
func (f *frame) run(images []float32, n int) {
	f.bind(n)
	f.images = images
	for f.first = 0; f.first < n; f.first += f.c.chunk {
		f.step(0, f.c.early, min(f.c.chunk, n-f.first))
	}
	f.first = 0
	f.step(f.c.early, len(f.c.code), n)
}

// step runs instructions lo to hi on n images.
func (f *frame) step(lo, hi, n int) {
	for i := lo; i < hi; i++ {
		// An instruction that is the first to write to maps finds what the buffer held before.
		for _, v := range f.clear[i] {
			f.maps(v, n).ClearHalo()
		}
		f.c.code[i].run(f, n)
	}
}

// bind makes room for n images and views of them.
func (f *frame) bind(n int) {
	if n > f.room {
		// All in one piece, so that small ones lie on large pages, too, and not all at the same place of a page.
		room := func(s slot) int { return (f.held(s.early, n)*s.size+pageFloats-1)/pageFloats*pageFloats + 17*16 }
		total := 0
		for _, s := range f.c.slots {
			total += room(s)
		}
		f.all.Free()
		f.all = kernels.NewBuffer(total)
		f.bufs = f.bufs[:0]
		rest := f.all.Data
		for _, s := range f.c.slots {
			f.bufs = append(f.bufs, rest[:f.held(s.early, n)*s.size])
			rest = rest[room(s):]
		}
		f.room = n
		f.n = 0
	}
	if n == f.n {
		return
	}
	f.n = n
	f.acts = make([]*kernels.Act, len(f.c.values))
	f.clear = make([][]int, len(f.c.code))
	for v := range f.c.values {
		f.view(v, n)
	}
	for v, x := range f.c.values {
		if x.maps && x.first >= 0 && f.c.root(v) == v && x.halo != (kernels.Halo{}) {
			f.clear[x.first] = append(f.clear[x.first], v)
		}
	}
}

// held is how many images of a batch of n a buffer holds.
func (f *frame) held(early bool, n int) int {
	if early {
		return min(n, f.c.chunk)
	}
	return n
}

// view makes the feature maps of a value.
func (f *frame) view(v, n int) *kernels.Act {
	x := &f.c.values[v]
	if !x.maps || f.acts[v] != nil {
		return f.acts[v]
	}
	switch {
	case x.parent >= 0:
		f.acts[v] = f.view(x.parent, n).Channels(x.lo, x.lo+x.dims[1])
	case x.slot >= 0:
		f.acts[v] = kernels.NewAct(f.held(x.early, n), x.dims[2], x.dims[3], x.dims[1], x.halo, f.bufs[x.slot])
	}
	return f.acts[v]
}

// maps is a value's feature maps for the n images at work.
func (f *frame) maps(v, n int) *kernels.Act {
	a := f.acts[v]
	lo := f.from(v)
	if lo == 0 && n == a.N {
		return a
	}
	return a.Images(lo, lo+n)
}

// plain is a value that is no maps, for the n images at work.
func (f *frame) plain(v, n int) []float32 {
	lo := f.from(v)
	v = f.c.root(v)
	x := &f.c.values[v]
	if x.slot < 0 {
		return f.images[lo*f.in : (lo+n)*f.in]
	}
	size := x.size()
	return f.bufs[x.slot][lo*size : (lo+n)*size]
}

// from is where the images at work begin in a value's buffer.
func (f *frame) from(v int) int {
	if f.c.values[f.c.root(v)].early {
		return 0
	}
	return f.first
}

// apply applies a function to each element, whatever the layout.
func (f *frame) apply(fn kernels.Function, x, o, n int) {
	if f.c.values[x].maps {
		kernels.ApplyAct(fn, f.maps(x, n), f.maps(o, n))
		return
	}
	kernels.ApplyAll(fn, f.plain(o, n), f.plain(x, n))
}

func (f *frame) free() {
	f.all.Free()
	f.all, f.bufs, f.acts, f.n, f.room = nil, nil, nil, 0, 0
}
