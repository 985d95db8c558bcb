package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"vzsl/datasets"
	"vzsl/extract/preprocess"
	"vzsl/features"
)

// Writer is where the features go: a *features.Writer.
type Writer interface {
	Parts() int
	Done(part int) bool
	Range(part int) (lo, hi int)
	WritePart(part int, p features.Part) error
	Finish() (*features.Manifest, error)
}

// A Grower is a Writer that has some of the features already: *features.Growth.
type Grower interface {
	Writer
	// Missing are the images of a part that are to be computed, by their place in the dataset; the writer has the others.
	Missing(part int) []int
	// Ours reports whether a part is this task's: others are neither computed nor counted.
	Ours(part int) bool
}

// Options say what to extract. Dataset, Engine, Recipe and Writer are needed.
type Options struct {
	Dataset *datasets.Dataset
	Engine  Engine
	Recipe  preprocess.Recipe
	NHWC    bool // the network's input is N,H,W,C; otherwise N,C,H,W
	Writer  Writer
	Boxes   []datasets.Box // one per image of Dataset: what of it is taken; nil: all
	Batch   int            // images per call of the engine; 0: chosen here
	Workers int            // images decoded at a time; 0: one per processor

	Task bool // the writer is one of several: the folder is not finished

	MaxPixels int // million; larger images are skipped; 0: preprocess.MaxMegapixels

	// Progress is told, from one goroutine, how many of all images are done; those
	// of parts that were there already count from the start. May be nil.
	Progress func(done, total int)
	Log      *slog.Logger // may be nil
}

// Result says what a run did. After an error it covers what was done until then.
type Result struct {
	Images   int // images with features in the finished shards (0 if not finished)
	Skipped  int // images in skipped.csv (0 if not finished)
	Computed int // images that the engine computed in this run
	Resumed  int // images that were there already, skipped ones included
	Rotated  int // images of this run that carry an EXIF orientation
	Damaged  int // images of this run that are damaged, and read as libjpeg reads them
	Parts    int // parts written in this run
	Batch    int
	Workers  int

	Elapsed time.Duration
	Engine  time.Duration // in the engine
	Waiting time.Duration // the engine's wait for images

	Manifest *features.Manifest // nil if not finished
}

// ImagesPerSecond is the pace of this run, 0 where it computed nothing.
func (r *Result) ImagesPerSecond() float64 {
	if r.Computed == 0 || r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Computed) / r.Elapsed.Seconds()
}

// EngineShare is the part of the elapsed time that the engine was at work.
func (r *Result) EngineShare() float64 { return share(r.Engine, r.Elapsed) }

