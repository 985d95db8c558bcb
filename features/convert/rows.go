package convert

import (
	"context"
	"fmt"
	"os"
	"slices"

	"vzsl/features"
)

// Rows are features of another program whose classes do not matter: to be predicted.
type Rows struct {
	Images []string // a name per row
	Dim    int
	table  Table
	values Values
}

// OpenRows opens the features in o.Files, with the names of their images in o.Images or in the table itself.
func OpenRows(o Import) (*Rows, error) {
	t, err := openAll(o.Files, Options{Format: o.Format})
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	o.Unlabelled = true
	a, images, _, err := o.resolve(t)
	var v Values
	if err == nil {
		v, err = t.Values(a.features...)
	}
	if err != nil {
		_ = t.Close() // it was only read
		return nil, err
	}
	return &Rows{Images: images, Dim: width(t, a.features), table: t, values: v}, nil
}

// Read fills x with the rows of [lo,hi) that are features, one after the other; bad says of the others why they are none. lo is
// never before an earlier hi.
func (r *Rows) Read(ctx context.Context, lo, hi int, x []float32) (bad map[int]string, err error) {
	x = x[:(hi-lo)*r.Dim]
	if err := r.values.Read(ctx, lo, hi, x); err != nil {
		return nil, err
	}
	bad = map[int]string{}
	kept := 0
	for i := lo; i < hi; i++ {
		row := x[(i-lo)*r.Dim : (i-lo+1)*r.Dim]
		if k := features.NotFinite(row); k >= 0 {
			bad[i] = fmt.Sprintf("value %d %s", k, broken(row[k]))
			continue
		}
		kept += copy(x[kept:], row)
	}
	return bad, nil
}

// Close closes the file.
func (r *Rows) Close() error {
	_ = r.values.Close() // only read
	return r.table.Close()
}

// IsTable tells of a file whether it is one of the formats that are read: by its first bytes or, of text, by its name.
func IsTable(path string) bool {
	st, err := os.Stat(path)
	if err != nil || st.IsDir() {
		return false
	}
	if f, err := detect(path); err == nil && f.magic != nil {
		return true
	}
	return slices.ContainsFunc(formats, func(f format) bool { return slices.Contains(f.ext, extension(path)) })
}
