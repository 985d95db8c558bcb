package convert

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/features"
)

// What the labels of a table are.
const (
	LabelAuto  = ""      // names where they are texts, else numbers, from 0 or from 1 as they alone can be
	LabelID    = "id"    // numbers of the dataset's own files or rows of its class file, from 1
	LabelIndex = "index" // the same, from 0
	LabelName  = "name"  // class names
)

// LabelKinds are the kinds of labels, by name.
func LabelKinds() []string { return []string{LabelID, LabelIndex, LabelName} }

// Known is what is known of the dataset that rows belong to. Images need not lie on the disk.
type Known struct {
	Classes []features.Class
	Images  []features.Image
}

// labeller finds the class of each row: by its label, by what the dataset says of its image, or by the image's name.
type labeller struct {
	known  Known
	byName map[string]int // class name in NFC, WordNet id
	byID   map[int]int
	images map[string]int // path to place in known.Images
	kind   string
	said   []string
}

func newLabeller(known Known, kind string) *labeller {
	l := &labeller{known: known, kind: kind, byName: map[string]int{}, byID: map[int]int{}, images: map[string]int{}}
	for i, c := range known.Classes {
		if c.WNID != "" {
			l.byName[c.WNID] = i
		}
		if c.ID > 0 {
			l.byID[c.ID] = i
		}
	}
	for i, c := range known.Classes {
		l.byName[norm.NFC.String(c.Name)] = i
	}
	for i, m := range known.Images {
		l.images[norm.NFC.String(m.Path)] = i
	}
	return l
}

