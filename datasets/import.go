package datasets

import (
	"context"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"vzsl/features"
	"vzsl/internal/delimited"
)

// What the numbers or texts of a list of labels are.
const (
	LabelID    = "id"    // numbers of the dataset's own files, from 1
	LabelIndex = "index" // places in the class list, from 0
	LabelName  = "name"  // class names
)

// LabelKinds are the kinds of labels, by name.
func LabelKinds() []string { return []string{LabelID, LabelIndex, LabelName} }

// Import says what is imported and where it goes.
type Import struct {
	Features string // the file (or folder) that holds them
	Variable string // which one of a file of several: .mat, .npz; "": the only one that can be meant
	Labels   string // .npy or a variable (see below) of numbers or texts, or text, one a line; "": the folder in each image's name is its class
	Kind     string // of the labels: LabelID, LabelIndex or LabelName
	Images   string // text, one name a line, or .npy or a variable of texts; "": images are called by their row
	Classes  []Class
	Dataset  string
	Network  string // what the features were computed with
	Layer    string
	Recipe   string
	Program  string

	Out       string // folder of the shards
	ShardRows int    // 0: features.DefaultShardRows
	Force     bool   // discard shards of another source
	Progress  func(done, total int)
}

// A variable of a file of several is given as "file.mat:labels" or "file.npz:labels", one of the features' file as ":labels".

// rowReader gives the rows of a matrix of features in rising order.
type rowReader interface {
	size() (rows, dim int)
	sum() (string, error)                                      // sha256 of what they are read from
	read(ctx context.Context, lo, hi int, dst []float32) error // rows [lo,hi); lo is never before an earlier hi
}

// joined gives the rows of r their image names and classes.
func (o *Import) joined(r rowReader) (*Dataset, error) {
	rows, dim := r.size()
	images, err := o.imageNames(rows, dim)
	if err != nil {
		return nil, err
	}
	labels, err := o.labels(rows, dim, images)
	if err != nil {
		return nil, err
	}
	return o.dataset(images, labels)
}

func (o *Import) dataset(images []string, labels []int) (*Dataset, error) {
	d := &Dataset{Name: o.Dataset, Classes: o.Classes, Images: make([]Image, len(images))}
	for i := range d.Images {
		d.Images[i] = Image{Path: images[i], Class: labels[i]}
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("import %s: %w", o.Features, err)
	}
	return d, nil
}

// store makes shards of the rows of r, which are d's images. A row with a value that is not a finite float32 is skipped and
// listed, everything else that does not fit is an error. Memory is bounded whatever the number of rows, but for the names. An
// interrupted import is resumed like an extraction; the sha256 of what is read stands for the network's.
func (o *Import) store(ctx context.Context, d *Dataset, r rowReader, engine string) (*features.Manifest, error) {
	sum, err := r.sum()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	_, dim := r.size()
	w, err := features.Create(o.Out, features.Source{
		Dataset: o.Dataset, DatasetSHA256: d.SHA256(), Network: o.Network, NetworkSHA256: sum,
		Layer: o.Layer, Recipe: o.Recipe, Engine: engine, Program: o.Program, Dim: dim, ShardRows: o.ShardRows, Images: len(d.Images),
	}, o.Force)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := o.write(ctx, w, r, d, dim); err != nil {
		return nil, err
	}
	return w.Finish()
}

// write fills the parts that are still to be made: one goroutine reads, a few write.
func (o *Import) write(ctx context.Context, w *features.Writer, r rowReader, d *Dataset, dim int) error {
	var mu sync.Mutex
	done := 0
	progress := func(n int) {
		if o.Progress != nil {
			mu.Lock()
			defer mu.Unlock()
			done += n
			o.Progress(done, len(d.Images))
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), 4)
	g.SetLimit(workers + 1)
	free := make(chan []float32, workers+1)
	for range cap(free) {
		free <- nil
	}
	g.Go(func() error {
		for part := range w.Parts() {
			lo, hi := w.Range(part)
			if w.Done(part) {
				progress(hi - lo)
				continue
			}
			var values []float32
			select {
			case values = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			values = slices.Grow(values[:0], (hi-lo)*dim)[:(hi-lo)*dim]
			if err := r.read(ctx, lo, hi, values); err != nil {
				return err
			}
			g.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := w.WritePart(part, filledPart(d, dim, lo, hi, values)); err != nil {
					return err
				}
				free <- values
				progress(hi - lo)
				return nil
			})
		}
		return nil
	})
	return g.Wait()
}

