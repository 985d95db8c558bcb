package catalog

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
	"vzsl/internal/spelling"
)

// Default is the dataset of commands that name none.
const Default = "cub"

const cubPage = "https://www.vision.caltech.edu/datasets/cub_200_2011/"

var cub = Entry{
	Name: Default, Title: "CUB",
	Files: "`classes.txt`, `images.txt`, `image_class_labels.txt`, `images/`; attributes of `attributes/class_attribute_labels_continuous.txt`; " +
		"bounding boxes of `bounding_boxes.txt`",
	Obtain: "run 'vzsl download cub', or get CUB_200_2011.tgz from " + cubPage + ", unpack it and give its folder as --data (make: DATA=path/to/CUB_200_2011)",
	Counts: Counts{Classes: 200, Images: 11788, Attributes: 312},
	Open:   openCUB, Marks: []string{"classes.txt"},
	Describe: describeCUB, Descriptions: "the 312 percentages of attributes/" + cubMatrix,
	Splits: []Split{{"standard", 150, 50, cubStandard, "CUB-200-2011 standard split, 150 seen and 50 unseen classes: Akata, Perronnin, Harchaoui, Schmid, " +
		"Label-Embedding for Attribute-Based Classification, CVPR 2013; classes taken by their official ids"}},
	Boxes: cubBoxes,
	Downloads: []Download{{
		Name: Default, Title: "CUB-200-2011: 11,788 images of 200 birds, 312 attributes", Page: cubPage,
		Licence: `The images belong to their photographers (Flickr); the dataset's authors (Caltech, UC San Diego) distribute
them for non-commercial research and education only. Cite: Wah, Branson, Welinder, Perona, Belongie, "The
Caltech-UCSD Birds-200-2011 Dataset", CNS-TR-2011-001.`,
		Place: "data/cub", Unpacked: 4e9, Next: "vzsl check cub",
		Files: []RemoteFile{{
			Name: "CUB_200_2011.tgz", Unpack: true, Size: 1150585339,
			URLs: []string{"https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
				"https://data.caltech.edu/api/records/65de6-vp158/files/CUB_200_2011.tgz/content"},
			SHA256: "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081", MD5: "97eceeb196236b17998738112f37df78",
			Source: "CaltechDATA (MD5), TensorFlow Datasets (SHA-256)",
		}},
	}},
	Published: vgg19(1,
		Figure{"SSE-ReLU", 30.41, 0.20}, Figure{"SDL", 42.11, 0.55}, Figure{"MLZSC", 43.29, 0.38}, Figure{"JFA", 46.48, 1.67}, Figure{"BiDiLEL", 46.70, 0},
		Figure{"VZSL#", 55.37, 0.59}, Figure{"GFZSL", 56.53, 0}, Figure{"SAE", 56.60, 0}, Figure{"VZSL", 57.42, 0.63}),
}

