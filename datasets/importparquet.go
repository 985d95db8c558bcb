package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"

	"vzsl/features"
)

// Columns name the columns of a table of features that another tool wrote; "" means the usual names.
type Columns struct {
	Image, Class string
	Feature      string // of a Parquet file: the column of lists; "": the only one, or every column of floating point
}

var (
	imageColumns = []string{"image", "file", "path", "filename", "image_file", "file_name", "image_path"}
	classColumns = []string{"class", "label", "category", "target", "class_name", "y"}
)

// column is the place of a column: the one named, or the first of the usual ones; -1 where there is none.
func column(header []string, named string, usual []string) (int, error) {
	want := usual
	if named != "" {
		want = []string{named}
	}
	for _, w := range want {
		for i, h := range header {
			if h == w || named == "" && strings.EqualFold(h, w) {
				return i, nil
			}
		}
	}
	if named != "" {
		return -1, fmt.Errorf("no column is called %q; there are %s", named, some(header))
	}
	return -1, nil
}

// ImportParquet makes shards of a Parquet file that another tool wrote, or of a folder of such files in the order of their
// names: a column of image names, one of classes (names, or numbers as Kind says), and the features as a column of lists or
// as one column each.
func ImportParquet(ctx context.Context, o Import, c Columns) (*features.Manifest, error) {
	t, err := openParquetTable(o.Features, c)
	if err != nil {
		return nil, err
	}
	defer t.close()
	images, labels, err := t.names(&o)
	if err != nil {
		return nil, err
	}
	d, err := o.dataset(images, labels)
	if err != nil {
		return nil, err
	}
	return o.store(ctx, d, t, "import parquet")
}

// parquetTable is a table of features in one or several files.
type parquetTable struct {
	paths        []string
	files        []*os.File
	readers      []*file.Reader
	rows, dim    int
	image, class int   // leaf columns, -1: none
	features     []int // leaf columns

	streams []*leafStream
	at      int
	scratch []float32
}

func openParquetTable(path string, c Columns) (*parquetTable, error) {
	paths := []string{path}
	if st, err := os.Stat(path); err != nil {
		return nil, err
	} else if st.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(escapedGlob(path), "*.parquet")); err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("no .parquet files in %s", path)
		}
	}
	t := &parquetTable{paths: paths}
	var err error
	for _, p := range paths {
		if err = t.open(p); err != nil {
			break
		}
	}
	if err == nil {
		err = t.choose(c)
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// guarded turns a panic of the Parquet library over damaged data into an error.
func guarded(path string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: damaged Parquet file: %v; copy it again", path, p)
	}
}

func (t *parquetTable) open(path string) (err error) {
	defer guarded(path, &err)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	t.files = append(t.files, f)
	// A column of a row group may be gigabytes: it is read page by page.
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	props.BufferSize = 1 << 20
	r, err := file.NewParquetReader(f, file.WithReadProps(props))
	if err != nil {
		return fmt.Errorf("%s: no readable Parquet file: %w; copy it again, or import its other form (import csv, npy, mat)", path, err)
	}
	t.readers = append(t.readers, r)
	t.rows += int(r.NumRows())
	if first := t.readers[0].MetaData().Schema; !r.MetaData().Schema.Equals(first) {
		return fmt.Errorf("%s has other columns than %s", path, t.paths[0])
	}
	return nil
}

func (t *parquetTable) close() {
	for _, f := range t.files {
		_ = f.Close()
	}
}

// choose finds the columns.
func (t *parquetTable) choose(c Columns) (err error) {
	defer guarded(t.paths[0], &err)
	schema := t.readers[0].MetaData().Schema
	var header []string
	for i := range schema.NumColumns() {
		header = append(header, schema.ColumnRoot(i).Name())
	}
	if t.image, err = column(header, c.Image, imageColumns); err == nil {
		t.class, err = column(header, c.Class, classColumns)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.paths[0], err)
	}
	float := func(i int) bool {
		k := schema.Column(i).PhysicalType()
		return i != t.image && i != t.class && (k == parquet.Types.Float || k == parquet.Types.Double)
	}
	var lists, flat []int
	for i := range header {
		switch {
		case !float(i) || c.Feature != "" && header[i] != c.Feature:
		case schema.Column(i).MaxRepetitionLevel() == 1:
			lists = append(lists, i)
		case schema.Column(i).MaxRepetitionLevel() == 0:
			flat = append(flat, i)
		}
	}
	switch {
	case t.rows == 0:
		return fmt.Errorf("%s holds no rows", t.paths[0])
	case len(lists) == 1:
		t.features = lists
		return t.listLength()
	case len(lists) == 0 && len(flat) > 0:
		t.features, t.dim = flat, len(flat)
		return nil
	}
	return fmt.Errorf("%s: %d columns of lists of floating point; name the features' one with --feature-column (columns: %s)", t.paths[0], len(lists), some(header))
}

