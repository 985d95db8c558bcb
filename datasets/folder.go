package datasets

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"vzsl/internal/delimited"
)

// ClassFile is the file in an own folder that describes the classes, those without images too.
const ClassFile = "classes.csv"

// imageExtensions of the formats that can be decoded. What a file really holds is found out when it is read.
var imageExtensions = map[string]bool{
	".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".gif": true, ".bmp": true, ".webp": true,
}

// IsPicture tells by its extension whether a file is a picture.
func IsPicture(name string) bool { return imageExtensions[strings.ToLower(filepath.Ext(name))] }

// OpenFolder reads an own dataset: <class>/<image>. Classes that have no images, those to be recognised from their
// description alone, are the further rows of the class file (a CSV with a header, class names in the first column); "" means
// classes.csv in dir where there is one. A class file may stand there without any pictures.
//
// Classes with images come first, then those without, each sorted by name: describing one more class changes no label.
func OpenFolder(dir, classFile string) (*Dataset, error) {
	d := &Dataset{Name: "folder", Root: dir, ImageRoot: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]string{} // class to image file names, sorted
	loose := 0
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		// Stat, not the entry's type: a link to a folder is a folder.
		st, err := os.Stat(filepath.Join(dir, name))
		switch {
		case err != nil:
			return nil, err
		case !st.IsDir():
			if IsPicture(name) {
				loose++
			}
			continue
		}
		if err := validName("class folder", name); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		if files[name], err = d.classImages(name); err != nil {
			return nil, err
		}
	}
	described, err := addDescribed(files, dir, classFile)
	if err != nil {
		return nil, err
	}
	pictured := false
	for _, f := range files {
		pictured = pictured || len(f) > 0
	}
	if !pictured && len(described) > 0 { // described classes alone do for features that were made elsewhere
		files = described
	}
	d.fill(files)
	if loose > 0 {
		d.note("%d pictures lie in %s itself and belong to no class; they were left out", loose, dir)
	}
	switch n := d.withoutImages(); {
	case !pictured && len(described) == 0:
		return nil, fmt.Errorf("no images in %s: an own dataset is a folder per class with its pictures in it (%s)", dir, extensionList())
	case !pictured:
		d.noteUnpictured("%d described classes and no images: features are to be imported", n)
	case n > 0:
		d.noteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.check()
}

// classImages lists the pictures of one class folder.
func (d *Dataset) classImages(class string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.Root, class))
	if err != nil {
		return nil, err
	}
	var images []string
	var other, deeper int
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "."):
		case e.IsDir():
			deeper++
		case IsPicture(name):
			images = append(images, name)
		default:
			other++
		}
	}
	if deeper > 0 {
		d.note("%s holds %d folders; only the pictures in the class folder itself are read", class, deeper)
	}
	if other > 0 {
		d.note("%s holds %d files that are no pictures by their extension (%s); they were left out", class, other, extensionList())
	}
	sort.Strings(images)
	return images, nil
}

func extensionList() string {
	var l []string
	for e := range imageExtensions {
		l = append(l, e)
	}
	sort.Strings(l)
	return strings.Join(l, " ")
}

// addDescribed adds the classes of the class file.
func addDescribed(files map[string][]string, dir, classFile string) (described map[string][]string, err error) {
	given := classFile != ""
	if !given {
		classFile = filepath.Join(dir, ClassFile)
	}
	r, err := delimited.Open(classFile)
	if err != nil {
		if !given && errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	defer r.Close()
	described = map[string][]string{}
	lines := map[string]int{}
	for {
		f, line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return described, nil
		}
		if err != nil {
			return nil, err
		}
		name := f[0]
		if name == "" {
			return nil, fmt.Errorf("%s: no class name", r.At(0))
		}
		if was, twice := lines[name]; twice {
			return nil, fmt.Errorf("%s: class %q is already in line %d", r.At(0), name, was)
		}
		lines[name] = line
		described[name] = nil
		if _, ok := files[name]; !ok {
			files[name] = nil
		}
	}
}

// fill makes the lists of classes and images.
func (d *Dataset) fill(files map[string][]string) {
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		if bare := len(files[a]) == 0; bare != (len(files[b]) == 0) {
			return !bare
		}
		return a < b
	})
	for i, n := range names {
		d.Classes = append(d.Classes, Class{Name: n})
		for _, f := range files[n] {
			d.Images = append(d.Images, Image{Path: n + "/" + f, Class: i})
		}
	}
}
