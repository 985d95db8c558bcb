package features

import (
	"fmt"
	"slices"
)

const schemaList = "image-list/1"

// Columns and metadata of images that are not files of a folder.
const (
	columnListFile = "file"
	columnAt       = "at"
	columnVersion  = "version"
	keyListFiles   = keyPrefix + "files"
)

// ImageList is the list of a dataset's images as a plan keeps it.
type ImageList struct {
	Classes  []Class
	Images   []Image
	Unusable map[string]string // why an image cannot be used that need not be read to know it

	// Of images in archives, tables and buckets: their files, and where each image is.
	Files  []ListFile
	Places []ListPlace
}

// ListFile is a file with images, or a place in a bucket below which each image is a file.
type ListFile struct {
	Address string `json:"address"`
	Bytes   int64  `json:"bytes"`
	Version string `json:"version"` // differs for another content
	Ranges  bool   `json:"ranges"`  // parts of it can be read
}

// ListPlace is where an image is.
type ListPlace struct {
	File      int   // of Files
	At, Bytes int64 // in the file; Bytes -1: not known
	Version   string
}

// WriteImageList writes a list as Parquet: image, label, why it cannot be used and, where Places has them, file, place, size and
// version; classes and files are in the metadata.
func WriteImageList(path string, l *ImageList) error {
	images, labels, reasons := make([]string, len(l.Images)), make([]int32, len(l.Images)), make([]string, len(l.Images))
	for i, m := range l.Images {
		images[i], labels[i], reasons[i] = m.Path, int32(m.Class), l.Unusable[m.Path]
	}
	var kv metadata
	kv.add(keySchema, schemaList)
	kv.addJSON(keyPrefix+"classes", append([]Class{}, l.Classes...))
	columns := []column{{name: columnImage, text: images}, {name: columnLabel, num: labels, dict: true}, {name: columnReason, text: reasons, dict: true}}
	if l.Files != nil {
		if len(l.Places) != len(l.Images) {
			return fmt.Errorf("%s: %d images, but %d places", path, len(l.Images), len(l.Places))
		}
		kv.addJSON(keyListFiles, l.Files)
		files, at, sizes, versions := make([]int32, len(l.Images)), make([]int64, len(l.Images)), make([]int64, len(l.Images)), make([]string, len(l.Images))
		for i, p := range l.Places {
			files[i], at[i], sizes[i], versions[i] = int32(p.File), p.At, p.Bytes, p.Version
		}
		columns = append(columns, column{name: columnListFile, num: files, dict: true}, column{name: columnAt, long: at}, column{name: columnBytes, long: sizes},
			column{name: columnVersion, text: versions, dict: !slices.ContainsFunc(versions, func(v string) bool { return v != "" })})
	}
	return saveTable(path, len(images), columns, kv)
}

// ReadImageList reads and checks it.
func ReadImageList(path string) (*ImageList, error) {
	t, err := openWhole(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.expect(schemaList, "a list of images"); err != nil {
		return nil, err
	}
	l := &ImageList{Unusable: map[string]string{}}
	if err := t.metaJSON(keyPrefix+"classes", &l.Classes); err != nil {
		return nil, err
	}
	if _, placed := t.meta(keyListFiles); placed {
		if err := t.metaJSON(keyListFiles, &l.Files); err != nil {
			return nil, err
		}
	}
	l.Images = make([]Image, 0, min(t.rows(), 1<<20))
	if l.Files != nil {
		l.Places = make([]ListPlace, 0, min(t.rows(), 1<<20))
	}
	for g := range t.groups() {
		images, err := t.strings(g, columnImage)
		if err != nil {
			return nil, err
		}
		labels, err := integers[int32](t, g, columnLabel)
		if err != nil {
			return nil, err
		}
		reasons, err := t.strings(g, columnReason)
		if err != nil {
			return nil, err
		}
		if len(labels) != len(images) || len(reasons) != len(images) {
			return nil, fmt.Errorf("%s: its columns have different lengths", path)
		}
		for i, image := range images {
			if labels[i] < Unlabelled || int(labels[i]) >= len(l.Classes) {
				return nil, fmt.Errorf("%s: image %q is of class %d of %d", path, image, labels[i], len(l.Classes))
			}
			l.Images = append(l.Images, Image{Path: image, Class: int(labels[i])})
			if reasons[i] != "" {
				l.Unusable[image] = reasons[i]
			}
		}
		if l.Files != nil {
			if err := t.places(g, l, len(images)); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

// places reads where a row group's images are.
func (t *table) places(group int, l *ImageList, images int) error {
	files, err := integers[int32](t, group, columnListFile)
	if err != nil {
		return err
	}
	at, err := integers[int64](t, group, columnAt)
	if err != nil {
		return err
	}
	sizes, err := integers[int64](t, group, columnBytes)
	if err != nil {
		return err
	}
	versions, err := t.strings(group, columnVersion)
	if err != nil {
		return err
	}
	if len(files) != images || len(at) != images || len(sizes) != images || len(versions) != images {
		return fmt.Errorf("%s: its columns have different lengths", t.path)
	}
	for i, f := range files {
		if f < 0 || int(f) >= len(l.Files) || at[i] < 0 || sizes[i] < -1 {
			return fmt.Errorf("%s: image %q is at byte %d of file %d of %d, with %d bytes", t.path, l.Images[len(l.Places)].Path, at[i], f, len(l.Files), sizes[i])
		}
		l.Places = append(l.Places, ListPlace{int(f), at[i], sizes[i], versions[i]})
	}
	return nil
}
