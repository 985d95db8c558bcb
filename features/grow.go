package features

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"vzsl/internal/lock"
)

// Check says how it is found out whether the file of an image is the one that its feature was computed of.
type Check string

// The checks.
const (
	CheckTime Check = "mtime" // size and modification time; where these differ, or the time is not known, the sha256
	CheckHash Check = "hash"  // the sha256
	CheckNone Check = "none"  // a path that is known stands for the same image
)

// Checks are all of them.
func Checks() []string { return []string{string(CheckTime), string(CheckHash), string(CheckNone)} }

// Growing says what a collection is to hold now.
type Growing struct {
	Classes []Class
	Images  []Image // in the dataset's order
	Check   Check   // "": CheckTime
	// Stat and Hash look at the file of an image: its size and modification time, its sha256. Not needed with CheckNone for what Grow
	// has written itself. They may be called from several goroutines.
	Stat func(image string) (File, error)
	Hash func(ctx context.Context, image string) (string, error)
	// Force discards what is there.
	Force bool
	// Mine are the shards that one of several tasks computes, by the key of their images; nil: all. Tasks share the folder without
	// locks: a shard that was finished after the plan is taken as it is, and the folder's manifest and older shards are left alone.
	Mine func(key string) bool
	// Trust, where set, says of a shard, by the key of its images and its file, that it is as it has to be, with its skipped images,
	// so that no file need be looked at: to finish what tasks have computed.
	Trust func(key, file string) bool
}

// Growth writes a collection of images that may have changed since it was written last. Shards hold consecutive images
// of the dataset's order and are cut where the images' own names say so (see cuts): what is new, changed or gone rewrites the shards
// around it, with the rows of unchanged images copied, and the folder is byte for byte what Grow writes into an empty one. Its
// methods may be called from several goroutines.
type Growth struct {
	dir   string
	src   Source
	o     Growing
	lock  *lock.Lock
	notes []string

	at    []int    // shard i holds the images [at[i], at[i+1])
	lists []string // of each shard, its listKey

	donors []*donor
	images []grownImage // in the dataset's order

	manifest *Manifest // of the folder, nil: none
	gone     int       // images of the folder that the dataset does not have any more

	mu       sync.Mutex
	reasons  map[int32]string // of images that were skipped
	parts    []*ManifestPart  // nil: not done
	programs []string         // that computed the rows that are taken over
}

// donor is a shard that was there.
type donor struct {
	ManifestPart
	list    string // "": of a fixed list
	listed  bool   // in the manifest
	program string
	checked atomic.Bool // against its checksum
}

// grownImage is what is known of an image of the dataset.
type grownImage struct {
	imageRecord
	donor   int32 // shard that has its feature, or says that it was skipped; -1: none
	skipped bool  // Growth.reasons says why
	todo    bool  // to be computed
}

// know notes what is known of an image, and why it was skipped; "": it was not.
func (g *Growth) know(i int32, m grownImage, reason string) {
	if m.skipped = reason != ""; m.skipped {
		g.reasons[i] = reason
	} else if g.images[i].skipped {
		delete(g.reasons, i)
	}
	g.images[i] = m
}

// Grow opens dir, for what src and o say. Close it.
func Grow(ctx context.Context, dir string, src Source, o Growing) (_ *Growth, err error) {
	src.Images, src.DatasetSHA256 = len(o.Images), ListSHA256(o.Classes, o.Images)
	if o.Check == "" {
		o.Check = CheckTime
	}
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%s is a file where the folder of the features should be: move it away or choose another place", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for the features: %w", err)
	}
	g := &Growth{dir: dir, src: src, o: o}
	if !g.shared() {
		if g.lock, err = lock.Take(ctx, dir); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, g.Close())
			}
		}()
	}
	if err := g.open(); err != nil {
		return nil, err
	}
	if g.src.ShardRows == 0 {
		g.src.ShardRows = DefaultShardRows
		if g.manifest != nil {
			g.src.ShardRows = g.manifest.Source.ShardRows
		}
	}
	if err := g.src.check(); err != nil {
		return nil, err
	}
	g.at = cuts(len(o.Images), g.src.ShardRows, func(i int) string { return o.Images[i].Path })
	g.parts = make([]*ManifestPart, len(g.at)-1)
	g.lists = make([]string, len(g.parts))
	for i := range g.lists {
		g.lists[i] = listKey(o.Images[g.at[i]:g.at[i+1]], o.Classes)
	}
	if err := g.load(ctx); err != nil {
		return nil, err
	}
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	g.take()
	if !g.shared() && o.Trust == nil && (g.manifest == nil || !g.manifest.Complete) {
		return g, g.writeManifest()
	}
	return g, nil
}

func (g *Growth) shared() bool { return g.o.Mine != nil }

func (g *Growth) note(format string, args ...any) {
	g.notes = append(g.notes, fmt.Sprintf(format, args...))
}

