package features

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"vzsl/internal/custody"
	"vzsl/internal/lock"
	"vzsl/internal/wholefile"
)

// classTableName is the class table's file in the folder above the shards.
const classTableName = "classes.parquet"

// Verification is what Verify found.
type Verification struct {
	Dir      string   `json:"dir"`
	Source   Source   `json:"source"`
	Parts    int      `json:"parts"` // shards read
	Rows     int      `json:"rows"`
	Skipped  int      `json:"skipped"`
	Bytes    int64    `json:"bytes"`
	Problems []string `json:"problems"` // empty: all is well
	Notes    []string `json:"notes"`    // what could not be checked
}

// OK says whether nothing is wrong.
func (v *Verification) OK() bool { return len(v.Problems) == 0 }

func (v *Verification) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// Verify reads every byte of a folder of shards again: checksums, row counts, finite values, labels and class names in the
// class table beside the folder, each image once, missing and foreign files, manifest.json and skipped.csv against the
// shards. progress, which may be nil, is called with the dataset images done and their total. The error is for a folder that
// cannot be looked at at all; what is wrong with one that can is in the Verification.
func Verify(ctx context.Context, dir string, progress func(done, total int)) (*Verification, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s is a file; give verify the folder with the shards", dir)
	}
	m, damage, err := readManifest(dir)
	if err != nil && absent(err) {
		return nil, err
	}
	v := &Verification{Dir: dir, Problems: []string{}, Notes: []string{}}
	if err != nil {
		v.problem("%v", err)
		return v, nil
	}
	if damage != nil {
		v.problem("%v", damage)
	}
	v.Source = m.Source
	c := checker{Verification: v, m: m, images: make(map[string]struct{}, m.Rows), classOf: map[int32]string{}, labelOf: map[string]int32{}, moved: map[string]struct{}{}, records: map[string]imageRow{}}
	if err := c.files(); err != nil {
		return nil, err
	}
	c.classTable()
	var buf vectorBuffer
	done := 0
	for _, p := range m.Parts {
		if err := c.part(ctx, p, &buf); err != nil {
			return nil, err
		}
		done += p.Rows + p.Skipped
		if progress != nil {
			progress(done, m.Source.Images)
		}
	}
	c.cache()
	if n := len(c.moved); n > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d classes are in another row of the class table than their label says: the table was rewritten later; classes are joined by name", n))
	}
	switch {
	case m.Complete:
		c.skippedFile()
		c.list()
		c.imagesFile(ctx)
	case m.Grows():
		v.problem("%s: not finished, it has %d of %d images; run the same extract again", manifestName, m.Rows+m.Skipped, m.Source.Images)
	default:
		v.problem("%s: not finished, it has %d of %d shards; run the same extract or import again", manifestName, len(m.Parts), m.Source.parts())
	}
	sort.Strings(c.Notes)
	return v, nil
}

type checker struct {
	*Verification
	m       *Manifest
	table   *ClassTable
	images  map[string]struct{}
	rowOf   map[string]int   // of the class table's classes
	classOf map[int32]string // the first name seen with a label
	labelOf map[string]int32
	moved   map[string]struct{} // classes that stand in another row of the class table than their label says
	skips   []Skip
	broken  bool                // a shard could not be read: skipped.csv cannot be compared
	records map[string]imageRow // of a collection, as its shards have them
	inPart  int                 // problems of rows in this shard so far
}

// maxRowProblems of one shard are listed; the rest is counted.
const maxRowProblems = 20

func (c *checker) rowProblem(format string, args ...any) {
	if c.inPart++; c.inPart <= maxRowProblems {
		c.problem(format, args...)
	}
}

// files looks for what is missing and what does not belong.
func (c *checker) files() error {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	listed := map[string]bool{manifestName: true, skippedName: true, cacheDir: true, custody.Name: true}
	if c.m.Images != nil {
		listed[c.m.Images.File] = true
	}
	for _, p := range c.m.Parts {
		listed[p.File] = true
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case listed[name] || lock.Is(name):
		case wholefile.IsTemporary(name):
			if lock.Held(c.Dir) == nil {
				c.problem("%s: unfinished file of an interrupted run; the next run removes it", name)
			}
		case leftover.MatchString(name):
			c.problem("%s: unfinished file of an interrupted run; the next run removes it", name)
		case c.m.Grows() && (grownName.MatchString(name) || partName.MatchString(name)):
			c.Notes = append(c.Notes, fmt.Sprintf("%s: computed, but not yet in %s: an extraction or a plan is running or was stopped; run extract or finish again", name, manifestName))
		case partName.MatchString(name) || grownName.MatchString(name):
			c.problem("%s: a shard that %s does not list", name, manifestName)
		default:
			c.problem("%s: does not belong in a folder of shards", name)
		}
	}
	return nil
}

