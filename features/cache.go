package features

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/edsrzf/mmap-go"

	"vzsl/internal/lock"
	"vzsl/internal/wholefile"
)

const (
	cacheDir  = ".cache"
	cacheName = "cache.arrow"
)

// Cache is a folder of shards as one memory-mapped Arrow IPC file: rows in dataset order, features addressed where they
// lie. It may be read from several goroutines. Features must not be used after Close.
type Cache struct {
	source  Source
	key     string
	path    string
	mapped  mmap.MMap
	onClose func() error
	images  []string
	classes []string
	labels  []int32
	batches [][]float32 // cacheRows rows each, the last one fewer

	read  atomic.Int64 // features addressed so far
	letGo int64        // after so many the mapped pages are let go; 0: never
}

// Rows is the number of images with features.
func (c *Cache) Rows() int { return len(c.labels) }

// Dim is the number of values of a feature.
func (c *Cache) Dim() int { return c.source.Dim }

// Manifest identifies the shards, Manifest.Key.
func (c *Cache) Manifest() string { return c.key }

// Source says where the features come from.
func (c *Cache) Source() Source { return c.source }

// Images are the images' paths, unique, by row. The slice must not be changed.
func (c *Cache) Images() []string { return c.images }

// Classes are the class names by row. The slice must not be changed.
func (c *Cache) Classes() []string { return c.classes }

// Labels are the rows of the class table by row. The slice must not be changed.
func (c *Cache) Labels() []int32 { return c.labels }

// Feature is the feature of a row, Dim values, in the mapped file: it must not be written to nor kept after Close.
func (c *Cache) Feature(row int) []float32 {
	if c.letGo > 0 && c.read.Add(1)%c.letGo == 0 {
		release(c.mapped)
	}
	d := c.source.Dim
	at := row % cacheRows * d
	return c.batches[row/cacheRows][at : at+d : at+d]
}

// resident bounds the memory of this process that the pages of a cache take up. They are the system's and clean, but count
// as the process's own until it lets go of them; what is read again comes from the system's memory, without a copy.
const resident = 512 << 20

// bound sets how often the pages are let go: never where all of them stay below the limit. An address that is read can map a
// huge page of 2 MiB.
func (c *Cache) bound() {
	size := 4 * int64(c.source.Dim)
	if int64(len(c.labels))*size > resident {
		c.letGo = max(1, resident/(size+2<<20))
	}
}

// Path is the cache's file.
func (c *Cache) Path() string { return c.path }

// Close unmaps the file.
func (c *Cache) Close() error {
	if c.mapped == nil {
		return nil
	}
	err := c.mapped.Unmap()
	c.mapped, c.batches = nil, nil
	if c.onClose != nil {
		err = errors.Join(err, c.onClose())
	}
	return err
}

// OpenCache opens the complete folder of shards dir for fast reading. The first call makes the cache, in memory bounded
// whatever the number of rows; later ones map it as it is. It is made again where the shards have changed or the file is
// damaged. Where the folder cannot be written to, the cache is a temporary file that goes with Close. progress, which may
// be nil, is called with the rows done and their total while the cache is being made.
func OpenCache(ctx context.Context, dir string, progress func(done, total int)) (*Cache, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	if err := m.wantComplete(dir); err != nil {
		return nil, err
	}
	if m.Rows == 0 {
		return nil, fmt.Errorf("%s holds no features: all %d images were skipped, see %s", dir, m.Skipped, filepath.Join(dir, skippedName))
	}
	path := filepath.Join(dir, cacheDir, cacheName)
	key := m.Key()
	if c, err := provenCache(path, key, m); err == nil {
		if err := checkShards(dir, path, m); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return c, nil
	}
	// Anything wrong with the file that is there is a reason to make it again of the shards.
	if err := checkShardSizes(dir, m); err != nil {
		return nil, err
	}
	l, err := lock.Wait(ctx, filepath.Dir(path))
	if err == nil {
		defer func() { _ = l.Release() }()
		if c, err := provenCache(path, key, m); err == nil { // another process has made it meanwhile
			return c, nil
		}
		err = buildAside(ctx, path, key, dir, m, progress)
	}
	if err != nil {
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
			return temporaryCache(ctx, key, dir, m, progress)
		}
		return nil, err
	}
	c, err := mapCache(path, key, m)
	if err != nil {
		return nil, fmt.Errorf("the cache just written cannot be read: %w", err)
	}
	return c, nil
}

