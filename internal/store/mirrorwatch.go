package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// watch is what a process knows of its mirror, so that a write into it need not look at every file: those that are the store's, by
// folder, and the folders as they were when they were last read.
type watch struct {
	mu      sync.Mutex
	settled map[string]map[string]bool // names by folder; "": the mirror's own
	below   map[string]map[string]bool // folders with such files, by the one that they are in
	folders map[string]*watched
	inPlace map[string]bool // keys of files that are written in their places: no folder tells
}

// watched is a folder as it was read.
type watched struct {
	modified, read time.Time
	below          []string // folders in it, by their keys
}

// fresh is for how long after a folder was changed it is read again each time: file systems' times are not exact, so that it may have
// been changed again.
const fresh = 2 * time.Second

// split gives the folder of a key, and its name there.
func split(key string) (dir, name string) {
	dir, name = path.Split(key)
	return strings.TrimSuffix(dir, "/"), name
}

func (w *watch) settle(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settled == nil {
		w.settled, w.below = map[string]map[string]bool{}, map[string]map[string]bool{}
	}
	dir, name := split(key)
	if w.settled[dir] == nil {
		w.settled[dir] = map[string]bool{}
	}
	w.settled[dir][name] = true
	for dir != "" {
		above, _ := split(dir)
		if w.below[above][dir] {
			break
		}
		if w.below[above] == nil {
			w.below[above] = map[string]bool{}
		}
		w.below[above][dir] = true
		dir = above
	}
}

func (w *watch) forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dir, name := split(key)
	delete(w.settled[dir], name)
}

// folders below one that have, or had, settled files.
func (w *watch) foldersBelow(dir string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.below[dir]))
}

// names are those of a folder's settled files.
func (w *watch) names(dir string) map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.settled[dir])
}

// WrittenInPlace says that a local file grows or changes from now on without being replaced.
func (m *Mirror) WrittenInPlace(file string) {
	key, ok := m.Key(file)
	if !ok {
		return
	}
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	if m.watch.inPlace == nil {
		m.watch.inPlace = map[string]bool{}
	}
	m.watch.inPlace[key] = true
}

// SettleNew is Settle before a write: of folders that have changed since it looked at them last, and of files that are written in their
// places. What it could miss is left to Settle: files that it knows and that were replaced in another way than by a write into the mirror.
func (m *Mirror) SettleNew(ctx context.Context, want func(key string) bool) error {
	w, err := m.writable()
	if err != nil {
		return err
	}
	m.settle.Lock()
	defer m.settle.Unlock()
	if m.watch.folders == nil {
		m.watch.folders = map[string]*watched{}
	}
	if err := m.look(ctx, w, "", want); err != nil {
		return err
	}
	m.watch.mu.Lock()
	inPlace := slices.Sorted(maps.Keys(m.watch.inPlace))
	m.watch.mu.Unlock()
	for _, key := range inPlace {
		if err := m.settleOne(ctx, w, key, want); err != nil {
			return err
		}
	}
	return nil
}

// settleOne puts a file that is there and not the store's.
func (m *Mirror) settleOne(ctx context.Context, w writable, key string, want func(string) bool) error {
	if !want(key) {
		return nil
	}
	if _, ok := m.same(key); ok {
		m.watch.settle(key)
		return nil
	}
	err := m.put(ctx, w, key)
	if errors.Is(err, fs.ErrNotExist) { // removed since
		return nil
	}
	return err
}

// look settles a folder and those below it.
func (m *Mirror) look(ctx context.Context, w writable, dir string, want func(string) bool) error {
	now := time.Now()
	st, err := os.Lstat(m.Local(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return m.gone(ctx, w, dir, want)
	}
	if err != nil {
		return err
	}
	seen := m.watch.folders[dir]
	if seen == nil || !st.ModTime().Equal(seen.modified) || seen.read.Sub(seen.modified) < fresh {
		if seen, err = m.readFolder(ctx, w, dir, want); err != nil {
			return err
		}
		seen.modified, seen.read = st.ModTime(), now
		m.watch.folders[dir] = seen
	}
	for _, below := range seen.below {
		if err := m.look(ctx, w, below, want); err != nil {
			return err
		}
	}
	return nil
}

// readFolder settles the files of a folder, and what is gone from it.
func (m *Mirror) readFolder(ctx context.Context, w writable, dir string, want func(string) bool) (*watched, error) {
	entries, err := os.ReadDir(m.Local(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	now := &watched{}
	gone := m.watch.names(dir)
	for _, e := range entries {
		key := path.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			now.below = append(now.below, key)
		case gone[e.Name()]:
			delete(gone, e.Name())
		default:
			if err := m.settleOne(ctx, w, key, want); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		if err := m.remove(ctx, w, path.Join(dir, name), want); err != nil {
			return nil, err
		}
	}
	for _, below := range m.watch.foldersBelow(dir) {
		if _, there := slices.BinarySearch(now.below, below); !there {
			if err := m.gone(ctx, w, below, want); err != nil {
				return nil, err
			}
		}
	}
	return now, nil
}

// gone removes from the store what was in a folder that is not there any more.
func (m *Mirror) gone(ctx context.Context, w writable, dir string, want func(string) bool) error {
	for _, name := range slices.Sorted(maps.Keys(m.watch.names(dir))) {
		if err := m.remove(ctx, w, path.Join(dir, name), want); err != nil {
			return err
		}
	}
	for _, below := range m.watch.foldersBelow(dir) {
		if err := m.gone(ctx, w, below, want); err != nil {
			return err
		}
	}
	delete(m.watch.folders, dir)
	return nil
}

// remove removes from the store a file that was removed from the mirror.
func (m *Mirror) remove(ctx context.Context, w writable, key string, want func(string) bool) error {
	if !want(key) {
		return nil
	}
	if _, err := os.Lstat(m.Local(key)); !errors.Is(err, fs.ErrNotExist) {
		return err // written again meanwhile
	}
	if err := w.Remove(ctx, m.prefix+key); err != nil {
		return err
	}
	return m.forget(key)
}