// listLength is the length of the first row's list; all others must have it too.
func (t *parquetTable) listLength() error {
	s := &leafStream{t: t, leaf: t.features[0]}
	n, err := s.first()
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: the first row has no features", t.paths[0])
	}
	t.dim = n
	return err
}

// names reads the image and class columns.
func (t *parquetTable) names(o *Import) (images []string, labels []int, err error) {
	if t.image >= 0 {
		texts, numbers, err := t.list(t.image)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range numbers {
			texts = append(texts, fmt.Sprint(n))
		}
		images = texts
	} else if images, err = o.imageNames(t.rows, t.dim); err != nil {
		return nil, nil, err
	}
	if t.class < 0 {
		labels, err = o.byFolder(images)
		return images, labels, err
	}
	texts, numbers, err := t.list(t.class)
	if err != nil {
		return nil, nil, err
	}
	if texts != nil {
		labels, err = o.byName(o.Features, texts)
	} else {
		labels, err = o.byNumber(o.Features, numbers)
	}
	return images, labels, err
}

// list reads a whole column of texts or whole numbers.
func (t *parquetTable) list(leaf int) (texts []string, numbers []int64, err error) {
	for i, r := range t.readers {
		if texts, numbers, err = columnOf(t.paths[i], r, leaf, texts, numbers); err != nil {
			return nil, nil, err
		}
	}
	if n := max(len(texts), len(numbers)); n != t.rows {
		return nil, nil, fmt.Errorf("%s: %d values read of a column of %d: it is stored in a way that is not known", t.paths[0], n, t.rows)
	}
	return texts, numbers, nil
}

func columnOf(path string, r *file.Reader, leaf int, texts []string, numbers []int64) (_ []string, _ []int64, err error) {
	defer guarded(path, &err)
	const batch = 1024
	name := r.MetaData().Schema.ColumnRoot(leaf).Name()
	var def, rep [batch]int16
	for g := range r.NumRowGroups() {
		c, err := r.RowGroup(g).Column(leaf)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: column %s: %w", path, name, err)
		}
		for c.HasNext() {
			var levels int64
			var values int
			switch c := c.(type) {
			case *file.ByteArrayColumnChunkReader:
				var v [batch]parquet.ByteArray
				levels, values, err = c.ReadBatch(batch, v[:], def[:], rep[:])
				for _, b := range v[:values] {
					texts = append(texts, string(b))
				}
			case *file.Int32ColumnChunkReader:
				var v [batch]int32
				levels, values, err = c.ReadBatch(batch, v[:], def[:], rep[:])
				for _, n := range v[:values] {
					numbers = append(numbers, int64(n))
				}
			case *file.Int64ColumnChunkReader:
				var v [batch]int64
				levels, values, err = c.ReadBatch(batch, v[:], def[:], rep[:])
				numbers = append(numbers, v[:values]...)
			default:
				return nil, nil, fmt.Errorf("%s: column %s holds %v; texts or whole numbers are wanted", path, name, c.Type())
			}
			if err == nil {
				err = c.Err()
			}
			switch {
			case err != nil:
				return nil, nil, fmt.Errorf("%s: column %s: %w", path, name, err)
			case levels != int64(values):
				return nil, nil, fmt.Errorf("%s: column %s: %d values are missing (null)", path, name, levels-int64(values))
			case levels == 0:
				return nil, nil, fmt.Errorf("%s: column %s ends early", path, name)
			}
		}
	}
	return texts, numbers, nil
}

func (t *parquetTable) size() (rows, dim int) { return t.rows, t.dim }

