package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/datasets"
	"vzsl/internal/delimited"
	"vzsl/internal/store"
)

// listContents are single images, each a file of its own. An image is at the place of its file in listed or files.
type listContents struct {
	*file  // the list; of a prefix: the first image
	stores *store.Opener
	listed []string // of a list: the images' files as it has them
	files  []*file  // of a prefix
	names  []entry
}

// Usual names of columns, in lists and in tables.
var (
	imageColumns = []string{"image", "img", "path", "image_path", "filepath", "file_path", "file", "file_name", "filename", "url", "image_url", "uri"}
	classColumns = []string{"class", "label", "class_name", "label_name", "cls", "category", "target", "fine_label", "species", "wnid", "synset", "y"}
)

// which finds the column that is called as said, or by the first of the usual names; -1: none is.
func which(columns []string, said, flag string, usual []string) (int, error) {
	names := usual
	if said != "" {
		names = []string{said}
	}
	for _, n := range names {
		if i := slices.IndexFunc(columns, func(c string) bool { return c == n || said == "" && strings.EqualFold(c, n) }); i >= 0 {
			return i, nil
		}
	}
	if said != "" {
		return -1, fmt.Errorf("--data-columns %s=%s: column not found; the columns are %s", flag, said, strings.Join(columns, ", "))
	}
	return -1, nil
}

func (s *set) openLists(ctx context.Context, d *datasets.Dataset, o *Options) error {
	if o.Name != "" {
		return errors.New("--data-columns name=... is for Parquet; images of a list are named as in the list")
	}
	for i, f := range s.files {
		l := &listContents{file: f, stores: s.stores}
		if err := l.open(ctx, o, func(format string, args ...any) {
			if i == 0 {
				d.Note(format, args...)
			}
		}); err != nil {
			return err
		}
		s.holds = append(s.holds, l)
	}
	if err := s.listAll(ctx, d, o); err != nil {
		return err
	}
	return nil
}

// open reads the list.
func (l *listContents) open(ctx context.Context, o *Options, note func(string, ...any)) error {
	in, err := l.store.Read(ctx, l.key, l.Version, 0, -1)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := delimited.New(l.url(), in)
	if err != nil {
		return err
	}
	columns := r.Header()
	image, err := which(columns, o.Image, "image", imageColumns)
	if err != nil {
		return fmt.Errorf("%s: %w", l.url(), err)
	}
	class, err := which(columns, o.Class, "class", classColumns)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", l.url(), err)
	case image < 0:
		return fmt.Errorf("%s: no column has a usual name for paths or addresses of images (%s): name one of %s with --data-columns image=NAME", l.url(), strings.Join(imageColumns, ", "), strings.Join(columns, ", "))
	case class < 0:
		return fmt.Errorf("%s: no column has a usual name for classes (%s): name one of %s with --data-columns class=NAME", l.url(), strings.Join(classColumns, ", "), strings.Join(columns, ", "))
	}
	note("images are in column %s, classes in column %s; --data-columns image=... and class=... choose others", columns[image], columns[class])
	classes := map[string]string{}
	for {
		fields, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		e := entry{name: fields[image], class: fields[class], at: int64(len(l.listed)), size: -1}
		switch {
		case e.name == "":
			return fmt.Errorf("%s: a row without an image", l.url())
		case e.class == "":
			e.skip = "no class: the list has none for it"
		}
		if c, ok := classes[e.class]; ok { // one text for all
			e.class = c
		} else {
			e.class = strings.Clone(e.class)
			classes[e.class] = e.class
		}
		if _, err := l.image(e.name); err != nil {
			return fmt.Errorf("%s: %w", l.url(), err)
		}
		l.listed = append(l.listed, e.name)
		if !store.IsURL(e.name) && !filepath.IsAbs(e.name) {
			e.name = filepath.ToSlash(e.name)
		}
		l.names = append(l.names, e)
	}
}

// image is the file of a row.
func (l *listContents) image(name string) (*file, error) {
	f := &file{}
	var err error
	switch {
	case store.IsURL(name), filepath.IsAbs(name):
		f.store, f.key, err = l.stores.At(name)
	case strings.Contains(l.key, "://"): // from where the list is
		f.store, f.key = l.store, l.key[:strings.LastIndexByte(l.key, '/')+1]+name
	default:
		f.store, f.key = l.store, path.Join(path.Dir(l.key), filepath.ToSlash(name))
	}
	return f, err
}

// at is the file of the image at a place.
func (l *listContents) at(i int64) (*file, error) {
	if l.listed != nil {
		return l.image(l.listed[i])
	}
	return l.files[i], nil
}

func (l *listContents) list(context.Context) ([]entry, string, error) {
	names := l.names
	l.names = nil
	return names, "", nil
}

func (l *listContents) read(ctx context.Context, wanted []int64, give func(at int64, data []byte, skip string) error) error {
	return errors.New("lists are read image by image")
}

