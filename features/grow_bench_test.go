package features

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"vzsl/internal/wholefile"
)

// BenchmarkGrowMillion opens a collection of a million images of which 97 are new, and says what is to be done: the files of the
// images are not on the disk, only what is asked of it is answered.
func BenchmarkGrowMillion(b *testing.B) {
	const n, added = 1_000_000, 97
	dir := b.TempDir()
	classes := make([]Class, 1000)
	for i := range classes {
		classes[i].Name = fmt.Sprintf("n%08d", i)
	}
	images := make([]Image, n)
	for i := range images {
		class := i / (n / len(classes))
		images[i] = Image{Path: fmt.Sprintf("%s/%s_%d.JPEG", classes[class].Name, classes[class].Name, i), Class: class}
	}
	old := make([]Image, 0, n)
	for i, m := range images {
		if i%10_000 != 77 || i/10_000 >= added {
			old = append(old, m)
		}
	}
	number := func(path string) int64 {
		i, err := strconv.Atoi(path[len("n00000000/n00000000_") : len(path)-len(".JPEG")])
		if err != nil {
			b.Fatal(err)
		}
		return int64(i)
	}
	at := cuts(len(old), DefaultShardRows, func(i int) string { return old[i].Path })
	src := Source{Dataset: "large", Network: "drawn", Layer: "fc7", Engine: "native", Program: "test", Dim: 4096, ShardRows: DefaultShardRows, Images: len(old), DatasetSHA256: ListSHA256(classes, old)}
	m := &Manifest{Format: grownFormat, Source: src, Complete: true}
	shard := make([]string, 0, len(old))
	for i, lo := range at[:len(at)-1] {
		p := ManifestPart{File: grownFile(listKey(old[lo:at[i+1]], classes), "00000000"), Rows: at[i+1] - lo, SHA256: "-", Bytes: 3}
		m.Parts, m.Rows = append(m.Parts, p), m.Rows+p.Rows
		for range p.Rows {
			shard = append(shard, p.File)
		}
		if err := os.WriteFile(filepath.Join(dir, p.File), []byte("..."), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	data, err := encodeImages(len(old), func(i int) imageRow {
		f := File{Bytes: number(old[i].Path), SHA256: hex.EncodeToString(sum([]byte(old[i].Path)))}
		return imageRow{image: old[i].Path, file: f.record(), shard: shard[i]}
	})
	if err == nil {
		err = wholefile.Bytes(filepath.Join(dir, imagesName), data)
	}
	if err != nil {
		b.Fatal(err)
	}
	m.Images = &ManifestFile{File: imagesName, SHA256: hex.EncodeToString(sum(data)), Bytes: int64(len(data))}
	times := make([]int64, len(old))
	for i := range times {
		times[i] = number(old[i].Path) + 1
	}
	if err := writeTimes(filepath.Join(dir, cacheDir, timesName), m.Images.SHA256, times); err != nil {
		b.Fatal(err)
	}
	if err := wholefile.Bytes(filepath.Join(dir, manifestName), m.encode()); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d images in %d shards; %s is of %d MB", len(old), len(m.Parts), imagesName, m.Images.Bytes>>20)
	old, shard = nil, nil
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // as the commands set it
	debug.FreeOSMemory()
	for b.Loop() {
		var peak atomic.Uint64
		done := make(chan struct{})
		go func() { // what the process holds, the list of images included
			for {
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				peak.Store(max(peak.Load(), s.Sys-s.HeapReleased))
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}()
		g, err := Grow(b.Context(), dir, src, Growing{Classes: classes, Images: images,
			Stat: func(image string) (File, error) { return File{Bytes: number(image), ModTime: number(image) + 1}, nil }})
		close(done)
		if err != nil {
			b.Fatal(err)
		}
		stale, shards := g.Stale(), len(g.Unfinished())
		if stale != (Staleness{New: added}) || shards < added/2 || shards > 3*added {
			b.Fatalf("%+v, %d shards", stale, shards)
		}
		if err := g.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(peak.Load()>>20), "MB")
		b.ReportMetric(float64(shards), "shards")
	}
}
