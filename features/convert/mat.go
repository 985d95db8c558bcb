package convert

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"vzsl/features"
	"vzsl/internal/matfile"
)

// matTable is a MATLAB file as a table of a column per variable. Of a matrix a column is an image, as MATLAB has it, until it
// is turned.
type matTable struct {
	f       *matfile.File
	temp    string
	columns []Column
	turned  []bool
}

func openMAT(path string, o Options) (Table, error) {
	f, err := matfile.Open(path)
	if err != nil {
		return nil, err
	}
	t := &matTable{f: f, temp: o.Temp}
	for _, v := range f.Variables() {
		if v.Class != matfile.Struct || v.Len() != 1 { // the fields of a single struct are columns themselves
			t.columns = append(t.columns, matColumn(v))
		}
	}
	t.turned = make([]bool, len(t.columns))
	return t, nil
}

// matDims are a variable's dimensions without those of 1 at the end and, of MatConvNet's 1 x 1 x 4096 x N, at the front.
func matDims(v matfile.Info) []int {
	dims := v.Dims
	for len(dims) > 2 && dims[len(dims)-1] == 1 {
		dims = dims[:len(dims)-1]
	}
	for len(dims) > 2 && dims[0] == 1 {
		dims = dims[1:]
	}
	return dims
}

func matColumn(v matfile.Info) Column {
	c := Column{Name: v.Name, Type: v.Class.String(), Width: 1, array: true, field: v.Name[strings.LastIndex(v.Name, ".")+1:]}
	dims := matDims(v)
	switch {
	case v.Class == matfile.Cell:
		c.Kind, c.Rows = Text, v.Len()
		return c
	case v.Class == matfile.Char:
		c.Kind, c.Rows = Text, dims[0]
		return c
	case v.Complex:
		c.Kind, c.Why = Other, v.Unread()
		return c
	case v.Logical:
		c.Kind = Bool
	case v.Class == matfile.Double || v.Class == matfile.Single || v.Class == matfile.Sparse:
		c.Kind = Number
	case v.Class >= matfile.Double && v.Class <= matfile.Uint64:
		c.Kind = Integer
	default:
		c.Kind, c.Why = Other, v.Unread()
		return c
	}
	switch {
	case len(dims) > 2 || v.Len() == 0:
		c.Kind, c.Why = Other, fmt.Sprintf("size %v; expected a matrix", v.Dims)
	case dims[0] == 1 || dims[1] == 1:
		c.Rows = dims[0] * dims[1]
	default:
		c.Rows, c.Width, c.List, c.turns = dims[1], dims[0], true, true
	}
	return c
}

func (t *matTable) Path() string            { return t.f.Path() }
func (t *matTable) Columns() []Column       { return t.columns }
func (t *matTable) SHA256() (string, error) { return features.FileSHA256(t.f.Path()) }
func (t *matTable) Close() error            { return t.f.Close() }

// Turn sees rows of a matrix as images.
func (t *matTable) Turn(column int) {
	c := &t.columns[column]
	c.Rows, c.Width = c.Width, c.Rows
	t.turned[column] = !t.turned[column]
}

func (t *matTable) Texts(columns ...int) ([][]string, error) {
	all := make([][]string, len(columns))
	for i, c := range columns {
		a, err := t.f.Read(t.columns[c].Name)
		if err != nil {
			return nil, err
		}
		if t.columns[c].Kind == Text {
			all[i], err = a.Texts()
		} else {
			all[i], err = matNumbers(a)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: variable %s: %w", t.f.Path(), t.columns[c].Name, err)
		}
	}
	return all, nil
}

// matNumbers writes numbers in decimal.
func matNumbers(a *matfile.Array) ([]string, error) {
	if whole, err := a.Int64s(); err == nil {
		out := make([]string, len(whole))
		for i, v := range whole {
			out[i] = fmt.Sprint(v)
		}
		return out, nil
	}
	v, err := a.Float64s()
	out := make([]string, len(v))
	for i, x := range v {
		out[i] = decimalText(x)
	}
	return out, err
}

func (t *matTable) Values(columns ...int) (Values, error) {
	if len(columns) != 1 {
		return nil, fmt.Errorf("%s: %d variables side by side are not supported; save them as one matrix", t.f.Path(), len(columns))
	}
	c := t.columns[columns[0]]
	s, err := t.f.Stream(c.Name)
	if err != nil {
		return nil, err
	}
	v := &matValues{s: s, rows: c.Rows, dim: c.Width, turned: t.turned[columns[0]] && c.Width > 1, temp: t.temp}
	return v, nil
}

// matValues are the rows of a matrix.
type matValues struct {
	s         *matfile.Stream
	rows, dim int
	turned    bool // a row is an image: the file's order is column after column
	temp      string

	at     int // row that comes next
	skip   []float32
	spread *npyArray // where a row is an image: the values in the file's order, uncompressed
}

func (v *matValues) Close() error {
	if v.spread != nil {
		v.spread.close()
	}
	return v.s.Close()
}

func (v *matValues) Read(ctx context.Context, lo, hi int, dst []float32) error {
	if v.turned {
		if v.spread == nil {
			if err := v.unroll(ctx); err != nil {
				return err
			}
		}
		return v.spread.readRows(v.rows, v.dim, lo, hi, dst)
	}
	// What an earlier run has done already is passed over.
	for v.at < lo {
		if err := ctx.Err(); err != nil {
			return err
		}
		step := max(1, 1<<20/v.dim)
		v.skip = slices.Grow(v.skip[:0], step*v.dim)[:step*v.dim]
		n := min(lo-v.at, step)
		if err := v.s.Read(v.skip[:n*v.dim]); err != nil {
			return err
		}
		v.at += n
	}
	v.at = hi
	return v.s.Read(dst)
}

// unroll copies the values, as float32 and uncompressed, to a temporary file, from which rows can be picked: in the file
// itself the first row's values are spread over all of it.
func (v *matValues) unroll(ctx context.Context) error {
	tmp, err := temporary(v.temp)
	if err != nil {
		return err
	}
	buf := make([]float32, 1<<18)
	raw := make([]byte, 4*len(buf))
	for v.s.Left() > 0 {
		n := int(min(int64(len(buf)), v.s.Left()))
		err := ctx.Err()
		if err == nil {
			err = v.s.Read(buf[:n])
		}
		if err == nil {
			for i, x := range buf[:n] {
				binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(x))
			}
			_, err = tmp.Write(raw[:4*n])
		}
		if err != nil {
			_ = tmp.Close()
			return err
		}
	}
	v.spread = columnwise(tmp, v.rows, v.dim)
	return nil
}

// columnwise sees a file of float32, column after column, as an array.
func columnwise(f *os.File, rows, columns int) *npyArray {
	return &npyArray{npyHeader: npyHeader{kind: 'f', item: 4, fortran: true, shape: []int{rows, columns}}, path: f.Name(), r: f, f: f, order: binary.LittleEndian}
}
