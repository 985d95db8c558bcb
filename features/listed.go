package features

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"vzsl/internal/custody"
	"vzsl/internal/wholefile"
)

// A complete folder of shards has a list of checksums, which is made of the manifest: one of version 0.1.0 has none. An incomplete folder
// has none either: nobody reads it but the next extract or import, and that takes the shards by what they say themselves.

// checkListed checks the manifest's bytes against the folder's list.
func (m *Manifest) checkListed(dir string, b []byte) error {
	if !m.Complete {
		return nil
	}
	err := custody.Check(dir, manifestName, b)
	if custody.IsDamaged(err) {
		err = fmt.Errorf("%w; run the same extract or import again: it rebuilds it from the shards", err)
	}
	return err
}

// sums are the checksums of a complete folder's files, of which skipped.csv is given.
func (m *Manifest) sums(skipped []byte) map[string][]string {
	sums := map[string][]string{manifestName: {hex.EncodeToString(sum(m.encode()))}, skippedName: {hex.EncodeToString(sum(skipped))}}
	if m.Images != nil {
		sums[m.Images.File] = []string{m.Images.SHA256}
	}
	for _, p := range m.Parts {
		sums[p.File] = []string{p.SHA256}
	}
	return sums
}

// writeUnfinished writes the manifest of a folder that is not complete.
func writeUnfinished(dir string, m *Manifest) error {
	if err := os.Remove(filepath.Join(dir, custody.Name)); err != nil && !absent(err) {
		return err
	}
	return wholefile.Bytes(filepath.Join(dir, manifestName), m.encode())
}

// writeFinished makes a folder complete, or another one than it was: with files beside the shards, which are there, and the manifest last.
// The list is of the files of before too until then.
func writeFinished(dir string, m *Manifest, files map[string][]byte) error {
	now := m.sums(files[skippedName])
	both := maps.Clone(now)
	if was, err := custody.Sums(dir); err == nil { // a damaged one is replaced
		for name, sums := range was {
			both[name] = slices.Compact(slices.Sorted(slices.Values(slices.Concat(both[name], sums))))
		}
	}
	if err := custody.WriteList(dir, both); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := wholefile.Bytes(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	if err := wholefile.Bytes(filepath.Join(dir, manifestName), m.encode()); err != nil {
		return err
	}
	return custody.WriteList(dir, now)
}
