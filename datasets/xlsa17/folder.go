package xlsa17

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/matfile"
	"vzsl/internal/spelling"
)

// The files of a folder of xlsa17.
const (
	FeaturesFile = "res101.mat"
	SplitsFile   = "att_splits.mat"
)

// Folder is a dataset as Xian, Lampert, Schiele and Akata hand it round ("Zero-Shot Learning - A Comprehensive Evaluation of
// the Good, the Bad and the Ugly", TPAMI 2019): res101.mat with features (a column per image), labels (rows of allclasses.txt,
// from 1) and image_files; att_splits.mat with the class attributes and the images of the proposed split, as places in the
// features from 1.
type Folder struct {
	Dir     string
	Classes []datasets.Class // in the order of the labels
	Images  []datasets.Image // in the order of the features, by their paths less what all have in common
	Notes   []string

	features, splits string // paths
	locs             map[string][]int
	unnamed          bool // classes are called by their numbers
}

// Open reads all of a folder but the features. features and splits are the files' names in it where they are not the
// usual ones.
func Open(dir, features, splits string) (*Folder, error) {
	if features == "" {
		features = FeaturesFile
	}
	if splits == "" {
		splits = SplitsFile
	}
	x := &Folder{Dir: dir, features: within(dir, features), splits: within(dir, splits), locs: map[string][]int{}}
	if err := x.readClasses(); err != nil {
		return nil, err
	}
	if err := x.readImages(); err != nil {
		return nil, err
	}
	if err := x.readSplits(); err != nil {
		return nil, err
	}
	return x, nil
}

// within is a file in dir, or the file itself where it is given with its folder.
func within(dir, file string) string {
	if filepath.Base(file) != file {
		return file
	}
	return filepath.Join(dir, file)
}

// Dataset is the dataset in a folder without its features; images are not part of it.
func Dataset(dir string) (*datasets.Dataset, error) {
	x, err := Open(dir, "", "")
	if err != nil {
		return nil, err
	}
	d := &datasets.Dataset{Name: "xlsa17", Root: dir, ImageRoot: dir, Classes: x.Classes, Images: x.Images, Notes: x.Notes}
	if len(d.Images) > 0 {
		d.Note("xlsa17 holds features, no images: 'vzsl import xlsa17' imports them")
	}
	return d, d.Check()
}

// readClasses finds the names of the classes in the order of the labels: allclasses.txt, else allclasses_names.
func (x *Folder) readClasses() error {
	f, err := matfile.Open(x.splits)
	if err != nil {
		return x.missing(err, x.splits)
	}
	defer f.Close()
	var inMat []string
	if f.Has("allclasses_names") {
		a, err := f.Read("allclasses_names")
		if err != nil {
			return err
		}
		if inMat, err = a.Texts(); err != nil {
			return fmt.Errorf("%s: allclasses_names: %w", x.splits, err)
		}
		for i := range inMat {
			inMat[i] = norm.NFC.String(strings.TrimSpace(inMat[i]))
		}
	}
	file := filepath.Join(x.Dir, "allclasses.txt")
	names, err := datasets.ReadClassList(file)
	switch {
	case errors.Is(err, os.ErrNotExist) && inMat != nil:
		names = inMat
	case errors.Is(err, os.ErrNotExist):
		if names, err = x.numbered(f); err != nil {
			return err
		}
		x.unnamed = true
		x.Notes = append(x.Notes, fmt.Sprintf("neither allclasses.txt nor allclasses_names in %s: its %d classes are named by their numbers", x.Dir, len(names)))
	case err != nil:
		return err
	case inMat != nil:
		if d := differing(names, inMat); d != "" {
			return fmt.Errorf("%s and allclasses_names of %s do not name the same classes: %s", file, x.splits, d)
		}
		if !slices.Equal(names, inMat) {
			x.Notes = append(x.Notes, "allclasses.txt and allclasses_names are in different orders; labels follow the first, attributes the second")
		}
	}
	for i, n := range names {
		x.Classes = append(x.Classes, datasets.Class{Name: n, ID: i + 1})
	}
	return x.readWNIDs(f, inMat)
}

// readWNIDs reads the WordNet ids that a file of our own export has, in the order of its allclasses_names.
func (x *Folder) readWNIDs(f *matfile.File, inMat []string) error {
	if !f.Has(matWNIDs) {
		return nil
	}
	a, err := f.Read(matWNIDs)
	if err != nil {
		return err
	}
	list, err := a.Texts()
	if err != nil || len(list) != len(inMat) {
		return fmt.Errorf("%s: %s: %d WordNet ids for %d classes: %w", x.splits, matWNIDs, len(list), len(inMat), err)
	}
	wnid := make(map[string]string, len(list))
	for i, n := range inMat {
		wnid[n] = list[i]
	}
	for i := range x.Classes {
		x.Classes[i].WNID = wnid[x.Classes[i].Name]
	}
	return nil
}

