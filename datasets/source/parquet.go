package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"vzsl/datasets"
	"vzsl/features/convert"
	"vzsl/internal/store"
)

// nameColumns are the usual columns of images' names in tables, beside the path in Hugging Face's struct.
var nameColumns = []string{"file_name", "filename", "path", "image_path", "file_path", "filepath", "image_name", "image_id", "__key__", "key", "id"}

// binaryColumns are the usual columns of their bytes.
var binaryColumns = []string{"image", "img", "picture", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "data", "content"}

// tableContents are the rows of a Parquet file with a column of images. An image is at the place of its row.
type tableContents struct {
	*file
	columns *tableColumns // nil: chosen by o when the file is read
	o       *Options
}

// tableColumns say which columns are what, by the names from the root.
type tableColumns struct {
	image, class, name []string
	names              []string // that whole numbers in class stand for
}

func (s *set) openTables(ctx context.Context, d *datasets.Dataset, o *Options) error {
	for i, f := range s.files {
		t := &tableContents{file: f}
		if !f.Ranges {
			return fmt.Errorf("%s: the server does not support range requests, which reading Parquet needs: download the file", f.url())
		}
		err := t.open(ctx, func(p *parquet.File) (err error) {
			t.columns, err = chooseColumns(p, o)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", f.url(), err)
		}
		if i == 0 {
			name := "their rows"
			if t.columns.name != nil {
				name = "column " + strings.Join(t.columns.name, ".")
			}
			d.Note("images are in column %s, classes in column %s, image names from %s; --data-columns image=..., class=... and name=... choose others",
				strings.Join(t.columns.image, "."), strings.Join(t.columns.class, "."), name)
		}
		s.holds = append(s.holds, t)
	}
	return s.listAll(ctx, d, o)
}

// open opens the file for do. What the library makes of damaged data, panics too, is the file's fault.
func (t *tableContents) open(ctx context.Context, do func(*parquet.File) error) (err error) {
	at := &ranges{ctx: ctx, file: t.file}
	defer at.close()
	defer func() {
		if p := recover(); p != nil {
			err = &damagedError{fmt.Errorf("%v", p)}
		}
		if at.err != nil {
			err = at.err
		}
	}()
	p, err := parquet.OpenFile(at, t.Size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<20))
	if err != nil {
		return fmt.Errorf("not a readable Parquet file, or not a complete one: %w; copy it again", err)
	}
	return do(p)
}

// chooseColumns finds out which columns are what.
func chooseColumns(p *parquet.File, o *Options) (*tableColumns, error) {
	all := p.Root().Columns()
	var names []string
	for _, c := range all {
		names = append(names, c.Name())
	}
	t := &tableColumns{}
	about, _ := p.Lookup("huggingface")
	label := convert.ClassLabels(about)

	image, err := which(names, o.Image, "image", nil)
	if err != nil {
		return nil, err
	}
	if image < 0 {
		image = slices.IndexFunc(all, isImageStruct)
	}
	if image < 0 {
		var binary []string
		for _, c := range all {
			if isBinary(c) {
				binary = append(binary, c.Name())
			}
		}
		if i, _ := which(binary, "", "", binaryColumns); i >= 0 {
			image = slices.Index(names, binary[i])
		} else if len(binary) == 1 {
			image = slices.Index(names, binary[0])
		}
	}
	switch {
	case image < 0:
		return nil, fmt.Errorf("no column is known for images, a struct of bytes and path or a binary one: name one of %s with --data-columns image=NAME", strings.Join(names, ", "))
	case isImageStruct(all[image]):
		t.image = []string{names[image], "bytes"}
		if p := all[image].Column("path"); p != nil && p.Leaf() {
			t.name = []string{names[image], "path"}
		}
	case all[image].Leaf() && all[image].Type().Kind() == parquet.ByteArray && all[image].MaxRepetitionLevel() == 0:
		t.image = []string{names[image]}
	default:
		return nil, fmt.Errorf("column %s does not hold images: expected binary values or structs of bytes and path", names[image])
	}

	said := o.Class
	if said == "" {
		if i := slices.IndexFunc(names, func(n string) bool { return label[n] != nil }); i >= 0 {
			said = names[i]
		}
	}
	class, err := which(names, said, "class", classColumns)
	switch {
	case err != nil:
		return nil, err
	case class < 0:
		return nil, fmt.Errorf("no column has a usual name for classes (%s): name one of %s with --data-columns class=NAME", strings.Join(classColumns, ", "), strings.Join(names, ", "))
	case !isText(all[class]):
		return nil, fmt.Errorf("column %s does not hold classes: expected text or whole numbers, one per row; name another with --data-columns class=NAME", names[class])
	}
	t.class = []string{names[class]}
	if t.names = label[names[class]]; o.Names != "" {
		t.names = nil
	}

	var texts []string
	for i, c := range all {
		if isText(c) && i != class && i != image {
			texts = append(texts, c.Name())
		}
	}
	usual := nameColumns
	if t.name != nil {
		usual = nil
	}
	name, err := which(texts, o.Name, "name", usual)
	if err != nil {
		return nil, err
	}
	if name >= 0 {
		t.name = []string{texts[name]}
	}
	return t, nil
}

func isImageStruct(c *parquet.Column) bool {
	b := c.Column("bytes")
	return !c.Leaf() && b != nil && b.Leaf() && b.Type().Kind() == parquet.ByteArray && b.MaxRepetitionLevel() == 0
}

func isBinary(c *parquet.Column) bool {
	return c.Leaf() && c.Type().Kind() == parquet.ByteArray && c.MaxRepetitionLevel() == 0 && c.Type().LogicalType() == nil && c.Type().ConvertedType() == nil
}

