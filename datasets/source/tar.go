package source

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"vzsl/datasets"
)

const (
	maxPicture = 512 << 20 // bytes of an image file that are read, as from a folder
	maxText    = 1 << 20   // of a member that says the class
	sparse     = "a sparse file, which is not supported: write the archive without --sparse"
)

// tarContents are those of a tar file. A member is at the place where its bytes begin, in the file or, of a compressed one, in what
// it unpacks to.
type tarContents struct {
	*file
	gzip bool
	way  *way
	end  int64 // bytes that there are, once all was passed
}

// way is how the class of an image is told: the member that says it.
type way struct {
	ext string // "cls", "txt", "json"; folder: the folder that the member lies in
	key string // of the JSON object; "": the first of jsonClass
}

const folder = "folder"

// jsonClass are the usual keys of the class.
var jsonClass = []string{"class", "class_name", "cls", "label", "label_name", "category", "target", "wnid", "synset", "y"}

func (w way) String() string {
	switch {
	case w.ext == folder:
		return "the folder of each member"
	case w.key != "":
		return "the key " + w.key + " of ." + w.ext
	}
	return "." + w.ext
}

func parseWay(said string) (*way, error) {
	ext, key, _ := strings.Cut(strings.TrimPrefix(said, "."), ".")
	switch {
	case said == "":
		return nil, nil
	case key != "" && ext == "json", key == "" && slices.Contains([]string{"cls", "txt", "json", folder}, ext):
		return &way{ext, key}, nil
	}
	return nil, fmt.Errorf("--data-columns class=%s: for tar files it is cls, txt, json, json.KEY or folder", said)
}

func (s *set) openTars(ctx context.Context, d *datasets.Dataset, o *Options) error {
	w, err := parseWay(o.Class)
	if err != nil {
		return err
	}
	if o.Image != "" || o.Name != "" {
		return errors.New("--data-columns image=... and name=... are for tables; tar files take class=... only")
	}
	if w == nil { // by what the files have
		for _, f := range s.files {
			if w, err = (&tarContents{file: f, gzip: formatOf(f.key) == tarGzip}).guess(ctx); err != nil {
				return fmt.Errorf("%s: %w", f.url(), err)
			} else if w != nil {
				break
			}
		}
		if w == nil {
			return errors.New("no images in it")
		}
		d.Note("classes are taken from %s; --data-columns class=... chooses another source", w)
	}
	for _, f := range s.files {
		s.holds = append(s.holds, &tarContents{file: f, gzip: formatOf(f.key) == tarGzip, way: w})
	}
	if err := s.listAll(ctx, d, o); err != nil {
		return err
	}
	if w.ext == folder {
		s.classByFolder()
	}
	return nil
}

// sample is what members of the same name but their ending make.
type sample struct {
	first    string // member
	pictures []entry
	class    string
	why      string // there is no class
}

// splitMember returns the name of a sample and the ending of the member: all from the first dot of its file on.
func splitMember(name string) (key, ext string) {
	dir, base := path.Split(name)
	stem, ext, ok := strings.Cut(base, ".")
	if !ok {
		return name, ""
	}
	return dir + stem, strings.ToLower(ext)
}

// memberName is a member's path as that of an image.
func memberName(h *tar.Header) string { return strings.TrimPrefix(path.Clean(h.Name), "/") }

func hidden(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") || datasets.SystemFolder(part) {
			return true
		}
	}
	return false
}

// each iterates over the members that are files and not hidden.
func (t *tarContents) each(ctx context.Context, do func(h *tar.Header, at int64, body io.Reader) error) error {
	in, err := t.store.Read(ctx, t.key, t.Version, 0, -1)
	if err != nil {
		return err
	}
	defer in.Close()
	count := &counter{in: in}
	t.end = t.Size
	if s, ok := in.(io.Seeker); ok && !t.gzip {
		return t.members(ctx, do, struct {
			io.Reader
			io.Seeker
		}{in, s}, func() (int64, error) { return s.Seek(0, io.SeekCurrent) })
	}
	if t.gzip {
		z, err := gzip.NewReader(in)
		if err != nil {
			return &damagedError{err}
		}
		count.in = z
	}
	defer func() { t.end = count.n }()
	return t.members(ctx, do, count, func() (int64, error) { return count.n, nil })
}

func (t *tarContents) members(ctx context.Context, do func(h *tar.Header, at int64, body io.Reader) error, in io.Reader, where func() (int64, error)) error {
	r := tar.NewReader(in)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return worded(err)
		}
		at, err := where()
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse || hidden(memberName(h)) {
			continue
		}
		if err := do(h, at, r); err != nil {
			return worded(err)
		}
	}
}

type counter struct {
	in io.Reader
	n  int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// damagedError is the file's own fault, other than one of reading it.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// worded tells damage from failures to read.
func worded(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &damagedError{errors.New("it ends too early")}
	case errors.Is(err, tar.ErrHeader), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), strings.HasPrefix(err.Error(), "flate: "):
		return &damagedError{err}
	}
	return err
}

