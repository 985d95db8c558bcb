package features

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"path/filepath"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/zeebo/xxh3"

	"vzsl/internal/custody"
	"vzsl/internal/wholefile"
)

// The files of a record, in the folder InputsDir of a run.
const (
	InputsDir       = "inputs"
	recordClassFile = "classes.parquet"
	recordSplitFile = "split.parquet"

	columnDigest = "feature_xxh3"
	keyFeatures  = keyPrefix + "features"
	keyManifest  = keyPrefix + "features_manifest"
)

// Rows are the features of images. *Cache is one.
type Rows interface {
	Rows() int
	Dim() int
	Images() []string // of each row, unique
	Classes() []string
	Labels() []int32
	Feature(row int) []float32
	Source() Source
}

// Inputs are what a run is made from, as they are today.
type Inputs struct {
	Classes  *ClassTable
	Roles    *Split
	Features Rows // nil: unknown
	// Manifest identifies the shards that Features are of (Manifest.Key); "": unknown. Where it is that of a record, no
	// feature need be read to know that all are the same.
	Manifest string
	// Elsewhere: the features are those of another folder than the record's, named on purpose. They must be of the same network
	// and of the same images and classes; their values, rounded otherwise by another engine, are not compared.
	Elsewhere bool

	digests []uint64 // by row, as far as asked for
	known   []bool
}

// digest identifies the values of a feature.
func (in *Inputs) digest(row int) uint64 {
	if in.digests == nil {
		in.digests, in.known = make([]uint64, in.Features.Rows()), make([]bool, in.Features.Rows())
	}
	if !in.known[row] {
		in.digests[row], in.known[row] = xxh3.Hash(arrow.Float32Traits.CastToBytes(in.Features.Feature(row))), true
	}
	return in.digests[row]
}

// Record is what a run was made from, kept in its folder: the class table, the split, and of each image of the split its
// class and a digest of its feature. Later commands compare the files of their day with it, by names and not by places, and
// lay them out as it has them, so that rows, columns and classes in another order change nothing.
type Record struct {
	Source   Source // of the features
	Manifest string // identifies the shards; "": unknown
	Classes  *ClassTable
	Roles    *Split   // images with features first, in the order of the features' rows
	ClassOf  []string // class of each image; "": it had no feature
	Digests  []uint64 // of each image's feature, where it had one
}

// NewRecord makes the record of inputs whose features are known. It reads every feature of the split.
func NewRecord(ctx context.Context, in *Inputs) (*Record, error) {
	r := &Record{Source: in.Features.Source(), Manifest: in.Manifest, Classes: in.Classes}
	role := make(map[string]Role, len(in.Roles.Images))
	for i, image := range in.Roles.Images {
		role[image] = in.Roles.Roles[i]
	}
	roles := *in.Roles
	roles.Images, roles.Roles = nil, nil
	add := func(image, class string, digest uint64) {
		roles.Images, roles.Roles = append(roles.Images, image), append(roles.Roles, role[image])
		r.ClassOf, r.Digests = append(r.ClassOf, class), append(r.Digests, digest)
		delete(role, image)
	}
	classes := in.Features.Classes()
	for row, image := range in.Features.Images() {
		if _, ok := role[image]; !ok {
			continue
		}
		if row%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		add(image, classes[row], in.digest(row))
	}
	for _, image := range in.Roles.Images {
		if _, left := role[image]; left {
			add(image, "", 0)
		}
	}
	r.Roles = &roles
	return r, nil
}

// Files are those of the record in a run's folder.
func (r *Record) Files() ([]custody.File, error) {
	classes, err := r.Classes.encode()
	if err != nil {
		return nil, fmt.Errorf("class table: %w", err)
	}
	var kv metadata
	kv.addJSON(keyFeatures, r.Source)
	kv.add(keyManifest, r.Manifest)
	digests := make([]string, len(r.Digests))
	for i, d := range r.Digests {
		if r.ClassOf[i] != "" {
			digests[i] = fmt.Sprintf("%016x", d)
		}
	}
	split, err := r.Roles.encode(kv,
		column{name: columnClass, text: append([]string{}, r.ClassOf...), dict: true},
		column{name: columnDigest, text: digests})
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	return []custody.File{custody.Bytes(InputsDir+"/"+recordClassFile, classes), custody.Bytes(InputsDir+"/"+recordSplitFile, split)}, nil
}

// SweepRecord removes what a process of an earlier version that was killed while writing a run's record left behind.
func SweepRecord(runDir string) error {
	return wholefile.Sweep(filepath.Join(runDir, InputsDir), recordClassFile, recordSplitFile)
}

