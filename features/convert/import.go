package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"vzsl/features"
)

// Import says what is imported and where it goes.
type Import struct {
	Files      []string // one table; the rows of several follow each other
	Format     string   // one of Formats; "": by the files
	Columns    Choice   // which column is what
	Labels     []string // files of the rows' labels, FILE or FILE:NAME; :NAME is of the features' own file. None: the table's own, else the images' names
	Kind       string   // of the labels: LabelAuto, LabelID, LabelIndex or LabelName
	LabelNames string   // file of the names that numbered labels stand for; "": those of the dataset
	Images     []string // files of the rows' image names, given as labels are; none: the table's own, else row numbers
	Unlabelled bool     // take no classes
	Known      Known

	Dataset string
	Network string // what the features were computed with
	Layer   string
	Recipe  string
	Program string

	Out       string // folder of the shards
	ShardRows int    // 0: features.DefaultShardRows
	Force     bool   // discard shards of another source
	Progress  func(done, total int)
	Say       func(line string) // what was taken for what; nil: nobody asks
}

// Run makes shards of foreign features. A row with a missing value, or one that is not a finite float32, is skipped and listed;
// everything else that does not fit is an error. Memory is bounded whatever the number of rows, but for the names. An
// interrupted import is resumed like an extraction; the sha256 of what is read stands for the network's.
func Run(ctx context.Context, o Import) (*features.Manifest, error) {
	if o.Kind != LabelAuto && !slices.Contains(LabelKinds(), o.Kind) {
		return nil, fmt.Errorf("unknown kind of labels %q; known: %s", o.Kind, strings.Join(LabelKinds(), ", "))
	}
	t, err := openAll(o.Files, Options{Format: o.Format, Temp: o.temp()})
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer t.Close()
	a, images, labels, err := o.resolve(t)
	if err != nil {
		return nil, err
	}
	sum, err := t.SHA256()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	v, err := t.Values(a.features...)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer v.Close()
	return o.store(ctx, images, labels, width(t, a.features), sum, "import "+o.format(), v)
}

// format is that of the files.
func (o *Import) format() string {
	if o.Format != "" {
		return o.Format
	}
	if f, err := detect(o.Files[0]); err == nil {
		return f.name
	}
	return "folder"
}

// RunMatrix makes shards of one matrix of a file, the features of the images given in their order.
func (o Import) RunMatrix(ctx context.Context, file, name string, images []string, labels []int, engine string) (*features.Manifest, error) {
	o.Files = []string{file}
	t, err := Open(file, Options{Temp: o.temp()})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	i := slices.IndexFunc(t.Columns(), func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s: there is no variable %q; variables: %s", file, name, names(t.Columns()))
	}
	c := t.Columns()[i]
	if turn, ok := t.(turnable); ok && c.turns && c.Rows != len(images) && c.Width == len(images) {
		turn.Turn(i)
		c = t.Columns()[i]
	}
	if !c.Kind.numeric() || c.Rows != len(images) {
		return nil, fmt.Errorf("%s: %s is %d x %d of %s, but there are %d labels", file, name, c.Width, c.Rows, c.Kind, len(images))
	}
	sum, err := t.SHA256()
	if err != nil {
		return nil, err
	}
	v, err := t.Values(i)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return o.store(ctx, images, labels, c.Width, sum, engine, v)
}

// temp is where temporary copies go: beside the shards, where there is room for them.
func (o *Import) temp() string {
	if st, err := os.Stat(o.Out); err == nil && st.IsDir() {
		return o.Out
	}
	return ""
}

func width(t Table, columns []int) int {
	n := 0
	for _, c := range columns {
		n += t.Columns()[c].Width
	}
	return n
}

