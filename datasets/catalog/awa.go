package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
	"vzsl/internal/spelling"
)

const (
	awa1Page, awa1Folder = "https://cvml.ista.ac.at/AwA/", "Animals_with_Attributes"
	awa2Page, awa2Folder = "https://cvml.ista.ac.at/AwA2/", "Animals_with_Attributes2"

	awaAttributes = "the 85 percentages of predicate-matrix-continuous.txt (or --matrix binary)"
	awaFiles      = "attributes of `predicate-matrix-continuous.txt` (`--matrix binary`), -1 is a missing value; the four of antelope are taken from lion, " +
		"as the authors' own code does (`--missing keep` leaves them missing)"
	awaUnseen = "chimpanzee giant+panda leopard persian+cat pig hippopotamus humpback+whale raccoon rat seal"
)

// awaMatrices of class attributes: 0..100, and 0 or 1.
var awaMatrices = []string{"continuous", "binary"}

var awaSplits = []Split{{"standard", 40, 10, byNames(awaUnseen), "Animals with Attributes standard split, 40 seen and 10 unseen classes (testclasses.txt): " +
	"Lampert, Nickisch, Harmeling, Attribute-Based Classification for Zero-Shot Visual Object Categorization, TPAMI 2014"}}

var awa1 = Entry{
	Name: "awa1", Alias: "awa", Title: "AwA1",
	Files:  "`classes.txt`; the images are not distributed, the features are imported; " + awaFiles,
	Obtain: "run 'vzsl download awa1', or get AwA-base.tar.bz2 and AwA-features-vgg19.tar.bz2 by way of " + awa1Page + " (its images are not distributed), unpack them and give the folder " + awa1Folder + " as --data",
	Counts: Counts{Classes: 50, Images: 30475, Attributes: 85},
	Open:   openAwA1, Marks: []string{"classes.txt"},
	Features: &Features{Find: awaFeatures, Import: "import", Absent: "put the folder Features there"},
	Describe: describeAwA, Matrices: awaMatrices, Descriptions: awaAttributes,
	Splits: awaSplits,
	Downloads: []Download{{
		Name: "awa1", Title: "Animals with Attributes (1): VGG-19 features of 30,475 images of 50 animals, 85 attributes; no images", Page: awa1Page,
		Licence: `No licence is stated. The features were computed from images that are not distributed, for their owners'
rights. Cite: Lampert, Nickisch, Harmeling, "Attribute-Based Classification for Zero-Shot Visual Object
Categorization", TPAMI 2014.`,
		Place: "data/awa1", Unpacked: 40e9, Next: "vzsl check awa1",
		Files: []RemoteFile{
			{Name: "AwA-base.tar.bz2", Unpack: true, URLs: []string{awa1Page + "AwA-base.tar.bz2"}},
			{Name: "AwA-features-vgg19.tar.bz2", Unpack: true, URLs: []string{awa1Page + "AwA-features-vgg19.tar.bz2"}},
		},
	}},
	Published: vgg19(1,
		Figure{"DAP", 57.23, 0}, Figure{"ESZSL", 75.32, 2.28}, Figure{"SSE-ReLU", 76.33, 0.83}, Figure{"MLZSC", 77.32, 1.03}, Figure{"BiDiLEL", 79.20, 0},
		Figure{"SDL", 80.46, 0.53}, Figure{"GFZSL", 80.83, 0}, Figure{"JFA", 81.03, 0.88}, Figure{"SAE", 83.40, 0}, Figure{"VZSL#", 84.45, 0.74}, Figure{"VZSL", 85.28, 0.76}),
}

var awa2 = Entry{
	Name: "awa2", Title: "AwA2",
	Files:  "`classes.txt`, `JPEGImages/<class>/` and the images of `Features/*/AwA2-filenames.txt`, `AwA2-labels.txt`, which need not exist; " + awaFiles,
	Obtain: "run 'vzsl download awa2', or get AwA2-base.zip and AwA2-data.zip from " + awa2Page + ", unpack them and give the folder " + awa2Folder + " as --data",
	Counts: Counts{Classes: 50, Images: 37322, Attributes: 85},
	Open:   openAwA2, Marks: []string{"classes.txt"},
	Describe: describeAwA, Matrices: awaMatrices, Descriptions: awaAttributes,
	Splits: awaSplits,
	Downloads: []Download{{
		Name: "awa2", Title: "Animals with Attributes 2: 37,322 images of 50 animals, 85 attributes", Page: awa2Page,
		Licence: `The images were collected from Flickr and Wikipedia under licences that allow use and redistribution; each
one's licence is in the archive's folder licenses/. Cite: Xian, Lampert, Schiele, Akata, "Zero-Shot Learning -
A Comprehensive Evaluation of the Good, the Bad and the Ugly", TPAMI 2019.`,
		Place: "data/awa2", Unpacked: 60e9, Next: "vzsl check awa2",
		Files: []RemoteFile{
			{Name: "AwA2-base.zip", Unpack: true, About: "32 kB", URLs: []string{awa2Page + "AwA2-base.zip"}},
			{Name: "AwA2-data.zip", Unpack: true, About: "13 GB", URLs: []string{awa2Page + "AwA2-data.zip"}, MD5: "eaa27cf799d5cf55af372356d7281b5e", Source: "DeepMind's NEVIS (MD5)"},
		},
	}},
}

