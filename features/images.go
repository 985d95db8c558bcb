package features

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vzsl/internal/wholefile"
)

const (
	imagesName = "images.parquet" // beside the shards: a row for each image of the dataset
	timesName  = "times.parquet"  // in cacheDir: the modification times of their files, which are no part of what is compared
)

// File is what is known of the file of an image.
type File struct {
	Bytes   int64  // negative: not known
	SHA256  string // "": not known, or the file could not be read
	ModTime int64  // nanoseconds since 1970; 0: not known
}

// imageRecord is a File in less memory.
type imageRecord struct {
	bytes, modTime int64
	sha            [32]byte // zeros: not known
}

func (f *File) record() imageRecord {
	r := imageRecord{bytes: f.Bytes, modTime: f.ModTime}
	if _, err := hex.Decode(r.sha[:], []byte(f.SHA256)); err != nil {
		r.sha = [32]byte{}
	}
	return r
}

func (r *imageRecord) sum() string {
	if r.sha == [32]byte{} {
		return ""
	}
	return hex.EncodeToString(r.sha[:])
}

// saveTable writes a table of texts and numbers with its checksum into a folder that is locked already, or that tasks share.
func saveTable(path string, rows int, columns []column, kv metadata) error {
	data, err := encodeTable(rows, textRows, columns, kv)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return wholefile.Bytes(path, data)
}

// imageRow is a row of images.parquet.
type imageRow struct {
	image  string
	file   imageRecord
	shard  string
	reason string // why it has no features; "": it has
}

// encodeImages is images.parquet, of rows given one after the other.
func encodeImages(n int, row func(i int) imageRow) ([]byte, error) {
	images, shards, reasons, sums := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	sizes := make([]int64, n)
	for i := range n {
		r := row(i)
		images[i], shards[i], reasons[i], sums[i], sizes[i] = r.image, r.shard, r.reason, r.file.sum(), r.file.bytes
	}
	var kv metadata
	kv.add(keySchema, schemaImages)
	return encodeTable(n, textRows, []column{
		{name: columnImage, text: images}, {name: columnBytes, long: sizes}, {name: columnSHA256, text: sums},
		{name: columnShard, text: shards, dict: true}, {name: columnReason, text: reasons, dict: true},
	}, kv)
}

// eachImage reads a table of images row by row: images.parquet.
func eachImage(ctx context.Context, path string, do func(r imageRow) error) error {
	t, err := openTable(path)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.expect(schemaImages, "the table of a collection's images"); err != nil {
		return err
	}
	known := map[string]string{} // texts that repeat
	one := func(b []byte) string {
		k, ok := known[string(b)]
		if !ok {
			k = string(b)
			known[k] = k
		}
		return k
	}
	for g := range t.groups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		images, err := t.strings(g, columnImage)
		if err != nil {
			return err
		}
		files, err := t.files(g)
		if err != nil {
			return err
		}
		var shards, reasons []string
		if err := t.eachText(g, columnShard, func(b []byte) { shards = append(shards, one(b)) }); err != nil {
			return err
		}
		if err := t.eachText(g, columnReason, func(b []byte) { reasons = append(reasons, one(b)) }); err != nil {
			return err
		}
		if len(files) != len(images) || len(shards) != len(images) || len(reasons) != len(images) {
			return fmt.Errorf("%s: its columns have different lengths", path)
		}
		for i := range images {
			if err := do(imageRow{images[i], files[i], shards[i], reasons[i]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// files reads the columns about the files of images.
func (t *table) files(group int) ([]imageRecord, error) {
	sizes, err := integers[int64](t, group, columnBytes)
	if err != nil {
		return nil, err
	}
	files := make([]imageRecord, 0, len(sizes))
	var text [64]byte
	var bad error
	err = t.eachText(group, columnSHA256, func(b []byte) {
		i := len(files)
		if i == len(sizes) {
			bad = fmt.Errorf("%s: %d sizes and more checksums of images", t.path, len(sizes))
			return
		}
		r := imageRecord{bytes: sizes[i]}
		if len(b) == len(text) {
			_, _ = hex.Decode(r.sha[:], b) // compared below
		}
		if hex.Encode(text[:], r.sha[:]); len(b) > 0 && (r.sha == [32]byte{} || !bytes.Equal(text[:], b)) {
			bad = fmt.Errorf("%s: %q is not the sha256 of an image", t.path, b)
		}
		files = append(files, r)
	})
	if err = cmp.Or(err, bad); err == nil && len(files) != len(sizes) {
		err = fmt.Errorf("%s: %d sizes and %d checksums of images", t.path, len(sizes), len(files))
	}
	return files, err
}

// writeTimes keeps the modification times of the files of images, in the order of the file with the checksum of.
func writeTimes(path, of string, times []int64) error {
	var kv metadata
	kv.add(keySchema, schemaTimes)
	kv.add(keyPrefix+"of", of)
	data, err := encodeTable(len(times), textRows, []column{{name: columnTime, long: times}}, kv)
	if err != nil {
		return err
	}
	return wholefile.Bytes(path, data)
}

// readTimes reads them; none where there are none, or not those of that file. The error is the system's, which may not be there the
// next time.
func readTimes(path, of string) ([]int64, error) {
	t, err := openWhole(path)
	if err != nil {
		return nil, systemError(err)
	}
	defer t.close()
	if have, _ := t.meta(keyPrefix + "of"); have != of || t.expect(schemaTimes, "") != nil {
		return nil, nil
	}
	times := make([]int64, 0, min(t.rows(), 1<<20))
	for g := range t.groups() {
		more, err := integers[int64](t, g, columnTime)
		if err != nil {
			return nil, systemError(err)
		}
		times = append(times, more...)
	}
	return times, nil
}

// systemError is err where it is that of the operating system, other than that there is no such file; else nil.
func systemError(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) && !absent(err) {
		return err
	}
	return nil
}

// shardTimes is the file in cacheDir with the modification times of a shard's images, until timesName has them: those with features
// first, then the skipped ones.
func shardTimes(shard string) string { return "times-" + strings.TrimPrefix(shard, "part-") }

// shardOfTimes is the shard that a file of modification times is of; that of timesName is images.parquet.
func shardOfTimes(name string) string {
	if name == timesName {
		return imagesName
	}
	return "part-" + strings.TrimPrefix(name, "times-")
}

// checkTimes checks a file of modification times, and that it is of the file of, where that is there.
func checkTimes(path, of string) error {
	t, err := openWhole(path)
	if err != nil {
		return err
	}
	defer t.close()
	sum, _, err := hashFile(of)
	if absent(err) {
		return nil
	}
	if have, _ := t.meta(keyPrefix + "of"); err == nil && have != sum {
		err = fmt.Errorf("%s does not have the times of %s", path, of)
	}
	return err
}

// sweepTables removes what a killed process was writing.
func sweepTables(dir string) error {
	return errors.Join(wholefile.Sweep(dir, imagesName), wholefile.Sweep(filepath.Join(dir, cacheDir), timesName))
}

// dropTimes removes the times of shards.
func dropTimes(dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, cacheDir))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "times-") || strings.HasPrefix(e.Name(), ".times-") {
			if err := os.Remove(filepath.Join(dir, cacheDir, e.Name())); err != nil && !absent(err) {
				return err
			}
		}
	}
	return nil
}
