package kernels

//go:generate go run -C _generate .

import (
	"math"
	"time"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

func archs() []*arch { return available }

var available = func() []*arch {
	sizeCaches()
	list := []*arch{goArch}
	if cpuid.CPU.Supports(cpuid.AVX, cpuid.AVX2, cpuid.FMA3) {
		list = append([]*arch{avx2Arch}, list...)
		if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ) {
			list = append([]*arch{avx512Arch}, list...)
			if halfRate(gains()) {
				list[0], list[1] = list[1], list[0]
			}
		}
	}
	for _, a := range list[:len(list)-1] {
		blocks(&a.f32)
		blocks(&a.f64)
		a.tiles.kc = a.f32.kc
	}
	return list
}()

// gains measures how much faster multiply-adds of 512 bits are than those of 256,
// by value: 2 where each takes as long as the other, 1 where the CPU cuts them
// in two or has half as many units for them. Some 0.2 ms, of which the first part
// lets the clock settle.
func gains() float64 {
	const rounds = 2000
	peakAVX512(10 * rounds)
	narrow, wide := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range 8 { // the fastest of each, in turn: other work only ever makes them slower
		start := time.Now()
		peakAVX512(rounds)
		middle := time.Now()
		peakAVX2(rounds)
		wide, narrow = min(wide, middle.Sub(start)), min(narrow, time.Since(middle))
	}
	return 2 * float64(narrow) / float64(max(1, wide))
}

// halfRate is the answer: there is nothing between 1 and 2 but noise, so that the
// kernels in use, on which the last bits of results depend, are the same in every
// process on a machine.
func halfRate(gain float64) bool { return gain < 1.4 }

var avx512Arch = &arch{
	name:   "avx512",
	f32:    micro[float32]{mr: 14, nr: 32, kernel: sgemmAVX512, block: 16, transpose: stransposeAVX512, pack: spackAVX512},
	tiles:  tiles{mr: 14, nr: 32, half: 16, run: tileAVX512, row: func(t *tile) { tileRow128AVX512((*byte)(unsafe.Pointer(t))) }},
	f64:    micro[float64]{mr: 14, nr: 16, kernel: dgemmAVX512, block: 8, transpose: dtransposeAVX512, pack: dpackAVX512},
	raster: rasterAVX2,
	vec: vectors{
		bytes: 64, piece: 16,
		sliding: [3][2]func(d *depthRow){{deep3x1AVX512, deep3x2AVX512}, {deep5x1AVX512, deep5x2AVX512}, {deep7x1AVX512, deep7x2AVX512}},
		saxpy:   saxpyAVX512, daxpy: daxpyAVX512, sscal: sscalAVX512, dscal: dscalAVX512, sdot: sdotAVX512, ddot: ddotAVX512, sumSquares: sumSquaresAVX512,
		sadd: saddAVX512, smul: smulAVX512, saddMax: saddMaxAVX512, smax: smaxAVX512, srelu: sreluAVX512,
		sexp: sexpAVX512, ssigmoid: ssigmoidAVX512, ssilu: ssiluAVX512, stanh: stanhAVX512, shardSigmoid: shardSigmoidAVX512, shardSwish: shardSwishAVX512,
		sgelu: sgeluAVX512, sgeluTanh: sgeluTanhAVX512, depthwise: depthAVX512, windowMax: largestAVX512, masks: true,
		smaxRow: smaxRowAVX512, sexpSum: sexpSumAVX512, snormRow: snormRowAVX512,
		sclip: sclipAVX512, sleakyRelu: sleakyReluAVX512, sscaleShift: sscaleShiftAVX512,
		adam: adamAVX512, smulRows: smulRowsAVX512, ssumRows: ssumRowsAVX512, sinterleave3: sinterleave3AVX512, poolMax: poolMaxAVX512, winogradIn: winogradInAVX512, winogradOut: winogradOutAVX512,
	},
}