func (l *labeller) say(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func (l *labeller) class(name string) (int, bool) {
	i, ok := l.byName[norm.NFC.String(name)]
	return i, ok
}

func (l *labeller) unknown(name string) error {
	names := make([]string, len(l.known.Classes))
	for i, c := range l.known.Classes {
		names[i] = c.Name
	}
	return features.UnknownClass(name, names)
}

// ownImages gives images the dataset's own paths where they end in one, as those with another machine's folders before them
// do, or where every file name alone tells which image of the dataset it is.
func (l *labeller) ownImages(images []string) []string {
	if len(l.images) == 0 {
		return images
	}
	own := make([]string, len(images))
	found, renamed := 0, 0
	for i, image := range images {
		own[i] = image
		name := norm.NFC.String(strings.ReplaceAll(image, `\`, "/"))
		for rest, ok := name, true; ok; _, rest, ok = strings.Cut(rest, "/") {
			if k, is := l.images[rest]; is {
				own[i] = l.known.Images[k].Path
				found++
				break
			}
		}
		if own[i] != image {
			renamed++
		}
	}
	if found == 0 {
		if own = l.byFile(images); own == nil {
			return images
		}
		renamed = len(images)
	}
	if renamed > 0 {
		l.say("image names: %d of %d are written as the dataset writes them, such as %q", renamed, len(images), firstOther(own, images))
	}
	return own
}

func firstOther(a, b []string) string {
	for i := range a {
		if a[i] != b[i] {
			return a[i]
		}
	}
	return ""
}

// byFile finds images by their files' names alone, nil where one is none of the dataset's or could be several.
func (l *labeller) byFile(images []string) []string {
	byFile := make(map[string]int, len(l.known.Images))
	for i, m := range l.known.Images {
		base := path.Base(norm.NFC.String(m.Path))
		if _, twice := byFile[base]; twice {
			return nil
		}
		byFile[base] = i
	}
	own := make([]string, len(images))
	for i, image := range images {
		k, ok := byFile[norm.NFC.String(image)]
		if !ok {
			return nil
		}
		own[i] = l.known.Images[k].Path
	}
	return own
}

// byImage is the class of an image by the dataset, by a folder in its name, or by its file's name without the number after it
// (antelope_10001.jpg, n01440764_26.JPEG).
func (l *labeller) byImage(image string) (int, bool) {
	name := norm.NFC.String(image)
	if i, ok := l.images[name]; ok {
		return l.known.Images[i].Class, true
	}
	if k, ok := l.byFolder(name); ok {
		return k, true
	}
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if cut := strings.TrimRight(stem, "0123456789"); cut != stem {
		if stem, ok := strings.CutSuffix(cut, "_"); ok {
			return l.class(stem)
		}
	}
	return 0, false
}

// byFolder finds the class in the folders of an image's name: the innermost that are one.
func (l *labeller) byFolder(image string) (int, bool) {
	folders := strings.Split(strings.ReplaceAll(image, `\`, "/"), "/")
	folders = folders[:len(folders)-1]
	for end := len(folders); end > 0; end-- {
		for start := range end {
			if k, ok := l.class(strings.Join(folders[start:end], "/")); ok {
				return k, true
			}
		}
	}
	return 0, false
}

// fromImages finds the classes of rows without labels. Where nothing tells any, the rows stay without.
func (l *labeller) fromImages(images []string) ([]int, error) {
	out := make([]int, len(images))
	folders, found, first := false, 0, -1
	for i, image := range images {
		k, ok := l.byImage(image)
		if !ok {
			k = features.Unlabelled
			if first < 0 {
				first = i
			}
		} else {
			found++
		}
		folders = folders || strings.Contains(image, "/")
		out[i] = k
	}
	switch {
	case found == len(images):
		l.say("classes: those of the images (by the dataset's own list, a folder or the start of the name)")
	case found == 0 && !folders:
		l.say("classes: none; the rows are not labelled: they can be predicted, not trained on")
	case found == 0:
		return nil, fmt.Errorf("image %q of row %d: no labels are given, and no folder in its name is a class: %w; give labels with --labels, or import it without any with --unlabelled",
			images[first], first, l.unknown(path.Base(path.Dir(images[first]))))
	default:
		return nil, fmt.Errorf("image %q of row %d: no labels are given, and neither the dataset nor its name gives its class; so for %d of %d images; give labels with --labels, or import all without labels with --unlabelled",
			images[first], first, len(images)-found, len(images))
	}
	return out, nil
}

// labelled finds the classes of rows by names or numbers (nil: none), and refuses them where they contradict each other or the
// images' own classes. from says where each comes from.
func (l *labeller) labelled(images, names, numbers []string, fromNames, fromNumbers string) ([]int, error) {
	byImage := make([]int, len(images))
	for i, image := range images {
		k, ok := l.byImage(image)
		if !ok {
			k = features.Unlabelled
		}
		byImage[i] = k
	}
	var out []int
	if names != nil {
		var err error
		if out, err = l.named(names, fromNames); err != nil {
			return nil, err
		}
		if err := l.agree(out, byImage, images, fromNames); err != nil {
			return nil, err
		}
	}
	if numbers == nil {
		return out, nil
	}
	if out != nil {
		return out, l.beside(out, numbers, fromNames, fromNumbers)
	}
	out, err := l.numbered(numbers, byImage, fromNumbers)
	if err != nil {
		return nil, err
	}
	return out, l.agree(out, byImage, images, fromNumbers)
}

// beside refuses numbers that are not those of the classes that names give: from 1, from 0 or, where the dataset has no
// numbers, each of one class alone.
func (l *labeller) beside(classes []int, numbers []string, fromNames, fromNumbers string) error {
	for _, more := range []int64{0, 1} {
		if out, err := l.places(numbers, more, fromNumbers); err == nil && slices.Equal(out, classes) {
			l.say("class numbers: from %d, and they agree with the class names", 1-more)
			return nil
		}
	}
	of, at := map[string]int{}, map[int]string{}
	for i, n := range numbers {
		class, known := of[n]
		number, has := at[classes[i]]
		if known && class != classes[i] || has && number != n || len(l.byID) > 0 {
			return fmt.Errorf("%s: its numbers are not those of the classes in %s (row %d: %s, %q): if they are something else, leave them out with --ignore-column; if they are a feature, name the features with --feature-column",
				fromNumbers, fromNames, i, n, l.known.Classes[classes[i]].Name)
		}
		of[n], at[classes[i]] = classes[i], n
	}
	l.say("class numbers: each belongs to one class name; the names are used")
	return nil
}

// agree refuses labels that are not the classes that are known otherwise.
func (l *labeller) agree(labels, truth []int, images []string, from string) error {
	var wrong []string
	n := 0
	for i := range labels {
		if truth[i] == features.Unlabelled || truth[i] == labels[i] {
			continue
		}
		if n++; n <= 3 {
			wrong = append(wrong, fmt.Sprintf("%s is labelled %q but belongs to %q", images[i], l.known.Classes[labels[i]].Name, l.known.Classes[truth[i]].Name))
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d of %d labels contradict what is known of the images: %s", from, n, len(labels), strings.Join(wrong, "; "))
}

func (l *labeller) named(names []string, from string) ([]int, error) {
	out := make([]int, len(names))
	for i, name := range names {
		k, ok := l.class(name)
		switch {
		case name == "":
			return nil, fmt.Errorf("%s: row %d (from 0) has no class", from, i)
		case !ok:
			return nil, fmt.Errorf("%s: label of row %d (from 0): %w", from, i, l.unknown(name))
		}
		out[i] = k
	}
	return out, nil
}

// numbered takes numbers for classes. Where they could count from 0 and from 1, truth decides: the classes of rows as far as
// they are known otherwise.
func (l *labeller) numbered(list []string, truth []int, from string) ([]int, error) {
	if names, err := l.named(list, from); err == nil && l.kind == LabelAuto { // classes that are called by numbers
		if out, err := l.counted(list, from); err != nil || slices.Equal(out, names) {
			return names, nil //nolint:nilerr // then they are no numbers
		}
		return nil, fmt.Errorf("%s: the labels can be class names or class numbers: choose with --label-kind %s", from, strings.Join(LabelKinds(), "|"))
	}
	if len(l.byID) == 0 {
		return nil, fmt.Errorf("%s: the labels are numbers, but nothing says which class each means: classes that are folders have no numbers; name them with --label-names FILE (line 1 is the first number), or write a classes.csv, whose rows give the numbers", from)
	}
	one, errOne := l.places(list, 0, from)
	zero, errZero := l.places(list, 1, from)
	fits := func(out []int) bool {
		known := 0
		for i, k := range truth {
			if k != features.Unlabelled {
				if known++; k != out[i] {
					return false
				}
			}
		}
		return known > 0
	}
	switch {
	case l.kind == LabelID:
		return one, errOne
	case l.kind == LabelIndex:
		return zero, errZero
	case errOne != nil && errZero != nil:
		return nil, errOne
	case errZero != nil || errOne == nil && fits(one) && !fits(zero):
		l.say("class numbers: from 1 (--label-kind id)")
		return one, errOne
	case errOne != nil || fits(zero) && !fits(one):
		l.say("class numbers: from 0 (--label-kind index)")
		return zero, errZero
	}
	return nil, fmt.Errorf("%s: the labels can be numbers from 1 or from 0: choose with --label-kind id (from 1) or index (from 0); row 0 would be %q or %q",
		from, l.known.Classes[one[0]].Name, l.known.Classes[zero[0]].Name)
}

// counted is numbered where it takes no doubt.
func (l *labeller) counted(list []string, from string) ([]int, error) {
	out, err := l.places(list, 0, from)
	if err != nil {
		out, err = l.places(list, 1, from)
	}
	return out, err
}

// places takes each number less where counting starts for a class's own.
func (l *labeller) places(list []string, more int64, from string) ([]int, error) {
	out := make([]int, len(list))
	for i, s := range list {
		n, err := parseWhole(s)
		if err != nil {
			return nil, fmt.Errorf("%s: label of row %d (from 0): %w (class names: --label-kind name)", from, i, err)
		}
		k, ok := l.byID[int(n+more)]
		if !ok {
			return nil, fmt.Errorf("%s: label of row %d (from 0): no class has the number %d counted from %d; the dataset has %d numbered classes", from, i, n, 1-more, len(l.byID))
		}
		out[i] = k
	}
	return out, nil
}