// openCUB reads CUB-200-2011 in its official layout: classes.txt "<class id> <name>", images.txt "<image id> <path under
// images/>", image_class_labels.txt "<image id> <class id>". dir is CUB_200_2011 or the folder that holds it.
func openCUB(dir string) (*datasets.Dataset, error) {
	root, err := cubRoot(dir, "classes.txt")
	if err != nil {
		return nil, err
	}
	d := &datasets.Dataset{Root: root, ImageRoot: filepath.Join(root, "images")}

	var classes idTable
	if err := classes.read(filepath.Join(root, "classes.txt"), "class"); err != nil {
		return nil, err
	}
	byID := make(map[int]int, len(classes.ids)) // class id to index
	for i, id := range classes.ids {
		byID[id] = i
		d.Classes = append(d.Classes, datasets.Class{Name: classes.names[i], ID: id})
	}

	imagesFile := filepath.Join(root, "images.txt")
	var images idTable
	if err := images.read(imagesFile, "image"); err != nil {
		return nil, err
	}
	labelsFile := filepath.Join(root, "image_class_labels.txt")
	labels, err := cubLabels(labelsFile, byID, images.ids)
	if err != nil {
		return nil, err
	}
	for i, id := range images.ids {
		class, ok := labels[id]
		if !ok {
			return nil, fmt.Errorf("%s:%d: image id %d has no line in %s", imagesFile, images.lines[i], id, labelsFile)
		}
		p := images.names[i]
		if path.IsAbs(p) || p != path.Clean(p) || p == ".." || strings.HasPrefix(p, "../") || strings.Contains(p, `\`) {
			return nil, fmt.Errorf("%s:%d: %q is not a path within the images folder", imagesFile, images.lines[i], p)
		}
		d.Images = append(d.Images, datasets.Image{Path: p, Class: class})
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	if n := d.WithoutImages(); n > 0 {
		d.NoteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	d.NoteMissing(imagesFile)
	return d, nil
}

// cubRoot is CUB_200_2011, given by itself or by the folder that holds it: where file is.
func cubRoot(dir, file string) (string, error) {
	root, err := locate(file, dir, filepath.Join(dir, "CUB_200_2011"))
	if err == nil && root == "" {
		err = fmt.Errorf("no %s in %s or in CUB_200_2011 below it; expected the folder CUB_200_2011 of the official archive (%s)", filepath.ToSlash(file), dir, cubPage)
	}
	return root, err
}

// cubLabels reads the class index of each image id.
func cubLabels(file string, classes map[int]int, images []int) (map[int]int, error) {
	known := make(map[int]bool, len(images))
	for _, id := range images {
		known[id] = true
	}
	labels := make(map[int]int, len(images))
	err := delimited.Lines(file, func(line int, text string) error {
		f := strings.Fields(text)
		if len(f) != 2 {
			return fmt.Errorf("expected \"<image id> <class id>\", found %q", text)
		}
		image, err := positive(f[0])
		if err != nil {
			return fmt.Errorf("image id: %w", err)
		}
		class, err := positive(f[1])
		if err != nil {
			return fmt.Errorf("class id: %w", err)
		}
		if !known[image] {
			return fmt.Errorf("image id %d is not in images.txt", image)
		}
		if _, twice := labels[image]; twice {
			return fmt.Errorf("duplicate image id %d", image)
		}
		index, ok := classes[class]
		if !ok {
			return fmt.Errorf("class id %d is not in classes.txt", class)
		}
		labels[image] = index
		return nil
	})
	return labels, err
}

// cubBoxes reads bounding_boxes.txt of CUB-200-2011, "<image id> <x> <y> <width> <height>": a box for each of d's images, in
// their order. d must be of that layout.
func cubBoxes(d *datasets.Dataset) ([]datasets.Box, error) {
	file := filepath.Join(d.Root, "bounding_boxes.txt")
	var images idTable
	if err := images.read(filepath.Join(d.Root, "images.txt"), "image"); err != nil {
		return nil, err
	}
	at := make(map[int]int, len(images.ids)) // image id to place
	for i, id := range images.ids {
		at[id] = i
	}
	if len(images.ids) != len(d.Images) {
		return nil, fmt.Errorf("%s: %d images, the dataset has %d", filepath.Join(d.Root, "images.txt"), len(images.ids), len(d.Images))
	}
	boxes := make([]datasets.Box, len(d.Images))
	lines := make([]int, len(d.Images))
	err := delimited.Lines(file, func(line int, text string) error {
		f := strings.Fields(text)
		if len(f) != 5 {
			return fmt.Errorf("expected \"<image id> <x> <y> <width> <height>\", found %q", text)
		}
		id, err := positive(f[0])
		if err != nil {
			return fmt.Errorf("image id: %w", err)
		}
		i, ok := at[id]
		if !ok {
			return fmt.Errorf("image id %d is not in images.txt", id)
		}
		if lines[i] != 0 {
			return fmt.Errorf("image id %d is already in line %d", id, lines[i])
		}
		lines[i] = line
		var v [4]float64
		for k := range v {
			if v[k], err = strconv.ParseFloat(f[k+1], 64); err != nil || math.Abs(v[k]) > 1e9 || v[k] != v[k] {
				return fmt.Errorf("%q is not a number of pixels", f[k+1])
			}
		}
		boxes[i] = datasets.Box{X: v[0], Y: v[1], W: v[2], H: v[3]}
		if v[2] <= 0 || v[3] <= 0 {
			return fmt.Errorf("a box of %g x %g pixels", v[2], v[3])
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no bounding_boxes.txt in %s; it is part of the official archive", d.Root)
	}
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		if line == 0 {
			return nil, fmt.Errorf("%s: image id %d (%s) has no line", file, images.ids[i], images.names[i])
		}
	}
	return boxes, nil
}

const cubMatrix = "class_attribute_labels_continuous.txt"

// describeCUB reads the class attributes of CUB-200-2011 from its official layout: percentages 0..100, one line per class in the
// order of classes.txt, 312 values a line; the attributes' names from attributes.txt, which lies in attributes/, in
// CUB_200_2011 or, as in the official archive, beside it. dir is CUB_200_2011 or the folder that holds it.
func describeCUB(dir string, classes []string, _ string) (*attributes.Table, error) {
	root, err := cubRoot(dir, filepath.Join("attributes", cubMatrix))
	if err != nil {
		return nil, err
	}
	order, err := attributes.ReadNames(filepath.Join(root, "classes.txt"))
	if err != nil {
		return nil, err
	}
	t := &attributes.Table{}
	if t.Names, err = cubNames(root); err != nil {
		return nil, err
	}
	file := filepath.Join(root, "attributes", cubMatrix)
	rows, err := attributes.ReadMatrix(file, order, t.Names)
	if err != nil {
		return nil, err
	}
	if t.Names == nil {
		for i := range rows[0] {
			t.Names = append(t.Names, fmt.Sprintf("attribute_%03d", i+1))
		}
		t.Notes = append(t.Notes, fmt.Sprintf("no attributes.txt in %s, its attributes folder or the folder above: attributes are named by their numbers", root))
	}
	t.Source = cubMatrix + " of CUB-200-2011, percentages"
	byName := make(map[string][]float32, len(order))
	for i, c := range order {
		if _, twice := byName[c]; twice {
			return nil, fmt.Errorf("%s: duplicate class %q", filepath.Join(root, "classes.txt"), c)
		}
		byName[c] = rows[i]
	}
	if err := t.Align(file, classes, order, byName); err != nil {
		return nil, err
	}
	return t, nil
}

// cubNames reads attributes.txt, or gives nil where there is none.
func cubNames(root string) ([]string, error) {
	abs, err := filepath.Abs(root) // "." has a parent too
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Join(root, "attributes"), root, filepath.Dir(abs)} {
		file := filepath.Join(dir, "attributes.txt")
		st, err := os.Stat(file)
		if err != nil && !lookup.Absent(err) {
			return nil, err
		}
		if err == nil && !st.IsDir() {
			return attributes.ReadNames(file)
		}
	}
	return nil, nil
}

// cubStandardUnseen are the ids of the 50 classes that the standard split of CUB-200-2011 keeps for testing.
var cubStandardUnseen = []int{
	1, 4, 6, 8, 9, 14, 23, 29, 31, 33,
	34, 35, 36, 37, 38, 43, 49, 51, 53, 66,
	72, 79, 83, 84, 86, 91, 95, 96, 98, 101,
	102, 103, 112, 114, 119, 121, 130, 135, 138, 147,
	156, 163, 165, 166, 180, 183, 185, 186, 187, 197,
}

// cubStandard takes classes apart by the number in front of their names, "001.Black_footed_Albatross".
func cubStandard(classes, _ []string) (seen, unseen []string, err error) {
	byID := make(map[int]string, len(classes))
	for _, c := range classes {
		number, _, ok := strings.Cut(c, ".")
		id, err := positive(number)
		if !ok || err != nil || id > 200 {
			return nil, nil, fmt.Errorf("class %q does not start with a number from 1 to 200 and a dot", c)
		}
		if was, twice := byID[id]; twice {
			return nil, nil, fmt.Errorf("classes %q and %q have the same number", was, c)
		}
		byID[id] = c
	}
	held := make(map[string]bool, len(cubStandardUnseen))
	var missing []string
	for id := 1; id <= 200; id++ {
		if byID[id] == "" {
			missing = append(missing, fmt.Sprintf("%03d", id))
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("%d of the 200 classes are missing: %s", len(missing), spelling.First(missing, 5))
	}
	for _, id := range cubStandardUnseen {
		held[byID[id]] = true
	}
	for _, c := range classes {
		if held[c] {
			unseen = append(unseen, c)
		} else {
			seen = append(seen, c)
		}
	}
	return seen, unseen, nil
}
