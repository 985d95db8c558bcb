package custody

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// carried is the last member of a JSON file that carries its own checksum.
const (
	beforeCarried = ",\n  \"checksum\": \""
	afterCarried  = "\"\n}\n"
)

var noSum = strings.Repeat("0", len(hash(nil)))

// EncodeJSON is v, a JSON object with members, as a file that carries the sha256 of all its bytes, computed with zeros in its own place:
// for files of a folder into which many processes write at once, so that it has no list.
func EncodeJSON(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	b, ok := bytes.CutSuffix(b, []byte("\n}"))
	if !ok {
		return nil, errors.New("a file that carries its checksum has to be a JSON object with members")
	}
	b = append(b, beforeCarried+noSum+afterCarried...)
	copy(b[len(b)-len(afterCarried)-len(noSum):], hash(b))
	return b, nil
}

// DecodeJSON reads the bytes of a file into v: those that EncodeJSON wrote, else the error is a *DamagedError. Of a file that carries no
// checksum, as some did before, carries is false and nothing but its form is checked.
func DecodeJSON(path string, data []byte, v any) (carries bool, err error) {
	at := len(data) - len(afterCarried) - len(noSum)
	if carries = at > 0 && bytes.HasSuffix(data[:at], []byte(beforeCarried)) && bytes.HasSuffix(data, []byte(afterCarried)); carries {
		zeroed := append(bytes.Clone(data[:at]), noSum+afterCarried...)
		if hash(zeroed) != string(data[at:at+len(noSum)]) {
			return true, &DamagedError{Path: path, Why: "its bytes are not those that its checksum is of"}
		}
		data = append(zeroed[:at-len(beforeCarried)], "\n}\n"...)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields() // also a checksum whose place in the file was damaged
	err = d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows its end")
		}
	}
	if err != nil {
		return carries, &DamagedError{Path: path, Why: err.Error()}
	}
	return carries, nil
}