func (t *parquetTable) sum() (string, error) {
	if len(t.paths) == 1 {
		return fileSHA256(t.paths[0])
	}
	h := sha256.New()
	for _, p := range t.paths {
		s, err := fileSHA256(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, filepath.Base(p), s)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (t *parquetTable) read(ctx context.Context, lo, hi int, dst []float32) error {
	if t.streams == nil {
		width := 1
		if len(t.features) == 1 {
			width = t.dim
		}
		for _, leaf := range t.features {
			t.streams = append(t.streams, &leafStream{t: t, leaf: leaf, width: width})
		}
	}
	for t.at < lo { // what an earlier run has done already
		n := min(lo-t.at, max(1, 1<<18/t.dim))
		if cap(t.scratch) < n*t.dim {
			t.scratch = make([]float32, n*t.dim)
		}
		at := t.at
		t.at += n
		if err := t.rowsInto(ctx, n, t.scratch[:n*t.dim]); err != nil {
			return fmt.Errorf("rows from %d on: %w", at, err)
		}
	}
	t.at = hi
	return t.rowsInto(ctx, hi-lo, dst)
}

// rowsInto reads the next n rows.
func (t *parquetTable) rowsInto(ctx context.Context, n int, dst []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(t.streams) == 1 {
		return t.streams[0].read(dst)
	}
	one := make([]float32, n)
	for k, s := range t.streams {
		if err := s.read(one); err != nil {
			return err
		}
		for i, v := range one {
			dst[i*t.dim+k] = v
		}
	}
	return nil
}

// leafStream reads a column of numbers through all files, width values a row.
type leafStream struct {
	t           *parquetTable
	leaf, width int
	file, group int
	chunk       file.ColumnChunkReader
	in          int // values read of the row at hand

	single [1024]float32
	double [1024]float64
	def    [1024]int16
	rep    [1024]int16
}

func (s *leafStream) at(format string, args ...any) error {
	name := s.t.readers[0].MetaData().Schema.ColumnRoot(s.leaf).Name()
	return fmt.Errorf("%s: column %s: %w", s.t.paths[min(s.file, len(s.t.paths)-1)], name, fmt.Errorf(format, args...))
}

// next makes sure that there is a chunk with values left.
func (s *leafStream) next() error {
	for s.chunk == nil || !s.chunk.HasNext() {
		if s.chunk != nil {
			if err := s.chunk.Err(); err != nil {
				return s.at("%w", err)
			}
			s.chunk = nil
			s.group++
		}
		for s.file < len(s.t.readers) && s.group >= s.t.readers[s.file].NumRowGroups() {
			s.file, s.group = s.file+1, 0
		}
		if s.file == len(s.t.readers) {
			return s.at("%w", io.ErrUnexpectedEOF)
		}
		c, err := s.t.readers[s.file].RowGroup(s.group).Column(s.leaf)
		if err != nil {
			return s.at("%w", err)
		}
		s.chunk = c
	}
	return nil
}

// batch reads up to n values; without nulls levels and values are as many.
func (s *leafStream) batch(n int) (int, error) {
	n = min(n, len(s.single))
	var levels int64
	var values int
	var err error
	switch c := s.chunk.(type) {
	case *file.Float32ColumnChunkReader:
		levels, values, err = c.ReadBatch(int64(n), s.single[:], s.def[:], s.rep[:])
	case *file.Float64ColumnChunkReader:
		levels, values, err = c.ReadBatch(int64(n), s.double[:], s.def[:], s.rep[:])
		for i, v := range s.double[:values] {
			s.single[i] = float32(v)
		}
	default:
		return 0, s.at("it holds %v; floating point is wanted", s.chunk.Type())
	}
	if err == nil {
		err = s.chunk.Err()
	}
	switch {
	case err != nil:
		return 0, s.at("%w", err)
	case levels != int64(values):
		return 0, s.at("a row of it has missing values (null)")
	case levels == 0:
		return 0, s.at("%w", errors.New("no values where there should be some: it is stored in a way that is not known"))
	}
	return values, nil
}

func (s *leafStream) read(dst []float32) (err error) {
	defer guarded(s.t.paths[min(s.file, len(s.t.paths)-1)], &err)
	for len(dst) > 0 {
		if err := s.next(); err != nil {
			return err
		}
		n, err := s.batch(len(dst))
		if err != nil {
			return err
		}
		for i := range n {
			if s.width > 1 && (s.rep[i] == 0) != (s.in == 0) {
				return s.at("a row has not %d values like the first", s.width)
			}
			if s.in++; s.in == s.width {
				s.in = 0
			}
		}
		copy(dst, s.single[:n])
		dst = dst[n:]
	}
	return nil
}

// first counts the values of the first row.
func (s *leafStream) first() (count int, err error) {
	defer guarded(s.t.paths[0], &err)
	if err := s.next(); err != nil {
		return 0, err
	}
	for s.chunk.HasNext() {
		n, err := s.batch(len(s.single))
		if err != nil {
			return 0, err
		}
		for i := range n {
			if s.rep[i] == 0 && count > 0 {
				return count, nil
			}
			count++
		}
	}
	return count, nil
}
