package kernels

// Attend is softmax(Scale*Q*K' + mask)*V for one head after another. Q is L x D,
// K is S x D, V is S x E and the result L x E, row-major; rows of each lie their
// LD apart. A block of rows of scores at a time is in the second-level cache and
// nowhere else.
type Attend struct {
	L, S, D, E          int
	Scale               float32
	LDQ, LDK, LDV, LDO  int
	Q, K, V, Out        []float32
	HeadQ, HeadK, HeadV []int // where the heads' first values lie
	HeadOut             []int
	Mask                []float32 // nil: none
	HeadMask            []int
	MaskStride          int // between rows of the mask; 0: the same for all
	MaskStep            int // between its values; 0: the same for all
	perHead, rows       int
	arch                *arch
}

// Attention computes a.
func Attention(a Attend) {
	heads := len(a.HeadQ)
	for h := range heads {
		checkMatrix("Q", false, a.L, a.D, len(a.Q)-a.HeadQ[h], a.LDQ)
		checkMatrix("K", false, a.S, a.D, len(a.K)-a.HeadK[h], a.LDK)
		checkMatrix("V", false, a.S, a.E, len(a.V)-a.HeadV[h], a.LDV)
		checkMatrix("the result", false, a.L, a.E, len(a.Out)-a.HeadOut[h], a.LDO)
	}
	if heads*a.L*a.E == 0 {
		return
	}
	a.arch = current.Load()
	t := &a.arch.tiles
	// Rows of scores, and of Q: half of the second-level cache.
	a.rows = max(t.mr, min(cache.l2/2/(4*(a.S+a.D)), 8*t.mr)/t.mr*t.mr)
	a.perHead = 1
	if want := 2 * threads(); heads < want {
		a.perHead = min((want+heads-1)/heads, (a.L+a.rows-1)/a.rows)
	}
	parallel(heads*a.perHead, &a)
}

// part does some rows of a head, a block at a time.
func (a *Attend) part(i int, s *scratch) {
	h := i / a.perHead
	t, v := &a.arch.tiles, &a.arch.vec
	sizeK, sizeV := t.packedLen(a.S, a.D), t.packedLen(a.E, a.S)
	ldq, lds := a.D+16, roundUp(a.S, t.nr)+16
	bias := max(roundUp(a.S, t.nr), roundUp(a.E, t.nr))
	all := grown(&s.f32.b, roundUp(sizeK, 16)+roundUp(sizeV, 16)+roundUp(bias, 16)+a.rows*roundUp(ldq, 16)+a.rows*lds)
	cut := func(n int) (x []float32) {
		n = roundUp(n, 16)
		x, all = all[:n], all[n:]
		return x
	}
	k := packed{arch: a.arch, n: a.S, k: a.D, weights: cut(sizeK)}
	w := packed{arch: a.arch, n: a.E, k: a.S, weights: cut(sizeV)}
	k.bias = cut(bias)
	clear(k.bias)
	w.bias = k.bias
	q, scores := cut(a.rows*ldq), cut(a.rows*lds)
	for j := 0; j < a.S; j += t.nr {
		width := t.width(a.S - j)
		cols := min(width, a.S-j)
		dst := k.weights[j*a.D:][:a.D*width]
		if cols < width {
			clear(dst)
		}
		a.arch.f32.transposed(cols, a.D, a.K[a.HeadK[h]+j*a.LDK:], a.LDK, dst, width)
	}
	for j := 0; j < a.E; j += t.nr {
		width := t.width(a.E - j)
		cols := min(width, a.E-j)
		dst := w.weights[j*a.S:][:a.S*width]
		if cols < width {
			clear(dst)
		}
		for p := range a.S {
			copy(dst[p*width:][:cols], a.V[a.HeadV[h]+p*a.LDV+j:])
		}
	}
	blocks := (a.L + a.rows - 1) / a.rows
	x := &s.rows
	for b := i % a.perHead * blocks / a.perHead; b < (i%a.perHead+1)*blocks/a.perHead; b++ {
		r0, r1 := b*a.L/blocks, (b+1)*a.L/blocks
		for r := r0; r < r1; r++ {
			row := q[(r-r0)*ldq:][:a.D]
			copy(row, a.Q[a.HeadQ[h]+r*a.LDQ:])
			if a.Scale != 1 {
				sscal(a.Scale, row)
			}
		}
		x.segs, x.hops, x.add, x.ldad = 1, nil, nil, 0
		x.a, x.lda, x.c, x.ldc, x.from, x.end = q, ldq, scores, lds, 0, a.S
		x.runs = append(x.runs[:0], run{rows: r1 - r0})
		k.multiply(x)
		for r := r0; r < r1; r++ {
			row := scores[(r-r0)*lds:][:a.S]
			if a.Mask != nil {
				at := a.HeadMask[h] + r*a.MaskStride
				if a.MaskStep == 1 {
					v.add(row, row, a.Mask[at:])
				} else {
					for j := range row {
						row[j] += a.Mask[at+j*a.MaskStep]
					}
				}
			}
			f := 1 / v.expSum(row, v.maxOf(row))
			sscal(f, row)
		}
		x.a, x.lda, x.c, x.ldc, x.from, x.end = scores, lds, a.Out, a.LDO, 0, a.E
		x.runs = append(x.runs[:0], run{c: a.HeadOut[h] + r0*a.LDO, rows: r1 - r0})
		w.multiply(x)
		x.a, x.c = nil, nil
	}
}
