package datasets

import (
	"context"
	"fmt"

	"vzsl/features"
)

// ImportNPY makes shards of a NumPy matrix, one row per image.
func ImportNPY(ctx context.Context, o Import) (*features.Manifest, error) {
	a, err := openNPY(o.Features)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer a.close()
	return o.npy(ctx, a, "import npy")
}

func (o *Import) npy(ctx context.Context, a *npyArray, engine string) (*features.Manifest, error) {
	rows, dim, err := a.rowsAndColumns()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	if a.kind != 'f' {
		return nil, fmt.Errorf("features: %s holds elements of kind %q; float32 or float64 are wanted", a.path, a.kind)
	}
	r := &npyRows{a, rows, dim}
	d, err := o.joined(r)
	if err != nil {
		return nil, err
	}
	return o.store(ctx, d, r, engine)
}

// npyRows is an array seen as rows of features.
type npyRows struct {
	a         *npyArray
	rows, dim int
}

func (r *npyRows) size() (rows, dim int) { return r.rows, r.dim }
func (r *npyRows) sum() (string, error)  { return r.a.sha256() }
func (r *npyRows) read(_ context.Context, lo, hi int, dst []float32) error {
	return r.a.readRows(r.rows, r.dim, lo, hi, dst)
}
