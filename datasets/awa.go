package datasets

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
)

const awaPage = "https://cvml.ista.ac.at/AwA2/"

// openAwA2 reads Animals with Attributes 2: classes.txt "<class id> <name>", JPEGImages/<class>/<class>_10001.jpg. dir is
// Animals_with_Attributes2 or the folder that holds it. Images that its own features list (Features/*/AwA2-filenames.txt,
// AwA2-labels.txt) are of the dataset too, whether their pictures are there or not.
func openAwA2(dir string) (*Dataset, error) {
	d, err := awaClasses("awa2", dir, "Animals_with_Attributes2")
	if err != nil {
		return nil, err
	}
	d.ImageRoot = filepath.Join(d.Root, "JPEGImages")
	index := make(map[string]int, len(d.Classes))
	for i, c := range d.Classes {
		index[c.Name] = i
	}
	entries, err := os.ReadDir(d.ImageRoot)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	files := make([][]string, len(d.Classes))
	pictures := 0
	var strange []string
	for _, e := range entries {
		name := e.Name()
		st, err := os.Stat(filepath.Join(d.ImageRoot, name))
		if err != nil && !lookup.Absent(err) {
			return nil, err
		}
		if err != nil || !st.IsDir() || strings.HasPrefix(name, ".") || systemFolders[name] {
			continue
		}
		k, ok := index[name]
		if !ok {
			strange = append(strange, name)
			continue
		}
		if files[k], err = picturesIn(filepath.Join(d.ImageRoot, name)); err != nil {
			return nil, err
		}
		pictures += len(files[k])
	}
	list, err := d.addAwA2Listed(files)
	if err != nil {
		return nil, err
	}
	for k, c := range d.Classes {
		slices.Sort(files[k])
		for _, f := range slices.Compact(files[k]) {
			d.Images = append(d.Images, Image{Path: c.Name + "/" + f, Class: k})
		}
	}
	if len(strange) > 0 {
		d.note("%d folders of %s are no classes of classes.txt and were left out: %s", len(strange), d.ImageRoot, some(strange))
	}
	switch n := d.withoutImages(); {
	case list != "":
		d.noteMissing(list)
	case pictures == 0:
		d.noteUnpictured("no pictures in %s (they are AwA2-data.zip of %s): features are to be imported", d.ImageRoot, awaPage)
	case n > 0:
		d.noteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.check()
}

// addAwA2Listed adds the images that AwA2's own features are of, "antelope_10001.jpg" and a class id a line in two files, and gives
// the list's path, "" where there is none.
func (d *Dataset) addAwA2Listed(files [][]string) (list string, err error) {
	found, err := lookup.Below(d.Root, "Features/*/AwA2-filenames.txt")
	if err != nil || len(found) == 0 {
		return "", err
	}
	list = found[0]
	labels := filepath.Join(filepath.Dir(list), "AwA2-labels.txt")
	byID, byName := make(map[int]int, len(d.Classes)), make(map[string]bool, len(d.Classes))
	for i, c := range d.Classes {
		byID[c.ID], byName[c.Name] = i, true
	}
	var of []int
	err = delimited.Lines(labels, func(_ int, text string) error {
		id, err := positive(text)
		if err != nil {
			return err
		}
		k, ok := byID[id]
		if !ok {
			return fmt.Errorf("class id %d is not in classes.txt", id)
		}
		of = append(of, k)
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	n := 0
	err = delimited.Lines(list, func(_ int, text string) error {
		if n < len(of) {
			if c := awaClass(text); byName[c] && c != d.Classes[of[n]].Name {
				return fmt.Errorf("image %q has the label of class %q (%s)", text, d.Classes[of[n]].Name, labels)
			}
			files[of[n]] = append(files[of[n]], path.Base(text))
		}
		n++
		return nil
	})
	if err == nil && n != len(of) {
		err = fmt.Errorf("%s names %d images, %s has %d labels", list, n, labels, len(of))
	}
	return list, err
}

// awaClass is the class in the name of a picture of AwA, "antelope_10001.jpg".
func awaClass(file string) string {
	name := path.Base(file)
	return name[:max(0, strings.LastIndex(name, "_"))]
}

// openAwA1 reads the classes of Animals with Attributes. Its pictures are not handed round; features are imported.
func openAwA1(dir string) (*Dataset, error) {
	d, err := awaClasses("awa1", dir, "Animals_with_Attributes")
	if err != nil {
		return nil, err
	}
	d.note("AwA1's pictures are not handed round; its features are: 'vzsl import' takes a folder of them, as %s", filepath.Join(d.Root, "Features", "vgg19"))
	return d, d.check()
}

// awaClasses reads classes.txt in dir or in the archive's own folder below it.
func awaClasses(name, dir, folder string) (*Dataset, error) {
	for _, root := range []string{dir, filepath.Join(dir, folder)} {
		file := filepath.Join(root, "classes.txt")
		if there, err := lookup.Exists(file); err != nil {
			return nil, err
		} else if !there {
			continue
		}
		var classes idTable
		if err := classes.read(file, "class"); err != nil {
			return nil, err
		}
		d := &Dataset{Name: name, Root: root, ImageRoot: root}
		for i, n := range classes.names {
			d.Classes = append(d.Classes, Class{Name: n, ID: classes.ids[i]})
		}
		return d, nil
	}
	return nil, fmt.Errorf("no classes.txt in %s or in %s below it; the folder %[2]s of the official archive is wanted (%s)", dir, folder, awaPage)
}

// picturesIn lists the pictures of a folder, sorted.
func picturesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() && !strings.HasPrefix(n, ".") && IsPicture(n) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names, nil
}
