package download

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits bound what an archive may hold.
type Limits struct {
	Bytes int64 // in all, unpacked
	Files int   // and folders
}

// Unpacked says what an archive contained.
type Unpacked struct {
	Files int
	Bytes int64
}

// Unpack writes the files of an archive (zip; tar, plain or in gzip or bzip2: told by content) into the folder dir. It stops
// at the first entry that is not a plain file or folder within dir, or at a limit. What macOS adds (__MACOSX,
// ._name, .DS_Store) is left out. Progress is in bytes of the archive.
func Unpack(ctx context.Context, archive, dir string, limits Limits, progress func(done, total int64)) (*Unpacked, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("unpack into %s: %w", dir, err)
	}
	defer root.Close()
	if progress == nil {
		progress = func(int64, int64) {}
	}
	u := &unpacking{ctx: ctx, root: root, dir: dir, left: limits, names: map[string]bool{}, progress: progress, size: st.Size()}
	if err := u.archive(f, st.Size()); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("unpack %s: %w", archive, err)
	}
	if err := u.sync(); err != nil {
		return nil, fmt.Errorf("unpack into %s: %w", dir, err)
	}
	return &u.done, nil
}

type unpacking struct {
	ctx      context.Context
	root     *os.Root
	dir      string
	left     Limits
	names    map[string]bool // of this archive: true for a file
	done     Unpacked
	progress func(done, total int64)
	size     int64
	buf      [1 << 17]byte
}

// source is an archive: *os.File, or in tests memory.
type source interface {
	io.Reader
	io.ReaderAt
}

func (u *unpacking) archive(f source, size int64) error {
	var magic [512]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	start := magic[:n]
	in := &counting{r: io.NewSectionReader(f, 0, size), u: u}
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("PK\x05\x06")):
		return u.zip(f, size)
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(bufio.NewReaderSize(in, 1<<18))
		if err != nil {
			return damaged(err)
		}
		return u.tar(z)
	case bytes.HasPrefix(start, []byte("BZh")):
		return u.tar(bzip2.NewReader(bufio.NewReaderSize(in, 1<<18)))
	case n > 262 && string(start[257:262]) == "ustar":
		return u.tar(bufio.NewReaderSize(in, 1<<18))
	case bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(start)), []byte("<!doctype")), bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(start)), []byte("<html")):
		return errors.New("it is a web page, not an archive: download it again")
	}
	return errors.New("it is not a supported archive (zip, tar, tar.gz, tar.bz2)")
}

// counting reports how far the archive is read, and ends reading when the context does.
type counting struct {
	r io.Reader
	u *unpacking
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	if err := c.u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.u.progress(c.n, c.u.size)
	return n, err
}

func damaged(err error) error {
	return fmt.Errorf("the archive is truncated or damaged (%w): download it again", err)
}

// capped ends a stream that unpacks to far more than its files may hold: entries that are left out count too.
type capped struct {
	r    io.Reader
	left int64
}

var errBomb = errors.New("it unpacks to far more than its headers state")

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errBomb
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

func (u *unpacking) tar(r io.Reader) error {
	const entry = 4096 // header and padding, with room for a long name
	r = &capped{r, 1<<20 + u.left.Bytes + int64(u.left.Files)*entry}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.readError(err)
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse, 0:
			err = u.file(h.Name, h.Size, func() (io.ReadCloser, error) { return io.NopCloser(t), nil })
		case tar.TypeDir:
			err = u.folder(h.Name)
		case tar.TypeXGlobalHeader:
		case tar.TypeSymlink, tar.TypeLink:
			err = fmt.Errorf("%q is a link to %q: links are refused", h.Name, h.Linkname)
		case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
			err = fmt.Errorf("%q is a device: refused", h.Name)
		default:
			err = fmt.Errorf("%q is neither file nor folder (type %q): refused", h.Name, h.Typeflag)
		}
		if err != nil {
			return err
		}
	}
	// What follows the last file carries the compression's checksum.
	if _, err := io.CopyN(io.Discard, r, 1<<20); err != nil && !errors.Is(err, io.EOF) {
		return u.readError(err)
	}
	return nil
}

func (u *unpacking) readError(err error) error {
	if u.ctx.Err() != nil {
		return u.ctx.Err()
	}
	return damaged(err)
}

func (u *unpacking) zip(f io.ReaderAt, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are checked below
		return damaged(err)
	}
	var read int64
	for _, e := range z.File {
		switch mode := e.Mode(); {
		case e.Flags&1 != 0:
			return fmt.Errorf("%q is encrypted, which is not supported: unpack the archive yourself", e.Name)
		case strings.HasSuffix(e.Name, "/") || mode.IsDir():
			err = u.folder(e.Name)
		case mode&fs.ModeSymlink != 0:
			err = fmt.Errorf("%q is a link: links are refused", e.Name)
		case !mode.IsRegular():
			err = fmt.Errorf("%q is a device: refused", e.Name)
		default:
			if e.UncompressedSize64 > 1<<62 {
				return fmt.Errorf("%q has an invalid size of %d bytes", e.Name, e.UncompressedSize64)
			}
			err = u.file(e.Name, int64(e.UncompressedSize64), e.Open)
		}
		if err != nil {
			return err
		}
		read += int64(min(e.CompressedSize64, uint64(size)))
		u.progress(min(read, size), size)
	}
	return nil
}

