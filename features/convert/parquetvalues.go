package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// sideBySide is how many columns are read at once; of each a page is in memory. More are brought into columns on disk first.
const sideBySide = 256

func (t *parquetTable) Values(columns ...int) (Values, error) {
	v := &parquetValues{t: t, columns: columns}
	for _, c := range columns {
		v.streams = append(v.streams, t.stream(t.leaves[c], t.columns[c].Width))
		v.width += t.columns[c].Width
	}
	v.groups = parts{path: t.path, width: v.width, open: v.spreadGroup}
	for _, g := range t.file.RowGroups() {
		v.groups.rows = append(v.groups.rows, int(g.NumRows()))
	}
	v.groups.read = func(_ context.Context, lo, hi int, dst []float32) error {
		return v.spread.readRows(v.groups.hi-v.groups.lo, v.width, lo, hi, dst)
	}
	return v, nil
}

// parquetValues are columns side by side.
type parquetValues struct {
	t       *parquetTable
	columns []int
	streams []*leafStream
	width   int
	at      int       // row that comes next
	groups  parts     // of many columns: the row groups
	spread  *npyArray // the open one, in a temporary file
	scratch []float32
}

func (v *parquetValues) Close() error {
	var all []error
	for _, s := range v.streams {
		all = append(all, s.close())
	}
	if v.spread != nil {
		v.spread.close()
	}
	return errors.Join(all...)
}

func (v *parquetValues) Read(ctx context.Context, lo, hi int, dst []float32) (err error) {
	defer guarded(v.t.path, &err)
	if len(v.columns) > sideBySide {
		return v.groups.Read(ctx, lo, hi, dst)
	}
	for v.at < lo { // what an earlier run has done already
		n := min(lo-v.at, max(1, 1<<18/v.width))
		v.scratch = slices.Grow(v.scratch[:0], n*v.width)[:n*v.width]
		if err := v.rows(ctx, n, v.scratch); err != nil {
			return err
		}
		v.at += n
	}
	v.at = hi
	return v.rows(ctx, hi-lo, dst)
}

// rows reads the next n rows.
func (v *parquetValues) rows(ctx context.Context, n int, dst []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(v.streams) == 1 {
		return v.streams[0].read(dst)
	}
	at := 0
	for k, s := range v.streams {
		width := v.t.columns[v.columns[k]].Width
		part := make([]float32, n*width)
		if err := s.read(part); err != nil {
			return err
		}
		for i := range n {
			copy(dst[i*v.width+at:], part[i*width:(i+1)*width])
		}
		at += width
	}
	return nil
}

