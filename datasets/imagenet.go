package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"vzsl/internal/delimited"
	"vzsl/internal/matfile"
)

var wnidName = regexp.MustCompile(`^n\d{8}$`)

// synset is a class of ImageNet by a development kit or a list of names.
type synset struct {
	wnid, words string
	id          int // ILSVRC2012_ID; 0: not of that year
}

// openImageNet reads ImageNet: folders of pictures by wnid, at most three deep (ILSVRC2012_img_train/n01440764/x.JPEG), and
// the classes' names from a development kit's data/meta.mat (2012's, 2010's or both) or from a list "<wnid> <words>"
// (LOC_synset_mapping.txt, words.txt). Where a class has several folders, those of a training set go first.
//
// A class is called by its words, and by its wnid too where two have the same words ("crane"). Classes are in the order of
// their wnids, as torchvision has them; their ID is ILSVRC2012_ID, which is in another order.
func openImageNet(dir string) (*Dataset, error) {
	d := &Dataset{Name: "imagenet", Root: dir, ImageRoot: dir}
	x := &imageNet{found: map[string]*synset{}, folders: map[string][]string{}, names: map[string]string{}}
	if err := x.look(dir, "", 0); err != nil {
		return nil, err
	}
	found, folders := x.found, x.folders
	if len(found) == 0 && len(folders) == 0 {
		return nil, fmt.Errorf("neither folders called by wnids (n01440764) nor a development kit's meta.mat in %s; "+
			"ILSVRC2012_img_train unpacked and ILSVRC2012_devkit_t12 are wanted (https://image-net.org/download-images)", dir)
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
		c := Class{Name: s.words, WNID: w, ID: s.id}
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
		files, err := picturesIn(filepath.Join(dir, filepath.FromSlash(of[0])))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			d.Images = append(d.Images, Image{Path: of[0] + "/" + f, Class: k})
		}
	}
	if nameless > 0 {
		d.note("%d classes have no name in a meta.mat or a list of names and are called by their wnids", nameless)
	}
	if several > 0 {
		d.note("%d classes have several folders; the pictures of one are taken, a training set's where there is one", several)
	}
	if n := d.withoutImages(); n > 0 {
		d.noteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return d, d.check()
}

// imageNet is what lies in a folder.
type imageNet struct {
	found   map[string]*synset  // classes, by wnid
	folders map[string][]string // of pictures, by wnid, relative
	names   map[string]string   // words of a wnid, whether it is a class here or not
}

// look goes through folders for pictures and names.
func (x *imageNet) look(dir, at string, depth int) error {
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
		if err != nil || strings.HasPrefix(name, ".") || systemFolders[name] {
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

// readSynsets reads the leaves, the classes that have pictures, of a development kit: the others are their hypernyms.
func (x *imageNet) readSynsets(file string) error {
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
func (x *imageNet) readNames(file string) error {
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
