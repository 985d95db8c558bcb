package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"time"
)

// ChangedError reports that a file has changed since it was last looked at.
type ChangedError struct{ URL string }

func (e *ChangedError) Error() string {
	return e.URL + " has changed since it was listed; run the same command again"
}

// tries is how often a request is made before it fails: with the pauses, for about half a minute.
const tries = 8

// Pause waits before try n, from 1: twice as long each time, with a random part, so that many tasks do not retry at once. Tests make it shorter.
var Pause = func(n int) time.Duration {
	d := min(100*time.Millisecond<<n, 8*time.Second)
	return d/2 + rand.N(d/2)
}

// passing reports whether an error may be temporary.
func passing(err error) bool {
	var status *StatusError
	var changed *ChangedError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &changed), errors.Is(err, fs.ErrExist):
		return false
	case errors.As(err, &status):
		return status.Status >= 500 || status.Status == http.StatusTooManyRequests || status.Status == http.StatusRequestTimeout
	}
	return true
}

// again calls do until it succeeds, fails permanently or has been tried often enough.
func again(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !passing(err) || n == tries {
			return err
		}
		select {
		case <-time.After(Pause(n)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// resume reads through broken connections: open is called again for what is missing. It returns how many bytes there will be; negative:
// unknown, then the read ends where the connection does.
func resume(ctx context.Context, url string, offset, length int64, open func(offset, length int64) (io.ReadCloser, int64, error)) (io.ReadCloser, error) {
	if length == 0 {
		return io.NopCloser(eof{}), nil
	}
	r := &resuming{ctx: ctx, url: url, at: offset, left: length, open: open}
	if err := again(ctx, r.connect); err != nil {
		return nil, err
	}
	return r, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

type resuming struct {
	ctx  context.Context
	url  string
	at   int64
	left int64 // negative: not known
	body io.ReadCloser
	open func(offset, length int64) (io.ReadCloser, int64, error)
	lost int // consecutive connections without data
}

func (r *resuming) connect() error {
	body, n, err := r.open(r.at, r.left)
	if err != nil {
		return err
	}
	switch {
	case r.left < 0:
		r.left = n
	case n >= 0 && n < r.left: // asked for more than there is
		r.left = n
	}
	r.body = body
	return nil
}

func (r *resuming) Read(p []byte) (int, error) {
	for {
		if r.left == 0 {
			return 0, io.EOF
		}
		if r.left > 0 && int64(len(p)) > r.left {
			p = p[:r.left]
		}
		n, err := r.body.Read(p)
		r.at += int64(n)
		if r.left > 0 {
			r.left -= int64(n)
		}
		if n > 0 {
			r.lost = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) && r.left < 0 {
			return 0, io.EOF
		}
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		_ = r.body.Close()
		r.body = io.NopCloser(eof{})
		if r.lost++; r.lost == tries {
			return 0, fmt.Errorf("%s: the connection breaks repeatedly at byte %d: %w", r.url, r.at, err)
		}
		if err := again(r.ctx, r.connect); err != nil {
			return 0, err
		}
	}
}

func (r *resuming) Close() error { return r.body.Close() }
