package datasets

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"vzsl/features"
)

// Class is one class of a dataset, Image one image.
type (
	Class = features.Class
	Image = features.Image
)

// Dataset is what a layout's files say.
type Dataset struct {
	Name      string // the layout's name: "cub", "folder"
	Root      string // the folder that holds it
	ImageRoot string // the folder that image paths start from
	Classes   []Class
	Images    []Image
	Notes     []string // what is odd but allowed, one line each
	// Unpictured says the same of images that do not exist: no matter where features come from elsewhere.
	Unpictured []string

	// Unusable says why an image cannot be used that need not be read to know it, by its path.
	Unusable map[string]string

	Pictures Pictures // reads them; nil: they are files below ImageRoot
}

// Pictures reads images that are not files of a folder: those in archives, tables, buckets.
type Pictures interface {
	// Read begins to read images, given by their index in the dataset, in that order.
	Read(ctx context.Context, order []int) Reading
	// Stat is an image's size in bytes, negative where it is not known before it is read, and a number that is another one where its
	// file may be another one.
	Stat(image int) (bytes, version int64, err error)
	// SHA256 is that of an image's bytes, in hexadecimal.
	SHA256(ctx context.Context, image int) (string, error)
}

// Picture is the file of an image.
type Picture struct {
	Data    []byte
	Skip    string // why it cannot be used, as it is listed
	Version int64  // see Images.Stat
}

// Reading is under way until Close.
type Reading interface {
	// Picture reads an image's file, into buf where it fits. The error is for what is not the image's fault. It may be called from
	// several goroutines, for images in about the order that was given.
	Picture(ctx context.Context, image int, buf []byte) (Picture, error)
	Close() error
}

// Check brings class names to Unicode's normal form C and finds what no layout may give. Every layout ends with it.
func (d *Dataset) Check() error {
	names := make(map[string]struct{}, len(d.Classes))
	for i := range d.Classes {
		c := &d.Classes[i]
		c.Name = norm.NFC.String(c.Name)
		if err := validName("class", c.Name); err != nil {
			return err
		}
		if _, twice := names[c.Name]; twice {
			return fmt.Errorf("duplicate class %q", c.Name)
		}
		names[c.Name] = struct{}{}
	}
	paths := make(map[string]struct{}, len(d.Images))
	for i := range d.Images {
		m := &d.Images[i]
		if !utf8.ValidString(m.Path) { // an old archive's Latin-1
			if d.Unusable == nil {
				d.Unusable = map[string]string{}
			}
			m.Path = Printable(m.Path)
			d.Unusable[m.Path] = "its name is not UTF-8 text, and cannot be stored: rename it"
		}
		if err := validName("image", m.Path); err != nil {
			return err
		}
		if _, twice := paths[m.Path]; twice {
			return fmt.Errorf("duplicate image %q", m.Path)
		}
		paths[m.Path] = struct{}{}
	}
	return nil
}

// Printable is a file's name with what is not UTF-8 in it escaped.
func Printable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	q := strconv.Quote(name)
	return q[1 : len(q)-1]
}

func validName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a %s without a name", what)
	case !utf8.ValidString(name):
		return fmt.Errorf("%s %q is not UTF-8 text: rename it", what, name)
	}
	return nil
}

// ClassNames are the names of the classes in their order.
func (d *Dataset) ClassNames() []string {
	names := make([]string, len(d.Classes))
	for i, c := range d.Classes {
		names[i] = c.Name
	}
	return names
}

// SHA256 identifies the images and the classes they belong to; see [features.ListSHA256].
func (d *Dataset) SHA256() string { return features.ListSHA256(d.Classes, d.Images) }

// Numbered are the names of the classes in the order of their numbers, 1, 2, 3, ...; nil where they are not all numbered so.
func (d *Dataset) Numbered() []string {
	names := make([]string, len(d.Classes))
	for _, c := range d.Classes {
		if c.ID < 1 || c.ID > len(names) || names[c.ID-1] != "" {
			return nil
		}
		names[c.ID-1] = c.Name
	}
	return names
}

// WithoutImages counts the classes that no image belongs to.
func (d *Dataset) WithoutImages() int {
	used := make([]bool, len(d.Classes))
	for _, m := range d.Images {
		if m.Class != features.Unlabelled {
			used[m.Class] = true
		}
	}
	n := 0
	for _, u := range used {
		if !u {
			n++
		}
	}
	return n
}

func (d *Dataset) Note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

func (d *Dataset) NoteUnpictured(format string, args ...any) {
	d.Unpictured = append(d.Unpictured, fmt.Sprintf(format, args...))
}
