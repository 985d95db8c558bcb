package kernels

import (
	"unsafe"
)

func archs() []*arch { return available }

// available: every arm64 CPU has NEON.
var available = func() []*arch {
	sizeCaches()
	return []*arch{neonArch, goArch}
}()

var neonArch = &arch{
	name:  "neon",
	f32:   micro[float32]{mr: 8, nr: 8, kc: 256, mc: 128, nc: 1024, kernel: sgemmNEON},
	f64:   micro[float64]{mr: 4, nr: 4, kc: 256, mc: 128, nc: 128, kernel: goKernel[float64]},
	tiles: tiles{mr: 8, nr: 8, half: 4, kc: 256, run: tileNEON},
	vec: vectors{
		bytes: 16,
		saxpy: saxpyNEON, sscal: sscalNEON, sdot: sdotNEON,
		daxpy:      func(alpha float64, x, y *float64, n int) { goAxpy(alpha, doubles(x, n), doubles(y, n)) },
		dscal:      func(alpha float64, x *float64, n int) { goScal(alpha, doubles(x, n)) },
		ddot:       func(x, y *float64, n int) float64 { return goDot(doubles(x, n), doubles(y, n)) },
		sumSquares: goSumSquares,
		sadd:       saddNEON, smul: smulNEON, saddMax: saddMaxNEON, smax: smaxNEON, srelu: sreluNEON,
		sclip: sclipNEON, sleakyRelu: sleakyReluNEON, sscaleShift: sscaleShiftNEON,
		ssigmoid: ssigmoidNEON, ssilu: ssiluNEON, stanh: stanhNEON, shardSigmoid: shardSigmoidNEON, shardSwish: shardSwishNEON,
		sgelu: sgeluNEON, sgeluTanh: sgeluTanhNEON,
		smaxRow: smaxRowNEON, sexpSum: sexpSumNEON, snormRow: snormRowNEON,
		adam: func(k, param, grad, m, v *float32, n int) {
			goAdam((*adamCoefficients)(unsafe.Pointer(k)), floats(param, n), floats(grad, n), floats(m, n), floats(v, n))
		},
		depthwise: func(d *depthRow) { depthwiseNEON((*byte)(unsafe.Pointer(d))) },
		smulRows:  smulRowsNEON, poolMax: poolMaxNEON, winogradIn: winogradInNEON, winogradOut: winogradOutNEON,
	},
}

// floats and doubles are n vectors from a pointer on.
func floats(x *float32, n int) []float32  { return unsafe.Slice(x, 4*n) }
func doubles(x *float64, n int) []float64 { return unsafe.Slice(x, 2*n) }

// goSumSquares counts vectors of two in double precision, as the others do.
func goSumSquares(x *float32, n int) (sum float64) {
	for _, v := range unsafe.Slice(x, 2*n) {
		sum += float64(v) * float64(v)
	}
	return sum
}

// The assembly of layers' narrow tiles, by number of rows less one.
var halfNEON = [8]func(t *byte){tile1x4NEON, tile2x4NEON, tile3x4NEON, tile4x4NEON, tile5x4NEON, tile6x4NEON, tile7x4NEON, tile8x4NEON}

// wide runs the assembly of a tile of 8 columns; called by name, so that t stays
// on the stack.
func wide(rows int, t *tile) {
	p := (*byte)(unsafe.Pointer(t))
	switch rows {
	case 1:
		tile1x8NEON(p)
	case 2:
		tile2x8NEON(p)
	case 3:
		tile3x8NEON(p)
	case 4:
		tile4x8NEON(p)
	case 5:
		tile5x8NEON(p)
	case 6:
		tile6x8NEON(p)
	case 7:
		tile7x8NEON(p)
	case 8:
		tile8x8NEON(p)
	}
}

func tileNEON(rows, width, cols int, t *tile) {
	t.check(rows, width, cols)
	switch {
	case cols < width:
		t.aside(rows, width, cols, func(rows int, t *tile) { tileNEON(rows, width, width, t) })
	case width == 8:
		wide(rows, t)
	default:
		halfNEON[rows-1]((*byte)(unsafe.Pointer(t)))
	}
}

// sgemmNEON is goKernel by the kernels of layers: these know no factors, so a
// product that has them is finished here.
func sgemmNEON(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
	var out [64]float32
	t := tile{k: k, segs: 1, lda: lda, c: out[:], ldc: 8, mask: 0xff}
	direct := alpha == 1 && (beta == 0 || beta == 1)
	if direct {
		t.c, t.ldc = c, ldc
		if beta == 1 {
			t.more = 1
		}
	}
	t.a, t.b = a, b
	t.check(rows, 8, 8)
	wide(rows, &t)
	if direct {
		return
	}
	for i := range rows {
		for j := range 8 {
			v := alpha * out[i*8+j]
			if beta != 0 {
				v += beta * c[i*ldc+j]
			}
			c[i*ldc+j] = v
		}
	}
}
