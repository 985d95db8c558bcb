package features

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"vzsl/internal/custody"
	"vzsl/internal/lock"
	"vzsl/internal/wholefile"
)

// Writer fills a folder of shards. Its methods may be called from several goroutines; different parts may be written at
// the same time.
type Writer struct {
	dir   string
	src   Source
	lock  *lock.Lock
	notes []string

	mu       sync.Mutex
	parts    []*ManifestPart // nil: not done
	skipped  [][]Skip
	complete bool
}

// leftover matches files that a killed process of version 0.1.0 was writing.
var leftover = regexp.MustCompile(`^\.(part-\d{5}-of-\d{5}\.parquet|part-[0-9a-f]{16}-[0-9a-f]{8}\.parquet|manifest\.json|skipped\.csv)\d+$`)

// Create opens dir for writing the features of src, and takes up what an earlier, interrupted run with the same source has
// left there. A folder made from another source is refused with an error naming every field that differs; force removes
// its shards and starts again. A complete folder is taken as it is whatever version of the program made it. The Writer holds
// a lock on the folder until Close or Finish.
func Create(dir string, src Source, force bool) (*Writer, error) {
	if src.ShardRows == 0 {
		src.ShardRows = DefaultShardRows
	}
	if err := src.check(); err != nil {
		return nil, err
	}
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%s is a file where the folder of the features should be: move it away or choose another place", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for the features: %w", err)
	}
	lock, err := lock.Take(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, src: src, lock: lock, parts: make([]*ManifestPart, src.parts()), skipped: make([][]Skip, src.parts())}
	if err := w.takeUp(force); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return w, nil
}

// takeUp looks at what is in the folder.
func (w *Writer) takeUp(force bool) error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	var found []string
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(w.dir, name)
		switch {
		case leftover.MatchString(name) || wholefile.IsTemporary(name):
			if err := os.Remove(path); err != nil && !absent(err) {
				return fmt.Errorf("remove the unfinished files of an interrupted run: %w", err)
			}
			w.notes = append(w.notes, "removed "+name+", an unfinished file of an interrupted run")
		case partName.MatchString(name):
			found = append(found, name)
		}
	}
	if force {
		return w.clear(found)
	}
	known, err := w.knownParts()
	if err != nil {
		return err
	}
	for _, name := range found {
		if err := w.adopt(name, known); err != nil {
			return err
		}
	}
	// A complete folder stays as its manifest says; otherwise the manifest is brought up to date.
	if w.complete && w.remaining() == 0 {
		return nil
	}
	w.complete = false
	return w.writeManifest()
}

