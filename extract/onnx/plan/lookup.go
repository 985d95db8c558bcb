package plan

import (
	"math"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
)

// Lookup takes rows of a matrix, which stays in the file, by numbers that the input gives: the embeddings of tokens. Negative
// numbers count from the end; where there is no such row, the values are NaN.
type Lookup struct {
	Rows, Width int
	Table       *fold.Weights
}

// Take takes entries of one axis of its first argument by numbers that its second holds.
type Take struct{ Axis int }

// TakeND takes slices of its first argument by the tuples of numbers in the last axis of its second.
type TakeND struct{}

// Arg gives the place of the largest entry along Axis, of equals the first or, where Last is set, the last; of the smallest where
// Min is set.
type Arg struct {
	Axis      int
	Min, Last bool
}

func (*Lookup) isOp() {}
func (*Take) isOp()   {}
func (*TakeND) isOp() {}
func (*Arg) isOp()    {}

// Copy writes the row of number i to out, which has Width values.
func (l *Lookup) Copy(i int, out []float32) {
	if i < 0 {
		i += l.Rows
	}
	if i < 0 || i >= l.Rows || l.Table.Row(i, out) != nil { // that rows can be read was seen when the plan was made
		for j := range out {
			out[j] = float32(math.NaN())
		}
	}
}

// Vocabulary is the number of rows of the smallest matrix that the input's own numbers choose from: ids must be below it. 0 where
// there is none.
func (p *Plan) Vocabulary() int {
	own := map[int]bool{p.Input: true} // the input, its parts and their other shapes
	rows := 0
	for _, s := range p.Steps {
		switch op := s.Op.(type) {
		case *Slice, *Reshape:
			own[s.Out] = own[s.In[0]]
		case *Lookup:
			if own[s.In[0]] && (rows == 0 || op.Rows < rows) {
				rows = op.Rows
			}
		}
	}
	return rows
}

func evalLookup[T float32 | float64](op *Lookup, index, out []T) {
	row := make([]float32, op.Width)
	for i, v := range index {
		op.Copy(int(v), row)
		for j, x := range row {
			out[i*op.Width+j] = T(x)
		}
	}
}

func evalTake[T float32 | float64](axis int, x []T, d []int, index, out []T) {
	outer, inner := load.Elements(d[:axis]), load.Elements(d[axis+1:])
	for o := range outer {
		for j, v := range index {
			copyEntry(out[(o*len(index)+j)*inner:][:inner], x[o*d[axis]*inner:][:d[axis]*inner], int(v), d[axis])
		}
	}
}

func evalTakeND[T float32 | float64](x []T, d []int, index []T, id []int, out []T) {
	m := id[len(id)-1]
	inner := load.Elements(d[m:])
	for i := range len(index) / m {
		at := 0
		for j, v := range index[i*m : (i+1)*m] {
			k := int(v)
			if k < 0 {
				k += d[j]
			}
			if k < 0 || k >= d[j] {
				at = -len(x) - 1
				break
			}
			at = at*d[j] + k
		}
		copyEntry(out[i*inner:][:inner], x, at, len(x)/max(1, inner))
	}
}

// copyEntry copies entry i of count, which may count from the end, or NaN where there is none.
func copyEntry[T float32 | float64](out, x []T, i, count int) {
	if i < 0 {
		i += count
	}
	if i < 0 || i >= count {
		for j := range out {
			out[j] = T(math.NaN())
		}
		return
	}
	copy(out, x[i*len(out):])
}

func evalArg[T float32 | float64](op *Arg, x []T, d []int, out []T) {
	outer, inner, k := load.Elements(d[:op.Axis]), load.Elements(d[op.Axis+1:]), d[op.Axis]
	for o := range outer {
		for i := range inner {
			best := 0
			at := func(j int) T { return x[(o*k+j)*inner+i] }
			for j := 1; j < k; j++ {
				a, c := at(j), at(best)
				if op.Min {
					a, c = -a, -c
				}
				if a > c || op.Last && a == c {
					best = j
				}
			}
			out[o*inner+i] = T(best)
		}
	}
}