// spreadGroup brings a row group of very many columns into a temporary file, so that not a page of each column is in memory.
func (v *parquetValues) spreadGroup(ctx context.Context, group, first int) error {
	rows := v.groups.rows[group]
	if v.spread != nil {
		v.spread.close()
	}
	f, err := temporary(v.t.temp)
	if err != nil {
		return err
	}
	v.spread = columnwise(f, rows, v.width)
	var raw []byte
	values := make([]float32, rows)
	for _, c := range v.columns {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := v.t.stream(v.t.leaves[c], v.t.columns[c].Width)
		s.group, s.row = group, first
		err := s.read(values)
		if err := errors.Join(err, s.close()); err != nil {
			return err
		}
		raw = raw[:0]
		for _, x := range values {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		if _, err := f.Write(raw); err != nil {
			return fmt.Errorf("a temporary copy of %s: %w", v.t.path, err)
		}
	}
	return nil
}

func (l parquetLeaf) name() string { return strings.Join(l.Path(), ".") }

// leafStream reads the values of a column through all row groups.
type leafStream struct {
	t      *parquetTable
	leaf   parquetLeaf
	width  int // values in a row
	group  int
	row    int // of those read
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader // of the page, what is still to be read
	floats []float32           // the same of a page of float32 without nulls
	starts []byte              // of lists, for each of floats 0 where a row begins
	buf    []parquet.Value
	at, n  int
}

func (t *parquetTable) stream(l parquetLeaf, width int) *leafStream {
	return &leafStream{t: t, leaf: l, width: width}
}

func (s *leafStream) close() error {
	if s.page != nil {
		parquet.Release(s.page)
		s.page = nil
	}
	if s.pages == nil {
		return nil
	}
	err := s.pages.Close()
	s.pages = nil
	return err
}

// take returns the next value, nulls included.
func (s *leafStream) take() (parquet.Value, error) {
	for s.at == s.n {
		if err := s.open(); err != nil {
			return parquet.Value{}, err
		}
		if err := s.fill(); err != nil {
			return parquet.Value{}, s.failed(err)
		}
	}
	s.at++
	return s.buf[s.at-1], nil
}

func (s *leafStream) failed(err error) error {
	return fmt.Errorf("%s: column %s: %w", s.t.path, s.leaf.name(), err)
}

// fill reads some values of the page at hand: of floats not beyond a row, so that the next is read at once.
func (s *leafStream) fill() error {
	if s.buf == nil {
		s.buf = make([]parquet.Value, 1024)
	}
	s.at, s.n = 0, 0
	if s.values != nil {
		n, err := s.values.ReadValues(s.buf)
		if s.n = n; err != nil {
			s.values = nil
			if !errors.Is(err, io.EOF) {
				return err
			}
		}
		return nil
	}
	for ; s.n < min(len(s.buf), len(s.floats)); s.n++ {
		level := 0
		if s.starts != nil {
			if level = int(s.starts[s.n]); level == 0 && s.n > 0 {
				break
			}
		}
		s.buf[s.n] = parquet.FloatValue(s.floats[s.n]).Level(level, s.leaf.MaxDefinitionLevel(), s.leaf.Index())
	}
	s.pass(s.n)
	return nil
}

// pass leaves n of the floats behind.
func (s *leafStream) pass(n int) {
	if s.floats = s.floats[n:]; s.starts != nil {
		s.starts = s.starts[n:]
	}
}

// open opens the next page, unless the one at hand has more values.
func (s *leafStream) open() error {
	for s.values == nil && len(s.floats) == 0 {
		if err := s.next(); err != nil {
			return s.failed(err)
		}
	}
	return nil
}

// next opens the next page, or ends a row group.
func (s *leafStream) next() error {
	if s.page != nil {
		parquet.Release(s.page)
		s.page = nil
	}
	if s.pages == nil {
		groups := s.t.file.RowGroups()
		if s.group >= len(groups) {
			return io.ErrUnexpectedEOF
		}
		if err := verifyPages(s.t.f, &s.t.file.Metadata().RowGroups[s.group].Columns[s.leaf.Index()].MetaData); err != nil {
			return err
		}
		s.pages = groups[s.group].ColumnChunks()[s.leaf.Index()].Pages()
		s.group++
	}
	page, err := s.pages.ReadPage()
	if errors.Is(err, io.EOF) {
		err = s.pages.Close()
		s.pages = nil
		return err
	}
	if err != nil {
		return err
	}
	s.page = page
	if s.leaf.Type().Kind() == parquet.Float && page.Dictionary() == nil {
		data, levels := page.Data(), page.DefinitionLevels()
		if bytes.Count(levels, []byte{byte(s.leaf.MaxDefinitionLevel())}) == len(levels) && len(data.Float()) == int(page.NumValues()) {
			s.floats, s.starts = data.Float(), nil
			if s.leaf.MaxRepetitionLevel() > 0 {
				s.starts = page.RepetitionLevels()
			}
			return nil
		}
	}
	s.values = page.Values()
	return nil
}

// whole reads whole rows of the page at hand, where it has its floats side by side, and gives the number of values.
func (s *leafStream) whole(dst []float32) (n int) {
	if s.starts == nil {
		n = min(len(dst), len(s.floats))
	} else {
		for n+s.width <= min(len(dst), len(s.floats)) && s.starts[n] == 0 && bytes.IndexByte(s.starts[n+1:n+s.width], 0) < 0 {
			n += s.width
		}
	}
	copy(dst, s.floats[:n])
	s.pass(n)
	return n
}

// read fills dst, whole rows of it. A missing value, or a row without a list, is NaN.
func (s *leafStream) read(dst []float32) error {
	for len(dst) > 0 {
		if s.at == s.n {
			if err := s.open(); err != nil {
				return err
			}
			if n := s.whole(dst); n > 0 {
				dst, s.row = dst[n:], s.row+n/s.width
				continue
			}
		}
		v, err := s.take()
		if err != nil {
			return err
		}
		if s.width > 1 || s.leaf.MaxRepetitionLevel() > 0 {
			if v.RepetitionLevel() != 0 {
				return s.ragged()
			}
			if v.IsNull() && (v.DefinitionLevel() < s.leaf.MaxDefinitionLevel()-1 || !s.leaf.Optional()) { // no list, or an empty one
				for i := range s.width {
					dst[i] = float32(math.NaN())
				}
				dst = dst[s.width:]
				s.row++
				continue
			}
		}
		for i := range s.width {
			if i > 0 {
				v, err = s.take()
				if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					return err
				}
				if err != nil || v.RepetitionLevel() == 0 {
					return s.ragged()
				}
			}
			dst[i] = s.float(v)
		}
		dst = dst[s.width:]
		s.row++
	}
	if s.row < int(s.t.file.NumRows()) {
		return nil
	}
	if s.at == s.n {
		if err := s.open(); errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return s.ragged() // more values than rows
}

func (s *leafStream) float(v parquet.Value) float32 {
	if v.IsNull() {
		return float32(math.NaN())
	}
	if v.Kind() == parquet.Float {
		return v.Float()
	}
	return float32(s.leaf.number(v))
}

func (s *leafStream) ragged() error {
	return fmt.Errorf("%s: column %s: row %d (from 0) or the one before it does not have %d values as the first", s.t.path, s.leaf.name(), s.row, s.width)
}