func share(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Run computes what the writer lacks and finishes it. When ctx is done it stops
// after the batch in the engine; finished parts stay. Images that cannot be
// used are skipped; if that is all of them, it is an error and nothing is written. The
// writer is not closed after an error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &run{Options: o, start: time.Now(), total: len(o.Dataset.Images)}
	r.res.Batch = r.Batch
	if r.res.Batch <= 0 {
		r.res.Batch = chooseBatch(o.Engine, o.Recipe.Values(), availableMemory())
	}
	if r.res.Workers = r.Workers; r.res.Workers <= 0 {
		r.res.Workers = runtime.GOMAXPROCS(0)
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	err := r.all(ctx)
	r.res.Elapsed = time.Since(r.start)
	return &r.res, err
}

func (o *Options) check() error {
	switch {
	case o.Dataset == nil || o.Engine == nil || o.Writer == nil:
		return errors.New("extract: Dataset, Engine and Writer are needed")
	case len(o.Dataset.Images) == 0:
		return fmt.Errorf("extract: %s has no images", o.Dataset.Root)
	case o.Engine.Dim() < 1:
		return fmt.Errorf("extract: the engine gives features of %d values", o.Engine.Dim())
	}
	if err := o.Recipe.Check(); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	if o.Boxes != nil && len(o.Boxes) != len(o.Dataset.Images) {
		return fmt.Errorf("extract: %d boxes for %d images", len(o.Boxes), len(o.Dataset.Images))
	}
	if n := o.Writer.Parts(); n > 0 {
		if _, hi := o.Writer.Range(n - 1); hi != len(o.Dataset.Images) {
			return fmt.Errorf("extract: the writer expects %d images, the dataset has %d", hi, len(o.Dataset.Images))
		}
	}
	if o.Dataset.Pictures != nil {
		return nil
	}
	if st, err := os.Stat(o.Dataset.ImageRoot); err != nil {
		return fmt.Errorf("extract: the image folder cannot be read: %w", err)
	} else if !st.IsDir() {
		return fmt.Errorf("extract: %s is a file; give the folder of the images", o.Dataset.ImageRoot)
	}
	return nil
}

// run is the state of one Run.
type run struct {
	Options
	res   Result
	start time.Time
	total int
	done  int // images

	some  bool           // a part with features exists
	empty []finishedPart // parts of skipped images only, held back until then
	skips []string       // the first few, for messages
	nskip int
}

type finishedPart struct {
	index int
	part  features.Part
}

func (r *run) all(ctx context.Context) error {
	Grower, grows := r.Writer.(Grower)
	var missing []int
	var counts []int // images to compute of each missing part
	var images []int
	r.some = r.Task
	for p := range r.Writer.Parts() {
		lo, hi := r.Writer.Range(p)
		if grows && !Grower.Ours(p) {
			r.total -= hi - lo
			continue
		}
		if r.Writer.Done(p) {
			r.res.Resumed += hi - lo
			r.some = true
			continue
		}
		before := len(images)
		if grows {
			images = append(images, Grower.Missing(p)...)
		} else {
			for i := lo; i < hi; i++ {
				images = append(images, i)
			}
		}
		count := len(images) - before
		if count < hi-lo { // rows are copied
			r.res.Resumed += hi - lo - count
			r.some = true
		}
		missing, counts = append(missing, p), append(counts, count)
	}
	r.done = r.res.Resumed
	r.progress()
	if len(missing) > 0 {
		if err := r.compute(ctx, missing, counts, images); err != nil {
			return err
		}
	}
	if r.Task {
		return nil
	}
	if !r.some {
		return fmt.Errorf("extract: none of the %d images in %s can be used, nothing was written; the first: %s", r.total, cmp.Or(r.Dataset.ImageRoot, r.Dataset.Root), firstSkips(r.skips))
	}
	m, err := r.Writer.Finish()
	if err != nil {
		return storing(err)
	}
	r.res.Manifest, r.res.Images, r.res.Skipped = m, m.Rows, m.Skipped
	return nil
}

// errStopped ends the engine's stage when its context is done.
var errStopped = errors.New("stopped")

// compute runs the three stages: workers, engine (here), writer.
func (r *run) compute(parent context.Context, missing, counts, todo []int) error {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	buffers := 2*r.res.Batch + r.res.Workers
	images := startPrefetch(ctx, &r.Options, todo, r.res.Workers, buffers)

	finished := make(chan finishedPart)
	written := make(chan error, 1)
	go func() {
		var failed error
		for f := range finished {
			if failed != nil {
				continue
			}
			if failed = r.Writer.WritePart(f.index, f.part); failed != nil {
				failed = storing(failed)
				stop()
				continue
			}
			r.res.Parts++
		}
		written <- failed
	}()

	b := r.newBatch()
	err := func() error {
		for i, p := range missing {
			part, err := r.part(ctx, b, images, counts[i])
			if err != nil {
				return err
			}
			r.deliver(finishedPart{p, part}, finished)
		}
		if r.some {
			r.flushEmpty(finished)
		}
		return nil
	}()
	stop()
	err = errors.Join(err, images.wait())
	close(finished)
	failed := <-written
	r.res.Rotated, r.res.Damaged = int(images.turned.Load()), int(images.damaged.Load())
	switch {
	case failed != nil:
		return failed
	case errors.Is(err, errStopped):
		return fmt.Errorf("extract: stopped after %d of %d images; finished parts are kept: %w", r.done, r.total, parent.Err())
	}
	return err
}

// deliver gives a part to the writer. Parts without features wait for one with: if the
// whole dataset turns out to be unusable (say, the wrong folder), there is nothing
// to redo afterwards.
func (r *run) deliver(f finishedPart, to chan<- finishedPart) {
	if len(f.part.Images) == 0 && !r.some {
		r.empty = append(r.empty, f)
		return
	}
	r.some = true
	to <- f
	r.flushEmpty(to)
}

func (r *run) flushEmpty(to chan<- finishedPart) {
	for _, f := range r.empty {
		to <- f
	}
	r.empty = nil
}

// batch gathers inputs for the engine.
type batch struct {
	images   []float32
	features []float32
	index    []int // dataset images
	files    []features.File
	skipped  []skipped // in the part at work
}

type skipped struct {
	index  int // in the dataset
	file   features.File
	reason string
}

func (r *run) newBatch() *batch {
	return &batch{
		images:   make([]float32, r.res.Batch*r.Recipe.Values()),
		features: make([]float32, r.res.Batch*r.Engine.Dim()),
		index:    make([]int, 0, r.res.Batch),
	}
}

// part computes the features of the next n images.
func (r *run) part(ctx context.Context, b *batch, images *prefetcher, n int) (features.Part, error) {
	part := features.Part{
		Images:   make([]string, 0, n),
		Classes:  make([]string, 0, n),
		Labels:   make([]int32, 0, n),
		Features: make([]float32, 0, n*r.Engine.Dim()),
	}
	b.index, b.files, b.skipped = b.index[:0], b.files[:0], b.skipped[:0]
	size := r.Recipe.Values()
	for range n {
		wait := time.Now()
		it := images.next(ctx)
		r.res.Waiting += time.Since(wait)
		if it == nil {
			return part, errStopped
		}
		if it.err != nil {
			if ctx.Err() != nil {
				return part, errStopped
			}
			return part, fmt.Errorf("extract: %s: %w", r.Dataset.Images[it.index].Path, it.err)
		}
		if it.skip != "" {
			r.skip(b, it.index, it.file, it.skip)
		} else {
			copy(b.images[len(b.index)*size:], it.input)
			b.index, b.files = append(b.index, it.index), append(b.files, it.file)
		}
		images.recycle(it)
		if len(b.index) == cap(b.index) {
			if err := r.engine(ctx, b, &part); err != nil {
				return part, err
			}
		}
	}
	if err := r.engine(ctx, b, &part); err != nil {
		return part, err
	}
	// In dataset order, whatever the size of the batches.
	slices.SortFunc(b.skipped, func(x, y skipped) int { return x.index - y.index })
	for _, s := range b.skipped {
		part.Skipped = append(part.Skipped, features.Skip{Image: r.Dataset.Images[s.index].Path, Reason: s.reason, Bytes: s.file.Bytes, SHA256: s.file.SHA256, ModTime: s.file.ModTime})
	}
	return part, nil
}

// engine computes a batch and appends its rows to the part.
func (r *run) engine(ctx context.Context, b *batch, part *features.Part) error {
	n, dim := len(b.index), r.Engine.Dim()
	if n > 0 {
		if ctx.Err() != nil {
			return errStopped
		}
		start := time.Now()
		if err := r.Engine.Run(b.images[:n*r.Recipe.Values()], n, b.features[:n*dim]); err != nil {
			return fmt.Errorf("extract: compute %d images from %s on: %w", n, r.Dataset.Images[b.index[0]].Path, err)
		}
		r.res.Engine += time.Since(start)
		r.res.Computed += n
	}
	for i, index := range b.index {
		row := b.features[i*dim : (i+1)*dim]
		if !finite(row) {
			r.skip(b, index, b.files[i], notFinite)
			continue
		}
		image := r.Dataset.Images[index]
		part.Images = append(part.Images, image.Path)
		part.Classes = append(part.Classes, r.Dataset.Classes[image.Class].Name)
		part.Labels = append(part.Labels, int32(image.Class))
		part.Features = append(part.Features, row...)
		part.Files = append(part.Files, b.files[i])
		r.done++
	}
	b.index, b.files = b.index[:0], b.files[:0]
	r.progress()
	return nil
}

// skip lists an image that has no features.
func (r *run) skip(b *batch, index int, file features.File, reason string) {
	const logged, kept = 20, 3
	image := r.Dataset.Images[index].Path
	b.skipped = append(b.skipped, skipped{index, file, reason})
	if r.nskip++; r.nskip <= kept {
		r.skips = append(r.skips, image+": "+reason)
	}
	switch {
	case r.nskip < logged:
		r.Log.Warn("image skipped", "image", image, "reason", reason)
	case r.nskip == logged:
		r.Log.Warn("image skipped (further ones are only listed in skipped.csv)", "image", image, "reason", reason)
	}
	r.done++
}

// notFinite is why an image is skipped that the network makes no numbers of.
const notFinite = "the network's output for it is not finite"

func (r *run) progress() {
	if r.Progress != nil {
		r.Progress(r.done, r.total)
	}
}

func finite(v []float32) bool {
	for _, x := range v {
		if math.Float32bits(x)&0x7f800000 == 0x7f800000 {
			return false
		}
	}
	return true
}

// storing words a failure to write; the error below names the file.
func storing(err error) error {
	todo := "run the same command again"
	if errors.Is(err, syscall.ENOSPC) {
		todo = "make room there and " + todo
	}
	return fmt.Errorf("extract: store features: %w; finished parts are kept: %s to continue", err, todo)
}

func firstSkips(s []string) string {
	out := ""
	for i, v := range s {
		if i > 0 {
			out += "; "
		}
		out += v
	}
	return out
}