// resolve finds the features, and the image name and class of each row (features.Unlabelled: none).
func (o *Import) resolve(t Table) (a *roles, images []string, labels []int, err error) {
	if a, err = resolveFeatures(t, o.Columns); err != nil {
		return nil, nil, nil, err
	}
	list := rowLists{o: o, t: t, a: a}
	if err := list.read(); err != nil {
		return nil, nil, nil, err
	}
	l := newLabeller(o.Known, o.Kind)
	images = list.images
	if images == nil {
		images = make([]string, list.rows)
		for i := range images {
			images[i] = fmt.Sprintf("row-%08d", i)
		}
		a.said = append(a.said, "image names: none; rows are numbered, from row-00000000")
	} else if images = l.ownImages(images); slices.Contains(images, "") {
		return nil, nil, nil, fmt.Errorf("%s: row %d (from 0) has no image name", list.fromImages, slices.Index(images, ""))
	}
	switch {
	case o.Unlabelled:
		labels = make([]int, list.rows)
		for i := range labels {
			labels[i] = features.Unlabelled
		}
	case list.names == nil && list.numbers == nil:
		labels, err = l.fromImages(images)
	case len(o.Known.Classes) == 0:
		err = fmt.Errorf("import %s: it has labels, but no class names are known", t.Path())
	default:
		labels, err = l.labelled(images, list.names, list.numbers, list.fromNames, list.fromNumbers)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if o.Say != nil {
		for _, line := range append(a.said, l.said...) {
			o.Say(line)
		}
	}
	return a, images, labels, nil
}

// rowLists are what is said of the rows, in columns of the table or in files of their own.
type rowLists struct {
	o *Import
	t Table
	a *roles

	rows                               int
	images, names, numbers             []string
	fromImages, fromNames, fromNumbers string
}

func (r *rowLists) read() (err error) {
	o := r.o
	if len(o.Images) > 0 {
		r.a.image, r.fromImages = -1, strings.Join(o.Images, ", ")
		if r.images, _, err = r.files(o.Images, imageNames); err != nil {
			return fmt.Errorf("image names: %w", err)
		}
	}
	if len(o.Labels) > 0 {
		r.a.class, r.a.label = -1, -1
		from := strings.Join(o.Labels, ", ")
		list, kind, err := r.files(o.Labels, classNames)
		if err != nil {
			return fmt.Errorf("labels: %w", err)
		}
		if o.Kind == LabelName || o.Kind == LabelAuto && kind == Text {
			r.names, r.fromNames = list, from
		} else {
			r.numbers, r.fromNumbers = list, from
		}
	}
	r.turn()
	first := r.a.features[0]
	r.rows = r.t.Columns()[first].Rows
	for _, c := range []struct {
		column int
		texts  *[]string
		from   *string
	}{{r.a.image, &r.images, &r.fromImages}, {r.a.class, &r.names, &r.fromNames}, {r.a.label, &r.numbers, &r.fromNumbers}} {
		if c.column < 0 {
			continue
		}
		all, err := r.t.Texts(c.column)
		if err != nil {
			return err
		}
		if c.column != r.a.image && !slices.ContainsFunc(all[0], func(s string) bool { return s != "" }) {
			r.a.said = append(r.a.said, fmt.Sprintf("classes: column %s is empty", r.t.Columns()[c.column].label()))
			continue
		}
		*c.texts, *c.from = all[0], fmt.Sprintf("%s: column %s", r.t.Path(), r.t.Columns()[c.column].label())
	}
	if r.names != nil && r.numbers == nil && (o.Kind == LabelID || o.Kind == LabelIndex) {
		r.names, r.numbers, r.fromNames, r.fromNumbers = nil, r.names, "", r.fromNames
	}
	if o.Kind == LabelName && r.names == nil && r.numbers != nil {
		r.names, r.numbers, r.fromNames, r.fromNumbers = r.numbers, nil, r.fromNumbers, ""
	}
	if r.numbers != nil && o.LabelNames != "" {
		if err := r.spellOut(); err != nil {
			return err
		}
	}
	dim := width(r.t, r.a.features)
	for _, l := range []struct {
		texts      []string
		what, from string
	}{{r.images, "image names", r.fromImages}, {r.names, "labels", r.fromNames}, {r.numbers, "labels", r.fromNumbers}} {
		switch n := len(l.texts); {
		case l.texts == nil || n == r.rows:
		case n == dim:
			return fmt.Errorf("%s: %d %s for %d rows of %d values in %s: is the matrix transposed?", l.from, n, l.what, r.rows, dim, r.t.Path())
		default:
			return fmt.Errorf("%s: %d %s for %d rows in %s", l.from, n, l.what, r.rows, r.t.Path())
		}
	}
	return nil
}

// turn sees the rows of a matrix as images where that alone fits the number of names or labels.
func (r *rowLists) turn() {
	t, ok := r.t.(turnable)
	first := r.a.features[0]
	c := r.t.Columns()[first]
	if !ok || !c.turns || len(r.a.features) > 1 {
		return
	}
	n := 0
	for _, column := range []int{r.a.image, r.a.class, r.a.label} {
		if column >= 0 {
			n = r.t.Columns()[column].Rows
		}
	}
	for _, list := range [][]string{r.images, r.names, r.numbers} {
		if list != nil {
			n = len(list)
		}
	}
	how := "a column"
	if n == c.Width && n != c.Rows {
		t.Turn(first)
		how = "a row"
	}
	r.a.said = append(r.a.said, fmt.Sprintf("images: each %s of the matrix is one", how))
}

// spellOut takes numbers for the names in LabelNames: the first line is 0 or 1.
func (r *rowLists) spellOut() error {
	texts, err := readList(r.o.LabelNames, "", classNames)
	if err != nil {
		return fmt.Errorf("--label-names: %w", err)
	}
	classes := make([]features.Class, len(texts))
	for i, name := range texts {
		classes[i] = features.Class{Name: name, ID: i + 1}
	}
	l := newLabeller(Known{Classes: classes}, r.o.Kind)
	none := make([]int, len(r.numbers))
	for i := range none {
		none[i] = features.Unlabelled
	}
	labels, err := l.numbered(r.numbers, none, r.fromNumbers)
	if err != nil {
		return fmt.Errorf("--label-names %s: %w", r.o.LabelNames, err)
	}
	r.names, r.fromNames = make([]string, len(labels)), r.fromNumbers
	for i, k := range labels {
		r.names[i] = texts[k]
	}
	r.numbers = nil
	r.a.said = append(r.a.said, l.said...)
	return nil
}

// files reads lists, one after the other.
func (r *rowLists) files(list []string, usual []string) (all []string, kind Kind, err error) {
	for i, name := range list {
		t, column, own, err := r.open(name)
		if err != nil {
			return nil, kind, err
		}
		c, err := resolveList(t, column, usual)
		var texts [][]string
		if err == nil {
			texts, err = t.Texts(c)
		}
		if err == nil && (i == 0 || t.Columns()[c].Kind == Text) {
			kind = t.Columns()[c].Kind
		}
		if !own {
			err = errors.Join(err, t.Close())
		}
		if err != nil {
			return nil, kind, err
		}
		all = append(all, texts[0]...)
	}
	return all, kind, nil
}

// open opens "FILE", "FILE:NAME" or, of the features' own file, ":NAME".
func (r *rowLists) open(name string) (t Table, column string, own bool, err error) {
	if rest, ok := strings.CutPrefix(name, ":"); ok {
		return r.t, rest, true, nil
	}
	file, column := splitColumn(name)
	t, err = Open(file, Options{List: true, Temp: r.o.temp()})
	return t, column, false, err
}

// splitColumn takes FILE:NAME apart; a file whose name holds a colon is one.
func splitColumn(name string) (file, column string) {
	if _, err := os.Stat(name); err == nil {
		return name, ""
	}
	if i := strings.LastIndex(name, ":"); i > 1 { // C:\ is none
		return name[:i], name[i+1:]
	}
	return name, ""
}

// ReadImageNames reads a list of image names in any format: FILE, or FILE:NAME for a variable or column of it.
func ReadImageNames(name string) ([]string, error) {
	file, column := splitColumn(name)
	return readList(file, column, imageNames)
}

// readList reads a list of texts in any format.
func readList(file, column string, usual []string) ([]string, error) {
	t, err := Open(file, Options{List: true})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	c, err := resolveList(t, column, usual)
	if err != nil {
		return nil, err
	}
	all, err := t.Texts(c)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// store makes shards of rows of features with their images and labels: indices of classes, or features.Unlabelled. sum
// identifies what v reads, in hexadecimal.
func (o *Import) store(ctx context.Context, images []string, labels []int, dim int, sum, engine string, v Values) (*features.Manifest, error) {
	rows := make([]features.Image, len(images))
	for i, image := range images {
		rows[i] = features.Image{Path: image, Class: labels[i]}
	}
	sorted := slices.Sorted(slices.Values(images)) // of millions smaller than a map
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return nil, fmt.Errorf("import %s: duplicate image %q", strings.Join(o.Files, ", "), sorted[i])
		}
	}
	w, err := features.Create(o.Out, features.Source{
		Dataset: o.Dataset, DatasetSHA256: features.ListSHA256(o.Known.Classes, rows), Network: o.Network, NetworkSHA256: sum,
		Layer: o.Layer, Recipe: o.Recipe, Engine: engine, Program: o.Program, Dim: dim, ShardRows: o.ShardRows, Images: len(rows),
	}, o.Force)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := o.write(ctx, w, v, rows, dim); err != nil {
		return nil, err
	}
	return w.Finish()
}