func (c *checker) classTable() {
	path := filepath.Join(filepath.Dir(filepath.Clean(c.Dir)), classTableName)
	t, err := ReadClassTable(path)
	switch {
	case absent(err):
		c.Notes = append(c.Notes, fmt.Sprintf("no class table at %s: labels were only checked to belong to one class name each", path))
	case err != nil:
		c.problem("%v", err)
	default:
		c.table, c.rowOf = t, places(t.Classes)
	}
}

// list compares the list of checksums with the manifest, which it is made of.
func (c *checker) list() {
	names, err := custody.Names(c.Dir)
	if err != nil {
		c.problem("%v; run the same extract or import again: it rebuilds it", err)
		return
	}
	if names == nil {
		c.Notes = append(c.Notes, fmt.Sprintf("there is no %s: the folder is of version 0.1.0, and its manifest could not be checked", custody.Name))
		return
	}
	right := 0
	for name, sums := range c.m.sums(encodeSkipped(c.skips)) {
		if err := custody.CheckSum(c.Dir, name, sums[0]); err != nil && name != manifestName && name != skippedName { // those are looked at themselves
			c.problem("%v", err)
		} else if err == nil {
			right++
		}
	}
	if right == 0 {
		c.problem("%s: matches none of the folder's files: it is the list of another folder; run the same extract or import again: it rebuilds it", custody.Name)
	}
}

