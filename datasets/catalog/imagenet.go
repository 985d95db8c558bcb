package catalog

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"vzsl/datasets"
	"vzsl/internal/delimited"
	"vzsl/internal/matfile"
)

const imageNetPage = "https://image-net.org/download-images"

var imageNet = Entry{
	Name: "imagenet", Title: "ImageNet",
	Files: "folders of images by wnid, at most three deep; names of a development kit's `meta.mat` (2012, 2010 or both), of `LOC_synset_mapping.txt` or " +
		"`words.txt`; classes in the order of their wnids; described by word vectors",
	Obtain: "get ILSVRC2012_img_train.tar and ILSVRC2012_devkit_t12.tar.gz from " + imageNetPage + " (this requires an account), unpack them (a folder per wnid) and give the folder that holds both as --data",
	ByHand: "ImageNet requires an account: download ILSVRC2012 from https://image-net.org/download.php and give its folder as --data",
	Open:   openImageNet,
	Splits: []Split{{"standard", 1000, 360, imageNetStandard, "ImageNet split of the 1000 classes of ILSVRC2012, seen, and the 360 of ILSVRC2010 that are not among them, unseen, by wnid"}},
	// Those of the first four are the same in E. Kodirov et al., “Semantic Autoencoder for Zero-Shot Learning”, CVPR 2017.
	Published: vgg19(5,
		Figure{"DeViSE", 12.8, 0}, Figure{"AMP", 13.1, 0}, Figure{"ConSE", 15.5, 0}, Figure{"SS-Voc", 16.8, 0}, Figure{"VZSL#", 22.88, 0}, Figure{"VZSL", 23.08, 0}),
}

// ilsvrc2012 are the wnids of its 1000 classes.
//
//go:embed ilsvrc2012.txt
var ilsvrc2012 string

var wnidName = regexp.MustCompile(`^n\d{8}$`)

// synset is a class of ImageNet by a development kit or a list of names.
type synset struct {
	wnid, words string
	id          int // ILSVRC2012_ID; 0: not of that year
}

// openImageNet reads ImageNet: folders of images by wnid, at most three deep (ILSVRC2012_img_train/n01440764/x.JPEG), and
// the classes' names from a development kit's data/meta.mat (2012's, 2010's or both) or from a list "<wnid> <words>"
// (LOC_synset_mapping.txt, words.txt). Where a class has several folders, those of a training set go first.
//
// A class is called by its words, and by its wnid too where two have the same words ("crane"). Classes are in the order of
// their wnids, as torchvision has them; their ID is ILSVRC2012_ID, which is in another order.
func openImageNet(dir string) (*datasets.Dataset, error) {
	d := &datasets.Dataset{Root: dir, ImageRoot: dir}
	x := &imageNetFolder{found: map[string]*synset{}, folders: map[string][]string{}, names: map[string]string{}}
	if err := x.look(dir, "", 0); err != nil {
		return nil, err
	}
	found, folders := x.found, x.folders
	if len(found) == 0 && len(folders) == 0 {
		return nil, fmt.Errorf("neither folders named by wnid (n01440764) nor a development kit's meta.mat in %s; "+
			"expected ILSVRC2012_img_train, unpacked, and ILSVRC2012_devkit_t12 (%s)", dir, imageNetPage)
	}
	nameless := 0
	wnids := make([]string, 0, len(found))
	for w := range folders {
		if found[w] == nil {
			found[w] = &synset{wnid: w, words: w}
			if words := x.names[w]; words != "" {
				found[w].words = words
			} else {
				nameless++
			}
		}
	}
	same := map[string]int{}
	for w, s := range found {
		wnids = append(wnids, w)
		same[s.words]++
	}
	sort.Strings(wnids)
	several := 0
	for k, w := range wnids {
		s := found[w]
		c := datasets.Class{Name: s.words, WNID: w, ID: s.id}
		if same[s.words] > 1 {
			c.Name = fmt.Sprintf("%s (%s)", s.words, w)
		}
		d.Classes = append(d.Classes, c)
		of := folders[w]
		if len(of) == 0 {
			continue
		}
		sort.SliceStable(of, func(i, j int) bool { return strings.Contains(of[i], "train") && !strings.Contains(of[j], "train") })
		if len(of) > 1 {
			several++
		}
		files, err := datasets.PicturesIn(filepath.Join(dir, filepath.FromSlash(of[0])))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			d.Images = append(d.Images, datasets.Image{Path: of[0] + "/" + f, Class: k})
		}
	}
	if nameless > 0 {
		d.Note("%d classes have no name in a meta.mat or a list of names and are named by their wnids", nameless)
	}
	if several > 0 {
		d.Note("%d classes have several folders; the images of one are taken, that of a training set if there is one", several)
	}
	if n := d.WithoutImages(); n > 0 {
		d.NoteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.Check()
}

