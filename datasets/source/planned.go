package source

import (
	"context"
	"fmt"
	"strings"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/internal/store"
)

// Places puts where the images of a source are into a list of them, so that another process reads them without listing the source
// again (Planned). It does nothing where that would save nothing or could not be checked: of a list file, which is read at once, and
// of files whose server does not tell one content from another.
func Places(d *datasets.Dataset, l *features.ImageList) {
	s, ok := d.Pictures.(*set)
	if !ok {
		return
	}
	var files []features.ListFile
	for i, f := range s.files {
		c, single := s.holds[i].(*listContents)
		switch {
		case single && c.listed != nil:
			return
		case single: // each image is a file of its own
			files = append(files, features.ListFile{Address: f.url(), Bytes: -1})
			continue
		case f.Version == "" || f.Size < 0:
			return
		}
		files = append(files, features.ListFile{Address: f.url(), Bytes: f.Size, Version: f.Version, Ranges: f.Ranges})
	}
	places := make([]features.ListPlace, len(s.places))
	for i, p := range s.places {
		places[i] = features.ListPlace{File: p.file, At: p.at, Bytes: p.size}
		if c, single := s.holds[p.file].(*listContents); single {
			if places[i].Version = c.files[p.at].Version; places[i].Version == "" {
				return
			}
		}
	}
	l.Files, l.Places = files, places
}

// Planned reads images where a list says that they are. A file that is another one by then is a *store.ChangedError: here where it is a
// local one, whose modification time may also be that of a copy, else when its first image is read.
func Planned(ctx context.Context, l *features.ImageList, o Options) (datasets.Pictures, error) {
	if o.Stores == nil {
		o.Stores = &store.Opener{}
	}
	s := &set{stores: o.Stores, places: make([]place, len(l.Places))}
	for _, in := range l.Files {
		f := &file{Info: store.Info{Size: in.Bytes, Version: in.Version, Ranges: in.Ranges}}
		var err error
		if f.store, f.key, err = o.Stores.At(in.Address); err != nil {
			return nil, err
		}
		f.Key = f.key
		if _, local := f.store.(store.Folder); local {
			now, err := f.store.Stat(ctx, f.key)
			if err == nil && now.Version != in.Version {
				err = &store.ChangedError{URL: f.url()}
			}
			if err != nil {
				return nil, err
			}
		}
		var c contents
		switch is := formatOf(f.key); is {
		case tarFile, tarGzip:
			c = &tarContents{file: f, gzip: is == tarGzip}
		case table:
			c = &tableContents{file: f, o: &o}
		case notOne:
			if f.key != "" && !strings.HasSuffix(f.key, "/") {
				f.key += "/"
			}
			c = &listContents{file: f}
		default:
			return nil, fmt.Errorf("%s: the images of such a file are not planned", in.Address)
		}
		s.files, s.holds = append(s.files, f), append(s.holds, c)
	}
	for i, p := range l.Places {
		s.places[i] = place{p.File, p.At, p.Bytes}
		c, single := s.holds[p.File].(*listContents)
		if !single {
			continue
		}
		key := c.key + l.Images[i].Path
		s.places[i].at = int64(len(c.files))
		c.files = append(c.files, &file{store: c.store, key: key, Info: store.Info{Key: key, Size: p.Bytes, Version: p.Version, Ranges: true}})
	}
	return s, nil
}
