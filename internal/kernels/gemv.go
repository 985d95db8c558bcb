package kernels

// gemvRun is y = alpha*op(A)*x + beta*y under way on unit strides. A part is
// so many values of y; the cuts are the same however many threads there are.
type gemvRun[T float] struct {
	dot         func(x, y []T) T
	axpy        func(alpha T, x, y []T)
	scal        func(alpha T, x []T)
	trans       bool
	m, n, lda   int // of A as stored
	alpha, beta T
	a, x, y     []T
}

var (
	sgemvs = freeList[gemvRun[float32]]{make: func() *gemvRun[float32] {
		return &gemvRun[float32]{dot: sdot, axpy: saxpy, scal: sscal}
	}}
	dgemvs = freeList[gemvRun[float64]]{make: func() *gemvRun[float64] {
		return &gemvRun[float64]{dot: ddot, axpy: daxpy, scal: dscal}
	}}
)

const (
	gemvRows = 64   // values of y a part, A*x
	gemvCols = 1024 // A'*x: a multiple of every vector's length
)

func gemv[T float](free *freeList[gemvRun[T]], trans bool, m, n int, alpha T, a []T, lda int, x []T, beta T, y []T) {
	r := free.get()
	r.trans, r.m, r.n, r.alpha, r.a, r.lda, r.x, r.beta, r.y = trans, m, n, alpha, a, lda, x, beta, y
	size, step := m, gemvRows
	if trans {
		size, step = n, gemvCols
	}
	parts := (size + step - 1) / step
	if m*n < 1<<16 { // waking another thread costs more
		for i := range parts {
			r.part(i, nil)
		}
	} else {
		parallel(parts, r)
	}
	r.a, r.x, r.y = nil, nil, nil
	free.put(r)
}

func (r *gemvRun[T]) part(i int, _ *scratch) {
	if !r.trans {
		for row := i * gemvRows; row < min((i+1)*gemvRows, r.m); row++ {
			v := r.alpha * r.dot(r.a[row*r.lda:][:r.n], r.x)
			if r.beta != 0 {
				v += r.beta * r.y[row]
			}
			r.y[row] = v
		}
		return
	}
	lo, hi := i*gemvCols, min((i+1)*gemvCols, r.n)
	y := r.y[lo:hi]
	switch r.beta {
	case 0:
		clear(y)
	case 1:
	default:
		r.scal(r.beta, y)
	}
	for row := range r.m {
		r.axpy(r.alpha*r.x[row], r.a[row*r.lda+lo:row*r.lda+hi], y)
	}
}