// write fills the parts that are still to be made: one goroutine reads, a few write.
func (o *Import) write(ctx context.Context, w *features.Writer, v Values, rows []features.Image, dim int) error {
	var mu sync.Mutex
	done := 0
	progress := func(n int) {
		if o.Progress != nil {
			mu.Lock()
			defer mu.Unlock()
			done += n
			o.Progress(done, len(rows))
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), 4)
	g.SetLimit(workers + 1)
	const together = 1 << 26 // values of all buffers, where there is more than one
	_, part := w.Range(0)
	free := make(chan []float32, min(workers+1, max(1, together/(part*dim))))
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
			if err := v.Read(ctx, lo, hi, values); err != nil {
				return err
			}
			g.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := w.WritePart(part, o.filledPart(rows, dim, lo, hi, values)); err != nil {
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
func (o *Import) filledPart(rows []features.Image, dim, lo, hi int, values []float32) (p features.Part) {
	kept := 0
	for i := lo; i < hi; i++ {
		image, row := rows[i], values[(i-lo)*dim:(i-lo+1)*dim]
		if k := features.NotFinite(row); k >= 0 {
			p.Skipped = append(p.Skipped, features.Skip{Image: image.Path, Reason: fmt.Sprintf("row %d of the features: value %d %s", i, k, broken(row[k]))})
			continue
		}
		p.Images = append(p.Images, image.Path)
		class := ""
		if image.Class != features.Unlabelled {
			class = o.Known.Classes[image.Class].Name
		}
		p.Classes = append(p.Classes, class)
		p.Labels = append(p.Labels, int32(image.Class))
		copy(values[kept*dim:], row)
		kept++
	}
	p.Features = values[:kept*dim]
	return p
}

func broken(v float32) string {
	if v != v {
		return "is missing or not a number"
	}
	return "is not a finite float32"
}