// open reads the manifest, refuses features made with other settings, and removes what killed runs were writing.
func (g *Growth) open() error {
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return err
	}
	var shards []string
	for _, e := range entries {
		if partName.MatchString(e.Name()) || grownName.MatchString(e.Name()) {
			shards = append(shards, e.Name())
		}
	}
	if !g.shared() {
		if err := g.sweep(entries); err != nil {
			return err
		}
		if g.o.Force {
			return g.clear(shards)
		}
	}
	path := filepath.Join(g.dir, manifestName)
	b, err := os.ReadFile(path)
	switch {
	case absent(err):
	case err != nil:
		return err
	default:
		m, err := parseManifest(path, b)
		if err == nil {
			err = m.checkListed(g.dir, b)
		}
		switch {
		case err != nil: // everything in it is in the shards too
			g.note("rebuilt %s from the shards: %v", manifestName, err)
		case len(m.Parts) > 0: // a run that finished nothing lays no claim to the folder
			if err := g.same(manifestName, m.Source); err != nil {
				return err
			}
			g.manifest = m
		}
	}
	listed := g.listed()
	for _, name := range shards {
		if !listed[name] {
			g.donors = append(g.donors, &donor{ManifestPart: ManifestPart{File: name}})
		}
	}
	return nil
}

// listed takes the manifest's shards for donors.
func (g *Growth) listed() map[string]bool {
	listed := map[string]bool{}
	if g.manifest == nil {
		return listed
	}
	for _, p := range g.manifest.Parts {
		listed[p.File] = true
		d := &donor{ManifestPart: p, listed: true, program: g.manifest.Source.Program}
		if m := grownName.FindStringSubmatch(p.File); m != nil {
			d.list = m[1]
		}
		g.donors = append(g.donors, d)
	}
	return listed
}

// same refuses features of another network, recipe or engine.
func (g *Growth) same(name string, there Source) error {
	d := there.differences(&g.src, append([]string{"shard_rows"}, grownFields...)...)
	if len(d) == 0 {
		return nil
	}
	return &SourceError{Dir: g.dir, File: name, Differences: d}
}

// load finds for every image of the dataset what the folder knows of it.
func (g *Growth) load(ctx context.Context) error {
	g.images, g.reasons = make([]grownImage, len(g.o.Images)), map[int32]string{}
	place, err := newImagePlaces(g.o.Images)
	if err != nil {
		return fmt.Errorf("%s: %w", g.dir, err)
	}
	for i := range g.images {
		g.images[i].donor = -1
	}
	missing := map[int32]bool{}
	for i, d := range g.donors {
		if !d.listed {
			continue
		}
		if _, err := statShard(filepath.Join(g.dir, d.File), d.ManifestPart); err != nil {
			if g.shared() {
				return err
			}
			g.note("the images of %s will be computed again: %v", d.File, err)
			missing[int32(i)] = true
		}
	}
	known, err := g.table(ctx, place, missing)
	if err != nil {
		return err
	}
	mine := map[string]bool{}
	for _, list := range g.lists {
		if g.shared() && g.o.Mine(list) {
			mine[list] = true
		}
	}
	for i, d := range g.donors {
		m := grownName.FindStringSubmatch(d.File)
		switch {
		case d.listed && (known || missing[int32(i)]):
			continue
		case !d.listed && g.shared():
			if m == nil || !mine[m[1]] {
				continue
			}
		}
		if err := g.adopt(ctx, int32(i), place); err != nil {
			return err
		}
	}
	return nil
}

// table reads images.parquet and the modification times; false: it is not there, or not the manifest's.
func (g *Growth) table(ctx context.Context, place *imagePlaces, missing map[int32]bool) (bool, error) {
	m := g.manifest
	if m == nil || m.Images == nil {
		return false, nil
	}
	path := filepath.Join(g.dir, imagesName)
	if sum, _, err := hashFile(path); err != nil || sum != m.Images.SHA256 {
		if err == nil {
			err = errors.New("it does not have the checksum of its manifest")
		}
		g.note("%s is read from the shards: %v", imagesName, err)
		return false, nil
	}
	number := make(map[string]int32, len(g.donors))
	for i, d := range g.donors {
		number[d.File] = int32(i)
	}
	times, err := readTimes(filepath.Join(g.dir, cacheDir, timesName), m.Images.SHA256)
	if err != nil {
		return false, err
	}
	row := 0
	err = eachImage(ctx, path, func(r imageRow) error {
		if row < len(times) {
			r.file.modTime = times[row]
		}
		row++
		d, ok := number[r.shard]
		if !ok {
			return fmt.Errorf("%s: image %q is in %s, which %s does not list", path, r.image, r.shard, manifestName)
		}
		if i, ok := place.find(r.image); !ok {
			g.gone++
		} else if !missing[d] {
			g.know(i, grownImage{imageRecord: r.file, donor: d}, r.reason)
		}
		return nil
	})
	return true, err
}