var avx2Arch = &arch{
	name:   "avx2",
	f32:    micro[float32]{mr: 6, nr: 16, kernel: sgemmAVX2, block: 8, transpose: stransposeAVX2, pack: spackAVX2},
	tiles:  tiles{mr: 6, nr: 16, half: 8, run: tileAVX2, row: func(t *tile) { tileRow64AVX2((*byte)(unsafe.Pointer(t))) }},
	f64:    micro[float64]{mr: 6, nr: 8, kernel: dgemmAVX2, block: 4, transpose: dtransposeAVX2, pack: dpackAVX2},
	raster: rasterAVX2,
	vec: vectors{
		bytes: 32, piece: 8,
		sliding: [3][2]func(d *depthRow){{deep3x1AVX2, deep3x2AVX2}, {deep5x1AVX2, deep5x2AVX2}, {deep7x1AVX2, deep7x2AVX2}},
		saxpy:   saxpyAVX2, daxpy: daxpyAVX2, sscal: sscalAVX2, dscal: dscalAVX2, sdot: sdotAVX2, ddot: ddotAVX2, sumSquares: sumSquaresAVX2,
		sadd: saddAVX2, smul: smulAVX2, saddMax: saddMaxAVX2, smax: smaxAVX2, srelu: sreluAVX2,
		sexp: sexpAVX2, ssigmoid: ssigmoidAVX2, ssilu: ssiluAVX2, stanh: stanhAVX2, shardSigmoid: shardSigmoidAVX2, shardSwish: shardSwishAVX2,
		sgelu: sgeluAVX2, sgeluTanh: sgeluTanhAVX2, depthwise: depthAVX2, windowMax: largestAVX2, masks: false,
		smaxRow: smaxRowAVX2, sexpSum: sexpSumAVX2, snormRow: snormRowAVX2,
		sclip: sclipAVX2, sleakyRelu: sleakyReluAVX2, sscaleShift: sscaleShiftAVX2,
		adam: adamAVX2, smulRows: smulRowsAVX2, ssumRows: ssumRowsAVX2, poolMax: poolMaxAVX2, winogradIn: winogradInAVX2, winogradOut: winogradOutAVX2,
	},
}

// The assembly's row counts, by number of rows less one.
var (
	sgemmRowsAVX512 = [14]func(k int, a *float32, lda int, b *float32, c *float32, ldc int, alpha, beta float32){
		sgemm1x32AVX512, sgemm2x32AVX512, sgemm3x32AVX512, sgemm4x32AVX512, sgemm5x32AVX512, sgemm6x32AVX512, sgemm7x32AVX512,
		sgemm8x32AVX512, sgemm9x32AVX512, sgemm10x32AVX512, sgemm11x32AVX512, sgemm12x32AVX512, sgemm13x32AVX512, sgemm14x32AVX512,
	}
	dgemmRowsAVX512 = [14]func(k int, a *float64, lda int, b *float64, c *float64, ldc int, alpha, beta float64){
		dgemm1x16AVX512, dgemm2x16AVX512, dgemm3x16AVX512, dgemm4x16AVX512, dgemm5x16AVX512, dgemm6x16AVX512, dgemm7x16AVX512,
		dgemm8x16AVX512, dgemm9x16AVX512, dgemm10x16AVX512, dgemm11x16AVX512, dgemm12x16AVX512, dgemm13x16AVX512, dgemm14x16AVX512,
	}
	sgemmRowsAVX2 = [6]func(k int, a *float32, lda int, b *float32, c *float32, ldc int, alpha, beta float32){
		sgemm1x16AVX2, sgemm2x16AVX2, sgemm3x16AVX2, sgemm4x16AVX2, sgemm5x16AVX2, sgemm6x16AVX2,
	}
	dgemmRowsAVX2 = [6]func(k int, a *float64, lda int, b *float64, c *float64, ldc int, alpha, beta float64){
		dgemm1x8AVX2, dgemm2x8AVX2, dgemm3x8AVX2, dgemm4x8AVX2, dgemm5x8AVX2, dgemm6x8AVX2,
	}
)

