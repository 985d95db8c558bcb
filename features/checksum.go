package features

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vzsl/internal/custody"
	"vzsl/internal/lock"
	"vzsl/internal/wholefile"
)

// keyChecksum is the metadata with the sha256 of the whole file as it is with noChecksum in the sum's place: class tables and
// splits carry it, so that a reader knows every byte to be the one that was written. Shards are listed with theirs in the
// manifest.
const keyChecksum = keyPrefix + "sha256"

var noChecksum = strings.Repeat("0", 2*sha256.Size)

// encodeTable is a Parquet file with its checksum.
func encodeTable(rows, perGroup int, columns []column, kv metadata) ([]byte, error) {
	kv.add(keyChecksum, noChecksum)
	var b bytes.Buffer
	if err := writeParquet(&b, rows, perGroup, columns, kv); err != nil {
		return nil, err
	}
	data := b.Bytes()
	at := bytes.LastIndex(data, []byte(noChecksum)) // the metadata is at the file's end
	copy(data[at:], hex.EncodeToString(sum(data)))
	return data, nil
}

// writeTable writes such a file, making its folder where needed, which it alone writes into meanwhile.
func writeTable(path string, data []byte) error {
	dir := filepath.Dir(path)
	l, err := lock.Take(context.Background(), dir)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(wholefile.Bytes(path, data), l.Release())
}

func sum(data []byte) []byte {
	s := sha256.Sum256(data)
	return s[:]
}

// openWhole is openTable of a file that is checked against the checksum it carries; those of earlier versions have none.
func openWhole(path string) (*table, error) {
	t, err := openTable(path)
	if err != nil {
		return nil, err
	}
	if err := t.checkWhole(); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *table) checkWhole() error {
	want, ok := t.meta(keyChecksum)
	if !ok && !t.renamedChecksum() {
		return nil
	}
	data, err := os.ReadFile(t.path)
	if err != nil {
		return err
	}
	if at := bytes.LastIndex(data, []byte(want)); len(want) == len(noChecksum) && at >= 0 {
		copy(data[at:], noChecksum)
		if hex.EncodeToString(sum(data)) == want {
			return nil
		}
	}
	return &custody.DamagedError{Path: t.path, Why: "its bytes are not those that its checksum (" + keyChecksum + ") is of", Held: lock.Held(filepath.Dir(t.path))}
}

// renamedChecksum finds a checksum under another key: the key itself was damaged.
func (t *table) renamedChecksum() bool {
	kv := t.r.MetaData().KeyValueMetadata()
	for i, key := range kv.Keys() {
		if b, err := hex.DecodeString(kv.Values()[i]); err == nil && len(b) == sha256.Size && key != keyManifest {
			return true
		}
	}
	return false
}

// FileSHA256 is the checksum of a file's bytes, in hexadecimal.
func FileSHA256(path string) (string, error) { return custody.SHA256(path) }
