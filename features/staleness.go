package features

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Staleness says what a dataset and its collection do not agree in.
type Staleness struct {
	New     int `json:"new"`     // images without a row
	Changed int `json:"changed"` // their file is another one
	Retried int `json:"retried"` // that had no feature: they are tried again
	Gone    int `json:"gone"`    // not in the dataset any more
}

// Any reports whether there is anything to do but to try skipped images again.
func (s Staleness) Any() bool { return s.New > 0 || s.Changed > 0 || s.Gone > 0 }

func (s Staleness) String() string {
	return fmt.Sprintf("%d new, %d changed, %d gone", s.New, s.Changed, s.Gone)
}

// Stale says what is to be computed and dropped.
func (g *Growth) Stale() Staleness {
	s := Staleness{Gone: g.gone}
	for i := range g.images {
		switch m := &g.images[i]; {
		case !m.todo:
		case m.donor < 0:
			s.New++
		case m.skipped:
			s.Retried++
		default:
			s.Changed++
		}
	}
	return s
}

// check finds the images that have to be computed: those that are new, that changed, and that were skipped.
func (g *Growth) check(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	const step = 256
	for range 2 * runtime.GOMAXPROCS(0) { // the disk answers several at a time
		wg.Go(func() {
			for {
				lo := int(next.Add(step)) - step
				if lo >= len(g.images) || ctx.Err() != nil {
					return
				}
				for i := lo; i < min(lo+step, len(g.images)); i++ {
					if err := g.checkImage(ctx, i); err != nil {
						stop(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// checkImage decides whether an image has to be computed.
func (g *Growth) checkImage(ctx context.Context, i int) error {
	m := &g.images[i]
	if g.shared() && !g.mine(i) {
		return nil
	}
	if m.donor < 0 {
		m.todo = true
		return nil
	}
	d := g.donors[m.donor]
	if g.trusted(d) {
		return nil
	}
	if g.o.Trust != nil {
		m.todo = true
		return nil
	}
	if m.skipped { // cheap: it was not computed then either
		m.todo = true
		return nil
	}
	known := m.sha != [32]byte{}
	if known && g.o.Check == CheckNone {
		return nil
	}
	if g.o.Stat == nil {
		return fmt.Errorf("%s: the files of its images are not known", g.dir)
	}
	path := g.o.Images[i].Path
	now, err := g.o.Stat(path)
	if err != nil { // to read it says why
		m.todo = true
		return nil //nolint:nilerr // the image is read again, and that error counts
	}
	same := known && (now.Bytes < 0 || now.Bytes == m.bytes)
	switch {
	case known && !same:
		m.todo = true
		return nil
	case same && g.o.Check == CheckTime && m.modTime != 0 && now.ModTime == m.modTime:
		return nil
	case g.o.Hash == nil:
		m.todo = true
		return nil
	}
	sum, err := g.o.Hash(ctx, path)
	if errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	now.SHA256 = sum
	r := now.record()
	if err != nil || known && r.sha != m.sha {
		m.todo = true
		return nil //nolint:nilerr // the image is read again, and that error counts
	}
	if r.bytes < 0 {
		r.bytes = m.bytes
	}
	m.imageRecord = r
	return nil
}

// mine reports whether an image is in a shard of this task.
func (g *Growth) mine(i int) bool {
	lo, hi := 0, len(g.parts)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; g.at[mid] <= i {
			lo = mid
		} else {
			hi = mid
		}
	}
	return g.Ours(lo)
}

// Stale compares a finished collection with its dataset and writes nothing.
func Stale(ctx context.Context, dir string, m *Manifest, o Growing) (Staleness, error) {
	if o.Check == "" {
		o.Check = CheckTime
	}
	g := &Growth{dir: dir, src: m.Source, o: o, manifest: m}
	g.listed()
	if err := g.load(ctx); err != nil {
		return Staleness{}, err
	}
	if err := g.check(ctx); err != nil {
		return Staleness{}, err
	}
	return g.Stale(), nil
}
