package attributes

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"vzsl/internal/matfile"
)

const sunLabels = "attributeLabels_continuous.mat"

// ReadSUN reads the attributes of the SUN Attribute database: labels_cv of attributeLabels_continuous.mat, shares of votes
// 0..1, a row per image of images.mat. A class's attributes are the mean over its images. Names are from attributes.mat. dir
// is SUNAttributeDB or the folder that holds it.
func ReadSUN(dir string, classes []string) (*Table, error) {
	root := dir
	if _, err := os.Stat(filepath.Join(dir, "SUNAttributeDB", sunLabels)); err == nil {
		root = filepath.Join(dir, "SUNAttributeDB")
	}
	images, err := sunTexts(filepath.Join(root, "images.mat"), "images")
	if err != nil {
		return nil, err
	}
	t := &Table{Source: "labels_cv of " + sunLabels + " of SUN Attribute, mean over each class's images"}
	if t.Names, err = sunTexts(filepath.Join(root, "attributes.mat"), "attributes"); err != nil {
		return nil, err
	}
	for i := range t.Names {
		t.Names[i] = strings.TrimSpace(t.Names[i])
	}
	file := filepath.Join(root, sunLabels)
	f, err := sunOpen(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := f.Read("labels_cv")
	if err != nil {
		return nil, err
	}
	v, err := a.Float64s()
	if err != nil {
		return nil, fmt.Errorf("%s: labels_cv: %w", file, err)
	}
	if len(a.Dims) != 2 || a.Dims[0] != len(images) || a.Dims[1] != len(t.Names) {
		return nil, fmt.Errorf("%s: labels_cv is of size %v; %d images of %d attributes are wanted", file, a.Dims, len(images), len(t.Names))
	}
	sums, counts := map[string][]float64{}, map[string]int{}
	var order []string
	for i, image := range images {
		class := sunClass(image)
		if class == "" {
			return nil, fmt.Errorf("%s: image %d is %q; a path like a/abbey/sun_x.jpg is wanted", filepath.Join(root, "images.mat"), i+1, image)
		}
		if sums[class] == nil {
			sums[class] = make([]float64, len(t.Names))
			order = append(order, class)
		}
		counts[class]++
		for k, s := 0, sums[class]; k < len(s); k++ {
			x := v[k*len(images)+i]
			if x-x != 0 {
				return nil, fmt.Errorf("%s: attribute %q of image %q is %v", file, t.Names[k], image, x)
			}
			s[k] += x
		}
	}
	rows := make(map[string][]float32, len(order))
	for class, s := range sums {
		row := make([]float32, len(s))
		for k := range row {
			row[k] = float32(s[k] / float64(counts[class]))
		}
		rows[class] = row
	}
	return t, t.align(file, classes, order, rows)
}

func sunOpen(file string) (*matfile.File, error) {
	f, err := matfile.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no %s in %s; it is in SUNAttributeDB.tar.gz (https://cs.brown.edu/~gmpatter/sunattributes.html)", filepath.Base(file), filepath.Dir(file))
	}
	return f, err
}

func sunTexts(file, variable string) ([]string, error) {
	f, err := sunOpen(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := f.Read(variable)
	if err != nil {
		return nil, err
	}
	list, err := a.Texts()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", file, variable, err)
	}
	return list, nil
}

// sunClass is the class of a picture: its folder without the letter.
func sunClass(file string) string {
	class := path.Dir(strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(file), `\`, "/"), "/"))
	if letter, rest, ok := strings.Cut(class, "/"); ok && len(letter) == 1 {
		class = rest
	}
	if class == "." {
		return ""
	}
	return class
}
