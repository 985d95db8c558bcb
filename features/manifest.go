package features

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	manifestName   = "manifest.json"
	skippedName    = "skipped.csv"
	manifestFormat = "vzsl-shards/1" // a fixed list of images: part i of n
	grownFormat    = "vzsl-shards/2" // a collection that grows
)

// Manifest is the table of contents of a folder of shards, manifest.json.
type Manifest struct {
	Format   string         `json:"format"`
	Source   Source         `json:"source"`
	Complete bool           `json:"complete"` // all parts are there
	Rows     int            `json:"rows"`
	Skipped  int            `json:"skipped"`
	Parts    []ManifestPart `json:"parts"`            // those done, in order
	Images   *ManifestFile  `json:"images,omitempty"` // of a complete collection: images.parquet
}

// ManifestFile is a file beside the shards.
type ManifestFile struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Grows reports whether the folder is of a collection that can grow (Grow), rather than of a fixed list of images (Create).
func (m *Manifest) Grows() bool { return m.Format == grownFormat }

// ManifestPart is one shard.
type ManifestPart struct {
	File    string `json:"file"`
	Rows    int    `json:"rows"`
	Skipped int    `json:"skipped"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
}

// ReadManifest reads manifest.json of a folder of shards.
func ReadManifest(dir string) (*Manifest, error) {
	m, damage, err := readManifest(dir)
	if err = errors.Join(err, damage); err != nil {
		return nil, err
	}
	return m, nil
}

// readManifest tells apart a manifest that cannot be read and one that is not the one of the folder's list.
func readManifest(dir string) (m *Manifest, damage, err error) {
	path := filepath.Join(dir, manifestName)
	b, err := os.ReadFile(path)
	if err != nil {
		if absent(err) {
			return nil, nil, fmt.Errorf("%s holds no features: %s is missing (run extract or import first): %w", dir, manifestName, err)
		}
		return nil, nil, err
	}
	if m, err = parseManifest(path, b); err != nil {
		return nil, nil, err
	}
	return m, m.checkListed(dir, b), nil
}

func parseManifest(path string, b []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): run the same extract or import again, it rebuilds it from the shards", path, err)
	}
	if m.Format != manifestFormat && m.Format != grownFormat {
		return nil, fmt.Errorf("%s: format is %q, expected %q or %q", path, m.Format, manifestFormat, grownFormat)
	}
	if err := m.Source.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	rows, skipped, last := 0, 0, -1
	names := map[string]bool{}
	for i, p := range m.Parts {
		if m.Grows() {
			if !grownName.MatchString(p.File) || names[p.File] || p.Rows < 0 || p.Skipped < 0 {
				return nil, fmt.Errorf("%s: %q with %d rows and %d skipped images is not a shard of its list", path, p.File, p.Rows, p.Skipped)
			}
			names[p.File], rows, skipped = true, rows+p.Rows, skipped+p.Skipped
			continue
		}
		var part, parts int
		if !partName.MatchString(p.File) {
			return nil, fmt.Errorf("%s: part %d has the file name %q", path, i, p.File)
		}
		if _, err := fmt.Sscanf(p.File, "part-%d-of-%d.parquet", &part, &parts); err != nil || parts != m.Source.parts() || part <= last || part >= parts {
			return nil, fmt.Errorf("%s: %q does not belong in a list of %d parts at place %d", path, p.File, m.Source.parts(), i)
		}
		if lo, hi := m.Source.partRange(part); p.Rows < 0 || p.Skipped < 0 || p.Rows+p.Skipped != hi-lo {
			return nil, fmt.Errorf("%s: %s has %d rows and %d skipped images, expected %d together", path, p.File, p.Rows, p.Skipped, hi-lo)
		}
		last, rows, skipped = part, rows+p.Rows, skipped+p.Skipped
	}
	if rows != m.Rows || skipped != m.Skipped {
		return nil, fmt.Errorf("%s: says %d rows and %d skipped images, its parts add up to %d and %d", path, m.Rows, m.Skipped, rows, skipped)
	}
	if m.Grows() {
		if m.Complete != (m.Images != nil) || m.Complete && rows+skipped != m.Source.Images || rows+skipped > m.Source.Images {
			return nil, fmt.Errorf("%s: %d rows and %d skipped images of %d, complete: %v: these contradict each other", path, rows, skipped, m.Source.Images, m.Complete)
		}
	} else if m.Complete && len(m.Parts) != m.Source.parts() {
		return nil, fmt.Errorf("%s: says it is complete with %d of %d parts", path, len(m.Parts), m.Source.parts())
	}
	// What has no meaning may not differ either: a new field must be one that is left out where it is empty.
	if !bytes.Equal(m.encode(), b) {
		return nil, fmt.Errorf("%s is not as it was written: it was changed by hand or damaged; run the same extract or import again with --force", path)
	}
	return &m, nil
}

func (m *Manifest) wantComplete(dir string) error {
	if m.Complete {
		return nil
	}
	if m.Grows() {
		return fmt.Errorf("%s is not complete: it has %d of %d images; run the same extract again to finish it", dir, m.Rows+m.Skipped, m.Source.Images)
	}
	return fmt.Errorf("%s is not complete: it has %d of %d shards; run the same extract or import again to finish it",
		dir, len(m.Parts), m.Source.parts())
}

func (m *Manifest) encode() []byte {
	if m.Parts == nil {
		m.Parts = []ManifestPart{}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil { // plain strings and numbers only
		panic(err)
	}
	return append(b, '\n')
}

// encodeSkipped is the content of skipped.csv.
func encodeSkipped(skipped []Skip) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"image", "reason"})
	for _, s := range skipped {
		_ = w.Write([]string{s.Image, s.Reason})
	}
	w.Flush()
	return b.Bytes()
}
