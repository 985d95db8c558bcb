package source

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"vzsl/datasets"
)

// held is how many bytes of images wait in memory for their turn; what comes on top waits in a temporary file.
var held int64 = 256 << 20

// reading reads a set's images. Those of direct contents are read where they lie. Of the other files one passes through after the
// other, in the order in which they are needed first, and each image waits until it is asked for: where images are asked for in the
// order of their files, only those that are decoded ahead.
type reading struct {
	set    *set
	cancel context.CancelFunc
	ended  chan struct{} // nil: no file is read from front to end

	mu      sync.Mutex
	change  *sync.Cond
	arrived map[int]arrival
	asking  int // that wait for an image
	bytes   int64
	done    bool
	err     error
	spill   *os.File
	spilled int64
}

type arrival struct {
	data []byte
	skip string
	at   int64 // in the temporary file; -1: in data
	size int64
}

// Read begins to read the images in that order.
func (s *set) Read(ctx context.Context, order []int) datasets.Reading {
	r := &reading{set: s, arrived: map[int]arrival{}}
	r.change = sync.NewCond(&r.mu)
	ctx, r.cancel = context.WithCancel(ctx)
	wanted := map[int][]int{} // images by file
	var fs []int
	for _, image := range order {
		p := s.places[image]
		if p.at < 0 || s.direct(p.file) != nil {
			continue
		}
		if wanted[p.file] == nil {
			fs = append(fs, p.file)
		}
		wanted[p.file] = append(wanted[p.file], image)
	}
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err == nil {
			r.err = context.Cause(ctx)
		}
		r.change.Broadcast()
	})
	if len(fs) > 0 {
		r.ended = make(chan struct{})
		go r.run(ctx, fs, wanted)
	}
	return r
}

// direct are a file's contents where images can be read by themselves.
func (s *set) direct(f int) direct {
	if t, ok := s.holds[f].(*tarContents); ok && (t.gzip || !t.Ranges) {
		return nil
	}
	d, _ := s.holds[f].(direct)
	return d
}

func (r *reading) run(ctx context.Context, fs []int, wanted map[int][]int) {
	defer close(r.ended)
	err := func() error {
		for _, f := range fs {
			if err := r.file(ctx, f, wanted[f]); err != nil {
				return fmt.Errorf("%s: %w", r.set.files[f].url(), err)
			}
		}
		return nil
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done = true; r.err == nil {
		r.err = err
	}
	r.change.Broadcast()
}

// file passes one file. Images that it turns out not to give are skipped.
func (r *reading) file(ctx context.Context, f int, images []int) error {
	at := make([]int64, 0, len(images))
	image := make(map[int64]int, len(images))
	for _, i := range images {
		at = append(at, r.set.places[i].at)
		image[r.set.places[i].at] = i
	}
	slices.Sort(at)
	err := r.set.holds[f].read(ctx, at, func(at int64, data []byte, skip string) error {
		i, ok := image[at]
		if !ok {
			return nil
		}
		delete(image, at)
		return r.arrive(i, data, skip)
	})
	damaged, bad := err.(*damagedError) //nolint:errorlint // as returned
	if err != nil && !bad {
		return err
	}
	skip := "it no longer exists"
	if bad {
		skip = "its file is damaged: " + damaged.Error()
	}
	for _, i := range images {
		if _, missing := image[r.set.places[i].at]; missing {
			if err := r.arrive(i, nil, skip); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrive takes an image in, and waits while there are enough.
func (r *reading) arrive(image int, data []byte, skip string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.bytes >= held && r.asking == 0 && r.err == nil {
		r.change.Wait()
	}
	if r.err != nil {
		return r.err
	}
	a := arrival{data: data, skip: skip, at: -1, size: int64(len(data))}
	if r.bytes >= held && len(data) > 0 { // somebody waits for what comes later
		if err := r.putAside(&a); err != nil {
			return err
		}
	} else {
		r.bytes += a.size
	}
	r.arrived[image] = a
	r.change.Broadcast()
	return nil
}

func (r *reading) putAside(a *arrival) error {
	if r.spill == nil {
		f, err := os.CreateTemp("", "vzsl-images-*")
		if err != nil {
			return fmt.Errorf("buffering images that are read out of order in a temporary file: %w", err)
		}
		r.spill = f
		_ = os.Remove(f.Name()) // it goes with the process, where the system allows that
	}
	if _, err := r.spill.WriteAt(a.data, r.spilled); err != nil {
		return fmt.Errorf("buffering images that are read out of order: %w; set TMPDIR to another folder", err)
	}
	a.at, a.data = r.spilled, nil
	r.spilled += a.size
	return nil
}

// Picture returns an image when it has arrived.
func (r *reading) Picture(ctx context.Context, image int, buf []byte) (datasets.Picture, error) {
	p := r.set.places[image]
	if d := r.set.direct(p.file); d != nil {
		return d.picture(ctx, p, buf)
	}
	data, skip, err := r.wait(image, buf)
	return datasets.Picture{Data: data, Skip: skip, Version: r.set.files[p.file].version()}, err
}

func (r *reading) wait(image int, buf []byte) ([]byte, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for asks := false; ; {
		a, ok := r.arrived[image]
		switch {
		case ok && a.at >= 0:
			if int64(cap(buf)) < a.size {
				buf = make([]byte, a.size)
			}
			delete(r.arrived, image)
			_, err := r.spill.ReadAt(buf[:a.size], a.at)
			return buf[:a.size], a.skip, err
		case ok:
			delete(r.arrived, image)
			r.bytes -= a.size
			r.change.Broadcast()
			return append(buf[:0], a.data...), a.skip, nil
		case r.err != nil:
			return nil, "", r.err
		case r.done:
			return nil, "", fmt.Errorf("%s: asked for an image that was not announced", r.set.files[r.set.places[image].file].url())
		}
		if !asks {
			asks = true
			defer func() { r.asking-- }()
			if r.asking++; r.asking == 1 { // not at every turn: those who wait would wake each other without end
				r.change.Broadcast()
			}
		}
		r.change.Wait()
	}
}

// Close stops reading.
func (r *reading) Close() error {
	r.cancel()
	if r.ended != nil {
		<-r.ended
	}
	if r.spill == nil {
		return nil
	}
	name := r.spill.Name()
	err := r.spill.Close()
	_ = os.Remove(name)
	return err
}
