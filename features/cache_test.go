package features

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"vzsl/internal/filetest"
)

func openCache(t testing.TB, dir string) (c *Cache, built bool) {
	t.Helper()
	c, err := OpenCache(context.Background(), dir, func(int, int) { built = true })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, built
}

func checkCache(t testing.TB, c *Cache, src Source, skipEvery int) {
	t.Helper()
	row := 0
	for part := range src.parts() {
		p := rowsOf(src, part, skipEvery)
		for i, image := range p.Images {
			if c.Images()[row] != image || c.Classes()[row] != p.Classes[i] || c.Labels()[row] != p.Labels[i] {
				t.Fatalf("row %d is %s", row, c.Images()[row])
			}
			for k, v := range c.Feature(row) {
				if v != p.Features[i*src.Dim+k] {
					t.Fatalf("row %d differs", row)
				}
			}
			row++
		}
	}
	if row != c.Rows() {
		t.Fatalf("%d rows, expected %d", c.Rows(), row)
	}
}

func TestCacheDamaged(t *testing.T) {
	dir := t.TempDir()
	src := source(6, 1100, 600)
	fill(t, dir, src, 0)
	path := filepath.Join(dir, cacheDir, cacheName)
	if c, built := openCache(t, dir); !built || c.Path() != path {
		t.Fatal(c.Path(), built)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	spoil := map[string]func() []byte{
		"gone":      nil,
		"empty":     func() []byte { return nil },
		"cut":       func() []byte { return good[:len(good)/2] },
		"cut a bit": func() []byte { return good[:len(good)-1] },
		"longer":    func() []byte { return append(append([]byte{}, good...), 0) },
		"text":      func() []byte { return []byte(strings.Repeat("no Arrow file ", 100)) },
		"zeros":     func() []byte { return make([]byte, len(good)) },
		"footer": func() []byte {
			b := append([]byte{}, good...)
			for i := len(b) - 900; i < len(b)-10; i++ {
				b[i] = byte(r.Uint32())
			}
			return b
		},
	}
	for name, b := range spoil {
		_ = os.Remove(path) // a mapped file must not be shortened
		if b != nil {
			put(t, filepath.Dir(path), cacheName, string(b()))
		}
		c, built := openCache(t, dir)
		if !built {
			t.Errorf("%s: taken as it is", name)
		}
		checkCache(t, c, src, 0)
	}
	if _, built := openCache(t, dir); built {
		t.Error("made again for nothing")
	}
}

// Any bytes in the footer and the messages give an error or a cache that can be read, never a panic.
func TestCacheRandomDamage(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, source(6, 1100, 600), 0)
	openCache(t, dir)
	m, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, cacheDir, cacheName))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 2000 {
		b := append([]byte{}, good...)
		for range 1 + r.IntN(4) {
			at := len(b) - 1 - r.IntN(1500) // footer
			if r.IntN(2) == 0 {
				at = r.IntN(2500) // schema and first message
			}
			b[at] = byte(r.Uint32())
		}
		c := &Cache{source: m.Source, mapped: b}
		if err := c.locate(m.Key(), m.Rows); err != nil {
			refused++
			continue
		}
		sum := float32(0)
		for row := range c.Rows() {
			for _, v := range c.Feature(row) {
				sum += v
			}
		}
	}
	if refused < 500 {
		t.Errorf("only %d refused", refused)
	}
}

