// Package safetensors writes and reads files of named tensors: eight bytes of header length, a JSON header, the
// values (https://github.com/huggingface/safetensors). Only what training stores is known: float32 and float64.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"unsafe"
)

// Tensor is a named array, row-major, with values in exactly one of the two types.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
}

// File is what a file holds.
type File struct {
	Tensors  []Tensor
	Metadata map[string]string
}

// Get returns the tensor of that name.
func (f *File) Get(name string) (*Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return &f.Tensors[i], true
}

const (
	maxHeader    = 100 << 20 // the format's own limit
	metadataKey  = "__metadata__"
	lengthPrefix = 8
)

// errFormat is wrapped by every error about a file that is not what the format demands.
var errFormat = errors.New("not a safetensors file")

type entry struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

func (t *Tensor) bytes() ([]byte, string, error) {
	n, err := elements(t.Shape)
	if err != nil {
		return nil, "", err
	}
	switch {
	case t.F32 != nil && t.F64 != nil:
		return nil, "", errors.New("values of two types")
	case t.F64 != nil:
		if len(t.F64) != n {
			return nil, "", fmt.Errorf("%d values for the shape %v", len(t.F64), t.Shape)
		}
		return littleEndian(t.F64, 8), "F64", nil
	default:
		if len(t.F32) != n {
			return nil, "", fmt.Errorf("%d values for the shape %v", len(t.F32), t.Shape)
		}
		return littleEndian(t.F32, 4), "F32", nil
	}
}

func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt/8/d {
			return 0, fmt.Errorf("impossible shape %v", shape)
		}
		n *= d
	}
	return n, nil
}

// Encode writes the file to w: equal tensors and metadata give equal bytes, whatever order they come in.
func Encode(w io.Writer, f *File) error {
	ts := slices.Clone(f.Tensors)
	// float64 first: every tensor then starts at a multiple of its value's size.
	sort.SliceStable(ts, func(i, j int) bool {
		if wide := ts[i].F64 != nil; wide != (ts[j].F64 != nil) {
			return wide
		}
		return ts[i].Name < ts[j].Name
	})
	header := map[string]any{}
	if len(f.Metadata) > 0 {
		header[metadataKey] = f.Metadata
	}
	values := make([][]byte, len(ts))
	at := uint64(0)
	for i := range ts {
		t := &ts[i]
		b, dtype, err := t.bytes()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if _, twice := header[t.Name]; twice || t.Name == metadataKey {
			return fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		header[t.Name] = entry{DType: dtype, Shape: shape, Offsets: [2]uint64{at, at + uint64(len(b))}}
		values[i] = b
		at += uint64(len(b))
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, b := range values {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Read reads a file.
func Read(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return nil, err
	}
	f, err := Decode(r, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Decode reads a file of the given size in bytes. Overlapping tensors, gaps and trailing bytes are refused.
func Decode(r io.Reader, size int64) (*File, error) {
	var prefix [lengthPrefix]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errFormat, err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader || int64(n) > size-lengthPrefix {
		return nil, fmt.Errorf("%w: a header of %d bytes in a file of %d", errFormat, n, size)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("%w: %w", errFormat, err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimRight(text, " "), &raw); err != nil {
		return nil, fmt.Errorf("%w: header: %w", errFormat, err)
	}
	f := &File{}
	type placed struct {
		name string
		entry
	}
	var all []placed
	for name, v := range raw {
		if name == metadataKey {
			if err := json.Unmarshal(v, &f.Metadata); err != nil {
				return nil, fmt.Errorf("%w: metadata: %w", errFormat, err)
			}
			continue
		}
		var e entry
		if err := json.Unmarshal(v, &e); err != nil {
			return nil, fmt.Errorf("%w: tensor %q: %w", errFormat, name, err)
		}
		all = append(all, placed{name, e})
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		if a.Offsets != b.Offsets {
			return a.Offsets[0] < b.Offsets[0] || a.Offsets[0] == b.Offsets[0] && a.Offsets[1] < b.Offsets[1]
		}
		return a.name < b.name
	})
	room, at := uint64(size)-lengthPrefix-n, uint64(0)
	for i := range all {
		e := &all[i]
		count, err := elements(e.Shape)
		if err != nil {
			return nil, fmt.Errorf("%w: tensor %q: %w", errFormat, e.name, err)
		}
		width := 4
		switch e.DType {
		case "F32":
		case "F64":
			width = 8
		default:
			return nil, fmt.Errorf("%w: tensor %q: values of type %q, only F32 and F64 are read", errFormat, e.name, e.DType)
		}
		if e.Offsets[0] != at || e.Offsets[1] < at || e.Offsets[1] > room || e.Offsets[1]-at != uint64(count)*uint64(width) {
			return nil, fmt.Errorf("%w: tensor %q of shape %v lies at bytes %v of %d", errFormat, e.name, e.Shape, e.Offsets, room)
		}
		at = e.Offsets[1]
		t := Tensor{Name: e.name, Shape: e.Shape}
		var into []byte
		if width == 8 {
			t.F64 = make([]float64, count)
			into = asBytes(t.F64, 8)
		} else {
			t.F32 = make([]float32, count)
			into = asBytes(t.F32, 4)
		}
		if _, err := io.ReadFull(r, into); err != nil {
			return nil, fmt.Errorf("%w: tensor %q: %w", errFormat, e.name, err)
		}
		if bigEndian {
			swap(into, width)
		}
		f.Tensors = append(f.Tensors, t)
	}
	if at != room {
		return nil, fmt.Errorf("%w: %d bytes after the last tensor", errFormat, room-at)
	}
	return f, nil
}

var bigEndian = binary.NativeEndian.Uint16([]byte{1, 0}) != 1

// asBytes is the memory of v.
func asBytes[T float32 | float64](v []T, width int) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*width)
}

// littleEndian is the memory of v, a swapped copy of it on a big-endian machine.
func littleEndian[T float32 | float64](v []T, width int) []byte {
	b := asBytes(v, width)
	if bigEndian {
		b = slices.Clone(b)
		swap(b, width)
	}
	return b
}

func swap(b []byte, width int) {
	for ; len(b) >= width; b = b[width:] {
		slices.Reverse(b[:width])
	}
}
