package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/filetest"
)

// mirrored is a mirror on a store in memory, in which folders are changed once a second, so that their times tell.
type mirrored struct {
	*Mirror
	t       *testing.T
	st      *memory
	clock   time.Time
	changed map[string]time.Time
}

func newMirrored(t *testing.T) *mirrored {
	st := &memory{versions: map[string]int{}, data: map[string]string{}}
	m := &mirrored{&Mirror{Dir: filepath.Join(t.TempDir(), "m"), Address: "s3://bucket/out", st: st}, t, st, time.Now().Add(-100 * time.Hour), map[string]time.Time{}}
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m.tick()
	return m
}

// tick gives the folders that have changed since the last tick the next second.
func (m *mirrored) tick() {
	m.t.Helper()
	m.clock = m.clock.Add(time.Second)
	err := filepath.WalkDir(m.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err != nil || st.ModTime().Equal(m.changed[path]) {
			return err
		}
		m.changed[path] = m.clock
		return os.Chtimes(path, m.clock, m.clock)
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mirrored) local() map[string]string {
	m.t.Helper()
	all := map[string]string{}
	err := m.each(func(key string) error {
		b, err := os.ReadFile(m.Local(key))
		all[key] = string(b)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

// place writes a file as wholefile.Write does in a mirror.
func (m *mirrored) place(key, text string) {
	m.t.Helper()
	ctx := context.Background()
	aside := filetest.Write(m.t, filepath.Join(m.t.TempDir(), "aside"), text)
	if err := m.SettleNew(ctx, func(other string) bool { return other != key }); err != nil {
		m.t.Fatal(err)
	}
	if err := m.Put(ctx, key, aside); err != nil {
		m.t.Fatal(err)
	}
	filetest.Write(m.t, m.Local(key), text)
	if err := m.Placed(ctx, key); err != nil {
		m.t.Fatal(err)
	}
}

// Whatever is done to the files of a mirror is in the store before the next file is, in any order.
func TestSettleNew(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := newMirrored(t)
		dir := func() string { return []string{"a", "a/b", "a/b/c", "d", "e/f"}[rng.IntN(5)] }
		var did []string
		for n := range 60 {
			key := fmt.Sprintf("%s/%d", dir(), rng.IntN(4))
			other := dir()
			var err error
			switch op := rng.IntN(7); op {
			case 0, 1:
				m.place(key, fmt.Sprint("placed ", n))
			case 2:
				key += ".log"
				if err = os.MkdirAll(filepath.Dir(m.Local(key)), 0o755); err == nil {
					var f *os.File
					if f, err = os.OpenFile(m.Local(key), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
						m.WrittenInPlace(m.Local(key))
						fmt.Fprintln(f, "line", n)
						err = f.Close()
					}
				}
			case 3:
				_ = os.Remove(m.Local(key))
			case 4:
				err = os.RemoveAll(m.Local(other))
			case 5: // a folder gets another name
				_ = os.Rename(m.Local(other), m.Local(fmt.Sprintf("moved%d", n)))
			case 6:
				filetest.Write(t, m.Local(fmt.Sprintf("%s.new%d", key, n)), "written in another way")
			}
			did = append(did, fmt.Sprint(key, " ", other))
			if err != nil {
				t.Fatal(err)
			}
			m.tick()
			if rng.IntN(3) == 0 {
				continue
			}
			if err := m.SettleNew(t.Context(), everything); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m.local(), m.st.data); diff != "" {
				t.Fatalf("seed %d, %v: %s", seed, did, diff)
			}
		}
		if err := m.Settle(t.Context(), everything); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.local(), m.st.data); diff != "" {
			t.Fatalf("seed %d, at the end: %s", seed, diff)
		}
	}
}

// A folder that has not changed is not read again, unless it has changed just now; Settle looks at everything.
func TestSettleNewLooksAtChanges(t *testing.T) {
	m := newMirrored(t)
	m.place("a/1", "x")
	m.place("b/1", "x")
	m.tick()
	settle := func() {
		t.Helper()
		if err := m.SettleNew(t.Context(), everything); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	behind := func(key string, at time.Time) {
		filetest.Write(t, m.Local(key), "y")
		if err := os.Chtimes(filepath.Dir(m.Local(key)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	behind("a/2", m.changed[m.Local("a")]) // the folder's time does not tell
	settle()
	if _, there := m.st.data["a/2"]; there {
		t.Error("a folder that had not changed was read")
	}
	soon := time.Now()
	behind("b/2", soon)
	settle()
	behind("b/3", soon) // in the same tick of the file system's clock
	settle()
	if m.st.data["b/2"] != "y" || m.st.data["b/3"] != "y" {
		t.Error("a folder that was changed just now was not read", m.st.data)
	}
	if err := m.Settle(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	if m.st.data["a/2"] != "y" {
		t.Error("Settle does not look at everything")
	}
}

// busy is a store whose files others replace between the list and the read, so often, and remove.
type busy struct {
	*memory
	times map[string]int
}

func (b *busy) List(ctx context.Context, _ string) (all []Info, err error) {
	for _, key := range slices.Sorted(maps.Keys(b.data)) {
		in, err := b.Stat(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, in)
	}
	return all, nil
}

func (b *busy) Stat(ctx context.Context, key string) (Info, error) {
	in, err := b.memory.Stat(ctx, key)
	in.Size = -1
	return in, err
}

func (b *busy) Read(ctx context.Context, key, version string, _, _ int64) (io.ReadCloser, error) {
	if b.times[key]--; b.times[key] >= 0 {
		_ = b.Put(ctx, key, []byte(b.data[key]+"+"))
	}
	switch in, err := b.memory.Stat(ctx, key); {
	case err != nil:
		return nil, err
	case in.Version != version:
		return nil, &ChangedError{key}
	}
	return io.NopCloser(strings.NewReader(b.data[key])), nil
}

// What is replaced while it is fetched is fetched as it is then; what is removed is not.
func TestFetchOfBusyFiles(t *testing.T) {
	st := &busy{&memory{versions: map[string]int{}, data: map[string]string{}}, map[string]int{"often": 3, "always": 1 << 30}}
	for _, key := range []string{"never", "often", "removed"} {
		_ = st.Put(t.Context(), key, []byte(key))
	}
	list, err := st.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	_ = st.Remove(t.Context(), "removed")
	m := &Mirror{Dir: t.TempDir(), st: st}
	for _, in := range list {
		if err := m.fetchNow(t.Context(), in.Key, in); err != nil {
			t.Error(err)
		}
	}
	got := map[string]string{}
	if err := m.each(func(key string) error { b, err := os.ReadFile(m.Local(key)); got[key] = string(b); return err }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"never": "never", "often": "often+++"}, got); diff != "" {
		t.Error(diff)
	}
	_ = st.Put(t.Context(), "always", nil)
	err = m.Fetch(t.Context(), everything)
	if changed := new(ChangedError); !errors.As(err, &changed) {
		t.Error(err)
	}
}
