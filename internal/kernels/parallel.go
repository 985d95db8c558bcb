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
	finish chan struct{}
}

// seat is a goroutine's share of the parts: the same stretch of each task in turn, so that what it made
// lies in its own processor's caches when the next task reads it. Who is done takes from the others.
type seat struct {
	next atomic.Int64 // first part of the share that nobody has taken
	end  int64
	_    [48]byte // a cache line each
}

var (
	calls   = make(chan *crew, 1024)
	workers atomic.Int64
	crews   = freeList[crew]{make: func() *crew { return &crew{finish: make(chan struct{}, 1)} }}
)

// parallel runs all parts of t and returns when they are done.
func parallel(parts int, t task) {
	helpers := min(parts, runtime.GOMAXPROCS(0)) - 1
	if helpers <= 0 {
		s := scratches.get()
		for i := range parts {
			t.part(i, s)
		}
		scratches.put(s)
		return
	}
	for n := workers.Load(); n < int64(helpers); n = workers.Load() {
		if workers.CompareAndSwap(n, n+1) {
			go func() {
				for {
					c := soon(calls)
					if c.work(int(n) + 1) {
						c.finish <- struct{}{}
					}
					c.release()
				}
			}()
		}
	}
	c := crews.get()
	c.t, c.parts = t, int64(parts)
	if len(c.seats) != helpers+1 {
		c.seats = make([]seat, helpers+1)
	}
	for i := range c.seats {
		c.seats[i].next.Store(int64(i * parts / (helpers + 1)))
		c.seats[i].end = int64((i + 1) * parts / (helpers + 1))
	}
	c.done.Store(0)
	c.refs.Store(int64(helpers) + 1)
	for range helpers {
		select {
		case calls <- c:
		default: // everyone is busy and the queue full: do without
			c.refs.Add(-1)
		}
	}
	if !c.work(0) {
		soon(c.finish)
	}
	c.release()
}

// soon receives what is expected within microseconds: the layers of a network
// follow each other so closely that going to sleep and being woken takes longer
// than a small layer. After some twenty microseconds it sleeps.
func soon[T any](from chan T) T {
	if runtime.GOMAXPROCS(0) > 1 {
		for i := range 1500 {
			select {
			case v := <-from:
				return v
			default:
			}
			if i%64 == 63 {
				runtime.Gosched()
			}
		}
	}
	return <-from
}

// work takes parts, first those of a seat, until none is left, and reports whether it finished the
// task's last one.
func (c *crew) work(at int) (last bool) {
	var s *scratch
	n := int64(0)
	for i := range c.seats {
		own := &c.seats[(at+i)%len(c.seats)]
		for part := own.next.Add(1) - 1; part < own.end; part = own.next.Add(1) - 1 {
			if s == nil {
				s = scratches.get()
			}
			c.t.part(int(part), s)
			n++
		}
	}
	if n == 0 {
		return false
	}
	scratches.put(s)
	return c.done.Add(n) == c.parts
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
