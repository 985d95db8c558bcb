package matfile

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"vzsl/internal/lookup"
)

// File is an open MAT file. Its methods may be called from several goroutines.
type File struct {
	path  string
	r     io.ReaderAt
	size  int64
	close func() error
	order binary.ByteOrder
	vars  []variable

	fieldsOnce sync.Once
	all        []variable // vars and, behind each struct, its fields
}

// variable is where one lies.
type variable struct {
	Info
	from, size int64 // of the element's data in the file
	compressed bool
	err        error // why its head cannot be read

	// Of a field of a struct: where its array lies within the struct's, inflated.
	field            bool
	inner, innerSize int64
}

// Open opens a MAT file and reads its list of variables.
func Open(path string) (*File, error) {
	f, size, err := lookup.Open(path, "a .mat file")
	if err != nil {
		return nil, err
	}
	m, err := New(path, f, size)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	m.close = f.Close
	return m, nil
}

// New reads a MAT file of the given size from r; path names it in errors.
func New(path string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{path: path, r: r, size: size}
	if err := f.header(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := f.scan(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// header reads the first 128 bytes: text, version, byte order.
func (f *File) header() error {
	var h [128]byte
	n, err := f.r.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n == 0 {
		return errors.New("the file is empty")
	}
	if what := f.other(h[:n]); what != "" {
		return errors.New(what)
	}
	if n >= 20 && bytes.IndexByte(h[:4], 0) >= 0 && version4(h[:]) {
		return errors.New("a MATLAB 4 file, which is not supported; convert it " + f.conversion(inMATLAB, inOctave, inSciPy))
	}
	if n < len(h) {
		return errors.New("not a MATLAB file: it ends within its header")
	}
	switch string(h[126:]) {
	case "IM":
		f.order = binary.LittleEndian
	case "MI":
		f.order = binary.BigEndian
	default:
		return errors.New("not a MATLAB file: no byte order mark in its header")
	}
	if v := f.order.Uint16(h[124:]); v>>8 != 1 {
		return fmt.Errorf("a MATLAB file of format version %#04x, which is not supported; convert it %s", v, f.conversion(inMATLAB))
	}
	return nil
}

// version4 knows a header of that version by its first number, MOPT, whose decimal digits are byte order, 0, number kind and
// matrix kind.
func version4(h []byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if m := order.Uint32(h); m < 5000 && m/100%10 == 0 && m/10%10 <= 5 && m%10 <= 2 {
			return true
		}
	}
	return false
}

// scan finds the variables and reads their heads.
func (f *File) scan() error {
	buf := make([]byte, headSize)
	at := int64(128)
	for at < f.size {
		var tag [8]byte
		if _, err := f.r.ReadAt(tag[:], at); err != nil {
			if f.size-at < 8 && len(bytes.Trim(tag[:], "\x00")) == 0 {
				return nil // padding
			}
			return fmt.Errorf("byte %d: %w", at, errCut)
		}
		k, n := kind(f.order.Uint32(tag[:])), int64(f.order.Uint32(tag[4:]))
		if k != miMatrix && k != miCompressed {
			return fmt.Errorf("byte %d: an element of kind %d where a variable should begin: %w", at, k, errCut)
		}
		at += 8
		if n > f.size-at {
			return fmt.Errorf("the variable at byte %d states %d bytes, but %d are left: %w", at-8, n, f.size-at, errCut)
		}
		v := variable{from: at, size: n, compressed: k == miCompressed}
		at += n
		if k == miMatrix {
			at += -n & 7
		}
		v.err = f.readHead(&v, buf)
		// The nameless one is MATLAB's own workspace of function handles.
		if v.err == nil && v.Name == "" {
			continue
		}
		f.vars = append(f.vars, v)
	}
	return nil
}

func (f *File) readHead(v *variable, buf []byte) error {
	r, err := f.body(v)
	if err != nil {
		return err
	}
	defer r.Close()
	b := buf[:min(int64(len(buf)), r.size)]
	if _, err := io.ReadFull(r, b); err != nil {
		return damaged(err)
	}
	c := cursor{b, f.order}
	v.Info, err = c.head()
	return err
}

// damaged turns an early end and errors of zlib into an error about a damaged file.
func damaged(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) || errors.Is(err, errCut) {
		return err
	}
	return fmt.Errorf("%w (%w)", errCut, err)
}

// body is the bytes of a variable's array, inflated.
type body struct {
	io.Reader
	size  int64 // by its tag
	whole io.Reader
	after int64 // bytes of the variable that come after it, where it is a field
	close func() error
}

func (b *body) Close() error { return b.close() }

// finish reads a variable to its end, where the checksum of a compressed one is looked at.
func (b *body) finish() error {
	if b.after > 0 {
		if _, err := io.Copy(io.Discard, b.Reader); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, b.whole, b.after); err != nil {
			return err
		}
	}
	var rest [64]byte
	for range 4 { // padding at most
		if _, err := b.whole.Read(rest[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (f *File) body(v *variable) (*body, error) {
	if v.field && !v.compressed {
		section := io.NewSectionReader(f.r, v.from+v.inner, v.innerSize)
		return &body{Reader: section, whole: section, size: v.innerSize, close: func() error { return nil }}, nil
	}
	section := io.NewSectionReader(f.r, v.from, v.size)
	if !v.compressed {
		return &body{Reader: section, whole: section, size: v.size, close: func() error { return nil }}, nil
	}
	z, err := zlib.NewReader(bufio.NewReaderSize(section, int(min(1<<16, max(v.size, 16)))))
	if err != nil {
		return nil, damaged(err)
	}
	var tag [8]byte
	if _, err := io.ReadFull(z, tag[:]); err != nil {
		return nil, damaged(err)
	}
	if k := kind(f.order.Uint32(tag[:])); k != miMatrix {
		return nil, fmt.Errorf("a compressed element of kind %d: %w", k, errCut)
	}
	b := &body{Reader: z, whole: z, size: int64(f.order.Uint32(tag[4:])), close: z.Close}
	if v.field {
		if _, err := io.CopyN(io.Discard, z, v.inner); err != nil {
			return nil, damaged(err)
		}
		b.after = b.size - v.inner - v.innerSize
		b.Reader, b.size = io.LimitReader(z, v.innerSize), v.innerSize
	}
	return b, nil
}

// Variables lists what the file holds, in its order; behind a struct its fields, called "s.field", and theirs. Those whose head is
// damaged are left out; reading them says why.
func (f *File) Variables() []Info {
	var list []Info
	for _, v := range f.flattened() {
		if v.err == nil {
			list = append(list, v.Info)
		}
	}
	return list
}

// flattened are the variables and the fields of those that are structs.
func (f *File) flattened() []variable {
	f.fieldsOnce.Do(func() {
		for i := range f.vars {
			v := &f.vars[i]
			f.all = append(f.all, *v)
			if v.err != nil {
				continue
			}
			fields, err := f.fieldsOf(v)
			if err != nil {
				fields = []variable{{Info: Info{Name: v.Name + "."}, from: v.from, err: err}}
			}
			f.all = append(f.all, fields...)
		}
	})
	return f.all
}

// named are the variables among which a name is looked for: the fields of structs only where it is one's.
func (f *File) named(name string) []variable {
	if strings.Contains(name, ".") {
		return f.flattened()
	}
	return f.vars
}

// Has reports whether the file holds a variable, or a field of a struct ("s.field").
func (f *File) Has(name string) bool {
	for _, v := range f.named(name) {
		if v.err == nil && v.Name == name {
			return true
		}
	}
	return false
}

// Path is the file's.
func (f *File) Path() string { return f.path }

// find returns the variable of a name: if there are several the last one, as MATLAB and SciPy do.
func (f *File) find(name string) (*variable, error) {
	var broken error
	vars := f.named(name)
	for i := len(vars) - 1; i >= 0; i-- {
		v := &vars[i]
		if v.err != nil {
			broken = fmt.Errorf("%s: the variable at byte %d: %w", f.path, v.from, v.err)
		} else if v.Name == name {
			return v, nil
		}
	}
	if broken != nil {
		return nil, broken
	}
	var names []string
	for _, v := range f.flattened() {
		names = append(names, v.Name)
	}
	const most = 20
	switch n := len(names); {
	case n == 0:
		return nil, fmt.Errorf("%s has no variables", f.path)
	case n > most:
		names = append(names[:most], fmt.Sprintf("%d more", n-most))
	}
	return nil, fmt.Errorf("%s: there is no variable %q; variables: %s", f.path, name, strings.Join(names, ", "))
}

// A variable is read whole if it needs no more than this, or this many times the size of its file.
const (
	wholeBytes = 64 << 20
	wholeTimes = 64
)

// Read reads a variable, or a field of a struct ("s.field"), whole.
func (f *File) Read(name string) (*Array, error) {
	v, err := f.find(name)
	if err != nil {
		return nil, err
	}
	a, err := f.read(v)
	if err != nil {
		return nil, fmt.Errorf("%s: variable %s: %w", f.path, name, err)
	}
	return a, nil
}

func (f *File) read(v *variable) (*Array, error) {
	b, err := f.whole(v)
	if err != nil {
		return nil, err
	}
	c := cursor{b, f.order}
	a, err := c.array(0)
	if err == nil && v.field { // nameless there
		named := *a
		named.Name = v.Name
		a = &named
	}
	return a, err
}

// whole reads the bytes of a variable.
func (f *File) whole(v *variable) ([]byte, error) {
	r, err := f.body(v)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	size := r.size
	if !v.compressed {
		b := make([]byte, size)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	if most := max(wholeBytes, wholeTimes*f.size); size > most {
		return nil, fmt.Errorf("it decompresses to %d bytes from a file of %d; if that is right, save it uncompressed (-v6)", size, f.size)
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = r.finish()
	}
	if err != nil {
		return nil, damaged(err)
	}
	return b.Bytes(), nil
}
