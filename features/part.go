package features

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"vzsl/internal/wholefile"
)

// Skip is an image that has no features, and why.
type Skip struct {
	Image  string `json:"image"`
	Reason string `json:"reason"`
	// Of its file, in shards of a collection; 0 and "" where it could not be read.
	Bytes  int64  `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`

	ModTime int64 `json:"-"`
}

// Part holds one shard's rows in dataset order. Labels are rows of the class table, counted from 0, or Unlabelled with an empty
// class; Features has one row
// of Dim values per image. Images without features are in Skipped; together they are the part's whole range.
type Part struct {
	Images, Classes []string
	Labels          []int32
	Features        []float32
	Skipped         []Skip
	Files           []File // of the images; a collection (Grow) needs them, others have none
}

var partName = regexp.MustCompile(`^part-(\d{5})-of-(\d{5})\.parquet$`)

func partFile(part, parts int) string { return fmt.Sprintf("part-%05d-of-%05d.parquet", part, parts) }

func (p *Part) check(src *Source, part int) error {
	rows := len(p.Images)
	lo, hi := src.partRange(part)
	switch {
	case len(p.Classes) != rows || len(p.Labels) != rows:
		return fmt.Errorf("%d images, %d classes, %d labels: their numbers must be equal", rows, len(p.Classes), len(p.Labels))
	case len(p.Features) != rows*src.Dim:
		return fmt.Errorf("%d feature values for %d images of %d", len(p.Features), rows, src.Dim)
	case rows+len(p.Skipped) != hi-lo:
		return fmt.Errorf("%d rows and %d skipped images do not make the %d images of this part", rows, len(p.Skipped), hi-lo)
	}
	seen := make(map[string]struct{}, hi-lo)
	name := func(image string) error {
		if image == "" {
			return fmt.Errorf("an image without a name")
		}
		if _, twice := seen[image]; twice {
			return fmt.Errorf("duplicate image %q", image)
		}
		seen[image] = struct{}{}
		return nil
	}
	for i, image := range p.Images {
		if err := name(image); err != nil {
			return err
		}
		if p.Labels[i] < 0 && (p.Labels[i] != Unlabelled || p.Classes[i] != "") {
			return fmt.Errorf("image %q: label %d of class %q", image, p.Labels[i], p.Classes[i])
		}
		if k := NotFinite(p.Features[i*src.Dim : (i+1)*src.Dim]); k >= 0 {
			return fmt.Errorf("image %q: feature value %d is %v", image, k, p.Features[i*src.Dim+k])
		}
	}
	for _, s := range p.Skipped {
		if err := name(s.Image); err != nil {
			return err
		}
	}
	return nil
}

// NotFinite is the index of the first NaN or infinity, or -1.
func NotFinite(v []float32) int {
	for i, x := range v {
		if math.Float32bits(x)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}

// writePart writes a part aside and renames it.
func writePart(dir string, src *Source, part int, p *Part) (ManifestPart, error) {
	name := partFile(part, src.parts())
	var kv metadata
	kv.add(keySchema, schemaShard)
	src.metadata(&kv)
	kv.add(keyPrefix+"part", strconv.Itoa(part))
	kv.add(keyPrefix+"parts", strconv.Itoa(src.parts()))
	kv.add(keyPrefix+"rows", strconv.Itoa(len(p.Images)))
	skipped := p.Skipped
	if skipped == nil {
		skipped = []Skip{}
	}
	kv.addJSON(keyPrefix+"skipped", skipped)
	columns := []column{
		{name: columnImage, text: p.Images},
		{name: columnClass, text: p.Classes, dict: true},
		{name: columnLabel, num: append([]int32{}, p.Labels...), dict: true},
		{name: columnVector, vectors: p.Features, width: src.Dim},
	}
	sum := sha256.New()
	var size counter
	err := wholefile.Write(filepath.Join(dir, name), func(w io.WriteSeeker) error {
		return writeParquet(io.MultiWriter(w, sum, &size), len(p.Images), groupRows, columns, kv)
	})
	if err != nil {
		return ManifestPart{}, err
	}
	return ManifestPart{File: name, Rows: len(p.Images), Skipped: len(p.Skipped), SHA256: hex.EncodeToString(sum.Sum(nil)), Bytes: int64(size)}, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// head is what a shard says about itself in its footer.
type head struct {
	source      Source
	part, parts int
	rows        int
	skipped     []Skip
	list        string // of a shard of a collection; "": of a fixed list
}

// shardHead reads the footer of an open shard.
func (t *table) shardHead() (h head, err error) {
	defer guard(t.path, &err)
	if schema, _ := t.meta(keySchema); schema == schemaGrown {
		return t.grownHead()
	}
	if err := t.expect(schemaShard, "a feature shard"); err != nil {
		return h, err
	}
	if h.source, err = sourceFrom(t.meta); err != nil {
		return h, fmt.Errorf("%s: %w", t.path, err)
	}
	for _, n := range []struct {
		key string
		to  *int
	}{{"part", &h.part}, {"parts", &h.parts}, {"rows", &h.rows}} {
		if *n.to, err = t.metaNumber(n.key); err != nil {
			return h, err
		}
	}
	if err := t.metaJSON(keyPrefix+"skipped", &h.skipped); err != nil {
		return h, err
	}
	if h.parts != h.source.parts() || h.part < 0 || h.part >= h.parts {
		return h, fmt.Errorf("%s: says it is part %d of %d, but %d images make %d parts", t.path, h.part, h.parts, h.source.Images, h.source.parts())
	}
	if t.rows() != h.rows {
		return h, fmt.Errorf("%s: %d rows, but its metadata says %d", t.path, t.rows(), h.rows)
	}
	if lo, hi := h.source.partRange(h.part); h.rows+len(h.skipped) != hi-lo {
		return h, fmt.Errorf("%s: %d rows and %d skipped images do not make the %d images of part %d", t.path, h.rows, len(h.skipped), hi-lo, h.part)
	}
	return h, nil
}

func (t *table) metaNumber(key string) (int, error) {
	v, _ := t.meta(keyPrefix + key)
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, fmt.Errorf("%s: metadata %q is %q, want a whole number", t.path, keyPrefix+key, v)
	}
	return n, nil
}

func readHead(path string) (head, error) {
	t, err := openTable(path)
	if err != nil {
		return head{}, err
	}
	defer t.close()
	return t.shardHead()
}

// hashFile is the sha256 and the size of a file.
func hashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), n, nil
}
