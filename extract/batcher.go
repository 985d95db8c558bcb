package extract

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vzsl/extract/preprocess"
)

// Batcher computes the features of images as they come (online batching). Images of concurrent callers are decoded in parallel and go
// through the engine together: while it is at work, the next batch gathers. The features are those that Run stores, whatever
// the batch. It is safe for concurrent use.
type Batcher struct {
	o       BatcherOptions
	batch   int
	queue   chan *request
	readers chan *reader // as many as images may be decoded at a time
	inputs  sync.Pool    // *[]float32

	closing sync.RWMutex // held for reading by those who may still send to queue
	closed  bool
	done    chan struct{}

	images, runs, busy atomic.Int64
}

// BatcherOptions say how images become features. Engine and Recipe are needed.
type BatcherOptions struct {
	Engine    Engine // Close does not close it
	Recipe    preprocess.Recipe
	NHWC      bool // the network's input is N,H,W,C; otherwise N,C,H,W
	Batch     int  // most images per call of the engine; 0: chosen here
	Workers   int  // images decoded at a time; 0: one per processor
	MaxPixels int  // million; larger images are refused before they are decoded; 0: preprocess.MaxMegapixels
}

// errClosed is the error after Close.
var errClosed = errors.New("extract: closed")

// A Refusal is the error of an image that cannot be used.
type Refusal struct {
	Reason   string // in words for the user; names no file
	NoImage  bool   // the file is of no format that is read
	TooLarge bool   // it has more pixels than allowed
}

func (r *Refusal) Error() string { return r.Reason }

// request is an image on its way through the engine.
type request struct {
	input   *[]float32
	feature []float32
	damage  string
	err     error
	ready   chan struct{}
}

// NewBatcher starts it; Close ends it.
func NewBatcher(o BatcherOptions) (*Batcher, error) {
	if o.Engine == nil || o.Engine.Dim() < 1 {
		return nil, errors.New("extract: an engine is needed")
	}
	if err := o.Recipe.Check(); err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	b := &Batcher{o: o, batch: o.Batch, done: make(chan struct{})}
	if b.batch <= 0 {
		b.batch = chooseBatch(o.Engine, o.Recipe.Values(), availableMemory())
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	b.queue, b.readers = make(chan *request, b.batch), make(chan *reader, workers)
	var large sync.Mutex
	for range workers {
		b.readers <- &reader{recipe: o.Recipe, nhwc: o.NHWC, large: &large, megapixels: o.MaxPixels}
	}
	b.inputs.New = func() any { x := make([]float32, o.Recipe.Values()); return &x }
	go b.work()
	return b, nil
}

// File is the feature of an image file; of one that cannot be used the error is a *[Refusal]. damage says what of the file is damaged
// or missing and was decoded as libjpeg does, "" for an intact one.
func (b *Batcher) File(ctx context.Context, path string) (feature []float32, damage string, err error) {
	return b.feature(ctx, func(r *reader, dst []float32) (string, error) {
		r.root = filepath.Dir(path)
		if skip, err := r.load(path); skip != "" || err != nil {
			return skip, err
		}
		return b.input(r, dst)
	})
}

// Picture is the same for an image given as a file's bytes.
func (b *Batcher) Picture(ctx context.Context, data []byte) (feature []float32, damage string, err error) {
	return b.feature(ctx, func(r *reader, dst []float32) (string, error) {
		own := r.data
		r.data = data
		defer func() { r.data = own }()
		return b.input(r, dst)
	})
}

// input refuses what is too large before anything of it is decoded.
func (b *Batcher) input(r *reader, dst []float32) (skip string, err error) {
	w, h, bad := preprocess.Size(r.data)
	if bad != nil {
		return "", &Refusal{Reason: bad.Error(), NoImage: !preprocess.Known(r.data)}
	}
	if bad := preprocess.Allow(w, h, b.o.MaxPixels); bad != nil {
		return "", &Refusal{Reason: bad.Error(), TooLarge: errors.Is(bad, preprocess.ErrTooLarge)}
	}
	return r.input(dst)
}

func (b *Batcher) feature(ctx context.Context, read func(r *reader, dst []float32) (string, error)) ([]float32, string, error) {
	b.closing.RLock()
	defer b.closing.RUnlock()
	if b.closed {
		return nil, "", errClosed
	}
	var r *reader
	select {
	case r = <-b.readers:
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
	q := &request{input: b.inputs.Get().(*[]float32), ready: make(chan struct{})}
	skip, err := read(r, *q.input)
	q.damage = r.flaw
	b.readers <- r
	if skip != "" {
		err = &Refusal{Reason: skip}
	}
	if err != nil {
		b.inputs.Put(q.input)
		return nil, "", err
	}
	select {
	case b.queue <- q:
	case <-ctx.Done():
		b.inputs.Put(q.input)
		return nil, "", context.Cause(ctx)
	}
	select {
	case <-q.ready:
		return q.feature, q.damage, q.err
	case <-ctx.Done(): // the engine computes it for nobody
		return nil, "", context.Cause(ctx)
	}
}

// work runs the engine on all requests that wait, again and again.
func (b *Batcher) work() {
	defer close(b.done)
	size, dim := b.o.Recipe.Values(), b.o.Engine.Dim()
	images, features := make([]float32, b.batch*size), make([]float32, b.batch*dim)
	group := make([]*request, 0, b.batch)
	for first := range b.queue {
		group = append(group[:0], first)
	gather:
		for len(group) < b.batch {
			select {
			case q, ok := <-b.queue:
				if !ok {
					break gather
				}
				group = append(group, q)
			default:
				break gather
			}
		}
		n := len(group)
		for i, q := range group {
			copy(images[i*size:(i+1)*size], *q.input)
			b.inputs.Put(q.input)
		}
		start := time.Now()
		err := b.o.Engine.Run(images[:n*size], n, features[:n*dim])
		b.busy.Add(int64(time.Since(start)))
		b.runs.Add(1)
		b.images.Add(int64(n))
		for i, q := range group {
			row := features[i*dim : (i+1)*dim]
			switch {
			case err != nil:
				q.err = fmt.Errorf("extract: compute %d images: %w", n, err)
			case !finite(row):
				q.err = &Refusal{Reason: notFinite}
			default:
				q.feature = append([]float32(nil), row...)
			}
			close(q.ready)
		}
	}
}

// Counts are the images computed so far, the engine's runs that took, and its time.
func (b *Batcher) Counts() (images, runs int64, busy time.Duration) {
	return b.images.Load(), b.runs.Load(), time.Duration(b.busy.Load())
}

// Close waits for the images under way; later ones are refused.
func (b *Batcher) Close() {
	b.closing.Lock()
	defer b.closing.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	close(b.queue)
	<-b.done
}
