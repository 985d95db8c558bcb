package store

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
)

// memory is a store that is written to.
type memory struct {
	Store
	versions map[string]int
	data     map[string]string
}

func (m *memory) Stat(_ context.Context, key string) (Info, error) {
	if _, there := m.data[key]; !there {
		return Info{}, fs.ErrNotExist
	}
	return Info{Key: key, Version: fmt.Sprint(m.versions[key])}, nil
}

func (m *memory) Put(_ context.Context, key string, data []byte) error {
	m.versions[key]++
	m.data[key] = string(data)
	return nil
}

func (m *memory) Create(ctx context.Context, key string, data []byte) error {
	if _, there := m.data[key]; there {
		return fs.ErrExist
	}
	return m.Put(ctx, key, data)
}

func (m *memory) Remove(_ context.Context, key string) error {
	delete(m.data, key)
	return nil
}

// BenchmarkMirrorWrite is one file that is written in a mirror of 10,000: what was written before it is looked for first.
func BenchmarkMirrorWrite(b *testing.B) {
	ctx := context.Background()
	m := &Mirror{Dir: b.TempDir(), Address: "s3://bucket/out", st: &memory{versions: map[string]int{}, data: map[string]string{}}}
	for i := range 10_000 {
		key := fmt.Sprintf("runs/r%03d/f%d", i/10, i%10)
		if err := os.MkdirAll(path.Dir(m.Local(key)), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(m.Local(key), []byte("x"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	if err := m.Settle(ctx, everything); err != nil {
		b.Fatal(err)
	}
	aside := filepath.Join(b.TempDir(), "aside")
	if err := os.WriteFile(aside, []byte("y"), 0o644); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := fmt.Sprintf("runs/r%03d/g%d", i%1000, i/1000)
		if err := m.SettleNew(ctx, func(other string) bool { return other != key }); err != nil {
			b.Fatal(err)
		}
		if err := m.Put(ctx, key, aside); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(m.Local(key), []byte("y"), 0o644); err != nil {
			b.Fatal(err)
		}
		if err := m.Placed(ctx, key); err != nil {
			b.Fatal(err)
		}
	}
}