// part checks one shard. Its error is the context's.
func (c *checker) part(ctx context.Context, p ManifestPart, buf *vectorBuffer) error {
	path := filepath.Join(c.Dir, p.File)
	c.inPart = 0
	sum, size, err := hashFile(path)
	if err != nil {
		if absent(err) {
			c.problem("%s: missing; run the same extract or import again to rebuild it", p.File)
		} else {
			c.problem("%s: %v", p.File, err)
		}
		c.broken = true
		return nil
	}
	c.Bytes += size
	if size != p.Bytes {
		c.problem("%s: %d bytes, the manifest says %d (truncated or changed)", p.File, size, p.Bytes)
	} else if sum != p.SHA256 {
		c.problem("%s: its sha256 is %s, the manifest says %s (changed or damaged)", p.File, sum, p.SHA256)
	}
	h, err := readHead(path)
	if err != nil {
		c.problem("%v", err)
		c.broken = true
		return nil
	}
	for _, d := range c.m.differences(&h) {
		c.problem("%s: not of the manifest's source: %s", p.File, d)
	}
	if h.list != "" {
		if m := grownName.FindStringSubmatch(p.File); m == nil || m[1] != h.list {
			c.problem("%s: holds the images of shard %s", p.File, h.list)
		}
		if _, err := eachGrown(ctx, path, func(r imageRow) { c.records[r.image] = r }); err != nil {
			c.problem("%v", err)
			c.broken = true
		}
	} else if partFile(h.part, h.parts) != p.File {
		c.problem("%s: holds part %d of %d", p.File, h.part, h.parts)
	}
	if h.rows != p.Rows || len(h.skipped) != p.Skipped {
		c.problem("%s: %d rows and %d skipped images, the manifest says %d and %d", p.File, h.rows, len(h.skipped), p.Rows, p.Skipped)
	}
	for _, s := range h.skipped {
		c.image(p.File, s.Image)
	}
	c.skips = append(c.skips, h.skipped...)
	rows := 0
	err = eachGroup(ctx, path, h.source.Dim, buf, func(g *group) error {
		if len(g.images) > groupRows {
			c.problem("%s: a row group of %d rows; at most %d", p.File, len(g.images), groupRows)
		}
		c.rows(p.File, rows, h.source.Dim, g)
		rows += len(g.images)
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.problem("%v", err)
	} else if rows != h.rows {
		c.problem("%s: %d rows read, its metadata says %d", p.File, rows, h.rows)
	}
	if more := c.inPart - maxRowProblems; more > 0 {
		c.problem("%s: %d more problems of this kind", p.File, more)
	}
	c.Parts++
	c.Rows += rows
	c.Skipped += len(h.skipped)
	return nil
}

func (c *checker) image(file, image string) {
	if image == "" {
		c.rowProblem("%s: an image without a name", file)
		return
	}
	if _, twice := c.images[image]; twice {
		c.rowProblem("%s: image %q is there more than once", file, image)
	}
	c.images[image] = struct{}{}
}

func (c *checker) rows(file string, first, dim int, g *group) {
	for i, image := range g.images {
		c.image(file, image)
		if k := NotFinite(g.features[i*dim : (i+1)*dim]); k >= 0 {
			c.rowProblem("%s: row %d (%s): feature value %d is %v", file, first+i, image, k, g.features[i*dim+k])
		}
		label, class := g.labels[i], g.classes[i]
		if label == Unlabelled && class == "" {
			continue
		}
		if was, ok := c.classOf[label]; !ok && label >= 0 {
			c.classOf[label] = class
		} else if was != class {
			c.rowProblem("%s: row %d (%s): label %d is class %q here and %q elsewhere", file, first+i, image, label, class, was)
			continue
		}
		if was, ok := c.labelOf[class]; !ok {
			c.labelOf[class] = label
		} else if was != label {
			c.rowProblem("%s: row %d (%s): class %q has label %d here and %d elsewhere", file, first+i, image, class, label, was)
			continue
		}
		if c.table == nil {
			continue
		}
		if want, ok := c.rowOf[class]; !ok {
			c.rowProblem("%s: row %d (%s): class %q is not in the class table", file, first+i, image, class)
		} else if want != int(label) {
			c.moved[class] = struct{}{}
		}
	}
}

// cache checks the training cache, where there is one: that of other shards too, which the next use replaces.
func (c *checker) cache() {
	times, _ := filepath.Glob(filepath.Join(c.Dir, cacheDir, "times*.parquet")) // the pattern is right
	for _, path := range times {
		if err := checkTimes(path, filepath.Join(c.Dir, shardOfTimes(filepath.Base(path)))); err != nil {
			c.problem("%v; remove the folder %s: the next use rebuilds it from the shards", err, filepath.Join(c.Dir, cacheDir))
		}
	}
	path := filepath.Join(c.Dir, cacheDir, cacheName)
	if !exists(path) {
		return
	}
	if l := lock.Held(filepath.Dir(path)); l != nil {
		c.Notes = append(c.Notes, "the training cache was not checked: "+l.Error())
		return
	}
	switch err := checkBlocks(path, "", nil); {
	case err == nil:
	case absent(err):
		c.Notes = append(c.Notes, fmt.Sprintf("%s has no checksums, like those of version 0.1.0: the next use rebuilds it", filepath.Join(cacheDir, cacheName)))
	default:
		c.problem("%v; remove the folder %s: the next use rebuilds it from the shards", err, filepath.Join(c.Dir, cacheDir))
	}
}

// imagesFile compares the table of a collection's images with its shards.
func (c *checker) imagesFile(ctx context.Context) {
	f := c.m.Images
	if f == nil {
		return
	}
	path := filepath.Join(c.Dir, f.File)
	if sum, _, err := hashFile(path); err != nil {
		c.problem("%s: %v; run the same extract again to rebuild it", f.File, err)
		return
	} else if sum != f.SHA256 {
		c.problem("%s: its sha256 is %s, the manifest says %s (changed or damaged); run the same extract again to rebuild it", f.File, sum, f.SHA256)
		return
	}
	rows, others := 0, 0
	err := eachImage(ctx, path, func(r imageRow) error {
		rows++
		if c.records[r.image] != r {
			others++
		}
		return nil
	})
	switch {
	case err != nil:
		c.problem("%v", err)
	case !c.broken && (others > 0 || rows != len(c.records)):
		c.problem("%s: %d of its %d rows differ from the shards", f.File, others, rows)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (c *checker) skippedFile() {
	path := filepath.Join(c.Dir, skippedName)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		c.problem("%s: missing; run the same extract or import again to rebuild it", skippedName)
	case err != nil:
		c.problem("%v", err)
	case !c.broken && !bytes.Equal(b, encodeSkipped(c.skips)):
		c.problem("%s: does not agree with the shards", skippedName)
	}
}
