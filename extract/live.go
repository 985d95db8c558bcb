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

// Live computes the features of pictures as they come. Pictures of concurrent callers are decoded in parallel and go
// through the engine together: while it is at work, the next batch gathers. The features are those that Run stores, whatever
// the batch. It is safe for concurrent use.
type Live struct {
	o       LiveOptions
	batch   int
	queue   chan *waiting
	readers chan *reader // as many as pictures may be decoded at a time
	inputs  sync.Pool    // *[]float32

	closing sync.RWMutex // held for reading by those who may still send to queue
	closed  bool
	done    chan struct{}

	images, runs, busy atomic.Int64
}

// LiveOptions say how pictures become features. Engine and Recipe are needed.
type LiveOptions struct {
	Engine    Engine // Close does not close it
	Recipe    preprocess.Recipe
	NHWC      bool // the network's input is N,H,W,C; otherwise N,C,H,W
	Batch     int  // most images per call of the engine; 0: chosen here
	Workers   int  // images decoded at a time; 0: one per processor
	MaxPixels int  // million; larger pictures are refused before they are decoded; 0: preprocess.MaxMegapixels
}

// ErrClosed is the error after Close.
var ErrClosed = errors.New("extract: closed")

// A Refusal is the error of a picture that cannot be used.
type Refusal struct {
	Reason   string // in words for the user; names no file
	NoImage  bool   // the file is of no format that is read
	TooLarge bool   // it has more pixels than allowed
}

func (r *Refusal) Error() string { return r.Reason }

// waiting is a picture on its way through the engine.
type waiting struct {
	input   *[]float32
	feature []float32
	err     error
	ready   chan struct{}
}

// NewLive starts it; Close ends it.
func NewLive(o LiveOptions) (*Live, error) {
	if o.Engine == nil || o.Engine.Dim() < 1 {
		return nil, errors.New("extract: an engine is needed")
	}
	if err := o.Recipe.Check(); err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	l := &Live{o: o, batch: o.Batch, done: make(chan struct{})}
	if l.batch <= 0 {
		l.batch = chooseBatch(o.Engine, o.Recipe.Values(), availableMemory())
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	l.queue, l.readers = make(chan *waiting, l.batch), make(chan *reader, workers)
	var large sync.Mutex
	for range workers {
		l.readers <- &reader{recipe: o.Recipe, nhwc: o.NHWC, large: &large, megapixels: o.MaxPixels}
	}
	l.inputs.New = func() any { x := make([]float32, o.Recipe.Values()); return &x }
	go l.work()
	return l, nil
}

// File is the feature of a picture file; of one that cannot be used the error is a *[Refusal].
func (l *Live) File(ctx context.Context, path string) ([]float32, error) {
	return l.feature(ctx, func(r *reader, dst []float32) (string, error) {
		r.root = filepath.Dir(path)
		if skip, err := r.load(path); skip != "" || err != nil {
			return skip, err
		}
		return l.input(r, dst)
	})
}

// Picture is that of a picture given as a file's bytes.
func (l *Live) Picture(ctx context.Context, data []byte) ([]float32, error) {
	return l.feature(ctx, func(r *reader, dst []float32) (string, error) {
		own := r.data
		r.data = data
		defer func() { r.data = own }()
		return l.input(r, dst)
	})
}

// input refuses what is too large before anything of it is decoded.
func (l *Live) input(r *reader, dst []float32) (skip string, err error) {
	w, h, bad := preprocess.Size(r.data)
	if bad != nil {
		return "", &Refusal{Reason: bad.Error(), NoImage: !preprocess.Known(r.data)}
	}
	if bad := preprocess.Allow(w, h, l.o.MaxPixels); bad != nil {
		return "", &Refusal{Reason: bad.Error(), TooLarge: errors.Is(bad, preprocess.ErrTooLarge)}
	}
	return r.input(dst)
}

func (l *Live) feature(ctx context.Context, read func(r *reader, dst []float32) (string, error)) ([]float32, error) {
	l.closing.RLock()
	defer l.closing.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	var r *reader
	select {
	case r = <-l.readers:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	w := &waiting{input: l.inputs.Get().(*[]float32), ready: make(chan struct{})}
	skip, err := read(r, *w.input)
	l.readers <- r
	if skip != "" {
		err = &Refusal{Reason: skip}
	}
	if err != nil {
		l.inputs.Put(w.input)
		return nil, err
	}
	select {
	case l.queue <- w:
	case <-ctx.Done():
		l.inputs.Put(w.input)
		return nil, context.Cause(ctx)
	}
	select {
	case <-w.ready:
		return w.feature, w.err
	case <-ctx.Done(): // the engine computes it for nobody
		return nil, context.Cause(ctx)
	}
}

// work is the engine's turn, again and again, with all that wait.
func (l *Live) work() {
	defer close(l.done)
	size, dim := l.o.Recipe.Values(), l.o.Engine.Dim()
	images, features := make([]float32, l.batch*size), make([]float32, l.batch*dim)
	turn := make([]*waiting, 0, l.batch)
	for first := range l.queue {
		turn = append(turn[:0], first)
	gather:
		for len(turn) < l.batch {
			select {
			case w, ok := <-l.queue:
				if !ok {
					break gather
				}
				turn = append(turn, w)
			default:
				break gather
			}
		}
		n := len(turn)
		for i, w := range turn {
			copy(images[i*size:(i+1)*size], *w.input)
			l.inputs.Put(w.input)
		}
		start := time.Now()
		err := l.o.Engine.Run(images[:n*size], n, features[:n*dim])
		l.busy.Add(int64(time.Since(start)))
		l.runs.Add(1)
		l.images.Add(int64(n))
		for i, w := range turn {
			row := features[i*dim : (i+1)*dim]
			switch {
			case err != nil:
				w.err = fmt.Errorf("extract: compute %d images: %w", n, err)
			case !finite(row):
				w.err = &Refusal{Reason: notFinite}
			default:
				w.feature = append([]float32(nil), row...)
			}
			close(w.ready)
		}
	}
}

// Counts are the images computed so far, the engine's runs that took, and its time.
func (l *Live) Counts() (images, runs int64, busy time.Duration) {
	return l.images.Load(), l.runs.Load(), time.Duration(l.busy.Load())
}

// Close waits for the pictures under way; later ones are refused.
func (l *Live) Close() {
	l.closing.Lock()
	defer l.closing.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.queue)
	<-l.done
}