// The assembly of layers' tiles, by width and number of rows less one.
var (
	wideAVX512 = [14]func(t *byte){tile1x32AVX512, tile2x32AVX512, tile3x32AVX512, tile4x32AVX512, tile5x32AVX512, tile6x32AVX512, tile7x32AVX512, tile8x32AVX512, tile9x32AVX512, tile10x32AVX512, tile11x32AVX512, tile12x32AVX512, tile13x32AVX512, tile14x32AVX512}
	halfAVX512 = [14]func(t *byte){tile1x16AVX512, tile2x16AVX512, tile3x16AVX512, tile4x16AVX512, tile5x16AVX512, tile6x16AVX512, tile7x16AVX512, tile8x16AVX512, tile9x16AVX512, tile10x16AVX512, tile11x16AVX512, tile12x16AVX512, tile13x16AVX512, tile14x16AVX512}
	wideAVX2   = [6]func(t *byte){tile1x16AVX2, tile2x16AVX2, tile3x16AVX2, tile4x16AVX2, tile5x16AVX2, tile6x16AVX2}
	halfAVX2   = [6]func(t *byte){tile1x8AVX2, tile2x8AVX2, tile3x8AVX2, tile4x8AVX2, tile5x8AVX2, tile6x8AVX2}
)

func tileAVX512(rows, width, cols int, t *tile) {
	t.check(rows, width, cols)
	if width == 32 {
		wideAVX512[rows-1]((*byte)(unsafe.Pointer(t)))
		return
	}
	halfAVX512[rows-1]((*byte)(unsafe.Pointer(t)))
}

func tileAVX2(rows, width, cols int, t *tile) {
	t.check(rows, width, cols)
	switch {
	case cols < width:
		t.aside(rows, width, cols, func(rows int, t *tile) { tileAVX2(rows, width, width, t) })
	case width == 16:
		wideAVX2[rows-1]((*byte)(unsafe.Pointer(t)))
	default:
		halfAVX2[rows-1]((*byte)(unsafe.Pointer(t)))
	}
}

func depthAVX512(d *depthRow) { depthwiseAVX512((*byte)(unsafe.Pointer(d))) }
func depthAVX2(d *depthRow)   { depthwiseAVX2((*byte)(unsafe.Pointer(d))) }

func largestAVX512(d *depthRow) { windowMaxAVX512((*byte)(unsafe.Pointer(d))) }
func largestAVX2(d *depthRow)   { windowMaxAVX2((*byte)(unsafe.Pointer(d))) }

var rasterAVX2 = raster{weighLinesAVX2, weighPixelsAVX2, inverseDCTAVX2, yccPixelsAVX2, doubleRowAVX2, doubleRowsAVX2}

// checkTile keeps the assembly inside its slices.
func checkTile[T float](rows, k int, a []T, lda int, b []T, c []T, ldc, nr int) {
	_ = a[(rows-1)*lda+k-1]
	_ = b[k*nr-1]
	_ = c[(rows-1)*ldc+nr-1]
}

func sgemmAVX512(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
	checkTile(rows, k, a, lda, b, c, ldc, 32)
	sgemmRowsAVX512[rows-1](k, &a[0], lda, &b[0], &c[0], ldc, alpha, beta)
}

func dgemmAVX512(rows, k int, a []float64, lda int, b []float64, c []float64, ldc int, alpha, beta float64) {
	checkTile(rows, k, a, lda, b, c, ldc, 16)
	dgemmRowsAVX512[rows-1](k, &a[0], lda, &b[0], &c[0], ldc, alpha, beta)
}

func sgemmAVX2(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
	checkTile(rows, k, a, lda, b, c, ldc, 16)
	sgemmRowsAVX2[rows-1](k, &a[0], lda, &b[0], &c[0], ldc, alpha, beta)
}

func dgemmAVX2(rows, k int, a []float64, lda int, b []float64, c []float64, ldc int, alpha, beta float64) {
	checkTile(rows, k, a, lda, b, c, ldc, 8)
	dgemmRowsAVX2[rows-1](k, &a[0], lda, &b[0], &c[0], ldc, alpha, beta)
}

// strips runs a transposition of strips of n rows over a matrix.
func strips[T float](n, rows, cols int, src []T, lds int, dst []T, ldd int, kernel func(blocks int, src *T, lds int, dst *T, ldd int)) {
	_ = src[(rows-1)*lds+cols-1]
	_ = dst[(cols-1)*ldd+rows-1]
	for i := 0; i < rows; i += n {
		kernel(cols/n, &src[i*lds], lds, &dst[i], ldd)
	}
}