// Key identifies the contents of the shards and the layout of their cache.
func (m *Manifest) Key() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	_ = enc.Encode(cacheFormat)
	_ = enc.Encode(m.Source)
	_ = enc.Encode(m.Parts)
	return hex.EncodeToString(h.Sum(nil))
}

// provenCache is mapCache of a cache whose every byte was checked.
func provenCache(path, key string, m *Manifest) (*Cache, error) {
	c, err := mapCache(path, key, m)
	if err != nil {
		return nil, err
	}
	if err := checkBlocks(path, key, c.mapped); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// buildAside makes the cache and its checksums. Killed between the two it leaves them not going together, and the next one makes both.
func buildAside(ctx context.Context, path, key, dir string, m *Manifest, progress func(done, total int)) error {
	if err := wholefile.Sweep(filepath.Dir(path), cacheName); err != nil {
		return err
	}
	cache, err := wholefile.Prepare(path, func(w io.WriteSeeker) error { return buildCache(ctx, w, key, dir, m, progress) })
	if err != nil {
		return err
	}
	defer cache.Discard() // nothing once it is in its place
	sums, size, err := sumBlocks(cache.Name())
	if err != nil {
		return err
	}
	if err := cache.Commit(); err != nil {
		return err
	}
	return wholefile.Bytes(filepath.Join(filepath.Dir(path), cacheSumsName), encodeCacheSums(key, size, sums))
}

// temporaryCache makes the cache in the folder for temporary files.
func temporaryCache(ctx context.Context, key, dir string, m *Manifest, progress func(done, total int)) (_ *Cache, err error) {
	f, remove, err := wholefile.Temporary(os.TempDir(), "vzsl-cache")
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written to, and neither can a temporary cache: %w", dir, err)
	}
	err = buildCache(ctx, f, key, dir, m, progress)
	if err == nil {
		var c *Cache
		if c, err = mapCache(f.Name(), key, m); err == nil {
			c.onClose = remove
			return c, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("write a temporary cache of %s (its folder cannot be written to): %w", dir, err), remove())
}

// CheckShards finds shards that were changed after they were written: those whose file is younger than the cache, or that have no
// cache beside them, are read again for their checksum.
func CheckShards(dir string, m *Manifest) error {
	return checkShards(dir, filepath.Join(dir, cacheDir, cacheName), m)
}

func checkShards(dir, cache string, m *Manifest) error {
	var made time.Time
	if st, err := os.Stat(cache); err == nil {
		made = st.ModTime()
	}
	read := false
	for _, p := range m.Parts {
		path := filepath.Join(dir, p.File)
		st, err := statShard(path, p)
		if err != nil {
			return err
		}
		if st.ModTime().Before(made) {
			continue
		}
		if err := checkShard(path, p.SHA256); err != nil {
			return err
		}
		read = true
	}
	if read && !made.IsZero() { // they need not be read again; where that cannot be said they are
		now := time.Now()
		_ = os.Chtimes(cache, now, now)
	}
	return nil
}

// checkShardSizes finds shards that are missing or cut off.
func checkShardSizes(dir string, m *Manifest) error {
	for _, p := range m.Parts {
		if _, err := statShard(filepath.Join(dir, p.File), p); err != nil {
			return err
		}
	}
	return nil
}

func statShard(path string, p ManifestPart) (fs.FileInfo, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: a shard of the manifest is missing: %w", filepath.Dir(path), err)
	}
	if st.Size() != p.Bytes {
		return nil, fmt.Errorf("%s has %d bytes, its manifest says %d: it was changed or damaged; remove it and run the same extract or import again", path, st.Size(), p.Bytes)
	}
	return st, nil
}

func checkShard(path, sha256 string) error {
	sum, _, err := hashFile(path)
	if err == nil && sum != sha256 {
		err = fmt.Errorf("%s does not have the checksum of its manifest: it was changed or damaged; remove it and run the same extract or import again", path)
	}
	return err
}