// place checks a name; "": the entry is left out.
func (u *unpacking) place(name string, isFile bool) (string, error) {
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == '\\' {
			return "", fmt.Errorf("the name %q has a control character or a backslash: refused", name)
		}
	}
	clean := path.Clean(name)
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if p == ".." || (p == "" && i == 0) {
			return "", fmt.Errorf("%q is outside the target folder: refused", name)
		}
		if len(p) > 255 {
			return "", fmt.Errorf("%q: the name is longer than 255 bytes: refused", name)
		}
		if p == "__MACOSX" {
			return "", nil
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(clean)) || len(name) > 4096 || (len(name) > 1 && name[1] == ':') {
		return "", fmt.Errorf("%q is outside the target folder: refused", name)
	}
	base := path.Base(clean)
	if isFile && (strings.HasPrefix(base, "._") || base == ".DS_Store") {
		return "", nil
	}
	return clean, nil
}

func (u *unpacking) count(name string) error {
	if u.left.Files--; u.left.Files < 0 {
		return fmt.Errorf("%q: the archive has more than the expected %d files: refused", name, u.done.Files)
	}
	u.done.Files++
	return nil
}

func (u *unpacking) folder(name string) error {
	p, err := u.place(strings.TrimSuffix(name, "/"), false)
	if err != nil || p == "" || p == "." {
		return err
	}
	if err := u.count(name); err != nil {
		return err
	}
	return u.makeFolder(p)
}

func (u *unpacking) makeFolder(p string) error {
	if p == "." || p == "" {
		return nil
	}
	if isFile, known := u.names[p]; known {
		if isFile {
			return fmt.Errorf("%q is both a file and a folder: refused", p)
		}
		return nil
	}
	if err := u.makeFolder(path.Dir(p)); err != nil {
		return err
	}
	if err := u.root.Mkdir(filepath.FromSlash(p), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return u.writeError(p, err)
	}
	u.names[p] = false
	return nil
}

func (u *unpacking) file(name string, size int64, open func() (io.ReadCloser, error)) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	p, err := u.place(name, true)
	if err != nil || p == "" {
		return err
	}
	if _, twice := u.names[p]; twice || p == "." {
		return fmt.Errorf("%q is in the archive twice: refused", name)
	}
	if err := u.count(name); err != nil {
		return err
	}
	if size < 0 || size > u.left.Bytes {
		return u.tooMuch(name)
	}
	if err := u.makeFolder(path.Dir(p)); err != nil {
		return err
	}
	u.names[p] = true
	local := filepath.FromSlash(p)
	// One of an earlier archive of the same dataset may be there.
	if err := u.root.Remove(local); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return u.writeError(p, err)
	}
	w, err := u.root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return u.writeError(p, err)
	}
	err = u.copy(w, p, open)
	if e := w.Close(); err == nil && e != nil {
		err = u.writeError(p, e)
	}
	return err
}

// copy writes a file's bytes, whatever length its entry claims.
func (u *unpacking) copy(w io.Writer, name string, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return damaged(fmt.Errorf("%q: %w", name, err))
	}
	defer r.Close()
	for {
		n, rerr := r.Read(u.buf[:])
		if int64(n) > u.left.Bytes {
			return u.tooMuch(name)
		}
		u.left.Bytes -= int64(n)
		u.done.Bytes += int64(n)
		if _, err := w.Write(u.buf[:n]); err != nil {
			return u.writeError(name, err)
		}
		switch {
		case errors.Is(rerr, io.EOF):
			return nil
		case rerr != nil:
			return u.readError(fmt.Errorf("%q: %w", name, rerr))
		case u.ctx.Err() != nil:
			return u.ctx.Err()
		}
	}
}

func (u *unpacking) tooMuch(name string) error {
	return fmt.Errorf("%q: the archive unpacks to more than the expected %s: refused", name, Bytes(u.done.Bytes+u.left.Bytes))
}

func (u *unpacking) writeError(name string, err error) error {
	if isFull(err) {
		free, _ := freeSpace(u.dir)
		return fmt.Errorf("the disk is full: %s were unpacked, %s are free; free some space and run the same command again", Bytes(u.done.Bytes), Bytes(free))
	}
	return fmt.Errorf("write %q: %w", name, err)
}

// sync flushes everything to the disk before the folder is renamed.
func (u *unpacking) sync() error {
	if syncAll(u.dir) {
		return nil
	}
	for p, isFile := range u.names {
		if isFile {
			continue
		}
		if err := syncFolder(filepath.Join(u.dir, filepath.FromSlash(p))); err != nil {
			return err
		}
	}
	return syncFolder(u.dir)
}
