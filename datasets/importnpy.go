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

	"vzsl/datasets/shards"
)

// What the numbers or texts of a list of labels are.
const (
	LabelID    = "id"    // numbers of the dataset's own files, from 1
	LabelIndex = "index" // places in the class list, from 0
	LabelName  = "name"  // class names
)

// LabelKinds are the kinds of labels, by name.
func LabelKinds() []string { return []string{LabelID, LabelIndex, LabelName} }

// NPYImport says what ImportNPY reads and where it goes.
type NPYImport struct {
	Features string // .npy, float32 or float64, one row per image
	Labels   string // .npy of numbers or texts, or text, one a line; "": the folder in each image's name is its class
	Kind     string // of the labels: LabelID, LabelIndex or LabelName
	Images   string // text, one name a line, or .npy of texts; "": images are called by their row
	Classes  []Class
	Dataset  string
	Network  string // what the features were computed with
	Layer    string
	Recipe   string
	Program  string

	Out       string // folder of the shards
	ShardRows int    // 0: shards.DefaultShardRows
	Force     bool   // discard shards of another source
	Progress  func(done, total int)
}

// ImportNPY makes shards of features that another program computed. A row with a value that is not a finite float32 is
// skipped and listed, everything else that does not fit is an error. Memory is bounded whatever the number of rows, but for
// the names. An interrupted import is resumed like an extraction; the features file's sha256 stands for the network's.
func ImportNPY(ctx context.Context, o NPYImport) (*shards.Manifest, error) {
	a, err := openNPY(o.Features)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer a.close()
	rows, dim, err := a.rowsAndColumns()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	if a.kind != 'f' {
		return nil, fmt.Errorf("features: %s holds elements of kind %q; float32 or float64 are wanted", o.Features, a.kind)
	}
	images, err := o.imageNames(rows, dim)
	if err != nil {
		return nil, err
	}
	labels, err := o.labels(rows, dim, images)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Name: o.Dataset, Classes: o.Classes, Images: make([]Image, rows)}
	for i := range d.Images {
		d.Images[i] = Image{Path: images[i], Class: labels[i]}
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("import %s: %w", o.Features, err)
	}
	sum, err := a.sha256()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	w, err := shards.Create(o.Out, shards.Source{
		Dataset: o.Dataset, DatasetSHA256: d.SHA256(), Network: o.Network, NetworkSHA256: sum,
		Layer: o.Layer, Recipe: o.Recipe, Engine: "import npy", Program: o.Program, Dim: dim, ShardRows: o.ShardRows, Images: rows,
	}, o.Force)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := o.write(ctx, w, a, d, dim); err != nil {
		return nil, err
	}
	return w.Finish()
}

// write fills the parts that are still to be made, a few at a time.
func (o *NPYImport) write(ctx context.Context, w *shards.Writer, a *npyArray, d *Dataset, dim int) error {
	var mu sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(min(runtime.GOMAXPROCS(0), 4))
	for part := range w.Parts() {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			lo, hi := w.Range(part)
			if !w.Done(part) {
				p, err := npyPart(a, d, dim, lo, hi)
				if err != nil {
					return err
				}
				if err := w.WritePart(part, p); err != nil {
					return err
				}
			}
			if o.Progress != nil {
				mu.Lock()
				defer mu.Unlock()
				done += hi - lo
				o.Progress(done, len(d.Images))
			}
			return nil
		})
	}
	return g.Wait()
}

