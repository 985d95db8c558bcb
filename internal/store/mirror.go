package store

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"vzsl/internal/wholefile"
)

// recordsDir holds, in a mirror, the recorded state of each file in the store.
const recordsDir = ".store"

// Mirror is a local folder that stands for a prefix of a store: what is below the prefix is fetched into it, and what is written
// there is put into the store. Names that begin with a dot are local. The store is what counts: a file that differs from it is fetched
// again, one that the store does not have is removed. A mirror belongs to one process.
type Mirror struct {
	Dir     string
	Address string // of the prefix, without a slash at its end

	st     Store
	prefix string // of keys, with a slash at its end unless it is empty
	lock   *flock.Flock
	settle sync.Mutex
}

// Open takes a mirror of the address in the user's cache folder that no other process uses. Fetch fills it.
func (o *Opener) Open(address string) (*Mirror, error) {
	m, base, err := o.mirror(address)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		m.Dir, m.lock = filepath.Join(base, strconv.Itoa(n)), flock.New(filepath.Join(base, strconv.Itoa(n)+".lock"))
		ok, err := m.lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", base, err)
		}
		if ok {
			return m, os.MkdirAll(m.Dir, 0o755)
		}
	}
}

// File brings one file, with those beside it that are wanted by their names where the store can list them, into a mirror that all
// processes of the user share, and gives its local path. Of an address that ends in a slash it is the folder's.
func (o *Opener) File(ctx context.Context, address string, beside func(name string) bool) (string, error) {
	folder, name := path.Split(address)
	m, base, err := o.mirror(folder)
	if err != nil {
		return "", err
	}
	m.Dir = filepath.Join(base, "shared", path.Base(m.Address)) // a model may have the name of its folder
	if _, listed := m.st.(web); !listed {
		err := m.Fetch(ctx, func(key string) bool { return key == name || beside(key) })
		if err != nil {
			return "", err
		}
	} else if err := m.one(ctx, name); err != nil {
		return "", err
	}
	if _, err := os.Stat(m.Local(name)); err != nil {
		return "", fmt.Errorf("%s: %w", address, fs.ErrNotExist)
	}
	return m.Local(name), nil
}

// one fetches a file of a store that cannot list its files.
func (m *Mirror) one(ctx context.Context, key string) error {
	in, err := m.st.Stat(ctx, m.prefix+key)
	if err != nil {
		return err
	}
	if version, ok := m.same(key); ok && version == in.Version && version != "" {
		return nil
	}
	return m.fetch(ctx, key, in)
}

// mirror is one of an address, without a folder yet but that of all its mirrors.
func (o *Opener) mirror(address string) (*Mirror, string, error) {
	st, key, err := o.At(strings.TrimRight(address, "/"))
	if err != nil {
		return nil, "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, "", fmt.Errorf("%s needs a local cache folder: %w; set XDG_CACHE_HOME", address, err)
	}
	m := &Mirror{Address: strings.TrimRight(address, "/"), st: st, prefix: key}
	if m.prefix != "" {
		m.prefix += "/"
	}
	id := sha256.Sum256([]byte(o.S3Endpoint + os.Getenv("AWS_ENDPOINT_URL_S3") + os.Getenv("AWS_ENDPOINT_URL") + " " + m.Address))
	base := filepath.Join(cache, "vzsl", hex.EncodeToString(id[:8]))
	return m, base, os.MkdirAll(base, 0o755)
}

// Close releases the mirror; its files stay for the next process.
func (m *Mirror) Close() error { return m.lock.Unlock() }

// Key is the key of a file of the mirror, below the prefix; ok is false for files that are not in the mirror, or local to it.
func (m *Mirror) Key(file string) (key string, ok bool) {
	rel, err := filepath.Rel(m.Dir, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	key = filepath.ToSlash(rel)
	for _, part := range strings.Split(key, "/") {
		if strings.HasPrefix(part, ".") {
			return "", false
		}
	}
	return key, true
}

// Local is the file of a key below the prefix.
func (m *Mirror) Local(key string) string { return filepath.Join(m.Dir, filepath.FromSlash(key)) }

// record is the state of a file of the mirror when it was last equal to the store's.
type record struct {
	Version string
	Size    int64
	ModTime int64 // of the local file
}

func (m *Mirror) recordFile(key string) string {
	return filepath.Join(m.Dir, recordsDir, filepath.FromSlash(key)+".json")
}

// same reports whether the local file is unchanged since it was last equal to the store's, and returns its version there.
func (m *Mirror) same(key string) (version string, ok bool) {
	st, err := os.Stat(m.Local(key))
	if err != nil {
		return "", false
	}
	b, err := os.ReadFile(m.recordFile(key))
	var r record
	if err != nil || json.Unmarshal(b, &r) != nil || r.Size != st.Size() || r.ModTime != st.ModTime().UnixNano() {
		return "", false
	}
	return r.Version, true
}

func (m *Mirror) note(key, version string) error {
	st, err := os.Stat(m.Local(key))
	if err != nil {
		return err
	}
	return m.record(key, version, st)
}

func (m *Mirror) record(key, version string, st fs.FileInfo) error {
	b, err := json.Marshal(record{version, st.Size(), st.ModTime().UnixNano()})
	if err != nil {
		return err
	}
	file := m.recordFile(key)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644) // torn, it reads as none: the file is then fetched or put again
}

