package datasets

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vzsl/internal/matfile"
)

const floPage = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"

// flowers102 are the names of the classes in the order of their labels, as categories.html of the official page has them.
//
//go:embed flowers102.txt
var flowers102 string

// openFLO reads Oxford Flowers 102: jpg/image_00001.jpg and on, a label from 1 to 102 for each in imagelabels.mat. Class names
// are in no file of it.
func openFLO(dir string) (*Dataset, error) {
	list := filepath.Join(dir, "imagelabels.mat")
	f, err := matfile.Open(list)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no imagelabels.mat in %s; it and 102flowers.tgz are on %s", dir, floPage)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := f.Read("labels")
	if err != nil {
		return nil, err
	}
	labels, err := a.Int64s()
	if err != nil {
		return nil, fmt.Errorf("%s: labels: %w", list, err)
	}
	d := &Dataset{Name: "flo", Root: dir, ImageRoot: filepath.Join(dir, "jpg")}
	for i, n := range strings.Split(strings.TrimSpace(flowers102), "\n") {
		d.Classes = append(d.Classes, Class{Name: n, ID: i + 1})
	}
	for i, l := range labels {
		if l < 1 || l > int64(len(d.Classes)) {
			return nil, fmt.Errorf("%s: label %d is %d; they are numbers from 1 to %d", list, i+1, l, len(d.Classes))
		}
		d.Images = append(d.Images, Image{Path: fmt.Sprintf("image_%05d.jpg", i+1), Class: int(l) - 1})
	}
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("%s: labels is empty", list)
	}
	if n := d.withoutImages(); n > 0 {
		d.noteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	d.noteMissing(list)
	return d, d.check()
}