// numbered names the classes of a file without names by their numbers.
func (x *Folder) numbered(f *matfile.File) ([]string, error) {
	for _, v := range f.Variables() {
		if v.Name == "att" && len(v.Dims) == 2 && v.Dims[1] < 1<<20 {
			names := make([]string, v.Dims[1])
			for i := range names {
				names[i] = fmt.Sprintf("class %03d", i+1)
			}
			return names, nil
		}
	}
	return nil, fmt.Errorf("%s holds no allclasses_names and no att; is it a file of xlsa17?", x.splits)
}

func (x *Folder) missing(err error, file string) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is missing in %s; expected the folder of one dataset of xlsa17, such as xlsa17/data/CUB (%s)", filepath.Base(file), filepath.Dir(file), Page)
	}
	return err
}

// Page describes xlsa17 and has its files.
const Page = "https://www.mpi-inf.mpg.de/departments/computer-vision-and-machine-learning/research/zero-shot-learning/zero-shot-learning-the-good-the-bad-and-the-ugly"

// differing says which names are in one list only.
func differing(a, b []string) string {
	only := func(a, b []string) (out []string) {
		in := make(map[string]bool, len(b))
		for _, n := range b {
			in[n] = true
		}
		for _, n := range a {
			if !in[n] {
				out = append(out, n)
			}
		}
		return out
	}
	first, second := only(a, b), only(b, a)
	var parts []string
	if len(first) > 0 {
		parts = append(parts, fmt.Sprintf("%d only in the first (%s)", len(first), spelling.First(first, 5)))
	}
	if len(second) > 0 {
		parts = append(parts, fmt.Sprintf("%d only in the second (%s)", len(second), spelling.First(second, 5)))
	}
	return strings.Join(parts, ", ")
}

// readImages reads labels and image names; a folder without features has neither.
func (x *Folder) readImages() error {
	f, err := matfile.Open(x.features)
	if errors.Is(err, os.ErrNotExist) {
		x.Notes = append(x.Notes, fmt.Sprintf("no %s in %s: classes and attributes only", filepath.Base(x.features), x.Dir))
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	labels, err := x.labels(f)
	if err != nil {
		return err
	}
	var names []string
	if f.Has("image_files") {
		a, err := f.Read("image_files")
		if err != nil {
			return err
		}
		files, err := a.Texts()
		if err != nil {
			return fmt.Errorf("%s: image_files: %w", x.features, err)
		}
		if len(files) != len(labels) {
			return fmt.Errorf("%s: %d labels, %d image_files", x.features, len(labels), len(files))
		}
		var repeated int
		if f.Has(matExact) {
			names = files
		} else if names, repeated = shortNames(files); repeated > 0 {
			x.Notes = append(x.Notes, fmt.Sprintf("%d of the %d images have the same file as another; they are distinguished by #2, #3, ...", repeated, len(names)))
		}
		if err := x.folders(names, labels); err != nil {
			return err
		}
	} else {
		for i := range labels {
			names = append(names, fmt.Sprintf("row-%08d", i))
		}
		x.Notes = append(x.Notes, fmt.Sprintf("no image_files in %s: images are named by their row", x.features))
	}
	for i, n := range names {
		x.Images = append(x.Images, datasets.Image{Path: norm.NFC.String(n), Class: labels[i]})
	}
	return nil
}

// labels are the classes' indices.
func (x *Folder) labels(f *matfile.File) ([]int, error) {
	list, err := f.Integers("labels")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: labels is empty", x.features)
	}
	out := make([]int, len(list))
	for i, v := range list {
		if v == 0 {
			return nil, fmt.Errorf("%s: label %d is 0; labels of xlsa17 count from 1", x.features, i+1)
		}
		if v < 1 || v > int64(len(x.Classes)) {
			return nil, fmt.Errorf("%s: label %d is %d; there are %d classes", x.features, i+1, v, len(x.Classes))
		}
		out[i] = int(v) - 1
	}
	return out, nil
}

