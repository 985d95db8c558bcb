package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// atLevels runs a test under every level this machine has.
func atLevels(t *testing.T, f func(t *testing.T)) {
	before := Level()
	defer func() {
		if err := setLevel(before); err != nil {
			t.Fatal(err)
		}
	}()
	for _, l := range Levels() {
		if err := setLevel(l); err != nil {
			t.Fatal(err)
		}
		t.Run(l, f)
	}
}

const guard = 64

// guarded is a slice of n random values, misaligned by off elements, with
// guard values before and behind that intact checks.
type guarded[T float] struct {
	all  []T
	s    []T
	mark T
}

func newGuarded[T float](r *rand.Rand, n, off int) *guarded[T] {
	g := &guarded[T]{all: make([]T, guard+off+n+guard), mark: 12345.5}
	for i := range g.all {
		g.all[i] = g.mark
	}
	g.s = g.all[guard+off:][:n:n]
	for i := range g.s {
		g.s[i] = T(r.NormFloat64())
	}
	return g
}

func (g *guarded[T]) intact(t *testing.T, what string) {
	t.Helper()
	lo := len(g.all) - guard - len(g.s)
	for i, v := range g.all {
		if (i < lo || i >= len(g.all)-guard) && v != g.mark {
			t.Fatalf("%s: wrote outside at %d of %d values", what, i-lo, len(g.s))
		}
	}
}

func op[T float](trans bool, a []T, lda, i, j int) float64 {
	if trans {
		i, j = j, i
	}
	return float64(a[i*lda+j])
}

func testGemm[T float](t *testing.T, eps float64, f func(transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)) {
	r := rand.New(rand.NewPCG(1, 2))
	sizes := [][3]int{{1, 1, 1}, {1, 33, 7}, {14, 32, 4}, {13, 31, 5}, {15, 33, 300}, {29, 65, 257}, {64, 100, 513}, {3, 500, 17}, {500, 3, 17}, {2, 2, 1000}, {130, 140, 260}}
	for range 30 {
		sizes = append(sizes, [3]int{1 + r.IntN(70), 1 + r.IntN(90), 1 + r.IntN(70)})
	}
	for i, s := range sizes {
		m, n, k := s[0], s[1], s[2]
		transA, transB := i&1 == 1, i&2 == 2
		alpha, beta := []T{1, -0.5, 2}[r.IntN(3)], []T{0, 1, 0.75}[r.IntN(3)]
		ra, ca, rb, cb := m, k, k, n
		if transA {
			ra, ca = ca, ra
		}
		if transB {
			rb, cb = cb, rb
		}
		lda, ldb, ldc := ca+r.IntN(5), cb+r.IntN(5), n+r.IntN(5)
		a := newGuarded[T](r, (ra-1)*lda+ca, r.IntN(16))
		b := newGuarded[T](r, (rb-1)*ldb+cb, r.IntN(16))
		c := newGuarded[T](r, (m-1)*ldc+n, r.IntN(16))
		before := append([]T(nil), c.s...)
		if beta == 0 {
			for i := range m {
				c.s[i*ldc] = T(math.NaN()) // must not be read
			}
		}
		f(transA, transB, m, n, k, alpha, a.s, lda, b.s, ldb, beta, c.s, ldc)
		what := fmt.Sprintf("%dx%dx%d transA %v transB %v alpha %v beta %v", m, n, k, transA, transB, alpha, beta)
		c.intact(t, what)
		for i := range m {
			for j := range ldc {
				at := i*ldc + j
				if j >= n {
					if at < len(before) && c.s[at] != before[at] {
						t.Fatalf("%s: wrote between rows", what)
					}
					continue
				}
				var want, size float64
				for p := range k {
					v := op(transA, a.s, lda, i, p) * op(transB, b.s, ldb, p, j)
					want += v
					size += math.Abs(v)
				}
				want = float64(alpha) * want
				size *= math.Abs(float64(alpha))
				if beta != 0 {
					want += float64(beta) * float64(before[at])
					size += math.Abs(float64(before[at]))
				}
				if e := math.Abs(float64(c.s[at]) - want); !(e <= eps*(size+1)*math.Sqrt(float64(k)+8)) {
					t.Fatalf("%s: C[%d,%d] = %v, want %v", what, i, j, c.s[at], want)
				}
			}
		}
	}
}

func TestSgemm(t *testing.T) {
	atLevels(t, func(t *testing.T) { testGemm(t, 1e-7, Sgemm) })
}

func TestDgemm(t *testing.T) {
	atLevels(t, func(t *testing.T) { testGemm(t, 2e-16, Dgemm) })
}