// imageNetFolder is what lies in a folder.
type imageNetFolder struct {
	found   map[string]*synset  // classes, by wnid
	folders map[string][]string // of images, by wnid, relative
	names   map[string]string   // words of a wnid, whether it is a class here or not
}

// look iterates over folders for images and names.
func (x *imageNetFolder) look(dir, at string, depth int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		full, below := filepath.Join(dir, name), name
		if at != "" {
			below = at + "/" + name
		}
		st, err := os.Stat(full) // a link to a folder is a folder
		if err != nil || strings.HasPrefix(name, ".") || datasets.SystemFolder(name) {
			continue
		}
		switch {
		case st.IsDir() && wnidName.MatchString(name):
			x.folders[name] = append(x.folders[name], below)
		case st.IsDir() && depth < 3:
			if err := x.look(full, below, depth+1); err != nil {
				return err
			}
		case name == "meta.mat":
			if err := x.readSynsets(full); err != nil {
				return err
			}
		case name == "LOC_synset_mapping.txt" || name == "words.txt" || strings.Contains(name, "wnid_name"):
			if err := x.readNames(full); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSynsets reads the leaves, the classes that have images, of a development kit: the others are their hypernyms.
func (x *imageNetFolder) readSynsets(file string) error {
	f, err := matfile.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	a, err := f.Read("synsets")
	if err != nil {
		return err
	}
	if a.Class != matfile.Struct || a.Field(0, "WNID") == nil {
		return fmt.Errorf("%s: synsets is not the struct of a development kit", file)
	}
	number := func(i int, name string) (int, bool) {
		v := a.Field(i, name)
		if v == nil {
			return 0, false
		}
		n, err := v.Int64s()
		if err != nil || len(n) != 1 {
			return 0, false
		}
		return int(n[0]), true
	}
	for i := range a.Len() {
		wnid, err := a.Field(i, "WNID").Text()
		if err != nil {
			return fmt.Errorf("%s: synset %d: WNID: %w", file, i+1, err)
		}
		if wnid = strings.TrimSpace(wnid); !wnidName.MatchString(wnid) {
			return fmt.Errorf("%s: synset %d: %q is not a wnid", file, i+1, wnid)
		}
		if n, ok := number(i, "num_children"); ok && n > 0 {
			continue
		}
		s := &synset{wnid: wnid, words: wnid}
		if w := a.Field(i, "words"); w != nil {
			if s.words, err = w.Text(); err != nil {
				return fmt.Errorf("%s: synset %s: words: %w", file, wnid, err)
			}
			s.words = strings.TrimSpace(s.words)
		}
		s.id, _ = number(i, "ILSVRC2012_ID")
		if was := x.found[wnid]; was != nil && was.id != 0 {
			s.id = was.id
		}
		x.found[wnid] = s
	}
	return nil
}

// readNames reads lines "<wnid> <words>". A short list names the classes there are; all of WordNet (words.txt, 82,115 lines)
// only names those that something else speaks of.
func (x *imageNetFolder) readNames(file string) error {
	var listed []string
	err := delimited.Lines(file, func(_ int, text string) error {
		wnid, words, ok := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
		if !ok || !wnidName.MatchString(wnid) {
			return fmt.Errorf("expected \"<wnid> <words>\", found %.120q", text)
		}
		x.names[wnid] = strings.TrimSpace(words)
		listed = append(listed, wnid)
		return nil
	})
	if err != nil || len(listed) > 2000 {
		return err
	}
	for _, w := range listed {
		if x.found[w] == nil {
			x.found[w] = &synset{wnid: w, words: x.names[w]}
		}
	}
	return nil
}

// imageNetStandard takes classes apart by their wnids.
func imageNetStandard(classes, wnids []string) (seen, unseen []string, err error) {
	if wnids == nil {
		return nil, nil, fmt.Errorf("the classes have no wnids; the class table of layout imagenet has them")
	}
	first := map[string]bool{}
	for _, w := range strings.Fields(ilsvrc2012) {
		first[w] = true
	}
	for i, c := range classes {
		if first[wnids[i]] {
			seen = append(seen, c)
		} else {
			unseen = append(unseen, c)
		}
	}
	if len(seen) != 1000 || len(unseen) != 360 {
		return nil, nil, fmt.Errorf("%d classes of ILSVRC2012 and %d others; expected 1000 and 360: put the development kits of 2012 and 2010, which name the classes, into the dataset's folder",
			len(seen), len(unseen))
	}
	return seen, unseen, nil
}
