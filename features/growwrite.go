package features

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/wholefile"
)

// WritePart writes a shard: p has the rows of its Missing images that could be computed, with their Files, and the others as
// Skipped, both in the dataset's order. Rows of unchanged images are copied from the shards that have them.
func (g *Growth) WritePart(part int, p Part) error {
	if part < 0 || part >= len(g.parts) {
		return fmt.Errorf("%s: part %d of %d", g.dir, part, len(g.parts))
	}
	whole, records, reasons, err := g.merge(part, &p)
	if err != nil {
		return fmt.Errorf("%s: shard %d: %w", g.dir, part, err)
	}
	name := grownFile(g.lists[part], contentKey(records, reasons))
	lo, hi := g.Range(part)
	done, err := g.keep(part, name)
	if err != nil {
		return err
	}
	if done == nil {
		if done, err = g.write(part, name, whole); err != nil {
			return err
		}
		times := make([]int64, 0, hi-lo)
		for _, f := range whole.Files {
			times = append(times, f.ModTime)
		}
		for _, s := range whole.Skipped {
			times = append(times, s.ModTime)
		}
		if err := writeTimes(filepath.Join(g.dir, cacheDir, shardTimes(name)), done.SHA256, times); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := lo; i < hi; i++ {
		m := g.images[i]
		m.imageRecord = records[i-lo]
		g.know(int32(i), m, reasons[i-lo])
	}
	g.parts[part] = done
	if g.shared() || g.manifest != nil && g.manifest.Complete {
		return nil // what is there stays as it is until all is done
	}
	return g.writeManifest()
}

// merge puts together the rows of a shard.
func (g *Growth) merge(part int, p *Part) (*Part, []imageRecord, []string, error) {
	lo, hi := g.Range(part)
	dim := g.src.Dim
	if len(p.Files) != len(p.Images) || len(p.Classes) != len(p.Images) || len(p.Labels) != len(p.Images) || len(p.Features) != dim*len(p.Images) {
		return nil, nil, nil, fmt.Errorf("%d images, %d classes, %d labels, %d files, %d feature values of %d each", len(p.Images), len(p.Classes), len(p.Labels), len(p.Files), len(p.Features), dim)
	}
	out := &Part{Features: make([]float32, 0, (hi-lo)*dim)}
	records, reasons := make([]imageRecord, hi-lo), make([]string, hi-lo)
	copies := map[int32]map[string]int{}
	row, skip := 0, 0
	for i := lo; i < hi; i++ {
		m, image := &g.images[i], g.o.Images[i]
		class := ""
		if image.Class != Unlabelled {
			class = g.o.Classes[image.Class].Name
		}
		file := File{Bytes: m.bytes, SHA256: m.sum(), ModTime: m.modTime}
		switch {
		case m.todo && row < len(p.Images) && p.Images[row] == image.Path:
			if k := NotFinite(p.Features[row*dim : (row+1)*dim]); k >= 0 {
				return nil, nil, nil, fmt.Errorf("image %q: feature value %d is %v", image.Path, k, p.Features[row*dim+k])
			}
			out.Features = append(out.Features, p.Features[row*dim:(row+1)*dim]...)
			file = p.Files[row]
			row++
		case m.todo && skip < len(p.Skipped) && p.Skipped[skip].Image == image.Path:
			s := p.Skipped[skip]
			skip++
			file = File{Bytes: s.Bytes, SHA256: s.SHA256, ModTime: s.ModTime}
			records[i-lo], reasons[i-lo] = file.record(), s.Reason
			out.Skipped = append(out.Skipped, s)
			continue
		case m.todo:
			return nil, nil, nil, fmt.Errorf("image %q should have been computed, but has neither a feature nor a reason for its absence", image.Path)
		case m.skipped:
			g.mu.Lock()
			reason := g.reasons[int32(i)]
			g.mu.Unlock()
			records[i-lo], reasons[i-lo] = m.imageRecord, reason
			out.Skipped = append(out.Skipped, Skip{Image: image.Path, Reason: reason, Bytes: file.Bytes, SHA256: file.SHA256, ModTime: file.ModTime})
			continue
		default:
			if copies[m.donor] == nil {
				copies[m.donor] = map[string]int{}
			}
			copies[m.donor][image.Path] = len(out.Images)
			out.Features = append(out.Features, make([]float32, dim)...)
		}
		records[i-lo] = file.record()
		out.Images, out.Classes = append(out.Images, image.Path), append(out.Classes, class)
		out.Labels, out.Files = append(out.Labels, int32(image.Class)), append(out.Files, file)
	}
	if row != len(p.Images) || skip != len(p.Skipped) {
		return nil, nil, nil, fmt.Errorf("%d rows and %d skipped images were not to be computed", len(p.Images)-row, len(p.Skipped)-skip)
	}
	var buf vectorBuffer
	for i, want := range copies {
		d := g.donors[i]
		path := filepath.Join(g.dir, d.File)
		if !d.checked.Load() {
			if err := checkShard(path, d.SHA256); err != nil {
				return nil, nil, nil, err
			}
			d.checked.Store(true)
		}
		if err := copyRows(context.Background(), path, dim, want, out.Features, &buf); err != nil {
			return nil, nil, nil, err
		}
		g.mu.Lock()
		g.program(d)
		g.mu.Unlock()
	}
	return out, records, reasons, nil
}

// keep returns the shard that is there already under a name, where nothing of it had to be computed but skipped images in vain.
func (g *Growth) keep(part int, name string) (*ManifestPart, error) {
	lo, hi := g.Range(part)
	for i, d := range g.donors {
		if d.File != name || d.SHA256 == "" {
			continue
		}
		if slices.ContainsFunc(g.images[lo:hi], func(m grownImage) bool { return m.donor != int32(i) || m.todo && !m.skipped }) {
			continue
		}
		p := d.ManifestPart
		g.mu.Lock()
		g.program(d)
		g.mu.Unlock()
		return &p, nil
	}
	return nil, nil
}

// write writes a shard. Where tasks share the folder, another one may have written it before.
func (g *Growth) write(part int, name string, p *Part) (*ManifestPart, error) {
	path := filepath.Join(g.dir, name)
	src := g.src
	src.Program = g.programNow()
	if !g.shared() {
		done, err := writeGrown(path, wholefile.Write, &src, g.lists[part], p)
		return &done, err
	}
	if other, err := g.otherTask(part); err != nil {
		return nil, err
	} else if other != "" && other != name {
		return nil, &ConflictError{First: filepath.Join(g.dir, other), Second: path, Why: "they are of different images"}
	}
	done, err := writeGrown(path, wholefile.Create, &src, g.lists[part], p)
	if !errors.Is(err, fs.ErrExist) {
		return &done, err
	}
	sum, size, err := hashFile(path)
	if err != nil {
		return nil, err
	}
	if sum == done.SHA256 && size == done.Bytes {
		return &done, nil
	}
	second := path + SecondResult
	if _, err := writeGrown(second, wholefile.Write, &src, g.lists[part], p); err != nil {
		return nil, err
	}
	return nil, &ConflictError{First: path, Second: second, Why: "they are of the same images but differ in bytes: computed with other kernels or by other programs"}
}

// SecondResult is what the name of a task's shard ends in that is not the one another task wrote.
const SecondResult = ".second"

// otherTask finds a shard of the same images that was written after the plan was made.
func (g *Growth) otherTask(part int) (string, error) {
	found, err := filepath.Glob(filepath.Join(g.dir, "part-"+g.lists[part]+"-*.parquet"))
	if err != nil {
		return "", err
	}
	for _, f := range found {
		name := filepath.Base(f)
		if grownName.MatchString(name) && !slices.ContainsFunc(g.donors, func(d *donor) bool { return d.listed && d.File == name }) {
			return name, nil
		}
	}
	return "", nil
}

// ConflictError says that two tasks computed one shard and came to different results.
type ConflictError struct{ First, Second, Why string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("two results of one shard differ: %s and %s: %s; compare the two tasks' records beside the plan, remove the wrong one and run its task again", e.First, e.Second, e.Why)
}

// programNow are the programs that computed rows, this one last.
func (g *Growth) programNow() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.programNames()
}

