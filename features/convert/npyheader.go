package convert

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// npyHeader is what the first bytes of a NumPy array file say (format versions 1.0, 2.0 and 3.0).
type npyHeader struct {
	kind    byte   // f, i, u, b, S, U
	descr   string // as the header has it
	item    int    // bytes per element
	big     bool   // big-endian
	fortran bool   // the first index runs fastest
	shape   []int
	data    int64 // offset of the first element
}

const maxNPYHeader = 1 << 20

// elements is the number of elements; the parser has made sure that it and the bytes they take fit an int64.
func (h *npyHeader) elements() int {
	n := 1
	for _, s := range h.shape {
		n *= s
	}
	return n
}

// readNPYHeader reads the header at the start of r.
func readNPYHeader(r io.Reader) (*npyHeader, error) {
	var start [12]byte
	if _, err := io.ReadFull(r, start[:10]); err != nil || string(start[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("not a NumPy array file (.npy)")
	}
	var length, head int64
	switch major, minor := start[6], start[7]; {
	case major == 1 && minor == 0:
		head, length = 10, int64(binary.LittleEndian.Uint16(start[8:]))
	case (major == 2 || major == 3) && minor == 0:
		if _, err := io.ReadFull(r, start[10:]); err != nil {
			return nil, fmt.Errorf("the header ends early")
		}
		head, length = 12, int64(binary.LittleEndian.Uint32(start[8:]))
	default:
		return nil, fmt.Errorf("NumPy format version %d.%d; 1.0, 2.0 and 3.0 are known", major, minor)
	}
	if length > maxNPYHeader {
		return nil, fmt.Errorf("a header of %d bytes", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("the header ends early")
	}
	h, err := parseNPYHeader(string(text))
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", abbreviated(strings.TrimSpace(string(text))), err)
	}
	h.data = head + length
	return h, nil
}

func abbreviated(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.Quote(s)
}

// parseNPYHeader reads the Python literal {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
func parseNPYHeader(text string) (*npyHeader, error) {
	p := literal{rest: text}
	h := &npyHeader{}
	seen := map[string]bool{}
	if !p.take("{") {
		return nil, fmt.Errorf("a dictionary was expected")
	}
	for !p.take("}") {
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		if !p.take(":") {
			return nil, fmt.Errorf("a colon was expected after %q", key)
		}
		if seen[key] {
			return nil, fmt.Errorf("duplicate key %q", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			err = h.elementType(&p)
		case "fortran_order":
			switch {
			case p.take("True"):
				h.fortran = true
			case !p.take("False"):
				err = fmt.Errorf("fortran_order must be True or False")
			}
		case "shape":
			h.shape, err = p.shape()
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return nil, err
		}
		if !p.take(",") {
			if !p.take("}") {
				return nil, fmt.Errorf("a comma or the end was expected after %q", key)
			}
			break
		}
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("text after the dictionary")
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return nil, fmt.Errorf("%q is missing", key)
		}
	}
	total := int64(max(h.item, 1))
	for _, n := range h.shape {
		if n > 0 && total > math.MaxInt64/2/int64(n) {
			return nil, fmt.Errorf("shape %v is too large", h.shape)
		}
		total *= int64(max(n, 1))
	}
	return h, nil
}

func (h *npyHeader) elementType(p *literal) error {
	if p.skip(); strings.HasPrefix(p.rest, "[") {
		return fmt.Errorf("a structured array; save each field as an array: numpy.savez(file, **{n: x[n] for n in x.dtype.names})")
	}
	d, err := p.text()
	if err != nil {
		return err
	}
	if strings.Contains(d, "O") {
		return fmt.Errorf("elements are Python objects (a pickle), which are not supported; save texts with x.astype(str), numbers with x.astype('float32')")
	}
	if len(d) < 3 {
		return fmt.Errorf("unknown element type %q", d)
	}
	kind := d[1:]
	convertIt := fmt.Errorf("elements of type %q are not supported; convert the array, for example with x.astype('float32')", d)
	size, err := strconv.Atoi(d[2:])
	switch {
	case err == nil && size == 0:
		return fmt.Errorf("elements of type %q have no content", d)
	case strings.ContainsRune("cmMV", rune(d[1])):
		return convertIt
	case err != nil || size < 0 || size > 1<<20:
		return fmt.Errorf("unknown element type %q", d)
	}
	switch d[0] {
	case '<', '|', '=':
	case '>':
		h.big = true
	default:
		return fmt.Errorf("unknown element type %q", d)
	}
	h.kind, h.item, h.descr = d[1], size, d
	if h.kind == 'U' {
		h.item *= 4 // UCS-4
	}
	known := map[string]bool{"f2": true, "f4": true, "f8": true, "b1": true, "i1": true, "i2": true, "i4": true, "i8": true, "u1": true, "u2": true, "u4": true, "u8": true}
	if !known[kind] && h.kind != 'U' && h.kind != 'S' {
		return convertIt
	}
	return nil
}

// literal reads Python literals from the front of rest.
type literal struct{ rest string }

func (p *literal) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n\x00") }

func (p *literal) take(token string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *literal) text() (string, error) {
	p.skip()
	if p.rest == "" || (p.rest[0] != '\'' && p.rest[0] != '"') {
		return "", fmt.Errorf("a quoted text was expected")
	}
	s, rest, ok := strings.Cut(p.rest[1:], p.rest[:1])
	if !ok || strings.Contains(s, `\`) {
		return "", fmt.Errorf("a quoted text is not closed")
	}
	p.rest = rest
	return s, nil
}

func (p *literal) shape() ([]int, error) {
	if !p.take("(") {
		return nil, fmt.Errorf("shape must be a tuple")
	}
	shape := []int{}
	for !p.take(")") {
		p.skip()
		i := 0
		for i < len(p.rest) && p.rest[i] >= '0' && p.rest[i] <= '9' {
			i++
		}
		n, err := strconv.ParseInt(p.rest[:i], 10, 64)
		if err != nil || n > math.MaxInt32 || len(shape) == 32 {
			return nil, fmt.Errorf("shape must be a tuple of whole numbers in range")
		}
		shape = append(shape, int(n))
		p.rest = strings.TrimPrefix(p.rest[i:], "L") // Python 2
		if !p.take(",") {
			if !p.take(")") {
				return nil, fmt.Errorf("shape is not closed")
			}
			break
		}
	}
	return shape, nil
}
