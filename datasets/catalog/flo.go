package catalog

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vzsl/datasets"
	"vzsl/internal/matfile"
)

const floPage = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"

var flo = Entry{
	Name: "flo", Title: "FLO",
	Files: "Oxford Flowers 102: `imagelabels.mat`, `jpg/`; classes are named as on its page; described by word vectors, or by the sentence vectors of " +
		"xlsa17's file (`vzsl attributes --csv att_splits.mat`)",
	Obtain: "run 'vzsl download flo', or get 102flowers.tgz and imagelabels.mat from " + floPage + ", unpack the archive beside the .mat file and give their folder as --data",
	Counts: Counts{Classes: 102, Images: 8189},
	Open:   openFLO, Marks: []string{"imagelabels.mat"},
	Downloads: []Download{{
		Name: "flo", Title: "Oxford Flowers 102: 8,189 images of 102 flowers; no attributes", Page: floPage,
		Licence: `No licence is stated; the images belong to their owners and are for research. Cite: Nilsback, Zisserman,
"Automated Flower Classification over a Large Number of Classes", ICVGIP 2008.`,
		Place: "data/flo", Unpacked: 4e9, Next: "vzsl check flo",
		Files: []RemoteFile{
			{Name: "102flowers.tgz", Unpack: true, About: "345 MB", URLs: []string{floPage + "102flowers.tgz"}, MD5: "52808999861908f626f3c1f4e79d11fa", Source: "torchvision (MD5)"},
			{Name: "imagelabels.mat", URLs: []string{floPage + "imagelabels.mat"}, MD5: "e0620be6f572b9609742df49c70aed4d", Source: "torchvision (MD5)"},
			{Name: "setid.mat", URLs: []string{floPage + "setid.mat"}, MD5: "a5357ecc9cb78c4bef273ce3793fc85c", Source: "torchvision (MD5)"},
		},
	}},
}

// flowers102 are the names of the classes in the order of their labels, as categories.html of the official page has them.
//
//go:embed flowers102.txt
var flowers102 string

// openFLO reads Oxford Flowers 102: jpg/image_00001.jpg and on, a label from 1 to 102 for each in imagelabels.mat. Class names
// are in no file of it.
func openFLO(dir string) (*datasets.Dataset, error) {
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
	d := &datasets.Dataset{Root: dir, ImageRoot: filepath.Join(dir, "jpg")}
	for i, n := range strings.Split(strings.TrimSpace(flowers102), "\n") {
		d.Classes = append(d.Classes, datasets.Class{Name: n, ID: i + 1})
	}
	for i, l := range labels {
		if l < 1 || l > int64(len(d.Classes)) {
			return nil, fmt.Errorf("%s: label %d is %d; they are numbers from 1 to %d", list, i+1, l, len(d.Classes))
		}
		d.Images = append(d.Images, datasets.Image{Path: fmt.Sprintf("image_%05d.jpg", i+1), Class: int(l) - 1})
	}
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("%s: labels is empty", list)
	}
	if n := d.WithoutImages(); n > 0 {
		d.NoteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	d.NoteMissing(list)
	return d, d.Check()
}
