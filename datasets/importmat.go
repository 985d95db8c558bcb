package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"vzsl/features"
	"vzsl/internal/matfile"
)

// ImportMAT makes shards of a matrix of a MATLAB file. Variable names it; it may be left out where the file holds one matrix,
// or one called features. A column is an image, as MATLAB has it, unless the number of labels or image names says that a row
// is. Variables labels and image_files of the file are taken where no others are named.
func ImportMAT(ctx context.Context, o Import) (*features.Manifest, error) {
	f, err := matfile.Open(o.Features)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer f.Close()
	if o.Variable == "" {
		if o.Variable, err = matMatrix(f); err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
	}
	if o.Labels == "" && f.Has("labels") {
		o.Labels = ":labels"
	}
	if o.Images == "" && f.Has("image_files") {
		o.Images = ":image_files"
	}
	r, err := openMATRows(f, o.Variable, o.Out)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer r.close()
	n, err := o.listed()
	if err != nil {
		return nil, err
	}
	r.turn(n)
	d, err := o.joined(r)
	if err != nil {
		return nil, err
	}
	return o.store(ctx, d, r, "import mat")
}

// listed is how many images the labels or names speak of; 0 where neither is given.
func (o *Import) listed() (int, error) {
	if o.Images != "" {
		names, err := o.texts(o.Images)
		return len(names), err
	}
	if o.Labels == "" {
		return 0, nil
	}
	if o.Kind == LabelName {
		names, err := o.texts(o.Labels)
		return len(names), err
	}
	numbers, err := o.numbers(o.Labels)
	return len(numbers), err
}

// matMatrix finds the variable that must be meant.
func matMatrix(f *matfile.File) (string, error) {
	if f.Has("features") {
		return "features", nil
	}
	var all, matrices []string
	for _, v := range f.Variables() {
		all = append(all, v.Name)
		if (v.Class == matfile.Double || v.Class == matfile.Single) && len(v.Dims) == 2 && v.Dims[0] > 1 && v.Dims[1] > 1 {
			matrices = append(matrices, v.Name)
		}
	}
	if len(matrices) != 1 {
		return "", fmt.Errorf("%s: which variable is meant (--variable)? there are %s", f.Path(), strings.Join(all, ", "))
	}
	return matrices[0], nil
}

// matRows is a matrix of a MATLAB file seen as rows of features.
type matRows struct {
	file      *matfile.File
	variable  string
	out       string // folder on whose disk a copy may be made
	rows, dim int
	byColumn  bool // a column is an image: the file's own order

	s      *matfile.Stream
	at     int // row that comes next
	skip   []float32
	spread *npyRows // where a row is an image: the values in the file's order, uncompressed
}

func openMATRows(f *matfile.File, variable, out string) (*matRows, error) {
	s, err := f.Stream(variable)
	if err != nil {
		return nil, err
	}
	dims := s.Dims
	for len(dims) > 2 && dims[len(dims)-1] == 1 {
		dims = dims[:len(dims)-1]
	}
	if len(dims) == 4 && dims[0] == 1 && dims[1] == 1 { // MatConvNet: 1 x 1 x 4096 x N
		dims = dims[2:]
	}
	if len(dims) != 2 || dims[0] == 0 || dims[1] == 0 {
		_ = s.Close()
		return nil, fmt.Errorf("%s: variable %s is of size %v; a matrix is wanted", f.Path(), variable, s.Dims)
	}
	return &matRows{file: f, variable: variable, out: out, rows: dims[1], dim: dims[0], byColumn: true, s: s}, nil
}

// turn sees rows as images where that alone fits the number of images.
func (r *matRows) turn(images int) {
	if images != r.rows && images == r.dim {
		r.rows, r.dim, r.byColumn = r.dim, r.rows, false
	}
}

func (r *matRows) close() {
	_ = r.s.Close()
	if r.spread != nil {
		r.spread.a.close()
	}
}

func (r *matRows) size() (rows, dim int) { return r.rows, r.dim }

func (r *matRows) sum() (string, error) { return fileSHA256(r.file.Path()) }

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (r *matRows) read(ctx context.Context, lo, hi int, dst []float32) error {
	if !r.byColumn {
		if r.spread == nil {
			if err := r.unroll(ctx); err != nil {
				return err
			}
		}
		return r.spread.read(ctx, lo, hi, dst)
	}
	// What an earlier run has done already is passed over.
	for r.at < lo {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(lo-r.at, max(1, 1<<20/r.dim))
		if r.skip == nil {
			r.skip = make([]float32, max(1, 1<<20/r.dim)*r.dim)
		}
		if err := r.s.Read(r.skip[:n*r.dim]); err != nil {
			return err
		}
		r.at += n
	}
	r.at = hi
	return r.s.Read(dst)
}

// unroll copies the values, as float32 and uncompressed, to a temporary file, from which rows can be picked: in the file
// itself the first row's values are spread over all of it.
func (r *matRows) unroll(ctx context.Context) error {
	tmp, err := temporary(r.out)
	if err != nil {
		return err
	}
	buf := make([]float32, 1<<18)
	raw := make([]byte, 4*len(buf))
	for r.s.Left() > 0 {
		n := int(min(int64(len(buf)), r.s.Left()))
		err := ctx.Err()
		if err == nil {
			err = r.s.Read(buf[:n])
		}
		if err == nil {
			for i, v := range buf[:n] {
				binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
			}
			_, err = tmp.Write(raw[:4*n])
		}
		if err != nil {
			_ = tmp.Close()
			return err
		}
	}
	a := &npyArray{npyHeader: npyHeader{kind: 'f', item: 4, fortran: true, shape: []int{r.rows, r.dim}}, path: tmp.Name(), r: tmp, f: tmp, order: binary.LittleEndian}
	r.spread = &npyRows{a, r.rows, r.dim}
	return nil
}

// matList is a variable of labels or names.
type matList struct {
	path string
	a    *matfile.Array
}

func openMATList(path, variable string) (list, error) {
	f, err := matfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if variable == "" {
		if v := f.Variables(); len(v) == 1 {
			variable = v[0].Name
		} else {
			return nil, fmt.Errorf("%s: name the variable, as in %s:labels", path, filepath.Base(path))
		}
	}
	a, err := f.Read(variable)
	if err != nil {
		return nil, err
	}
	return &matList{path, a}, nil
}

func (l *matList) at(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: variable %s: %w", l.path, l.a.Name, err)
}

// long refuses what is not a list.
func (l *matList) long() error {
	n := 0
	for _, d := range l.a.Dims {
		if d != 1 {
			n++
		}
	}
	if n > 1 && l.a.Class != matfile.Char {
		return l.at(errors.New("a matrix; a list is wanted"))
	}
	return nil
}

func (l *matList) integers() ([]int64, error) {
	if err := l.long(); err != nil {
		return nil, err
	}
	v, err := l.a.Int64s()
	return v, l.at(err)
}

func (l *matList) texts() ([]string, error) {
	if err := l.long(); err != nil {
		return nil, err
	}
	v, err := l.a.Texts()
	return v, l.at(err)
}

func (l *matList) close() {}
