package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// task is work cut into parts that may run in any order and on any goroutine.
type task interface {
	part(i int, s *scratch)
}

// crew is the goroutines that work on one task. The caller is one of them; the
// others come from a pool that lives as long as the process, so that a call
// allocates nothing.
type crew struct {
	t      task
	parts  int64
	seats  []seat
	done   atomic.Int64
	refs   atomic.Int64 // goroutines that may still look at this crew
	asleep atomic.Bool  // the caller waits for finish
	finish chan struct{}
}

// seat is a goroutine's share of the parts: the same stretch of each task in turn, so that what it made
// lies in its own processor's caches when the next task reads it. Who is done takes from the others.
type seat struct {
	next atomic.Int64 // first part of the share that nobody has taken
	end  int64
	_    [48]byte // a cache line each
}

// helper is a goroutine of the pool.
type helper struct {
	crew   atomic.Pointer[crew] // what it works on; nil: it has nothing to do
	asleep atomic.Bool          // it waits for wake
	wake   chan struct{}
	_      [40]byte // a cache line each
}

var (
	staff  atomic.Pointer[[]*helper] // never shrinks
	growth sync.Mutex
	crews  = freeList[crew]{make: func() *crew { return &crew{finish: make(chan struct{}, 1)} }}
	lanes  atomic.Int64 // tasks side by side that share the processors, see Lanes
	runs   atomic.Int64 // of networks under way, see Run
)

// threads is how many goroutines a task may use.
func threads() int { return max(1, runtime.GOMAXPROCS(0)/max(1, int(lanes.Load()))) }

// Lanes runs f(0) to f(n-1), n at most the number of processors, side by side; what they compute shares the processors evenly.
func Lanes(n int, f func(i int)) {
	lanes.Add(int64(n))
	share(n, min(n, runtime.GOMAXPROCS(0))-1, call(func(i int) {
		defer lanes.Add(-1)
		f(i)
	}))
}

// Parallel runs f(0) to f(n-1) on the goroutines of the kernels and returns when they are done.
func Parallel(n int, f func(i int)) { parallel(n, call(f)) }

// call is a function as a task.
type call func(i int)

func (f call) part(i int, _ *scratch) { f(i) }

// Run tells that f calls one kernel after another: goroutines that wait for the next do not go to sleep as soon.
func Run(f func()) {
	runs.Add(1)
	defer runs.Add(-1)
	f()
}

// helpers are at least n goroutines of the pool.
func helpers(n int) []*helper {
	if p := staff.Load(); p != nil && len(*p) >= n {
		return *p
	}
	growth.Lock()
	defer growth.Unlock()
	var all []*helper
	if p := staff.Load(); p != nil {
		all = append(all, *p...)
	}
	for len(all) < n {
		h := &helper{wake: make(chan struct{}, 1)}
		all = append(all, h)
		go h.work(len(all))
	}
	staff.Store(&all)
	return all
}

// work is a helper's life; seat is the one that it takes first.
// Its working memory is its own: what lies in its processor's caches does not move to another's.
func (h *helper) work(seat int) {
	s := scratches.make()
	for {
		soon(func() bool { return h.crew.Load() != nil })
		for h.crew.Load() == nil {
			h.asleep.Store(true)
			if h.crew.Load() == nil {
				<-h.wake
			}
			h.asleep.Store(false)
		}
		c := h.crew.Load()
		if c.work(seat, s) && c.asleep.Load() {
			token(c.finish)
		}
		c.release()
		h.crew.Store(nil)
	}
}

// token wakes who waits for ch, or will; it looks whether what it waits for is there.
func token(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// parallel runs all parts of t and returns when they are done. It does not wait for helpers that are at work on other tasks.
func parallel(parts int, t task) { share(parts, min(parts, threads())-1, t) }

// share is parallel with at most so many helpers.
func share(parts, want int, t task) {
	if want > 0 {
		c := crews.get()
		c.t, c.parts = t, int64(parts)
		if len(c.seats) != want+1 {
			c.seats = make([]seat, want+1)
		}
		for i := range c.seats {
			c.seats[i].next.Store(int64(i * parts / (want + 1)))
			c.seats[i].end = int64((i + 1) * parts / (want + 1))
		}
		c.done.Store(0)
		c.asleep.Store(false)
		c.refs.Store(int64(want) + 1)
		for _, h := range helpers(want) {
			if want == 0 {
				break
			}
			if h.crew.Load() == nil && h.crew.CompareAndSwap(nil, c) {
				want--
				if h.asleep.Load() {
					token(h.wake)
				}
			}
		}
		c.refs.Add(-int64(want)) // those that were not there
		s := scratches.get()
		last := c.work(0, s)
		scratches.put(s)
		if !last {
			done := func() bool { return c.done.Load() == c.parts }
			soon(done)
			for !done() {
				c.asleep.Store(true)
				if !done() {
					<-c.finish
				}
			}
		}
		c.release()
		return
	}
	s := scratches.get()
	for i := range parts {
		t.part(i, s)
	}
	scratches.put(s)
}

// soon returns when ready, which is expected within microseconds, or after some time: the layers of a network
// follow each other so closely that going to sleep and being woken takes longer than a small layer. It gives up
// after some twenty microseconds, between the kernels of a run a millisecond.
func soon(ready func() bool) {
	if runtime.GOMAXPROCS(0) == 1 {
		return
	}
	for i := 0; i < 32 || i < 1500 && runs.Load() > 0; i++ {
		for range 256 {
			if ready() {
				return
			}
		}
		runtime.Gosched()
	}
}

// work takes parts, first those of a seat, until none is left, and reports whether it finished the
// task's last one.
func (c *crew) work(at int, s *scratch) (last bool) {
	n := int64(0)
	for i := range c.seats {
		own := &c.seats[(at+i)%len(c.seats)]
		for part := own.next.Add(1) - 1; part < own.end; part = own.next.Add(1) - 1 {
			c.t.part(int(part), s)
			n++
		}
	}
	return n > 0 && c.done.Add(n) == c.parts
}

func (c *crew) release() {
	if c.refs.Add(-1) == 0 {
		c.t = nil
		crews.put(c)
	}
}

// freeList keeps what was made for reuse; unlike sync.Pool it forgets nothing
// at garbage collection.
type freeList[T any] struct {
	make func() *T
	mu   sync.Mutex
	free []*T
}

func (l *freeList[T]) get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		x := l.free[n-1]
		l.free = l.free[:n-1]
		return x
	}
	return l.make()
}

func (l *freeList[T]) put(x *T) {
	l.mu.Lock()
	l.free = append(l.free, x)
	l.mu.Unlock()
}

// scratch is one goroutine's working memory.
type scratch struct {
	f32 buffers[float32]
	f64 buffers[float64]
	// A Winograd convolution's transformed inputs and its products.
	v, m pages
	// A layer's rows to multiply, a depthwise convolution's.
	rows  rows
	hops  []int
	depth depthRow
	chain chain
}

// buffers are a multiplication's packed blocks and a convolution's gathered
// and transformed ones.
type buffers[T float] struct {
	a, b, c, tile []T
}

var scratches = freeList[scratch]{make: func() *scratch { return new(scratch) }}

// grown returns *b with at least n elements, aligned to a cache line.
func grown[T float](b *[]T, n int) []T {
	if len(*b) < n {
		*b = aligned[T](n)
	}
	return *b
}