// ReadRecord reads the record of a run; fs.ErrNotExist: its folder holds none, as those of earlier versions.
func ReadRecord(runDir string) (*Record, error) {
	dir := filepath.Join(runDir, InputsDir)
	for _, name := range []string{recordSplitFile, recordClassFile} {
		if err := custody.CheckFile(runDir, InputsDir+"/"+name); err != nil {
			return nil, fmt.Errorf("what the run was made from: %w", err)
		}
	}
	f, err := openWhole(filepath.Join(dir, recordSplitFile))
	if err != nil {
		return nil, fmt.Errorf("what the run was made from: %w", err)
	}
	defer f.close()
	r := &Record{}
	if r.Roles, err = f.roles(); err != nil {
		return nil, err
	}
	text, ok := f.meta(keyFeatures)
	if !ok {
		return nil, fmt.Errorf("%s: metadata %q is missing", f.path, keyFeatures)
	}
	if err := json.Unmarshal([]byte(text), &r.Source); err != nil {
		return nil, fmt.Errorf("%s: metadata %q: %w", f.path, keyFeatures, err)
	}
	r.Manifest, _ = f.meta(keyManifest)
	for g := range f.groups() {
		classes, err := f.strings(g, columnClass)
		if err != nil {
			return nil, err
		}
		digests, err := f.strings(g, columnDigest)
		if err != nil {
			return nil, err
		}
		r.ClassOf = append(r.ClassOf, classes...)
		for _, text := range digests {
			d, err := strconv.ParseUint(text, 16, 64)
			if err != nil && text != "" {
				return nil, fmt.Errorf("%s: %q is not the digest of a feature", f.path, text)
			}
			r.Digests = append(r.Digests, d)
		}
	}
	if n := len(r.Roles.Images); len(r.ClassOf) != n || len(r.Digests) != n {
		return nil, fmt.Errorf("%s: %d images, %d classes, %d digests", f.path, n, len(r.ClassOf), len(r.Digests))
	}
	if r.Classes, err = ReadClassTable(filepath.Join(dir, recordClassFile)); err != nil {
		return nil, err
	}
	return r, nil
}

// SHA256 identifies what the record is of, in its order, but for texts that only say where it comes from.
func (r *Record) SHA256() string {
	h := sha256.New()
	list := func(l []string) {
		number(h, len(l))
		for _, s := range l {
			number(h, len(s))
			h.Write([]byte(s))
		}
	}
	list([]string{r.Source.Network, r.Source.Layer, r.Source.Recipe, strconv.Itoa(r.Source.Dim)})
	list(r.Classes.Classes)
	list(r.Classes.Attributes)
	for _, row := range r.Classes.Values {
		for _, v := range row {
			number(h, int(math.Float32bits(v)))
		}
	}
	for _, b := range r.Classes.Blocks {
		number(h, b.Width)
	}
	for _, l := range [][]string{r.Roles.Seen, r.Roles.Validation, r.Roles.Unseen, r.Roles.Images, r.ClassOf} {
		list(l)
	}
	for _, d := range r.Digests {
		number(h, int(d))
	}
	for _, role := range r.Roles.Roles {
		list([]string{string(role)})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func number(h hash.Hash, n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// Arrange lays features out as the record has them: the rows of its images in its order, with labels that are the rows of
// its class table, by name. Images that are not the record's are left out.
func (r *Record) Arrange(f Rows) (*Arranged, error) {
	row := make(map[string]int, f.Rows())
	for i, image := range f.Images() {
		row[image] = i
	}
	label := make(map[string]int32, len(r.Classes.Classes))
	for i, c := range r.Classes.Classes {
		label[c] = int32(i)
	}
	a := &Arranged{of: f, source: r.Source}
	classes := f.Classes()
	for _, image := range r.Roles.Images {
		i, ok := row[image]
		if !ok {
			continue
		}
		l, ok := label[classes[i]]
		if !ok {
			return nil, fmt.Errorf("image %q is of class %q, which the class table does not have: run attributes for this dataset again", image, classes[i])
		}
		a.rows, a.images, a.classes, a.labels = append(a.rows, i), append(a.images, image), append(a.classes, classes[i]), append(a.labels, l)
	}
	return a, nil
}

// Arranged are features in the order of a record.
type Arranged struct {
	of      Rows
	source  Source
	rows    []int
	images  []string
	classes []string
	labels  []int32
}

func (a *Arranged) Rows() int                 { return len(a.rows) }
func (a *Arranged) Dim() int                  { return a.of.Dim() }
func (a *Arranged) Images() []string          { return a.images }
func (a *Arranged) Classes() []string         { return a.classes }
func (a *Arranged) Labels() []int32           { return a.labels }
func (a *Arranged) Feature(row int) []float32 { return a.of.Feature(a.rows[row]) }

// Source is that of the record.
func (a *Arranged) Source() Source { return a.source }
