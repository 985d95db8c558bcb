package native

import (
	"slices"
	"sync/atomic"

	"vzsl/internal/kernels"
)

// frame is the memory of a run, or of a lane of it.
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
	lanes  []frame        // with early slots of their own, for an image each
}

// pageFloats is a page of memory.
const pageFloats = 1024

// run takes n images through the program, the early part of it each image by itself, as many as there are lanes side by side.
func (f *frame) run(images []float32, n int) {
	f.bind(n)
	f.images = images
	var next atomic.Int64
	if f.c.early > 0 {
		kernels.Lanes(min(n, f.c.lanes), func(lane int) {
			g := &f.lanes[lane]
			g.images = images
			for g.first = int(next.Add(1)) - 1; g.first < n; g.first = int(next.Add(1)) - 1 {
				g.step(0, f.c.early, 1)
			}
			g.images = nil
		})
	}
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
		room := func(size int) int { return (size+pageFloats-1)/pageFloats*pageFloats + 17*16 }
		lanes := min(n, f.c.lanes)
		total := 0
		for _, s := range f.c.slots {
			if s.early {
				total += lanes * room(s.size)
			} else {
				total += room(n * s.size)
			}
		}
		f.all.Free()
		f.all = kernels.NewBuffer(total)
		rest := f.all.Data
		cut := func(size int) []float32 {
			b := rest[:size]
			rest = rest[room(size):]
			return b
		}
		f.bufs = make([][]float32, len(f.c.slots))
		for i, s := range f.c.slots {
			if !s.early {
				f.bufs[i] = cut(n * s.size)
			}
		}
		f.lanes = make([]frame, lanes)
		for l := range f.lanes {
			f.lanes[l] = frame{c: f.c, in: f.in, bufs: slices.Clone(f.bufs)}
			for i, s := range f.c.slots {
				if s.early {
					f.lanes[l].bufs[i] = cut(s.size)
				}
			}
		}
		f.room = n
		f.n = 0
	}
	if n == f.n {
		return
	}
	f.n = n
	f.clear = make([][]int, len(f.c.code))
	for v, x := range f.c.values {
		if x.maps && x.first >= 0 && f.c.root(v) == v && x.halo != (kernels.Halo{}) {
			f.clear[x.first] = append(f.clear[x.first], v)
		}
	}
	f.views(n)
	for l := range f.lanes {
		f.lanes[l].n, f.lanes[l].clear = n, f.clear
		f.lanes[l].views(n)
	}
}

// views makes those of maps whose buffers there are.
func (f *frame) views(n int) {
	f.acts = make([]*kernels.Act, len(f.c.values))
	for v := range f.c.values {
		f.view(v, n)
	}
}

// view makes the feature maps of a value.
func (f *frame) view(v, n int) *kernels.Act {
	x := &f.c.values[v]
	if !x.maps || f.acts[v] != nil {
		return f.acts[v]
	}
	switch {
	case x.parent >= 0:
		if whole := f.view(x.parent, n); whole != nil {
			f.acts[v] = whole.Channels(x.lo, x.lo+x.dims[1])
		}
	case x.slot >= 0 && f.bufs[x.slot] != nil:
		if x.early {
			n = 1
		}
		f.acts[v] = kernels.NewAct(n, x.dims[2], x.dims[3], x.dims[1], x.halo, f.middle(v, n))
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
	held := f.n
	if x.early {
		held = 1
	}
	return f.middle(v, held)[lo*size : (lo+n)*size]
}

// middle is where a value for n images lies in its slot: so that the halves that two processors make of one value and the next lie
// at the same places, and do not move from one's caches to the other's.
func (f *frame) middle(v, n int) []float32 {
	size := n * f.c.values[v].size()
	b := f.bufs[f.c.values[v].slot]
	at := (len(b) - size) / 2 / 16 * 16
	return b[at : at+size]
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
	f.all, f.bufs, f.acts, f.lanes, f.n, f.room = nil, nil, nil, nil, 0, 0
}