// folders checks the labels against the folders that images lie in, where those are called like classes.
func (x *Folder) folders(names []string, labels []int) error {
	index := make(map[string]int, len(x.Classes))
	for i, c := range x.Classes {
		index[c.Name] = i
	}
	var wrong []string
	for i, n := range names {
		// "a/desert/sand" is of class "desert/sand" where there is one, else of "sand".
		folder := path.Dir(norm.NFC.String(n))
		k, ok := index[folder]
		for !ok && folder != "" {
			_, folder, _ = strings.Cut(folder, "/")
			k, ok = index[folder]
		}
		if ok && k != labels[i] {
			wrong = append(wrong, fmt.Sprintf("%s has the label of %s", n, x.Classes[labels[i]].Name))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %d of the %d labels do not fit the images' folders: %s; is allclasses.txt in the order of the labels?", x.features, len(wrong), len(names), spelling.First(wrong, 5))
	}
	return nil
}

// shortNames are paths within the images' common folder: below the last folder called images or JPEGImages, as the datasets
// themselves have it, else below what all have in common. Of several images in one file the second is called "x.jpg#2".
func shortNames(files []string) (names []string, repeated int) {
	names = make([]string, len(files))
	marked := true
	for i, f := range files {
		names[i] = strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(strings.TrimSpace(f), `\`, "/")), "/")
		marked = marked && belowImages(names[i]) != ""
	}
	if marked {
		for i, n := range names {
			names[i] = belowImages(n)
		}
	} else if common := commonFolder(names); common != "" {
		for i, n := range names {
			names[i] = strings.TrimPrefix(n, common)
		}
	}
	count := make(map[string]int, len(names))
	for i, n := range names {
		if count[n]++; count[n] > 1 {
			names[i] = fmt.Sprintf("%s#%d", n, count[n])
			repeated++
		}
	}
	return names, repeated
}

func belowImages(name string) string {
	lower := strings.ToLower("/" + name)
	at := -1
	for _, folder := range []string{"/images/", "/jpegimages/"} {
		if i := strings.LastIndex(lower, folder); i >= 0 {
			at = max(at, i+len(folder)-1)
		}
	}
	if at < 0 {
		return ""
	}
	return name[at:]
}

// commonFolder is the folder that all names begin with, its slash included.
func commonFolder(names []string) string {
	common := path.Dir(names[0]) + "/"
	for _, n := range names {
		for !strings.HasPrefix(n, common) {
			common = path.Dir(strings.TrimSuffix(common, "/")) + "/"
			if common == "./" {
				return ""
			}
		}
	}
	return common
}

// list reads one of the class lists in text; a list that does not exist is nil. Others of that name's kind, such as the dataset's own
// classes.txt, are none of xlsa17's.
func (x *Folder) list(name string) ([]string, error) {
	known := make([]string, len(x.Classes))
	for i, c := range x.Classes {
		known[i] = c.Name
	}
	names, err := datasets.ReadKnownClasses(filepath.Join(x.Dir, name+".txt"), known, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// readSplits reads the images' places and checks that they fit.
func (x *Folder) readSplits() error {
	f, err := matfile.Open(x.splits)
	if err != nil {
		return x.missing(err, x.splits)
	}
	defer f.Close()
	most := len(x.Images)
	for _, name := range []string{"trainval_loc", "test_seen_loc", "test_unseen_loc", "train_loc", "val_loc"} {
		if !f.Has(name) {
			continue
		}
		list, err := f.Integers(name)
		if err != nil {
			return err
		}
		there := make(map[int64]bool, len(list))
		for _, v := range list {
			switch {
			case v == 0:
				return fmt.Errorf("%s: %s holds a 0; positions in xlsa17 count from 1 (was it written by a Python program?)", x.splits, name)
			case v < 0 || most > 0 && v > int64(most):
				return fmt.Errorf("%s: %s holds %d; %s has %d images: they are of different datasets", x.splits, name, v, filepath.Base(x.features), most)
			case there[v]:
				return fmt.Errorf("%s: %s holds %d twice", x.splits, name, v)
			}
			there[v] = true
			x.locs[name] = append(x.locs[name], int(v)-1)
		}
	}
	return nil
}

// Import makes shards of the features. Labels go by the order of o.Known.Classes, to which classes belong by name; what o
// says of files, labels and images is not used.
func (x *Folder) Import(ctx context.Context, o convert.Import) (*features.Manifest, error) {
	index := make(map[string]int, len(o.Known.Classes))
	names := make([]string, len(o.Known.Classes))
	for i, c := range o.Known.Classes {
		index[c.Name], names[i] = i, c.Name
	}
	images, labels := make([]string, len(x.Images)), make([]int, len(x.Images))
	for i, m := range x.Images {
		class := x.Classes[m.Class].Name
		k, ok := index[class]
		if !ok {
			return nil, fmt.Errorf("%s: %w", x.features, features.UnknownClass(class, names))
		}
		images[i], labels[i] = m.Path, k
	}
	m, err := o.RunMatrix(ctx, x.features, "features", images, labels, "import xlsa17")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, x.missing(err, x.features)
	}
	return m, err
}