// guess finds out how the classes are told, by what is in the first file with images: members that say it, else folders.
func (t *tarContents) guess(ctx context.Context) (*way, error) {
	found := map[string]bool{}
	pictures := 0
	err := t.each(ctx, func(h *tar.Header, _ int64, body io.Reader) error {
		_, ext := splitMember(memberName(h))
		switch {
		case datasets.IsPicture(h.Name):
			pictures++
		case ext == "cls" || ext == "txt":
			found[ext] = true
		case ext == "json" && !found[ext]:
			if _, ok := classIn(body, ""); ok {
				found[ext] = true
			}
		}
		if pictures >= 100 {
			return io.EOF
		}
		return nil
	})
	var damage *damagedError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &damage) {
		return nil, err
	}
	for _, ext := range []string{"cls", "json", "txt"} {
		if found[ext] {
			return &way{ext: ext}, nil
		}
	}
	if pictures == 0 {
		if damage != nil {
			return nil, damage
		}
		return nil, nil
	}
	return &way{ext: folder}, nil
}

func (t *tarContents) list(ctx context.Context) ([]entry, string, error) {
	samples := map[string]*sample{}
	var order []*sample
	var last *entry // the member read last: cut off where the file ends within it
	err := t.each(ctx, func(h *tar.Header, at int64, body io.Reader) error {
		name := memberName(h)
		key, ext := splitMember(name)
		picture := datasets.IsPicture(name)
		if last = nil; !picture && (t.way.ext != ext || t.way.ext == folder) {
			return nil
		}
		if t.way.ext == folder {
			key = name
		}
		s := samples[key]
		if s == nil {
			s = &sample{first: name}
			samples[key] = s
			order = append(order, s)
		}
		if !picture {
			var class string
			var ok bool
			if t.way.ext == "json" {
				class, ok = classIn(body, t.way.key)
			} else {
				class, ok = textIn(body)
			}
			if s.class = class; !ok {
				s.why = fmt.Sprintf("its %s has no class", t.way)
			}
			return nil
		}
		e := entry{name: name, at: at, size: h.Size}
		switch {
		case h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != "":
			e.skip = sparse
		case h.Size > maxPicture:
			e.skip = fmt.Sprintf("too large: the file has %d MB, the limit is %d", h.Size>>20, maxPicture>>20)
		}
		s.pictures = append(s.pictures, e)
		last = &s.pictures[len(s.pictures)-1]
		return nil
	})
	damage := ""
	var bad *damagedError
	if errors.As(err, &bad) {
		if damage, err = bad.Error(), nil; last != nil && last.at+last.size > t.end {
			last.skip = "its archive ends within it"
		}
	}
	var all []entry
	for _, s := range order {
		if len(s.pictures) == 0 {
			all = append(all, entry{name: s.first, class: s.class, skip: "the archive has no image for it"})
		}
		for _, e := range s.pictures {
			if e.class = s.class; e.class == "" && t.way.ext != folder {
				e.skip = cmp.Or(e.skip, s.why, fmt.Sprintf("no class: the archive has no .%s for it", t.way.ext))
			}
			all = append(all, e)
		}
	}
	return all, damage, err
}

// textIn is the class in a small text member.
func textIn(body io.Reader) (string, bool) {
	b, err := io.ReadAll(io.LimitReader(body, maxText))
	class := strings.TrimSpace(string(b))
	return class, err == nil && class != ""
}

// classIn is the class in a JSON member, a string or a whole number, under a key (one in another with a dot between) or the first of
// the usual ones; the member may also be the class itself.
func classIn(body io.Reader, key string) (string, bool) {
	b, err := io.ReadAll(io.LimitReader(body, maxText))
	if err != nil {
		return "", false
	}
	var v any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return "", false
	}
	if key != "" {
		for _, k := range strings.Split(key, ".") {
			object, _ := v.(map[string]any)
			v = object[k]
		}
	} else if object, ok := v.(map[string]any); ok {
		v = nil
		for _, k := range jsonClass {
			if v = object[k]; v != nil {
				break
			}
		}
	}
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), strings.TrimSpace(v) != ""
	case json.Number:
		return v.String(), isNumber(v.String())
	}
	return "", false
}

func (t *tarContents) read(ctx context.Context, wanted []int64, give func(at int64, data []byte, skip string) error) error {
	next := 0
	err := t.each(ctx, func(h *tar.Header, at int64, body io.Reader) error {
		for next < len(wanted) && wanted[next] < at {
			next++
		}
		if next == len(wanted) {
			return io.EOF
		}
		if wanted[next] != at {
			return nil
		}
		data := make([]byte, h.Size)
		if _, err := io.ReadFull(body, data); err != nil {
			return err
		}
		next++
		return give(at, data, "")
	})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// picture reads one member where it lies.
func (t *tarContents) picture(ctx context.Context, p place, buf []byte) (datasets.Picture, error) {
	in, err := t.store.Read(ctx, t.key, t.Version, p.at, p.size)
	if err != nil {
		return datasets.Picture{}, err
	}
	defer in.Close()
	data, err := readAll(in, p.size, buf)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return datasets.Picture{Skip: "its archive ends within it"}, nil
	}
	return datasets.Picture{Data: data, Version: t.version()}, err
}

func (t *tarContents) stat(p place) (bytes, version int64, err error) {
	return p.size, t.version(), nil
}

// readAll reads size bytes, in buf where they fit.
func readAll(in io.Reader, size int64, buf []byte) ([]byte, error) {
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	_, err := io.ReadFull(in, buf)
	if errors.Is(err, io.EOF) && size > 0 {
		err = io.ErrUnexpectedEOF
	}
	if size == 0 {
		err = nil
	}
	return buf, err
}
