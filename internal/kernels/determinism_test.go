package kernels

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"vzsl/internal/filetest"
)

// atThreads runs f on one, two and five threads and wants the same bits.
func atThreads(t *testing.T, what string, f func() []float32) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []float32
	for _, n := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(n)
		got := f()
		if want == nil {
			want = got
		}
		for i, v := range want {
			if got[i] != v {
				t.Fatalf("%s: [%d] is %v on %d threads, %v on one", what, i, got[i], n, v)
			}
		}
	}
}

func TestThreads(t *testing.T) {
	filetest.Slow(t)
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(61, 62))
		m, n, k := 300, 333, 600
		a, b := newGuarded[float32](r, m*k, 0).s, newGuarded[float32](r, k*n, 0).s
		for i := range 4 {
			transA, transB := i&1 == 1, i&2 == 2
			lda, ldb := k, n
			if transA {
				lda = m
			}
			if transB {
				ldb = k
			}
			atThreads(t, "product", func() []float32 {
				c := make([]float32, m*n)
				Sgemm(transA, transB, m, n, k, 1, a, lda, b, ldb, 0, c, n)
				return c
			})
		}
		for _, s := range [][3]int{{64, 48, 30}, {3, 40, 33}, {300, 260, 9}} {
			g := Conv2D{In: s[0], Out: s[1], KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}
			c, err := PrepareConv(g, newGuarded[float32](r, g.Weights(), 0).s, nil, ReLU)
			if err != nil {
				t.Fatal(err)
			}
			in, _ := randomAct(r, 3, s[2], s[2], s[0], c.Halo(s[2], s[2]))
			atThreads(t, "convolution", func() []float32 {
				out := NewAct(3, s[2], s[2], s[1], Halo{}, nil)
				c.run(in, out)
				return out.Data
			})
			c.Free()
		}
		for _, g := range []Conv2D{
			{In: 96, Out: 96, KernelH: 3, KernelW: 3, Groups: 96, Top: 1, Left: 1, Bottom: 1, Right: 1},
			{In: 24, Out: 144, KernelH: 1, KernelW: 1},
			{In: 1024, Out: 70, KernelH: 1, KernelW: 1}, // rows a page apart
			{In: 64, Out: 64, KernelH: 3, KernelW: 3, Groups: 16, StrideH: 2, StrideW: 2},
			{In: 3, Out: 32, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1},
		} {
			c, err := PrepareConv(g, newGuarded[float32](r, g.Weights(), 0).s, nil, Function{Kind: Silu})
			if err != nil {
				t.Fatal(err)
			}
			in, _ := randomAct(r, 3, 23, 23, g.In, Halo{})
			oh, ow := g.OutSize(23, 23)
			atThreads(t, "convolution", func() []float32 {
				out := NewAct(3, oh, ow, g.Out, Halo{}, nil)
				c.run(in, out)
				return out.Data
			})
			c.Free()
		}
		l, err := PrepareLinear(true, 700, 1024, newGuarded[float32](r, 700*1024, 0).s, 1024, nil, Function{Kind: Gelu})
		if err != nil {
			t.Fatal(err)
		}
		rows := newGuarded[float32](r, 120*1024, 0).s
		atThreads(t, "linear layer", func() []float32 {
			y := make([]float32, 120*700)
			l.run(120, rows, 1024, y, 700)
			return y
		})
		l.Free()
		x := newGuarded[float32](r, 2500, 0).s
		w := newGuarded[float32](r, 300*2500, 0).s
		atThreads(t, "gemv", func() []float32 {
			y := make([]float32, 300+2500)
			gemv(&sgemvs, false, 300, 2500, 1, w, 2500, x, 0, y[:300])
			gemv(&sgemvs, true, 300, 2500, 1, w, 2500, x[:300], 0, y[300:])
			return y
		})
	})
}

// A row of C is the same whatever rows and columns share the call.
func TestRowsIndependent(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(71, 72))
		m, n, k := 61, 77, 700
		a, b := newGuarded[float32](r, m*k, 0).s, newGuarded[float32](r, k*n, 0).s
		all := make([]float32, m*n)
		Sgemm(false, false, m, n, k, 1, a, k, b, n, 0, all, n)
		for range 60 {
			i, j := r.IntN(m), r.IntN(n)
			rows, cols := 1+r.IntN(m-i), 1+r.IntN(n-j)
			c := make([]float32, rows*cols)
			Sgemm(false, false, rows, cols, k, 1, a[i*k:], k, b[j:], n, 0, c, cols)
			for y := range rows {
				for x := range cols {
					if c[y*cols+x] != all[(i+y)*n+j+x] {
						t.Fatalf("C[%d,%d] differs in a product of %d x %d", i+y, j+x, rows, cols)
					}
				}
			}
		}
	})
}

// Many goroutines at once, as extraction and training do.
func TestConcurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 82))
	m, n, k := 70, 130, 300
	a, b := newGuarded[float32](r, m*k, 0).s, newGuarded[float32](r, k*n, 0).s
	want := make([]float32, m*n)
	Sgemm(false, false, m, n, k, 1, a, k, b, n, 0, want, n)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			c := make([]float32, m*n)
			for range 20 {
				Sgemm(false, false, m, n, k, 1, a, k, b, n, 0, c, n)
				for i, v := range want {
					ok = ok && c[i] == v
				}
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("results differ under load")
		}
	}
}

// In steady state nothing is allocated.
func TestAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(91, 92))
	m, n, k := 64, 200, 300
	a, b, c := newGuarded[float32](r, m*k, 0).s, newGuarded[float32](r, k*n, 0).s, make([]float32, m*n)
	conv, err := PrepareConv(Conv2D{In: 32, Out: 32, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, make([]float32, 32*32*9), nil, ReLU)
	if err != nil {
		t.Fatal(err)
	}
	defer conv.Free()
	in, _ := randomAct(r, 1, 20, 20, 32, conv.Halo(20, 20))
	out := NewAct(1, 20, 20, 32, Halo{}, nil)
	for what, f := range map[string]func(){
		"Sgemm": func() { Sgemm(false, true, m, n, k, 1, a, k, b, k, 0, c, n) },
		"Conv":  func() { conv.run(in, out) },
	} {
		for range 20 {
			f()
		}
		if got := testing.AllocsPerRun(50, f); got > 0.5 {
			t.Errorf("%s: %v allocations a call", what, got)
		}
	}
}
