package convert

import (
	"context"
	"fmt"
	"io"
)

// parts reads rows of a table whose values are stored in parts, one after another: record batches, row groups, files.
type parts struct {
	path   string
	rows   []int                                                      // of each part
	width  int                                                        // values in a row
	open   func(ctx context.Context, part, first int) error           // makes a part the one that read reads; first is its first row
	read   func(ctx context.Context, lo, hi int, dst []float32) error // reads rows of it, counted within it
	next   int                                                        // the part after the one that is open
	lo, hi int                                                        // rows of the open part
}

// Read reads rows [lo,hi); lo is never before an earlier hi. Parts before lo are not opened.
func (p *parts) Read(ctx context.Context, lo, hi int, dst []float32) error {
	for lo < hi {
		if err := ctx.Err(); err != nil {
			return err
		}
		for lo >= p.hi {
			if p.next == len(p.rows) {
				return fmt.Errorf("%s: %w", p.path, io.ErrUnexpectedEOF)
			}
			if p.lo, p.hi = p.hi, p.hi+p.rows[p.next]; lo < p.hi {
				if err := p.open(ctx, p.next, p.lo); err != nil {
					return err
				}
			}
			p.next++
		}
		n := min(hi, p.hi) - lo
		if err := p.read(ctx, lo-p.lo, lo-p.lo+n, dst[:n*p.width]); err != nil {
			return err
		}
		lo, dst = lo+n, dst[n*p.width:]
	}
	return nil
}