func npyPart(a *npyArray, d *Dataset, dim, lo, hi int) (p shards.Part, err error) {
	values := make([]float32, (hi-lo)*dim)
	if err := a.readRows(len(d.Images), dim, lo, hi, values); err != nil {
		return p, err
	}
	kept := 0
	for i := lo; i < hi; i++ {
		image, row := d.Images[i], values[(i-lo)*dim:(i-lo+1)*dim]
		if k := notFinite(row); k >= 0 {
			p.Skipped = append(p.Skipped, shards.Skip{Image: image.Path, Reason: fmt.Sprintf("row %d of the features: value %d is not a finite float32", i, k)})
			continue
		}
		p.Images = append(p.Images, image.Path)
		p.Classes = append(p.Classes, d.Classes[image.Class].Name)
		p.Labels = append(p.Labels, int32(image.Class))
		copy(values[kept*dim:], row)
		kept++
	}
	p.Features = values[:kept*dim]
	return p, nil
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

func (o *NPYImport) imageNames(rows, dim int) ([]string, error) {
	if o.Images == "" {
		names := make([]string, rows)
		for i := range names {
			names[i] = fmt.Sprintf("row-%08d", i)
		}
		return names, nil
	}
	names, err := texts(o.Images)
	if err != nil {
		return nil, fmt.Errorf("image names: %w", err)
	}
	return names, o.fits(o.Images, "image names", len(names), rows, dim)
}

func (o *NPYImport) fits(file, what string, have, rows, dim int) error {
	switch have {
	case rows:
		return nil
	case dim:
		return fmt.Errorf("%s: %d %s for %d rows of %d values in %s: is the matrix transposed?", file, have, what, rows, dim, o.Features)
	}
	return fmt.Errorf("%s: %d %s for %d rows in %s", file, have, what, rows, o.Features)
}

// texts reads a list of texts from a .npy or a text file.
func texts(file string) ([]string, error) {
	if strings.EqualFold(filepath.Ext(file), ".npy") {
		a, err := openNPY(file)
		if err != nil {
			return nil, err
		}
		defer a.close()
		return a.texts()
	}
	var out []string
	err := eachLine(file, func(_ int, text string) error {
		out = append(out, text)
		return nil
	})
	return out, err
}

// labels gives each row the index of its class.
func (o *NPYImport) labels(rows, dim int, images []string) ([]int, error) {
	if len(o.Classes) == 0 {
		return nil, fmt.Errorf("import %s: no class names are known", o.Features)
	}
	index := make(map[string]int, len(o.Classes))
	byID := make(map[int64]int, len(o.Classes))
	names := make([]string, len(o.Classes))
	numbered := false
	for i, c := range o.Classes {
		names[i], index[c.Name] = c.Name, i
		numbered = numbered || c.ID != 0
	}
	for i, c := range o.Classes {
		if !numbered {
			byID[int64(i+1)] = i
		} else if c.ID != 0 {
			byID[int64(c.ID)] = i
		}
	}
	out := make([]int, rows)
	if o.Labels == "" {
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
	if !slices.Contains(LabelKinds(), o.Kind) {
		return nil, fmt.Errorf("unknown kind of labels %q; known: %s", o.Kind, strings.Join(LabelKinds(), ", "))
	}
	if o.Kind == LabelName {
		list, err := texts(o.Labels)
		if err != nil {
			return nil, fmt.Errorf("labels: %w", err)
		}
		if err := o.fits(o.Labels, "labels", len(list), rows, dim); err != nil {
			return nil, err
		}
		for i, name := range list {
			k, ok := index[name]
			if !ok {
				return nil, fmt.Errorf("%s: label of row %d: %w", o.Labels, i, unknownClass(name, names))
			}
			out[i] = k
		}
		return out, nil
	}
	list, err := numbers(o.Labels)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	if err := o.fits(o.Labels, "labels", len(list), rows, dim); err != nil {
		return nil, err
	}
	for i, v := range list {
		k, ok := byID[v]
		if o.Kind == LabelIndex {
			if k, ok = int(v), v >= 0 && v < int64(len(names)); !ok {
				return nil, fmt.Errorf("%s: label of row %d: %d is not a place in the list of %d classes%s", o.Labels, i, v, len(names), o.otherKind(list))
			}
		} else if !ok {
			return nil, fmt.Errorf("%s: label of row %d: no class has the number %d%s", o.Labels, i, v, o.otherKind(list))
		}
		out[i] = k
	}
	return out, nil
}

// otherKind says so where all labels would fit the other way of counting.
func (o *NPYImport) otherKind(list []int64) string {
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

// numbers reads a list of whole numbers from a .npy or a text file.
func numbers(file string) ([]int64, error) {
	if strings.EqualFold(filepath.Ext(file), ".npy") {
		a, err := openNPY(file)
		if err != nil {
			return nil, err
		}
		defer a.close()
		return a.integers()
	}
	var out []int64
	err := eachLine(file, func(_ int, text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		out = append(out, n)
		return nil
	})
	return out, err
}
