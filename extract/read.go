package extract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"vzsl/datasets"
	"vzsl/extract/preprocess"
	"vzsl/features"
)

// maxFile is the largest image file that is read into memory.
const maxFile = 512 << 20

// manyPixels is the size from which on images are decoded one at a time: the
// memory for decoding stays bounded with any number of workers.
const manyPixels = 16_000_000

// reader turns image files into network inputs. One serves one worker.
type reader struct {
	root   string
	recipe preprocess.Recipe
	nhwc   bool
	large  *sync.Mutex // shared by all workers
	data   []byte
	box    *datasets.Box // what of the next image is taken; nil: all

	file features.File // of the next image, as far as it could be read

	megapixels int           // limit on an image's size; 0: the usual one
	turned     *atomic.Int64 // images that carry an EXIF orientation; may be nil
	flaw       string        // of the image read last: what was made up for in a damaged file
}

// read fills dst with the input of one image. skip says in plain words why the
// image cannot be used, without naming it or the machine's folders: the reason is
// stored. err is for failures that are not the image's.
func (r *reader) read(image string, dst []float32) (skip string, err error) {
	if skip, err = r.load(filepath.Join(r.root, filepath.FromSlash(image))); skip != "" || err != nil {
		return skip, err
	}
	return r.input(dst)
}

// image is read of an image of a dataset, from reading where its images are not files.
func (r *reader) image(ctx context.Context, reading datasets.Reading, path string, it *item) (skip string, err error) {
	if reading == nil {
		return r.read(path, it.input)
	}
	r.file = features.File{}
	p, err := reading.Picture(ctx, it.index, r.buffer())
	if p.Skip != "" || err != nil {
		return p.Skip, err
	}
	r.data = p.Data
	r.look(p.Version)
	return r.input(it.input)
}

// look notes what the file in r.data is.
func (r *reader) look(modTime int64) {
	sum := sha256.Sum256(r.data)
	r.file = features.File{Bytes: int64(len(r.data)), SHA256: hex.EncodeToString(sum[:]), ModTime: modTime}
}

// buffer is what the next file is read into: that of the one before, unless it was very large.
func (r *reader) buffer() []byte {
	const keep = 16 << 20
	if cap(r.data) > keep {
		r.data = nil
	}
	return r.data
}

// input fills dst with the input of the image in r.data.
func (r *reader) input(dst []float32) (skip string, err error) {
	r.flaw = ""
	w, h, bad := preprocess.Size(r.data)
	if bad != nil {
		return bad.Error(), nil
	}
	if w > manyPixels/max(h, 1) {
		r.large.Lock()
		defer r.large.Unlock()
	}
	im, bad := preprocess.DecodeUpTo(r.data, r.limit())
	if bad != nil {
		return bad.Error(), nil
	}
	defer im.Release()
	r.flaw = im.Flaw
	if o := preprocess.Orientation(r.data); o != 1 {
		if r.turned != nil {
			r.turned.Add(1)
		}
		if r.recipe.EXIF {
			im.Orient(o)
		}
	}
	if r.box != nil {
		if bad := im.Crop(r.box.X, r.box.Y, r.box.W, r.box.H); bad != nil {
			return bad.Error(), nil
		}
	}
	return "", r.recipe.Apply(im, r.nhwc, dst)
}

func (r *reader) limit() int {
	if r.megapixels > 0 {
		return r.megapixels
	}
	return preprocess.MaxMegapixels
}

// load reads a file into r.data.
func (r *reader) load(path string) (skip string, err error) {
	r.data = r.buffer()
	r.file = features.File{}
	st, err := os.Stat(path) // before opening: to open a named pipe may take forever
	if err != nil {
		return r.unreadable(err)
	}
	switch {
	case st.IsDir():
		return "a folder, not a file", nil
	case !st.Mode().IsRegular():
		return "not a regular file", nil
	case st.Size() > maxFile:
		return fmt.Sprintf("too large: the file has %d MB, the limit is %d", st.Size()>>20, maxFile>>20), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return r.unreadable(err)
	}
	defer f.Close()
	n := int(st.Size())
	if cap(r.data) < n {
		r.data = make([]byte, n)
	}
	r.data = r.data[:n]
	if _, err := io.ReadFull(f, r.data); err != nil {
		return r.unreadable(err)
	}
	r.look(st.ModTime().UnixNano())
	return "", nil
}

// unreadable words a failure to read. If the whole image folder is gone (a disk
// was taken away), that is no reason to skip the rest of the dataset.
func (r *reader) unreadable(err error) (string, error) {
	if _, gone := os.Stat(r.root); gone != nil {
		return "", fmt.Errorf("the image folder cannot be read: %w", gone)
	}
	var p *fs.PathError
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE): // says nothing of the image
		return "", fmt.Errorf("%w: close other programs, allow more (ulimit -n) or take fewer --workers", err)
	case errors.Is(err, fs.ErrNotExist):
		return "the file is missing", nil
	case errors.Is(err, fs.ErrPermission):
		return "no permission to read the file", nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the file became shorter while it was read", nil
	case errors.As(err, &p):
		err = p.Err
	}
	return "the file cannot be read: " + err.Error(), nil
}
