package convert

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedLZ4: the library for Parquet looks for more memory without end where LZ4 data are damaged; they do not reach it.
func TestDamagedLZ4(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "kinds", "duckdb_lz4_raw-f.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	refused := 0
	for i := 4; i < len(whole); i += 3 {
		b := bytes.Clone(whole)
		b[i] ^= 0xff
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		tab, err := Open(path, Options{})
		if err == nil {
			for k, c := range tab.Columns() {
				if c.Kind == Text {
					_, err = tab.Texts(k)
				}
				if strings.Contains(c.Why, "LZ4") || err != nil && strings.Contains(err.Error(), "LZ4") {
					refused++
				}
			}
			readAll(t, tab)
			if err := tab.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused == 0 {
		t.Error("no damage to LZ4 data was found")
	}
}

// TestThriftClaims: a list or a text is not longer than what there is.
func TestThriftClaims(t *testing.T) {
	for _, b := range []string{
		"\x19\xfc\xff\xff\xff\xff\x07\x00", // 2^31-1 structs
		"\x18\xff\xff\xff\xff\x07a\x00",    // a text of 2 GiB
		"\x19\xfc",
		"\x1b\xff\xff\xff\xff\x07\x55\x02\x02\x00", // 2^31-1 pairs
		strings.Repeat("\x1c", 100) + strings.Repeat("\x00", 101),
	} {
		if _, err := skipStruct([]byte(b)); err == nil {
			t.Errorf("%q is taken", b)
		}
	}
	rest, err := skipStruct([]byte("\x15\x02\x19\x2c\x15\x02\x00\x18\x01a\x00\x11\x12\x00rest"))
	if err != nil || string(rest) != "rest" {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestTooLarge: a record batch or a page that is too large to be read in bounded memory is refused with what to do.
func TestTooLarge(t *testing.T) {
	most := mostAtOnce
	defer func() { mostAtOnce = most }()
	for _, c := range []struct {
		file, says string
		most       int64
	}{
		{"arrow_list_float16-f.arrow", "smaller record batches", 16},
		{"arrow_list_float16-f.arrow", "smaller record batches", 1 << 8}, // the buffers, not the message
		{"duckdb_list_float-f.parquet", "smaller row groups", 16},
	} {
		mostAtOnce = c.most
		tab, err := Open(filepath.Join("testdata", "kinds", c.file), Options{})
		var said string
		if err != nil {
			said = err.Error()
		} else {
			for _, column := range tab.Columns() {
				said += column.Why
			}
			_ = tab.Close()
		}
		if !strings.Contains(said, c.says) || strings.Contains(said, "damaged") {
			t.Errorf("%s, %d bytes at once: %q does not say %q", c.file, c.most, said, c.says)
		}
	}
}