func (g *Growth) programNames() string {
	all := slices.DeleteFunc(slices.Clone(g.programs), func(p string) bool { return p == g.src.Program || p == "" })
	slices.Sort(all)
	return strings.Join(append(all, g.src.Program), "; ")
}

// newManifest is the manifest of what is done.
func (g *Growth) newManifest() *Manifest {
	m := &Manifest{Format: grownFormat, Source: g.src}
	m.Source.Program = g.programNames()
	for _, p := range g.parts {
		if p != nil {
			m.Parts, m.Rows, m.Skipped = append(m.Parts, *p), m.Rows+p.Rows, m.Skipped+p.Skipped
		}
	}
	return m
}

func (g *Growth) writeManifest() error {
	return writeUnfinished(g.dir, g.newManifest())
}

// Unfinished are the shards that do not exist, by their numbers.
func (g *Growth) Unfinished() []int {
	var out []int
	for i := range g.parts {
		if g.Part(i) == nil {
			out = append(out, i)
		}
	}
	return out
}

// Finish writes images.parquet, skipped.csv and the manifest, which makes the new shards the folder's, removes those that it does
// not list any more, and releases the folder. All shards must be done.
func (g *Growth) Finish() (*Manifest, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lock == nil {
		return nil, fmt.Errorf("%s: the writer is closed", g.dir)
	}
	if err := g.lock.Check(); err != nil {
		return nil, err
	}
	var skipped []Skip
	shard := make([]string, 0, len(g.images))
	for i, p := range g.parts {
		if p == nil {
			return nil, fmt.Errorf("%s: shard %d of %d is still to be written", g.dir, i, len(g.parts))
		}
		lo, hi := g.Range(i)
		for k := lo; k < hi; k++ {
			shard = append(shard, p.File)
			if g.images[k].skipped {
				skipped = append(skipped, Skip{Image: g.o.Images[k].Path, Reason: g.reasons[int32(k)]})
			}
		}
	}
	m := g.newManifest()
	if g.manifest != nil && g.manifest.Complete && slices.Equal(m.Parts, g.manifest.Parts) {
		m.Source.Program = g.manifest.Source.Program // nothing was computed
	}
	m.Complete = true
	images, err := encodeImages(len(g.images), func(i int) imageRow {
		return imageRow{g.o.Images[i].Path, g.images[i].imageRecord, shard[i], g.reasons[int32(i)]}
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", filepath.Join(g.dir, imagesName), err)
	}
	m.Images = &ManifestFile{File: imagesName, SHA256: hex.EncodeToString(sum(images)), Bytes: int64(len(images))}
	times := make([]int64, len(g.images))
	for i := range times {
		times[i] = g.images[i].modTime
	}
	// First: those of the shards are not read any more once the manifest lists these.
	if err := writeTimes(filepath.Join(g.dir, cacheDir, timesName), m.Images.SHA256, times); err != nil {
		return nil, err
	}
	if err := writeFinished(g.dir, m, map[string][]byte{skippedName: encodeSkipped(skipped), imagesName: images}); err != nil {
		return nil, err
	}
	if err := errors.Join(g.drop(m), dropTimes(g.dir)); err != nil {
		return nil, err
	}
	err = g.lock.Release()
	g.lock = nil
	return m, err
}

// drop removes shards that are not listed any more.
func (g *Growth) drop(m *Manifest) error {
	listed := map[string]bool{}
	for _, p := range m.Parts {
		listed[p.File] = true
	}
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); !listed[name] && (partName.MatchString(name) || grownName.MatchString(name)) {
			if err := os.Remove(filepath.Join(g.dir, name)); err != nil && !absent(err) {
				return fmt.Errorf("remove a shard that was replaced: %w", err)
			}
		}
	}
	return nil
}

// Close releases the folder without finishing it; what was written stays and is taken up by the next Grow.
func (g *Growth) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lock
	g.lock = nil
	return l.Release()
}