// openAwA2 reads Animals with Attributes 2: classes.txt "<class id> <name>", JPEGImages/<class>/<class>_10001.jpg. dir is
// Animals_with_Attributes2 or the folder that holds it. Images that its own features list (Features/*/AwA2-filenames.txt,
// AwA2-labels.txt) are of the dataset too, whether their images are there or not.
func openAwA2(dir string) (*datasets.Dataset, error) {
	d, err := awaClasses(dir, awa2Folder)
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
		if err != nil || !st.IsDir() || strings.HasPrefix(name, ".") || datasets.SystemFolder(name) {
			continue
		}
		k, ok := index[name]
		if !ok {
			strange = append(strange, name)
			continue
		}
		if files[k], err = datasets.PicturesIn(filepath.Join(d.ImageRoot, name)); err != nil {
			return nil, err
		}
		pictures += len(files[k])
	}
	list, err := addAwA2Listed(d, files)
	if err != nil {
		return nil, err
	}
	for k, c := range d.Classes {
		slices.Sort(files[k])
		for _, f := range slices.Compact(files[k]) {
			d.Images = append(d.Images, datasets.Image{Path: c.Name + "/" + f, Class: k})
		}
	}
	if len(strange) > 0 {
		d.Note("%d folders of %s are not classes of classes.txt and were left out: %s", len(strange), d.ImageRoot, spelling.First(strange, 5))
	}
	switch n := d.WithoutImages(); {
	case list != "":
		d.NoteMissing(list)
	case pictures == 0:
		d.NoteUnpictured("no images in %s (they are AwA2-data.zip of %s): import features", d.ImageRoot, awa2Page)
	case n > 0:
		d.NoteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.Check()
}

// addAwA2Listed adds the images that AwA2's own features are of, "antelope_10001.jpg" and a class id a line in two files, and gives
// the list's path, "" where there is none.
func addAwA2Listed(d *datasets.Dataset, files [][]string) (list string, err error) {
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

// awaClass is the class in the name of an image of AwA, "antelope_10001.jpg".
func awaClass(file string) string {
	name := path.Base(file)
	return name[:max(0, strings.LastIndex(name, "_"))]
}

// openAwA1 reads the classes of Animals with Attributes. Its images are not handed round; features are imported.
func openAwA1(dir string) (*datasets.Dataset, error) {
	d, err := awaClasses(dir, awa1Folder)
	if err != nil {
		return nil, err
	}
	d.Note("AwA1's images are not distributed; its features are: 'vzsl import' takes a folder of them, as %s", filepath.Join(d.Root, "Features", "vgg19"))
	return d, d.Check()
}

// awaClasses reads classes.txt in dir or in the archive's own folder below it.
func awaClasses(dir, folder string) (*datasets.Dataset, error) {
	root, err := locate("classes.txt", dir, filepath.Join(dir, folder))
	if err != nil {
		return nil, err
	}
	if root == "" {
		return nil, fmt.Errorf("no classes.txt in %s or in %s below it; expected the folder %[2]s of the official archive (%s)", dir, folder, awa2Page)
	}
	var classes idTable
	if err := classes.read(filepath.Join(root, "classes.txt"), "class"); err != nil {
		return nil, err
	}
	d := &datasets.Dataset{Root: root, ImageRoot: root}
	for i, n := range classes.names {
		d.Classes = append(d.Classes, datasets.Class{Name: n, ID: classes.ids[i]})
	}
	return d, nil
}

// awaFeatures finds AwA1's folder of features, a text file per image, and counts them.
func awaFeatures(root string) (dir string, files int) {
	for _, dir := range []string{filepath.Join(root, "Features", "vgg19"), filepath.Join(root, "..", "Features", "vgg19"), filepath.Join(root, "vgg19")} {
		found, err := lookup.Below(dir, "*/*.txt")
		if err == nil && len(found) > 0 {
			return dir, len(found)
		}
	}
	return "", 0
}

// describeAwA reads the class attributes of Animals with Attributes (1 or 2): predicate-matrix-continuous.txt or
// predicate-matrix-binary.txt, a line per class in the order of classes.txt, and their names from predicates.txt. The four -1
// of the continuous matrix, antelope's colours, are missing values. dir is the folder of classes.txt or the one that holds it.
func describeAwA(dir string, classes []string, matrix string) (*attributes.Table, error) {
	root, err := locate("predicates.txt", dir, filepath.Join(dir, awa2Folder), filepath.Join(dir, awa1Folder))
	if err != nil {
		return nil, err
	}
	if root == "" {
		return nil, fmt.Errorf("no predicates.txt in %s or in %s below it; it is in AwA2-base.zip, of AwA1 in AwA-base.tar.bz2 (%s)", dir, awa2Folder, awa2Page)
	}
	order, err := attributes.ReadNames(filepath.Join(root, "classes.txt"))
	if err != nil {
		return nil, err
	}
	t := &attributes.Table{}
	if t.Names, err = attributes.ReadNames(filepath.Join(root, "predicates.txt")); err != nil {
		return nil, err
	}
	name := "predicate-matrix-" + cmp.Or(matrix, awaMatrices[0]) + ".txt"
	file := filepath.Join(root, name)
	m, err := attributes.ReadMatrix(file, order, t.Names)
	if err != nil {
		return nil, err
	}
	rows := make(map[string][]float32, len(order))
	marks := 0
	for c, row := range m {
		for i, v := range row {
			if v == -1 {
				row[i] = float32(math.NaN())
				marks++
			} else if v < 0 {
				return nil, fmt.Errorf("%s: attribute %q of class %q is %v; only -1, for missing, is below 0", file, t.Names[i], order[c], v)
			}
		}
		if _, twice := rows[order[c]]; twice {
			return nil, fmt.Errorf("%s: duplicate class %q", filepath.Join(root, "classes.txt"), order[c])
		}
		rows[order[c]] = row
	}
	if marks > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: %d values are -1, which marks a missing value", file, marks))
	}
	t.Source = name + " of Animals with Attributes"
	return t, t.Align(file, classes, order, rows)
}
