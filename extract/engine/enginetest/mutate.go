package enginetest

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// structure lists the bytes of an ONNX model that are not weights: where a change changes the graph.
func structure(model []byte) []int {
	var out []int
	// path is the nesting: model 7 graph, 5 initializer, 9 raw_data.
	var walk func(lo, hi, depth int)
	walk = func(lo, hi, depth int) {
		for lo < hi {
			n, typ, k := protowire.ConsumeTag(model[lo:hi])
			if k < 0 {
				return
			}
			v := protowire.ConsumeFieldValue(n, typ, model[lo+k:hi])
			if v < 0 {
				return
			}
			end := lo + k + v
			_, head := protowire.ConsumeVarint(model[lo+k : hi])
			switch inner := lo + k + head; {
			case typ == protowire.BytesType && depth == 0 && n == 7, typ == protowire.BytesType && depth == 1 && n == 5:
				for i := lo; i < inner; i++ {
					out = append(out, i)
				}
				walk(inner, end, depth+1)
			case depth == 2 && n == 9:
				for i := lo; i < inner; i++ {
					out = append(out, i)
				}
			default:
				for i := lo; i < end; i++ {
					out = append(out, i)
				}
			}
			lo = end
		}
	}
	walk(0, len(model), 0)
	return out
}

// Mutate applies edits, four bytes each (what to do, a place among those of Structure, a value), to a
// copy of a model.
func Mutate(model []byte, edits []byte) []byte {
	m := append([]byte(nil), model...)
	at := structure(m)
	for ; len(edits) >= 4 && len(m) > 0; edits = edits[4:] {
		i := at[int(binary.LittleEndian.Uint16(edits[1:]))%len(at)]
		if i >= len(m) {
			continue
		}
		switch v := edits[3]; edits[0] % 16 {
		case 0, 1, 2, 3, 4:
			m[i] = v
		case 5, 6, 7, 8:
			m[i] ^= 1 << (v % 8)
		case 9, 10:
			m[i]++
		case 11: // a piece is lost
			m = append(m[:i], m[min(len(m), i+1+int(v)%8):]...)
		case 12: // a piece is there twice
			j := min(len(m), i+1+int(v)%32)
			m = append(m[:j:j], m[i:]...)
		default: // another byte of the structure
			m[i] = m[min(at[(int(v)*257)%len(at)], len(m)-1)]
		}
	}
	return m
}