// filledPart makes a part of the rows [lo,hi) in values.
func filledPart(d *Dataset, dim, lo, hi int, values []float32) (p features.Part) {
	kept := 0
	for i := lo; i < hi; i++ {
		image, row := d.Images[i], values[(i-lo)*dim:(i-lo+1)*dim]
		if k := notFinite(row); k >= 0 {
			p.Skipped = append(p.Skipped, features.Skip{Image: image.Path, Reason: fmt.Sprintf("row %d of the features: value %d is not a finite float32", i, k)})
			continue
		}
		p.Images = append(p.Images, image.Path)
		p.Classes = append(p.Classes, d.Classes[image.Class].Name)
		p.Labels = append(p.Labels, int32(image.Class))
		copy(values[kept*dim:], row)
		kept++
	}
	p.Features = values[:kept*dim]
	return p
}

// notFinite is the index of the first NaN or infinity, or -1.
func notFinite(v []float32) int {
	for i, x := range v {
		if math.Float32bits(x)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}

func (o *Import) imageNames(rows, dim int) ([]string, error) {
	if o.Images == "" {
		names := make([]string, rows)
		for i := range names {
			names[i] = fmt.Sprintf("row-%08d", i)
		}
		return names, nil
	}
	names, err := o.texts(o.Images)
	if err != nil {
		return nil, fmt.Errorf("image names: %w", err)
	}
	return names, o.fits(o.Images, "image names", len(names), rows, dim)
}

func (o *Import) fits(file, what string, have, rows, dim int) error {
	switch have {
	case rows:
		return nil
	case dim:
		return fmt.Errorf("%s: %d %s for %d rows of %d values in %s: is the matrix transposed?", file, have, what, rows, dim, o.Features)
	}
	return fmt.Errorf("%s: %d %s for %d rows in %s", file, have, what, rows, o.Features)
}

// texts reads a list of texts from a .npy, a variable of a file of several, or a text file.
func (o *Import) texts(file string) ([]string, error) {
	l, err := o.openList(file)
	if err != nil {
		return nil, err
	}
	if l != nil {
		defer l.close()
		return l.texts()
	}
	var out []string
	err = delimited.Lines(file, func(_ int, text string) error {
		out = append(out, text)
		return nil
	})
	return out, err
}

// labels gives each row the index of its class.
func (o *Import) labels(rows, dim int, images []string) ([]int, error) {
	if len(o.Classes) == 0 {
		return nil, fmt.Errorf("import %s: no class names are known", o.Features)
	}
	if o.Labels == "" {
		return o.byFolder(images)
	}
	if !slices.Contains(LabelKinds(), o.Kind) {
		return nil, fmt.Errorf("unknown kind of labels %q; known: %s", o.Kind, strings.Join(LabelKinds(), ", "))
	}
	if o.Kind == LabelName {
		list, err := o.texts(o.Labels)
		if err != nil {
			return nil, fmt.Errorf("labels: %w", err)
		}
		if err := o.fits(o.Labels, "labels", len(list), rows, dim); err != nil {
			return nil, err
		}
		return o.byName(o.Labels, list)
	}
	list, err := o.numbers(o.Labels)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	if err := o.fits(o.Labels, "labels", len(list), rows, dim); err != nil {
		return nil, err
	}
	return o.byNumber(o.Labels, list)
}

// classIndex finds classes by name.
func (o *Import) classIndex() (index map[string]int, names []string) {
	index = make(map[string]int, len(o.Classes))
	names = make([]string, len(o.Classes))
	for i, c := range o.Classes {
		names[i], index[c.Name] = c.Name, i
	}
	return index, names
}

// byFolder takes the folder in each image's name for its class.
func (o *Import) byFolder(images []string) ([]int, error) {
	index, names := o.classIndex()
	out := make([]int, len(images))
	for i, image := range images {
		class := path.Dir(image)
		k, ok := index[class]
		if !ok {
			return nil, fmt.Errorf("image %q of row %d: no labels are given, and its folder is no class: %w", image, i, unknownClass(class, names))
		}
		out[i] = k
	}
	return out, nil
}

func (o *Import) byName(file string, list []string) ([]int, error) {
	index, names := o.classIndex()
	out := make([]int, len(list))
	for i, name := range list {
		k, ok := index[name]
		if !ok {
			return nil, fmt.Errorf("%s: label of row %d (from 0): %w", file, i, unknownClass(name, names))
		}
		out[i] = k
	}
	return out, nil
}

// byNumber takes numbers for what o.Kind says; classes without ids have their place from 1.
func (o *Import) byNumber(file string, list []int64) ([]int, error) {
	byID := make(map[int64]int, len(o.Classes))
	numbered := false
	for _, c := range o.Classes {
		numbered = numbered || c.ID != 0
	}
	for i, c := range o.Classes {
		if !numbered {
			byID[int64(i+1)] = i
		} else if c.ID != 0 {
			byID[int64(c.ID)] = i
		}
	}
	out := make([]int, len(list))
	for i, v := range list {
		k, ok := byID[v]
		if o.Kind == LabelIndex {
			if k, ok = int(v), v >= 0 && v < int64(len(o.Classes)); !ok {
				return nil, fmt.Errorf("%s: label of row %d (from 0): %d is not a place in the list of %d classes%s", file, i, v, len(o.Classes), o.otherKind(list))
			}
		} else if !ok {
			return nil, fmt.Errorf("%s: label of row %d (from 0): no class has the number %d%s", file, i, v, o.otherKind(list))
		}
		out[i] = k
	}
	return out, nil
}

// otherKind says so where all labels would fit the other way of counting.
func (o *Import) otherKind(list []int64) string {
	lo, hi := list[0], list[0]
	for _, v := range list {
		lo, hi = min(lo, v), max(hi, v)
	}
	switch n := int64(len(o.Classes)); {
	case o.Kind == LabelID && lo == 0 && hi < n:
		return "; the labels run from 0: are they places (" + LabelIndex + ")?"
	case o.Kind == LabelIndex && lo >= 1 && hi == n:
		return fmt.Sprintf("; the labels run from %d to %d: are they numbers from 1 (%s)?", lo, hi, LabelID)
	}
	return ""
}

// numbers reads a list of whole numbers from a .npy, a variable of a file of several, or a text file.
func (o *Import) numbers(file string) ([]int64, error) {
	l, err := o.openList(file)
	if err != nil {
		return nil, err
	}
	if l != nil {
		defer l.close()
		return l.integers()
	}
	var out []int64
	err = delimited.Lines(file, func(_ int, text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		out = append(out, n)
		return nil
	})
	return out, err
}

// list is a list of labels or names that is not a text file.
type list interface {
	texts() ([]string, error)
	integers() ([]int64, error)
	close()
}

// openList opens a list by its name, nil where it is a text file.
func (o *Import) openList(name string) (list, error) {
	file, variable := splitVariable(name)
	if file == "" {
		file = o.Features
	}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".npy":
		a, err := openNPY(file)
		if err != nil {
			return nil, err
		}
		return a, nil
	case ".npz":
		a, err := openNPZ(file, variable)
		if err != nil {
			return nil, err
		}
		return a, nil
	case ".mat":
		return openMATList(file, variable)
	}
	if variable != "" {
		return nil, fmt.Errorf("%s: only .mat and .npz files hold variables", name)
	}
	return nil, nil
}

// splitVariable takes "file.mat:variable" apart.
func splitVariable(name string) (file, variable string) {
	for _, ext := range []string{".mat", ".npz"} {
		if i := strings.LastIndex(strings.ToLower(name), ext+":"); i >= 0 {
			return name[:i+len(ext)], name[i+len(ext)+1:]
		}
	}
	if rest, ok := strings.CutPrefix(name, ":"); ok {
		return "", rest
	}
	return name, ""
}
