package datasets

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/features/convert"
	"vzsl/internal/spelling"
)

// ClassFile is the file in an own folder that describes the classes, those without images too.
const ClassFile = "classes.csv"

// OpenFolder reads an own dataset: <class>/<image>. Classes that have no images, those to be recognised from their
// description alone, are the further rows of the class file (a table as [convert.ReadClassNames] reads it); "" means classes.csv in
// dir where there is one. A class file may be there without any images. A folder
// without images of its own that no row describes is no class. Images in folders within a class's belong to it, too.
//
// Classes with images come first, sorted by name, then those without in the order of the class file: describing one more
// class changes no label of a class with images, and appending a row no label at all. The ID of a class is its row in the
// class file, from 1; 0 where it has none. Names are in Unicode's normal form C; image paths are as on the disk.
func OpenFolder(dir, classFile string, columns convert.Choice) (*Dataset, error) {
	d := &Dataset{Name: "folder", Root: dir, ImageRoot: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	described, err := Described(dir, classFile, columns)
	if err != nil {
		return nil, err
	}
	row := make(map[string]int, len(described)) // class to its row in the class file, from 1
	for i, name := range described {
		row[name] = i + 1
	}
	found := map[string]*classFolder{}
	var bare []*classFolder // folders without images
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
		class := norm.NFC.String(name)
		if row[class] == 0 && SystemFolder(name) {
			continue
		}
		if err := validName("class folder", name); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		f, err := readClassFolder(dir, name)
		if err != nil {
			return nil, err
		}
		if len(f.images) > 0 || row[class] > 0 {
			if err := f.readDeeper(dir, name); err != nil {
				return nil, err
			}
		}
		if len(f.images) == 0 {
			bare = append(bare, f)
			continue
		}
		if was := found[class]; was != nil {
			return nil, fmt.Errorf("%s: the folders %+q and %+q are the same class %q, written in two Unicode forms: move the images into one of them", dir, was.name, name, class)
		}
		found[class] = f
	}
	d.fill(found, described, row)
	d.noteFolders(found, bare, row, loose)
	switch n := d.WithoutImages(); {
	case len(d.Classes) == 0:
		return nil, fmt.Errorf("no images in %s: a dataset is one folder per class with its images in it (%s)%s", dir, extensionList(), deeperHint(dir, bare))
	case len(d.Images) == 0:
		d.NoteUnpictured("%d described classes and no images: import features", n)
	case n > 0:
		d.NoteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.Check()
}

// classFolder is a folder of images.
type classFolder struct {
	name    string   // as on the disk
	images  []string // file names, in folders within it with these, sorted
	folders []string // within it
	deeper  int      // images in these
	other   int      // files that are no images
}

// readClassFolder lists the images of one class folder. Dot files, such as the ._x that macOS puts beside x, are left out.
func readClassFolder(dir, name string) (*classFolder, error) {
	entries, err := os.ReadDir(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	f := &classFolder{name: name}
	for _, e := range entries {
		switch file := e.Name(); {
		case strings.HasPrefix(file, "."):
		case e.IsDir():
			if !SystemFolder(file) {
				f.folders = append(f.folders, file)
			}
		case IsPicture(file):
			f.images = append(f.images, file)
		default:
			f.other++
		}
	}
	sort.Strings(f.images)
	return f, nil
}

// readDeeper adds the images in the folders within, at any depth; links to folders are not followed.
func (f *classFolder) readDeeper(dir, name string) error {
	direct := len(f.images)
	for i := 0; i < len(f.folders); i++ {
		inner, err := readClassFolder(filepath.Join(dir, name), f.folders[i])
		if err != nil {
			return err
		}
		for _, file := range inner.images {
			f.images = append(f.images, f.folders[i]+"/"+file)
		}
		for _, folder := range inner.folders {
			f.folders = append(f.folders, f.folders[i]+"/"+folder)
		}
		f.other += inner.other
	}
	f.deeper = len(f.images) - direct
	sort.Strings(f.images)
	return nil
}

// noteFolders says what was left out.
func (d *Dataset) noteFolders(found map[string]*classFolder, bare []*classFolder, row map[string]int, loose int) {
	if loose > 0 {
		d.Note("%d images are in %s itself and belong to no class; they were left out", loose, d.Root)
	}
	all := slices.Clone(bare)
	for _, f := range found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *classFolder) int { return strings.Compare(a.name, b.name) })
	for _, f := range all {
		class := len(f.images) > 0 || row[norm.NFC.String(f.name)] > 0
		if f.deeper > 0 {
			d.Note("%s: %d of its %d images are in subfolders", f.name, f.deeper, len(f.images))
		}
		if !class && len(f.folders) > 0 {
			d.Note("%s holds %d folders and no images directly; a row in %s makes it a class with the images in these folders", f.name, len(f.folders), ClassFile)
		}
		if class && f.other > 0 {
			d.Note("%s holds %d files without the extension of an image (%s); they were left out", f.name, f.other, extensionList())
		}
	}
	var none []string
	for _, f := range bare {
		if row[norm.NFC.String(f.name)] == 0 {
			none = append(none, f.name)
		}
	}
	if len(none) > 0 {
		d.Note("%d folders without images and without a row in a class file are not classes and were left out: %s", len(none), spelling.First(none, 5))
	}
}

// deeperHint names a folder that looks like the dataset where the one given lies above it.
func deeperHint(dir string, bare []*classFolder) string {
	for _, f := range bare {
		for _, inner := range f.folders {
			if deep, err := readClassFolder(filepath.Join(dir, f.name), inner); err == nil && len(deep.images) > 0 {
				return fmt.Sprintf("; images are one folder deeper, in %s: is %s the dataset's folder? A class with all images in subfolders needs a row in %s", filepath.Join(dir, f.name, inner), filepath.Join(dir, f.name), ClassFile)
			}
		}
	}
	return ""
}

// Described are the names in the class file, by default classes.csv in dir, in its order; nil where there is none.
func Described(dir, classFile string, columns convert.Choice) ([]string, error) {
	given := classFile != ""
	if !given {
		classFile = filepath.Join(dir, ClassFile)
	}
	if _, err := os.Stat(classFile); !given && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return convert.ReadClassNames(classFile, columns)
}

// fill makes the lists of classes and images.
func (d *Dataset) fill(found map[string]*classFolder, described []string, row map[string]int) {
	for i, class := range slices.Sorted(maps.Keys(found)) {
		d.Classes = append(d.Classes, Class{Name: class, ID: row[class]})
		for _, file := range found[class].images {
			d.Images = append(d.Images, Image{Path: found[class].name + "/" + file, Class: i})
		}
	}
	for _, class := range described {
		if found[class] == nil {
			d.Classes = append(d.Classes, Class{Name: class, ID: row[class]})
		}
	}
}
