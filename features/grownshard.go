package features

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
)

// The fields of a source that differ among the shards of one collection, or are not in them.
var grownFields = []string{"dataset_sha256", "images", "program"}

// differences says in what a shard is not of the manifest's source.
func (m *Manifest) differences(h *head) []string {
	if m.Grows() != (h.list != "") {
		return []string{"layout: it differs from that of its manifest"}
	}
	if m.Grows() {
		return h.source.differences(&m.Source, grownFields...)
	}
	return h.source.differences(&m.Source)
}

// grownHead is shardHead of a shard of a collection.
func (t *table) grownHead() (h head, err error) {
	if h.source, err = readSource(t.meta, "dataset_sha256", "images"); err != nil {
		return h, fmt.Errorf("%s: %w", t.path, err)
	}
	whole := h.source
	whole.Images = 1
	if err := whole.check(); err != nil {
		return h, fmt.Errorf("%s: %w", t.path, err)
	}
	if h.rows, err = t.metaNumber("rows"); err != nil {
		return h, err
	}
	if h.list, _ = t.meta(keyPrefix + "list"); len(h.list) != 16 {
		return h, fmt.Errorf("%s: metadata %q is %q", t.path, keyPrefix+"list", h.list)
	}
	if err := t.metaJSON(keyPrefix+"skipped", &h.skipped); err != nil {
		return h, err
	}
	if t.rows() != h.rows {
		return h, fmt.Errorf("%s: %d rows, but its metadata says %d", t.path, t.rows(), h.rows)
	}
	return h, nil
}

// writeGrown writes a shard of a collection aside, then under its name by commit: a rename, or where several tasks may write it
// wholefile.Create.
func writeGrown(path string, commit func(path string, write func(io.WriteSeeker) error) error, src *Source, list string, p *Part) (ManifestPart, error) {
	var kv metadata
	kv.add(keySchema, schemaGrown)
	src.metadata(&kv, "dataset_sha256", "images")
	kv.add(keyPrefix+"list", list)
	kv.add(keyPrefix+"rows", strconv.Itoa(len(p.Images)))
	kv.addJSON(keyPrefix+"skipped", append([]Skip{}, p.Skipped...))
	sizes, sums := make([]int64, len(p.Files)), make([]string, len(p.Files))
	for i, f := range p.Files {
		sizes[i], sums[i] = f.Bytes, f.SHA256
	}
	columns := []column{
		{name: columnImage, text: p.Images},
		{name: columnClass, text: p.Classes, dict: true},
		{name: columnLabel, num: append([]int32{}, p.Labels...), dict: true},
		{name: columnVector, vectors: p.Features, width: src.Dim},
		{name: columnBytes, long: sizes},
		{name: columnSHA256, text: sums},
	}
	sum := sha256.New()
	var size counter
	err := commit(path, func(w io.WriteSeeker) error {
		return writeParquet(io.MultiWriter(w, sum, &size), len(p.Images), groupRows, columns, kv)
	})
	return ManifestPart{File: filepath.Base(path), Rows: len(p.Images), Skipped: len(p.Skipped), SHA256: hex.EncodeToString(sum.Sum(nil)), Bytes: int64(size)}, err
}

// eachGrown reads what a shard of a collection says of its images, without their features: those with features first.
func eachGrown(ctx context.Context, path string, do func(r imageRow)) (head, error) {
	t, err := openTable(path)
	if err != nil {
		return head{}, err
	}
	defer t.close()
	h, err := t.shardHead()
	if err != nil {
		return h, err
	}
	name := filepath.Base(path)
	for g := range t.groups() {
		if err := ctx.Err(); err != nil {
			return h, err
		}
		images, err := t.strings(g, columnImage)
		if err != nil {
			return h, err
		}
		files := make([]imageRecord, len(images))
		if h.list != "" {
			if files, err = t.files(g); err != nil {
				return h, err
			}
		}
		if len(files) != len(images) {
			return h, fmt.Errorf("%s: %d images and %d files", path, len(images), len(files))
		}
		for i, image := range images {
			do(imageRow{image: image, file: files[i], shard: name})
		}
	}
	for _, s := range h.skipped {
		f := File{Bytes: s.Bytes, SHA256: s.SHA256}
		do(imageRow{image: s.Image, file: f.record(), shard: name, reason: s.Reason})
	}
	return h, nil
}

// Copied rows of a shard: the features of some of its images, by name.
func copyRows(ctx context.Context, path string, dim int, want map[string]int, to []float32, buf *vectorBuffer) error {
	found := 0
	err := eachGroup(ctx, path, dim, buf, func(g *group) error {
		for i, image := range g.images {
			if at, ok := want[image]; ok {
				copy(to[at*dim:(at+1)*dim], g.features[i*dim:(i+1)*dim])
				found++
			}
		}
		return nil
	})
	if err == nil && found != len(want) {
		err = fmt.Errorf("%s: %d of %d images found", path, found, len(want))
	}
	return err
}