func stransposeAVX512(rows, cols int, src []float32, lds int, dst []float32, ldd int) {
	strips(16, rows, cols, src, lds, dst, ldd, stranspose16AVX512)
}

func dtransposeAVX512(rows, cols int, src []float64, lds int, dst []float64, ldd int) {
	strips(8, rows, cols, src, lds, dst, ldd, dtranspose8AVX512)
}

func stransposeAVX2(rows, cols int, src []float32, lds int, dst []float32, ldd int) {
	strips(8, rows, cols, src, lds, dst, ldd, stranspose8AVX2)
}

func dtransposeAVX2(rows, cols int, src []float64, lds int, dst []float64, ldd int) {
	strips(4, rows, cols, src, lds, dst, ldd, dtranspose4AVX2)
}

// blocks derives the block sizes of a product from the caches. A panel of B,
// kc x nr, is what every tile of a column streams through: it has two thirds
// of the first-level cache. The block of A, mc x kc, is read again for each
// panel: it has not quite half of the second level, beside the panels of B
// that are packed together. kc is a power of two so as to be the same on
// machines of a kind: it is part of the result's rounding.
func blocks[T float](m *micro[T]) {
	var t T
	size := int(unsafe.Sizeof(t))
	m.kc = 128
	for m.kc < 512 && 2*m.kc*m.nr*size*3 <= cache.l1*2 {
		m.kc *= 2
	}
	m.mc = max(m.mr, cache.l2*7/16/(m.kc*size)/m.mr*m.mr)
	m.nc = 1024
}

func spackAVX512(k, panels int, src []float32, lds int, dst []float32) {
	packPanels(32, k, panels, src, lds, dst, packAVX512)
}

func dpackAVX512(k, panels int, src []float64, lds int, dst []float64) {
	packPanels(16, k, panels, src, lds, dst, packAVX512)
}

func spackAVX2(k, panels int, src []float32, lds int, dst []float32) {
	packPanels(16, k, panels, src, lds, dst, packAVX2)
}

func dpackAVX2(k, panels int, src []float64, lds int, dst []float64) {
	packPanels(8, k, panels, src, lds, dst, packAVX2)
}

func packPanels[T float](nr, k, panels int, src []T, lds int, dst []T, kernel func(k, panels int, src *byte, lds int, dst *byte)) {
	_ = src[(k-1)*lds+panels*nr-1]
	_ = dst[k*panels*nr-1]
	size := int(unsafe.Sizeof(src[0]))
	kernel(k, panels, (*byte)(unsafe.Pointer(&src[0])), lds*size, (*byte)(unsafe.Pointer(&dst[0])))
}

func deep3x1AVX512(d *depthRow) { depthwise3x1AVX512((*byte)(unsafe.Pointer(d))) }
func deep3x2AVX512(d *depthRow) { depthwise3x2AVX512((*byte)(unsafe.Pointer(d))) }
func deep5x1AVX512(d *depthRow) { depthwise5x1AVX512((*byte)(unsafe.Pointer(d))) }
func deep5x2AVX512(d *depthRow) { depthwise5x2AVX512((*byte)(unsafe.Pointer(d))) }
func deep7x1AVX512(d *depthRow) { depthwise7x1AVX512((*byte)(unsafe.Pointer(d))) }
func deep7x2AVX512(d *depthRow) { depthwise7x2AVX512((*byte)(unsafe.Pointer(d))) }

func deep3x1AVX2(d *depthRow) { depthwise3x1AVX2((*byte)(unsafe.Pointer(d))) }
func deep3x2AVX2(d *depthRow) { depthwise3x2AVX2((*byte)(unsafe.Pointer(d))) }
func deep5x1AVX2(d *depthRow) { depthwise5x1AVX2((*byte)(unsafe.Pointer(d))) }
func deep5x2AVX2(d *depthRow) { depthwise5x2AVX2((*byte)(unsafe.Pointer(d))) }
func deep7x1AVX2(d *depthRow) { depthwise7x1AVX2((*byte)(unsafe.Pointer(d))) }
func deep7x2AVX2(d *depthRow) { depthwise7x2AVX2((*byte)(unsafe.Pointer(d))) }