func TestCacheStale(t *testing.T) {
	dir := t.TempDir()
	src := source(4, 30, 10)
	fill(t, dir, src, 0)
	old, _ := openCache(t, dir)
	w, err := Create(dir, src, true)
	if err != nil {
		t.Fatal(err)
	}
	for part := range w.Parts() {
		p := rowsOf(src, part, 0)
		p.Features[0] = 77
		if err := w.WritePart(part, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	now, built := openCache(t, dir)
	if !built || now.Feature(0)[0] != 77 || old.Feature(0)[0] == 77 {
		t.Error(built, now.Feature(0), old.Feature(0))
	}
}

func TestCacheErrors(t *testing.T) {
	ctx := context.Background()
	_, err := OpenCache(ctx, t.TempDir(), nil)
	filetest.WantError(t, err, "manifest.json", "missing", "extract")
	dir := t.TempDir()
	src := source(4, 30, 10)
	fill(t, dir, src, 0)
	good, err := os.ReadFile(filepath.Join(dir, partFile(1, 3)))
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte{}, good...)
	bad[len(bad)/3] ^= 4
	put(t, dir, partFile(1, 3), string(bad))
	_, err = OpenCache(ctx, dir, nil)
	filetest.WantError(t, err, partFile(1, 3), "checksum")
	cut(t, dir, partFile(1, 3), -1)
	_, err = OpenCache(ctx, dir, nil)
	filetest.WantError(t, err, partFile(1, 3), "bytes")
	remove(t, dir, partFile(1, 3))
	_, err = OpenCache(ctx, dir, nil)
	filetest.WantError(t, err, partFile(1, 3), "missing")
	put(t, dir, partFile(1, 3), string(good))
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = OpenCache(cancelled, dir, nil)
	filetest.WantError(t, err, "canceled")
	if left, _ := filepath.Glob(filepath.Join(dir, cacheDir, "*")); len(left) != 0 {
		t.Error("left behind:", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, cacheDir, ".*")); len(left) != 0 {
		t.Error("left behind:", left)
	}
}

// Arrow's own reader sees the same rows in the cache.
func TestCacheIsArrow(t *testing.T) {
	dir := t.TempDir()
	src := source(5, 1300, 1024)
	fill(t, dir, src, 11)
	c, _ := openCache(t, dir)
	f, err := os.Open(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	row := 0
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		images := rec.Column(0).(*array.String)
		features := rec.Column(3).(*array.FixedSizeList)
		values := features.ListValues().(*array.Float32)
		for k := range int(rec.NumRows()) {
			if images.Value(k) != c.Images()[row] || features.IsNull(k) {
				t.Fatal(row)
			}
			for j, v := range c.Feature(row) {
				if values.Value(k*5+j) != v {
					t.Fatal(row, j)
				}
			}
			row++
		}
	}
	if row != c.Rows() {
		t.Error(row, c.Rows())
	}
}

func TestCacheConcurrent(t *testing.T) {
	dir := t.TempDir()
	src := source(4, 2000, 1024)
	fill(t, dir, src, 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := OpenCache(context.Background(), dir, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if c.Rows() != 2000 {
				t.Error(c.Rows())
			}
		}()
	}
	wg.Wait()
}

func BenchmarkWritePart(b *testing.B) {
	src := source(4096, 1024, 1024)
	p := rowsOf(src, 0, 0)
	dir := b.TempDir()
	w, err := Create(dir, src, false)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	b.SetBytes(1024 * 4096 * 4)
	for b.Loop() {
		if err := w.WritePart(0, p); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkFolder(b *testing.B) (string, *Manifest) {
	dir := b.TempDir()
	src := source(4096, 8192, 1024)
	w, err := Create(dir, src, false)
	if err != nil {
		b.Fatal(err)
	}
	for part := range w.Parts() {
		if err := w.WritePart(part, rowsOf(src, part, 0)); err != nil {
			b.Fatal(err)
		}
	}
	m, err := w.Finish()
	if err != nil {
		b.Fatal(err)
	}
	return dir, m
}

func BenchmarkBuildCache(b *testing.B) {
	dir, m := benchmarkFolder(b)
	b.SetBytes(int64(m.Rows) * int64(m.Source.Dim) * 4)
	for b.Loop() {
		if err := os.RemoveAll(filepath.Join(dir, cacheDir)); err != nil {
			b.Fatal(err)
		}
		c, err := OpenCache(context.Background(), dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func BenchmarkVerify(b *testing.B) {
	dir, m := benchmarkFolder(b)
	b.SetBytes(int64(m.Rows) * int64(m.Source.Dim) * 4)
	for b.Loop() {
		if v, err := Verify(context.Background(), dir, nil); err != nil || !v.OK() {
			b.Fatal(v, err)
		}
	}
}

// Rows in random order copied into a batch, as training does.
func BenchmarkGather(b *testing.B) {
	dir, m := benchmarkFolder(b)
	c, _ := openCache(b, dir)
	order := rand.New(rand.NewPCG(1, 1)).Perm(m.Rows)
	batch := make([]float32, 256*c.Dim())
	b.SetBytes(int64(len(batch)) * 4)
	at := 0
	for b.Loop() {
		for i := range 256 {
			copy(batch[i*c.Dim():], c.Feature(order[at]))
			at = (at + 1) % len(order)
		}
	}
}

func BenchmarkOpenCache(b *testing.B) {
	dir, _ := benchmarkFolder(b)
	openCache(b, dir)
	for b.Loop() {
		c, err := OpenCache(context.Background(), dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// TestCacheLetsGo: a cache whose pages are let go all the time, by several readers, still reads the same.
func TestCacheLetsGo(t *testing.T) {
	dir := t.TempDir()
	src := source(6, 1100, 600)
	fill(t, dir, src, 0)
	c, _ := openCache(t, dir)
	if c.letGo != 0 {
		t.Errorf("a small cache lets go after %d rows", c.letGo)
	}
	c.letGo = 3
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() { checkCache(t, c, src, 0) })
	}
	readers.Wait()
	large := &Cache{source: Source{Dim: 4096}, labels: make([]int32, 200_000)}
	if large.bound(); large.letGo < 200 || large.letGo > resident/(2<<20) {
		t.Errorf("200,000 features of 4096 values let go after %d rows", large.letGo)
	}
}
