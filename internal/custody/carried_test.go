package custody

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type carrier struct {
	Name   string          `json:"name"`
	Sum    string          `json:"sha256,omitempty"`
	Rows   int             `json:"rows"`
	Result json.RawMessage `json:"result,omitempty"`
}

// Every bit counts, and every byte that is missing or too much; also of the checksum itself.
func TestCarried(t *testing.T) {
	want := carrier{"<a> é", strings.Repeat("0", 64), 3, json.RawMessage(`{"x": [1, 2.5, "}"], "checksum": ""}`)}
	b, err := EncodeJSON(want)
	if err != nil {
		t.Fatal(err)
	}
	var got carrier
	carries, err := DecodeJSON("x.json", b, &got)
	var a, z any
	if json.Unmarshal(want.Result, &a) != nil || json.Unmarshal(got.Result, &z) != nil || !reflect.DeepEqual(a, z) {
		t.Errorf("%s", got.Result)
	}
	if got.Result = want.Result; err != nil || !carries || !reflect.DeepEqual(got, want) {
		t.Error(got, carries, err)
	}
	if again, err := EncodeJSON(want); err != nil || !bytes.Equal(again, b) {
		t.Error("not the same bytes again", err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := DecodeJSON("x.json", b, &carrier{}); !IsDamaged(err) || !strings.HasPrefix(err.Error(), "x.json is damaged") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for bit := range 8 * len(b) {
		bad := bytes.Clone(b)
		bad[bit/8] ^= 1 << (bit % 8)
		refused("bit "+string(b[:bit/8]), bad)
	}
	for n := range b {
		refused("cut", b[:n])
	}
	refused("longer", append(bytes.Clone(b), '\n'))
	refused("twice", append(bytes.Clone(b), b...))

	// As it was written before: its form alone is checked.
	old, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if carries, err := DecodeJSON("x.json", append(old, '\n'), &carrier{}); err != nil || carries {
		t.Error(carries, err)
	}
	refused("another member", []byte(`{"name": "a", "nme": "b"}`))
	for _, v := range []any{1, []int{1}, struct{}{}, nil} {
		if _, err := EncodeJSON(v); err == nil {
			t.Error(v)
		}
	}
}

// The checksum is what anybody can compute: that of the file with zeros in its place.
func TestCarriedByOthers(t *testing.T) {
	b, err := EncodeJSON(carrier{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(b, &plain); err != nil {
		t.Fatal(err)
	}
	sum := plain["checksum"].(string)
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, bytes.Replace(b, []byte(sum), []byte(noSum), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := SHA256(path); err != nil || got != sum {
		t.Error(got, err)
	}
}