// adopt takes up a shard by what it says itself.
func (g *Growth) adopt(ctx context.Context, i int32, place *imagePlaces) error {
	d := g.donors[i]
	path := filepath.Join(g.dir, d.File)
	var rows []imageRow
	h, err := eachGrown(ctx, path, func(r imageRow) { rows = append(rows, r) })
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if strings.Contains(err.Error(), "is not a feature shard") {
			return fmt.Errorf("%w: move it away, or --force to discard what is in %s", err, g.dir)
		}
		if system := systemError(err); system != nil && (g.shared() || g.o.Trust != nil) { // not for a task to judge
			return system
		}
		g.note("%s will be written again: %v", d.File, err)
		return nil
	}
	if err := g.same(d.File, h.source); err != nil {
		return err
	}
	if d.list, d.program = h.list, h.source.Program; !d.listed {
		d.Rows, d.Skipped = h.rows, len(h.skipped)
		if d.SHA256, d.Bytes, err = hashFile(path); err != nil {
			return err
		}
		d.checked.Store(true)
		if h.list != "" && g.manifest != nil && !g.shared() {
			g.note("kept %s, finished but not yet in the manifest", d.File)
		}
	}
	if !d.listed && g.replaced(d) {
		return nil
	}
	wanted := slices.Contains(g.lists, d.list)
	times, err := readTimes(filepath.Join(g.dir, cacheDir, shardTimes(d.File)), d.SHA256)
	if err != nil {
		return err
	}
	for row, r := range rows {
		k, ok := place.find(r.image)
		if !ok {
			if d.listed {
				g.gone++
			}
			continue
		}
		if row < len(times) {
			r.file.modTime = times[row]
		}
		// What a killed run had not yet put into the manifest is the newer; a shard of other images only fills gaps.
		if have := g.images[k].donor; have < 0 || d.listed || wanted {
			g.know(k, grownImage{imageRecord: r.file, donor: i}, r.reason)
		}
	}
	return nil
}

// replaced tells of a shard that is not in the manifest that one of the same images there is younger: a run was killed before it
// removed what it had replaced.
func (g *Growth) replaced(d *donor) bool {
	mine, err := os.Stat(filepath.Join(g.dir, d.File))
	if err != nil {
		return false
	}
	for _, other := range g.donors {
		if other.listed && other.list != "" && other.list == d.list {
			if st, err := os.Stat(filepath.Join(g.dir, other.File)); err == nil && st.ModTime().After(mine.ModTime()) {
				return true
			}
		}
	}
	return false
}

// trusted tells of a shard that it is as the plan wants it.
func (g *Growth) trusted(d *donor) bool {
	if g.o.Trust != nil {
		return g.o.Trust(d.list, d.File)
	}
	return g.shared() && !d.listed && d.list != ""
}

// take finds the shards that are there as they have to be.
func (g *Growth) take() {
	for part := range g.parts {
		lo, hi := g.Range(part)
		first := g.images[lo].donor
		if !g.Ours(part) || first < 0 || g.donors[first].list != g.lists[part] {
			continue
		}
		if !slices.ContainsFunc(g.images[lo:hi], func(m grownImage) bool { return m.todo || m.donor != first }) {
			p := g.donors[first].ManifestPart
			g.parts[part] = &p
			g.program(g.donors[first])
		}
	}
}

func (g *Growth) program(d *donor) {
	for _, p := range strings.Split(d.program, "; ") {
		if !slices.Contains(g.programs, p) {
			g.programs = append(g.programs, p)
		}
	}
}

// Notes says, one line each, what Grow found and did.
func (g *Growth) Notes() []string { return g.notes }

// Parts is the number of shards.
func (g *Growth) Parts() int { return len(g.parts) }

// ShardRows is the most images of a shard.
func (g *Growth) ShardRows() int { return g.src.ShardRows }

// Key identifies the images of a shard; its file is called so.
func (g *Growth) Key(part int) string { return g.lists[part] }

// Done reports whether a shard is there as it has to be.
func (g *Growth) Done(part int) bool { return g.Part(part) != nil }

// Part is a finished shard's entry of the manifest, nil: it is not finished.
func (g *Growth) Part(part int) *ManifestPart {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.parts[part]
}

// Range returns the dataset's images [lo,hi) of a shard.
func (g *Growth) Range(part int) (lo, hi int) { return g.at[part], g.at[part+1] }

// Missing are the images of a shard that have to be computed, by their place in the dataset: WritePart takes these.
func (g *Growth) Missing(part int) []int {
	var todo []int
	for i := g.at[part]; i < g.at[part+1]; i++ {
		if g.images[i].todo {
			todo = append(todo, i)
		}
	}
	return todo
}

// Ours reports whether a shard is one of those that Growing.Mine names.
func (g *Growth) Ours(part int) bool { return g.o.Mine == nil || g.o.Mine(g.lists[part]) }
