package datasets

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"vzsl/internal/lookup"
	"vzsl/internal/matfile"
)

const sunPage = "https://cs.brown.edu/~gmpatter/sunattributes.html"

// openSUN reads the SUN Attribute database: images.mat with the pictures' paths, "a/abbey/sun_aakbdcgfpksytcwj.jpg", 20 of
// each class; a class is called like its folder without the letter, "abbey", "desert/sand". dir is SUNAttributeDB, or the
// folder that holds it; the pictures lie in images/ there, beside it or in SUNAttributeDB_Images.
func openSUN(dir string) (*Dataset, error) {
	root := dir
	for _, r := range []string{dir, filepath.Join(dir, "SUNAttributeDB")} {
		if there, err := lookup.Exists(filepath.Join(r, "images.mat")); err != nil {
			return nil, err
		} else if there {
			root = r
			break
		}
	}
	list := filepath.Join(root, "images.mat")
	f, err := matfile.Open(list)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no images.mat in %s or in SUNAttributeDB below it; it is in SUNAttributeDB.tar.gz of %s", dir, sunPage)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := f.Read("images")
	if err != nil {
		return nil, err
	}
	files, err := a.Texts()
	if err != nil {
		return nil, fmt.Errorf("%s: images: %w", list, err)
	}
	d := &Dataset{Name: "sun", Root: root, ImageRoot: sunImages(root)}
	index := map[string]int{}
	for i, file := range files {
		p := strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(file), `\`, "/"), "/")
		class := sunClass(p)
		if class == "" || p != path.Clean(p) || strings.HasPrefix(p, "../") {
			return nil, fmt.Errorf("%s: image %d is %q; a path like a/abbey/sun_x.jpg is wanted", list, i+1, file)
		}
		k, ok := index[class]
		if !ok {
			k = len(d.Classes)
			index[class] = k
			d.Classes = append(d.Classes, Class{Name: class})
		}
		d.Images = append(d.Images, Image{Path: p, Class: k})
	}
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("%s: images is empty", list)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	d.noteMissing(list)
	return d, nil
}

// sunClass is the class of a picture of SUN, "" where the path has none.
func sunClass(file string) string {
	class := path.Dir(file)
	if letter, rest, ok := strings.Cut(class, "/"); ok && len(letter) == 1 {
		class = rest
	}
	if class == "." || class == "/" {
		return ""
	}
	return class
}

// sunImages finds the pictures' folder, by default images in root.
func sunImages(root string) string {
	for _, dir := range []string{
		filepath.Join(root, "images"), filepath.Join(root, "SUNAttributeDB_Images", "images"),
		filepath.Join(root, "..", "images"), filepath.Join(root, "..", "SUNAttributeDB_Images", "images"),
	} {
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return dir
		}
	}
	return filepath.Join(root, "images")
}