func (l *listContents) picture(ctx context.Context, p place, buf []byte) (datasets.Picture, error) {
	f, err := l.at(p.at)
	if err != nil {
		return datasets.Picture{}, err
	}
	in, err := f.look(ctx)
	if err == nil && in.Size > maxPicture {
		return datasets.Picture{Skip: fmt.Sprintf("too large: the file has %d MB, the limit is %d", in.Size>>20, maxPicture>>20)}, nil
	}
	var data []byte
	if err == nil {
		data, err = f.all(ctx, in, buf)
	}
	if err == nil || ctx.Err() != nil {
		return datasets.Picture{Data: data, Version: f.versionOf(in)}, err
	}
	skip, err := f.unreadable(err)
	return datasets.Picture{Skip: skip}, err
}

func (l *listContents) stat(p place) (bytes, version int64, err error) {
	f, err := l.at(p.at)
	if err != nil {
		return 0, 0, err
	}
	in, err := f.look(context.Background())
	return in.Size, f.versionOf(in), err
}

// look describes the file of an image, which was done already where it was listed with its bucket.
func (f *file) look(ctx context.Context) (store.Info, error) {
	if f.Key != "" {
		return f.Info, nil
	}
	return f.store.Stat(ctx, f.key)
}

// versionOf is the modification time of a local file, as that of an image in a folder.
func (f *file) versionOf(in store.Info) int64 {
	if _, local := f.store.(store.Folder); local {
		return in.Modified.UnixNano()
	}
	return (&file{Info: in}).version()
}

func (f *file) all(ctx context.Context, in store.Info, buf []byte) ([]byte, error) {
	body, err := f.store.Read(ctx, f.key, f.Version, 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if in.Size >= 0 {
		return readAll(body, in.Size, buf)
	}
	data, err := io.ReadAll(io.LimitReader(body, maxPicture+1))
	if len(data) > maxPicture {
		return nil, fmt.Errorf("too large: the file has more than %d MB", maxPicture>>20)
	}
	return data, err
}

// unreadable words a failure to read the file of an image, as for one in a folder.
func (f *file) unreadable(err error) (skip string, _ error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the file is missing", nil
	case errors.Is(err, fs.ErrPermission):
		return "no permission to read the file", nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the file became shorter while it was read", nil
	case strings.Contains(f.url(), "://"):
		// A server that is down says nothing of the images that it holds; it has been asked several times.
		var refused *store.StatusError
		if errors.As(err, &refused) && refused.Status < 500 {
			return fmt.Sprintf("the server answered with status %d", refused.Status), nil
		}
		return "", err
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return "the file cannot be read: " + err.Error(), nil
}

// openPrefix lists the images below a prefix of a bucket, a folder per class.
func (s *set) openPrefix(ctx context.Context, d *datasets.Dataset, o *Options) error {
	at := s.files[0]
	if o.Image != "" || o.Class != "" || o.Name != "" {
		return errors.New("--data-columns is for tables, lists and tar files")
	}
	if at.key != "" && !strings.HasSuffix(at.key, "/") {
		at.key += "/"
	}
	infos, err := at.store.List(ctx, at.key)
	if err != nil {
		return fmt.Errorf("%s: %w", at.url(), err)
	}
	l := &listContents{file: at}
	loose := 0
	for _, in := range infos {
		name := strings.TrimPrefix(in.Key, at.key)
		switch {
		case hidden(name) || !datasets.IsPicture(name):
			continue
		case !strings.Contains(name, "/"):
			loose++
			continue
		}
		l.names = append(l.names, entry{name: name, at: int64(len(l.files)), size: in.Size})
		l.files = append(l.files, &file{store: at.store, key: in.Key, Info: in})
	}
	if loose > 0 {
		d.Note("%d images are in %s itself and belong to no class; they were left out", loose, at.url())
	}
	if len(l.names) == 0 {
		return fmt.Errorf("%s: no images there: expected one folder per class, or .tar, .parquet or .csv files", at.url())
	}
	s.holds = []contents{l}
	if err := s.listAll(ctx, d, o); err != nil {
		return err
	}
	for i := range s.entries[0] {
		e := &s.entries[0][i]
		e.class, _, _ = strings.Cut(e.name, "/")
	}
	return nil
}

// classByFolder takes an image's class from the first folder that not all of them lie in.
func (s *set) classByFolder() {
	var common []string
	first := true
	for _, es := range s.entries {
		for _, e := range es {
			parts := strings.Split(path.Dir(e.name), "/")
			parts = parts[:len(parts)-1] // the last one is a class
			if first {
				common, first = parts, false
			}
			n := 0
			for n < len(common) && n < len(parts) && common[n] == parts[n] {
				n++
			}
			common = common[:n]
		}
	}
	above := ""
	if len(common) > 0 {
		above = strings.Join(common, "/") + "/"
	}
	for _, es := range s.entries {
		for i := range es {
			e := &es[i]
			e.name = strings.TrimPrefix(e.name, above)
			class, _, ok := strings.Cut(e.name, "/")
			if !ok {
				e.skip = "no class: it is in no folder of the archive"
				continue
			}
			e.class = class
		}
	}
}
