package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"vzsl/features"
	"vzsl/internal/delimited"
)

// ImportCSV makes shards of a table of text with a header: a column of image names, one of classes (names or, where Kind is
// not LabelName, numbers), every other column a feature.
func ImportCSV(ctx context.Context, o Import, c Columns) (*features.Manifest, error) {
	t := &csvTable{path: o.Features}
	if err := t.open(); err != nil {
		return nil, err
	}
	defer t.close()
	header := t.r.Header()
	var err error
	if t.image, err = column(header, c.Image, imageColumns); err == nil {
		t.class, err = column(header, c.Class, classColumns)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", o.Features, err)
	}
	for i := range header {
		if i != t.image && i != t.class {
			t.features = append(t.features, i)
		}
	}
	if len(t.features) == 0 {
		return nil, fmt.Errorf("%s:1: no column of features beside those of images and classes", o.Features)
	}
	images, labels, err := t.names(&o)
	if err != nil {
		return nil, err
	}
	d, err := o.dataset(images, labels)
	if err != nil {
		return nil, err
	}
	return o.store(ctx, d, t, "import csv")
}

// csvTable reads a table from front to end, twice: first the names, then the numbers.
type csvTable struct {
	path         string
	r            *delimited.Reader
	image, class int // columns, -1: none
	features     []int
	rows, at     int
}

func (t *csvTable) open() (err error) {
	t.r, err = delimited.Open(t.path)
	return err
}

func (t *csvTable) close() { _ = t.r.Close() }

func (t *csvTable) names(o *Import) (images []string, labels []int, err error) {
	var classes []string
	for {
		f, _, err := t.r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		t.rows++
		if t.image >= 0 {
			images = append(images, f[t.image])
		}
		if t.class >= 0 {
			classes = append(classes, f[t.class])
		}
	}
	if t.rows == 0 {
		return nil, nil, fmt.Errorf("%s holds no rows", t.path)
	}
	t.close()
	if err := t.open(); err != nil {
		return nil, nil, err
	}
	if t.image < 0 {
		if images, err = o.imageNames(t.rows, len(t.features)); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case t.class < 0:
		labels, err = o.byFolder(images)
	case o.Kind == LabelName:
		labels, err = o.byName(t.path, classes)
	default:
		numbers := make([]int64, len(classes))
		for i, c := range classes {
			if numbers[i], err = strconv.ParseInt(c, 10, 64); err != nil {
				return nil, nil, fmt.Errorf("%s: row %d: %q is not a whole number (class names: --label-kind name)", t.path, i, c)
			}
		}
		labels, err = o.byNumber(t.path, numbers)
	}
	return images, labels, err
}

func (t *csvTable) size() (rows, dim int) { return t.rows, len(t.features) }
func (t *csvTable) sum() (string, error)  { return fileSHA256(t.path) }

func (t *csvTable) read(ctx context.Context, lo, hi int, dst []float32) error {
	for ; t.at < hi; t.at++ {
		if t.at%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		f, _, err := t.r.Next()
		if err != nil {
			return fmt.Errorf("%s: row %d: %w", t.path, t.at, err)
		}
		if t.at < lo {
			continue
		}
		row := dst[(t.at-lo)*len(t.features):]
		for k, i := range t.features {
			v, err := strconv.ParseFloat(f[i], 32)
			if err != nil && !errors.Is(err, strconv.ErrRange) { // too large becomes infinite, and its row is skipped
				return fmt.Errorf("%s: column %s holds %q; every column but those of images and classes must hold numbers", t.r.At(i), t.r.Header()[i], f[i])
			}
			row[k] = float32(v)
		}
	}
	return nil
}
