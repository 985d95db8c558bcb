package extract

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"vzsl/datasets"
	"vzsl/features"
)

// item is one image on its way to the engine.
type item struct {
	index int // in the dataset
	ready chan struct{}

	// Set when ready is closed.
	input []float32 // to be given back
	file  features.File
	skip  string
	err   error
}

// prefetcher preprocesses images in parallel and delivers them in order. It holds at
// most buffers inputs at a time.
type prefetcher struct {
	items chan *item // in order, each perhaps not yet ready
	free  chan []float32
	taken atomic.Int64 // images begun

	turned  atomic.Int64 // images that carry an EXIF orientation
	damaged atomic.Int64 // images that are damaged, and read nevertheless
	wg      sync.WaitGroup
	reading datasets.Reading // nil: images are files
}

// startPrefetch begins to work on images, by their place in the dataset, in order. The
// workers end when all is delivered or ctx is done; wait returns after that.
func startPrefetch(ctx context.Context, o *Options, images []int, workers, buffers int) *prefetcher {
	a := &prefetcher{items: make(chan *item, buffers), free: make(chan []float32, buffers)}
	for range buffers {
		a.free <- make([]float32, o.Recipe.Values())
	}
	if o.Dataset.Pictures != nil {
		a.reading = o.Dataset.Pictures.Read(ctx, slices.DeleteFunc(slices.Clone(images), func(i int) bool {
			return o.Dataset.Unusable[o.Dataset.Images[i].Path] != ""
		}))
	}
	jobs := make(chan *item)
	a.wg.Go(func() {
		defer close(a.items)
		defer close(jobs)
		for _, i := range images {
			it := &item{index: i, ready: make(chan struct{})}
			select {
			case it.input = <-a.free:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- it:
			case <-ctx.Done():
				return
			}
			a.items <- it // never blocks: as long as there are inputs, there is room
		}
	})
	var large sync.Mutex
	for range workers {
		a.wg.Go(func() {
			r := reader{root: o.Dataset.ImageRoot, recipe: o.Recipe, nhwc: o.NHWC, large: &large, megapixels: o.MaxPixels, turned: &a.turned}
			for it := range jobs {
				a.taken.Add(1)
				r.box = nil
				if o.Boxes != nil {
					r.box = &o.Boxes[it.index]
				}
				path := o.Dataset.Images[it.index].Path
				if it.skip = o.Dataset.Unusable[path]; it.skip == "" {
					it.skip, it.err = r.image(ctx, a.reading, path, it)
					it.file = r.file
				}
				if it.skip == "" && it.err == nil && r.flaw != "" {
					a.warn(o.Log, path, r.flaw)
				}
				close(it.ready)
			}
		})
	}
	return a
}

// Damaged is the warning about an image whose file is damaged.
const Damaged = "image damaged, decoded as by libjpeg"

// warn counts a damaged image, and names the first ones.
func (a *prefetcher) warn(log *slog.Logger, image, flaw string) {
	const logged = 20
	switch n := a.damaged.Add(1); {
	case log == nil || n > logged:
	case n < logged:
		log.Warn(Damaged, "image", image, "what", flaw)
	default:
		log.Warn(Damaged+" (further ones are only counted)", "image", image, "what", flaw)
	}
}

// next returns the next image in order, or nil at the end or when ctx is done.
func (a *prefetcher) next(ctx context.Context) *item {
	select {
	case it, ok := <-a.items:
		if !ok {
			return nil
		}
		select {
		case <-it.ready:
			return it
		case <-ctx.Done():
			return nil
		}
	case <-ctx.Done():
		return nil
	}
}

// recycle returns an item's input for another image.
func (a *prefetcher) recycle(it *item) {
	a.free <- it.input
	it.input = nil
}

// wait ends when the workers have, and ends the reading.
func (a *prefetcher) wait() error {
	a.wg.Wait()
	if a.reading == nil {
		return nil
	}
	return a.reading.Close()
}