// Fetch brings the wanted files, by their keys below the prefix, and removes wanted ones that the store does not have.
func (m *Mirror) Fetch(ctx context.Context, want func(key string) bool) error {
	all, err := m.st.List(ctx, m.prefix)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(all))
	g, below := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, in := range all {
		key := strings.TrimPrefix(in.Key, m.prefix)
		if file, ok := m.Key(m.Local(key)); !ok || file != key || !want(key) {
			continue
		}
		there[key] = true
		if version, ok := m.same(key); ok && version == in.Version {
			continue
		}
		g.Go(func() error { return m.fetchNow(below, key, in) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return m.each(func(key string) error {
		if !there[key] && want(key) {
			return m.forget(key)
		}
		return nil
	})
}

// fetchNow is fetch of a file that others may replace or remove at the same time, as the records of running tasks.
func (m *Mirror) fetchNow(ctx context.Context, key string, in Info) error {
	for n := 0; ; n++ {
		err := m.fetch(ctx, key, in)
		changed := errors.As(err, new(*ChangedError))
		if changed && n < tries {
			in, err = m.st.Stat(ctx, in.Key)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return m.forget(key)
		case !changed || err != nil:
			return err
		}
	}
}

func (m *Mirror) forget(key string) error {
	for _, file := range []string{m.Local(key), m.recordFile(key)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// each iterates over the files of the mirror.
func (m *Mirror) each(do func(key string) error) error {
	return filepath.WalkDir(m.Dir, func(file string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		if err != nil || file == m.Dir {
			return err
		}
		key, ok := m.Key(file)
		switch {
		case !ok && e.IsDir():
			return fs.SkipDir
		case !ok || e.IsDir():
			return nil
		}
		return do(key)
	})
}

// fetch fetches one file and compares it with its version if that is a checksum.
func (m *Mirror) fetch(ctx context.Context, key string, in Info) error {
	body, err := m.st.Read(ctx, in.Key, in.Version, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	file := m.Local(key)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, remove, err := wholefile.Temporary(filepath.Dir(file), filepath.Base(file))
	if err != nil {
		return err
	}
	sum := md5.New()
	n, err := io.Copy(io.MultiWriter(f, sum), body)
	got := hex.EncodeToString(sum.Sum(nil))
	switch {
	case err != nil:
	case in.Size >= 0 && n != in.Size:
		err = fmt.Errorf("%s: received %d of %d bytes", m.st.URL(in.Key), n, in.Size)
	case isMD5(in.Version) && got != strings.ToLower(in.Version):
		err = fmt.Errorf("%s: the received data have the checksum %s, but the store has %s", m.st.URL(in.Key), got, in.Version)
	default:
		if err = f.Close(); err == nil {
			err = wholefile.Rename(f.Name(), file)
		}
	}
	if err = errors.Join(err, remove()); err != nil {
		return err
	}
	return m.note(key, in.Version)
}

func isMD5(version string) bool {
	b, err := hex.DecodeString(version)
	return err == nil && len(b) == md5.Size
}

// sending returns the store, if it can be written to, and the content of a local file.
func (m *Mirror) sending(file string) (writable, []byte, error) {
	w, err := m.writable()
	if err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(file)
	return w, data, err
}

func (m *Mirror) writable() (writable, error) {
	w, ok := m.st.(writable)
	if !ok {
		return nil, fmt.Errorf("%s: %w", m.Address, errReadOnly)
	}
	return w, nil
}

// Put puts the content of a local file into the store under key.
func (m *Mirror) Put(ctx context.Context, key, file string) error {
	w, data, err := m.sending(file)
	if err != nil {
		return err
	}
	return w.Put(ctx, m.prefix+key, data)
}

// Create puts the content of a local file into the store where no file is under key. Where one is, it is fetched and the error is
// fs.ErrExist.
func (m *Mirror) Create(ctx context.Context, key, file string) error {
	w, data, err := m.sending(file)
	if err != nil {
		return err
	}
	err = w.Create(ctx, m.prefix+key, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	in, there := w.Stat(ctx, m.prefix+key)
	if there == nil {
		there = m.fetch(ctx, key, in)
	}
	return errors.Join(there, err)
}

// Placed records that the file of key is now the one that was put into the store.
func (m *Mirror) Placed(ctx context.Context, key string) error {
	in, err := m.st.Stat(ctx, m.prefix+key)
	if err != nil {
		return err
	}
	return m.note(key, in.Version)
}

// Settle puts into the store what was written in the mirror in other ways, and removes from it what was removed from the mirror,
// of the wanted keys. Files may be written meanwhile: what is written later is left to the next call.
func (m *Mirror) Settle(ctx context.Context, want func(key string) bool) error {
	w, err := m.writable()
	if err != nil {
		return err
	}
	m.settle.Lock()
	defer m.settle.Unlock()
	err = m.each(func(key string) error {
		if !want(key) {
			return nil
		}
		if _, ok := m.same(key); ok {
			return nil
		}
		err := m.put(ctx, w, key)
		if errors.Is(err, fs.ErrNotExist) { // removed since
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	records := filepath.Join(m.Dir, recordsDir)
	return filepath.WalkDir(records, func(file string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(records, file)
		if err != nil {
			return err
		}
		key := strings.TrimSuffix(filepath.ToSlash(rel), ".json")
		if !want(key) {
			return nil
		}
		if _, err := os.Lstat(m.Local(key)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := w.Remove(ctx, m.prefix+key); err != nil {
			return err
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// put puts a file of the mirror into the store, and records it as it was when its reading began: one that grew since differs.
func (m *Mirror) put(ctx context.Context, w writable, key string) error {
	was, err := os.Stat(m.Local(key))
	if err != nil {
		return err
	}
	if err := m.Put(ctx, key, m.Local(key)); err != nil {
		return err
	}
	in, err := w.Stat(ctx, m.prefix+key)
	if err != nil {
		return err
	}
	return m.record(key, in.Version, was)
}
