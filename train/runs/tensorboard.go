package runs

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// WriteEvents writes the lines of one phase of metrics.jsonl as a TensorBoard event file: a scalar for each of a line's numbers,
// at the step of its epoch. began is the time at which the phase did.
//
// The file is a sequence of TFRecords (length, masked CRC-32C of it, message, masked CRC-32C of that) of the protocol buffer
// tensorflow.Event.
func WriteEvents(w io.Writer, lines []map[string]any, began time.Time) error {
	wall := func(b []byte, seconds float64) []byte {
		at := float64(began.UnixNano())/1e9 + seconds
		return protowire.AppendFixed64(protowire.AppendTag(b, 1, protowire.Fixed64Type), math.Float64bits(at))
	}
	bytes := func(b []byte, field protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
	}
	if err := writeRecord(w, bytes(wall(nil, 0), 3, []byte("brain.Event:2"))); err != nil { // file_version
		return err
	}
	seconds := 0.0
	for i, line := range lines {
		if s, ok := line["seconds"].(float64); ok {
			seconds += s
		}
		step := uint64(i + 1)
		if e, ok := line["epoch"].(float64); ok && e > 0 {
			step = uint64(e)
		}
		var summary []byte
		for _, name := range slices.Sorted(maps.Keys(line)) {
			v, ok := line[name].(float64)
			if !ok || name == "epoch" || name == "of" {
				continue
			}
			value := bytes(nil, 1, []byte(name)) // tag
			value = protowire.AppendFixed32(protowire.AppendTag(value, 2, protowire.Fixed32Type), math.Float32bits(float32(v)))
			summary = bytes(summary, 1, value)
		}
		event := protowire.AppendVarint(protowire.AppendTag(wall(nil, seconds), 2, protowire.VarintType), step)
		if err := writeRecord(w, bytes(event, 5, summary)); err != nil {
			return err
		}
	}
	return nil
}

// writeRecord writes a TFRecord.
func writeRecord(w io.Writer, data []byte) error {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b := binary.LittleEndian.AppendUint32(head, maskedCRC(head))
	b = append(b, data...)
	_, err := w.Write(binary.LittleEndian.AppendUint32(b, maskedCRC(data)))
	return err
}

// maskedCRC is TFRecord's: CRC-32C, turned right by 15 bits, plus a constant.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}