func isText(c *parquet.Column) bool {
	if !c.Leaf() || c.MaxRepetitionLevel() > 0 {
		return false
	}
	switch c.Type().Kind() {
	case parquet.Int32, parquet.Int64, parquet.ByteArray:
		return true
	}
	return false
}

func (t *tableContents) list(ctx context.Context) ([]entry, string, error) {
	var all []entry
	stem := strings.TrimSuffix(path.Base(t.key), ".parquet")
	err := t.open(ctx, func(p *parquet.File) error {
		if p.NumRows() > 1<<31 {
			return fmt.Errorf("%d rows", p.NumRows())
		}
		err := eachValue(ctx, p, t.columns.class, nil, func(row int64, v parquet.Value) error {
			e := entry{name: fmt.Sprintf("%s/%06d", stem, row), at: row, size: -1}
			if e.class = textOf(v); v.IsNull() || e.class == "" || e.class == "-1" { // -1 is Hugging Face's "not known"
				e.class, e.skip = "", "no class: the row has none"
			} else if t.columns.names != nil {
				n, err := strconv.Atoi(e.class)
				if err != nil || n < 0 || n >= len(t.columns.names) {
					return fmt.Errorf("row %d: class %s is none of the %d named in the file's metadata", row, e.class, len(t.columns.names))
				}
				e.class = t.columns.names[n]
			}
			all = append(all, e)
			return nil
		})
		if err != nil || t.columns.name == nil {
			return err
		}
		return eachValue(ctx, p, t.columns.name, nil, func(row int64, v parquet.Value) error {
			name := strings.TrimPrefix(path.Clean(textOf(v)), "/")
			if !v.IsNull() && row < int64(len(all)) && name != "." {
				all[row].name = name
			}
			return nil
		})
	})
	return all, "", err
}

func textOf(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Int32, parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	case parquet.ByteArray:
		return string(v.ByteArray())
	}
	return ""
}

// eachValue iterates over a column of one value a row, or through the row groups of it that are wanted.
func eachValue(ctx context.Context, p *parquet.File, column []string, wanted func(first, rows int64) bool, do func(row int64, v parquet.Value) error) error {
	leaf, ok := p.Schema().Lookup(column...)
	if !ok {
		return fmt.Errorf("there is no column %s", strings.Join(column, "."))
	}
	first := int64(0)
	values := make([]parquet.Value, 64)
	for _, g := range p.RowGroups() {
		rows := g.NumRows()
		if wanted == nil || wanted(first, rows) {
			if err := eachOfGroup(ctx, g.ColumnChunks()[leaf.ColumnIndex], first, rows, values, do); err != nil {
				return err
			}
		}
		first += rows
	}
	return nil
}

func eachOfGroup(ctx context.Context, c parquet.ColumnChunk, row, rows int64, values []parquet.Value, do func(row int64, v parquet.Value) error) error {
	pages := c.Pages()
	defer pages.Close()
	end := row + rows
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &damagedError{err}
		}
		in := page.Values()
		for {
			n, err := in.ReadValues(values)
			for _, v := range values[:n] {
				if row == end {
					return &damagedError{errors.New("a column has more values than there are rows")}
				}
				if err := do(row, v); err != nil {
					return err
				}
				row++
			}
			if errors.Is(err, io.EOF) || err == nil && n == 0 {
				break
			}
			if err != nil {
				return &damagedError{err}
			}
		}
		parquet.Release(page)
	}
	if row != end {
		return &damagedError{fmt.Errorf("a column ends %d rows too early", end-row)}
	}
	return nil
}

func (t *tableContents) read(ctx context.Context, wanted []int64, give func(at int64, data []byte, skip string) error) error {
	next := 0
	within := func(first, rows int64) bool {
		for next < len(wanted) && wanted[next] < first {
			next++
		}
		return next < len(wanted) && wanted[next] < first+rows
	}
	return t.open(ctx, func(p *parquet.File) (err error) {
		columns := t.columns
		if columns == nil {
			if columns, err = chooseColumns(p, t.o); err != nil {
				return err
			}
		}
		return eachValue(ctx, p, columns.image, within, func(row int64, v parquet.Value) error {
			if next == len(wanted) || wanted[next] != row {
				return nil
			}
			next++
			switch data := v.ByteArray(); {
			case v.IsNull():
				return give(row, nil, "the row has no image")
			case len(data) > maxPicture:
				return give(row, nil, fmt.Sprintf("too large: the file has %d MB, the limit is %d", len(data)>>20, maxPicture>>20))
			default:
				return give(row, slices.Clone(data), "")
			}
		})
	})
}

// ranges reads a file's parts, each by a request of its own where it is not the next of the one before.
type ranges struct {
	ctx  context.Context
	file *file
	body io.ReadCloser
	at   int64
	err  error
}

func (r *ranges) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.file.Size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), r.file.Size-off))
	const skip = 1 << 20 // is read over rather than asked for again
	if r.body != nil && off > r.at && off-r.at <= skip {
		n, err := io.CopyN(io.Discard, r.body, off-r.at)
		if r.at += n; err != nil {
			r.close()
		}
	}
	if r.body == nil || r.at != off {
		r.close()
		var err error
		if r.body, err = r.file.store.Read(r.ctx, r.file.key, r.file.Version, off, -1); err != nil {
			r.body, r.err = nil, err
			return 0, err
		}
		r.at = off
	}
	n, err := io.ReadFull(r.body, p[:want])
	r.at += int64(n)
	switch {
	case err != nil:
		r.close()
		var changed *store.ChangedError
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) || errors.As(err, &changed) {
			r.err = err
		}
		return n, err
	case want < len(p):
		return n, io.EOF
	}
	return n, nil
}

func (r *ranges) close() {
	if r.body != nil {
		_ = r.body.Close()
		r.body = nil
	}
}