// clear removes the shards and what was made from them.
func (w *Writer) clear(found []string) error {
	for _, name := range append(found, custody.Name, manifestName, skippedName) {
		if err := os.Remove(filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("start over: %w", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(w.dir, cacheDir)); err != nil {
		return fmt.Errorf("start over: %w", err)
	}
	return w.writeManifest()
}

// knownParts are the parts of the manifest, where there is one of the same source.
func (w *Writer) knownParts() (map[string]ManifestPart, error) {
	path := filepath.Join(w.dir, manifestName)
	b, err := os.ReadFile(path)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(path, b)
	if err == nil {
		err = m.checkListed(w.dir, b)
	}
	if err != nil {
		// Everything in it is in the shards too.
		w.notes = append(w.notes, fmt.Sprintf("rebuilt %s from the shards: %v", manifestName, err))
		return nil, nil
	}
	if len(m.Parts) == 0 {
		return nil, nil // a run that finished nothing lays no claim to the folder
	}
	if err := w.same(manifestName, m.Source, m.Complete); err != nil {
		return nil, err
	}
	w.complete = m.Complete
	if m.Complete {
		w.src.Program = m.Source.Program
	}
	known := make(map[string]ManifestPart, len(m.Parts))
	for _, p := range m.Parts {
		known[p.File] = p
	}
	return known, nil
}

// same refuses another source.
func (w *Writer) same(name string, there Source, complete bool) error {
	now := w.src
	if complete {
		now.Program = there.Program // nothing will be mixed
	}
	d := there.differences(&now)
	if len(d) == 0 {
		return nil
	}
	return &SourceError{Dir: w.dir, File: name, Differences: d}
}

// SourceError says that a folder holds features of another source.
type SourceError struct {
	Dir, File   string
	Differences []string // "field: there x, now y"
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("%s holds features made with other settings (%s):\n  %s\nchoose another folder, or --force to discard them and start over",
		e.Dir, e.File, strings.Join(e.Differences, "\n  "))
}

// adopt takes up one shard found in the folder.
func (w *Writer) adopt(name string, known map[string]ManifestPart) error {
	path := filepath.Join(w.dir, name)
	redo := func(why any) {
		w.notes = append(w.notes, fmt.Sprintf("%s will be written again: %v", name, why))
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	h, err := readHead(path)
	if err != nil {
		if strings.Contains(err.Error(), "is not a feature shard") {
			return fmt.Errorf("%w: move it away, or --force to discard what is in %s", err, w.dir)
		}
		redo(err)
		return nil
	}
	if err := w.same(name, h.source, w.complete); err != nil {
		return err
	}
	if partFile(h.part, h.parts) != name {
		redo(fmt.Errorf("it holds part %d of %d", h.part, h.parts))
		return nil
	}
	p, ok := known[name]
	switch {
	case !ok:
		p = ManifestPart{File: name, Rows: h.rows, Skipped: len(h.skipped)}
		if p.SHA256, p.Bytes, err = hashFile(path); err != nil {
			return err
		}
		w.notes = append(w.notes, "kept "+name+", finished but not yet in the manifest")
	case p.Bytes != st.Size() || p.Rows != h.rows || p.Skipped != len(h.skipped):
		redo(fmt.Errorf("it has %d bytes and %d rows, the manifest says %d and %d", st.Size(), h.rows, p.Bytes, p.Rows))
		return nil
	}
	w.parts[h.part] = &p
	w.skipped[h.part] = h.skipped
	return nil
}

// Notes says, one line each, what Create found and did: leftovers removed, parts taken up, parts to be written again.
func (w *Writer) Notes() []string { return w.notes }

// Parts is the number of parts.
func (w *Writer) Parts() int { return w.src.parts() }

// Done says whether a part is there already.
func (w *Writer) Done(part int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.parts[part] != nil
}

// Range returns the dataset images [lo,hi) of a part. It depends on the dataset alone.
func (w *Writer) Range(part int) (lo, hi int) { return w.src.partRange(part) }

// WritePart writes one part; afterwards it is on disk, whole, and in the manifest.
func (w *Writer) WritePart(part int, p Part) error {
	if part < 0 || part >= w.Parts() {
		return fmt.Errorf("%s: part %d of %d", w.dir, part, w.Parts())
	}
	if w.lock == nil {
		return fmt.Errorf("%s: the writer is closed", w.dir)
	}
	if err := p.check(&w.src, part); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(w.dir, partFile(part, w.Parts())), err)
	}
	if err := w.lock.Check(); err != nil {
		return err
	}
	m, err := writePart(w.dir, &w.src, part, &p)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts[part] = &m
	w.skipped[part] = p.Skipped
	w.complete = false
	return w.writeManifest()
}

func (w *Writer) remaining() int {
	n := 0
	for _, p := range w.parts {
		if p == nil {
			n++
		}
	}
	return n
}

func (w *Writer) manifest() *Manifest {
	m := &Manifest{Format: manifestFormat, Source: w.src, Complete: w.complete}
	for _, p := range w.parts {
		if p != nil {
			m.Parts = append(m.Parts, *p)
			m.Rows += p.Rows
			m.Skipped += p.Skipped
		}
	}
	return m
}

func (w *Writer) writeManifest() error { return writeUnfinished(w.dir, w.manifest()) }

// Finish writes skipped.csv and the final manifest and releases the folder. All parts must be done.
func (w *Writer) Finish() (*Manifest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lock == nil {
		return nil, fmt.Errorf("%s: the writer is closed", w.dir)
	}
	if err := w.lock.Check(); err != nil {
		return nil, err
	}
	if n := w.remaining(); n > 0 {
		return nil, fmt.Errorf("%s: %d of %d parts are still to be written", w.dir, n, len(w.parts))
	}
	var skipped []Skip
	for _, s := range w.skipped {
		skipped = append(skipped, s...)
	}
	was := w.complete
	w.complete = true
	m := w.manifest()
	if err := writeFinished(w.dir, m, map[string][]byte{skippedName: encodeSkipped(skipped)}); err != nil {
		w.complete = was
		return nil, err
	}
	err := w.lock.Release()
	w.lock = nil
	return m, err
}

// Close releases the folder without finishing it; what was written stays and is taken up by the next Create. Closing twice
// or after Finish does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lock
	w.lock = nil
	return l.Release()
}
