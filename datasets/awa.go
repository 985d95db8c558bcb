package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"vzsl/internal/lookup"
)

const awaPage = "https://cvml.ista.ac.at/AwA2/"

// openAwA2 reads Animals with Attributes 2: classes.txt "<class id> <name>", JPEGImages/<class>/<class>_10001.jpg. dir is
// Animals_with_Attributes2 or the folder that holds it.
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
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no JPEGImages in %s; its pictures are AwA2-data.zip of %s", d.Root, awaPage)
	}
	if err != nil {
		return nil, err
	}
	files := make([][]string, len(d.Classes))
	var strange []string
	for _, e := range entries {
		name := e.Name()
		st, err := os.Stat(filepath.Join(d.ImageRoot, name))
		if err != nil && !lookup.Absent(err) {
			return nil, err
		}
		if err != nil || !st.IsDir() || strings.HasPrefix(name, ".") {
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
	}
	for k, c := range d.Classes {
		for _, f := range files[k] {
			d.Images = append(d.Images, Image{Path: c.Name + "/" + f, Class: k})
		}
	}
	if len(strange) > 0 {
		d.note("%d folders of %s are no classes of classes.txt and were left out: %s", len(strange), d.ImageRoot, some(strange))
	}
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("no pictures in %s", d.ImageRoot)
	}
	if n := d.withoutImages(); n > 0 {
		d.noteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.check()
}

// openAwA1 reads the classes of Animals with Attributes. Its pictures are not handed round; features are imported.
func openAwA1(dir string) (*Dataset, error) {
	d, err := awaClasses("awa1", dir, "Animals_with_Attributes")
	if err != nil {
		return nil, err
	}
	d.note("AwA1's pictures are not handed round; its features are: 'vzsl import text' takes a folder of them, as %s", filepath.Join(d.Root, "Features", "vgg19"))
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
