package xlsa17

import (
	"fmt"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/splits"
	"vzsl/features"
)

// Split makes roles of the proposed split (version 2, with test_seen) for the images of a dataset. Images and classes are
// found by name: the features may be other ones than those of xlsa17.
//
// A fold from 1 on takes the validation classes of valclasses<fold>.txt; 0 those of val_loc, where the file has it, else fold
// 1, else they are drawn by s. train_loc and val_loc come in three kinds: absent; within trainval_loc; or together
// trainval_loc and test_seen_loc, so that who tunes on them has seen the test images. The last are cut to trainval_loc, and the
// provenance says so.
func (x *Folder) Split(s splits.Definition, fold int, classes []string, images []splits.Labelled) (*features.Split, error) {
	if x.unnamed {
		if err := x.adoptNames(images); err != nil {
			return nil, err
		}
	}
	p, err := x.proposed()
	if err != nil {
		return nil, err
	}
	provenance := []string{fmt.Sprintf("proposed split of xlsa17 (%s), version 2: Xian, Lampert, Schiele, Akata, Zero-Shot Learning - "+
		"A Comprehensive Evaluation of the Good, the Bad and the Ugly, TPAMI 2019", filepath.Base(x.splits))}
	validation, say, err := x.validation(p, fold)
	if err != nil {
		return nil, err
	}
	provenance = append(provenance, p.said...)
	provenance = append(provenance, say...)

	// Class names as the class table spells them.
	spelt := make(map[string]string, len(classes))
	for _, c := range classes {
		spelt[attributes.XLSA17Name(c)] = c
	}
	for _, c := range classes {
		spelt[c] = c
	}
	respell := func(names []string) ([]string, error) {
		out := make([]string, len(names))
		for i, n := range names {
			c, ok := spelt[n]
			if !ok {
				if c, ok = spelt[attributes.XLSA17Name(n)]; !ok {
					return nil, fmt.Errorf("%s: %w", x.splits, features.UnknownClass(n, classes))
				}
			}
			out[i] = c
		}
		return out, nil
	}
	if s.Seen, err = respell(p.seen); err != nil {
		return nil, err
	}
	if s.Unseen, err = respell(p.unseen); err != nil {
		return nil, err
	}
	if validation != nil {
		if s.Validation, err = respell(validation); err != nil {
			return nil, err
		}
	}
	mine, strange, err := x.matched(p, images)
	if err != nil {
		return nil, err
	}
	if strange > 0 {
		provenance = append(provenance, fmt.Sprintf("%d images are not in it and have no role", strange))
	}
	if absent := len(p.role) - len(mine); absent > 0 {
		provenance = append(provenance, fmt.Sprintf("%d of its %d images have no features here", absent, len(p.role)))
	}
	s.Provenance = strings.Join(provenance, "; ")
	s.TestSeenFraction = 0
	r, err := s.Assign(classes, mine)
	if err != nil {
		return nil, err
	}
	for i, image := range r.Images {
		if p.role[norm.NFC.String(image)] == features.RoleTestSeen {
			r.Roles[i] = features.RoleTestSeen
		}
	}
	r.LeftOut = strange
	return r, nil
}

// adoptNames calls classes without names, as FLO's, like those of the same images in the dataset.
func (x *Folder) adoptNames(images []splits.Labelled) error {
	class := make(map[string]string, len(images))
	for _, m := range images {
		class[norm.NFC.String(m.Image)] = m.Class
	}
	names := make([]string, len(x.Classes))
	for _, m := range x.Images {
		c, ok := class[m.Path]
		if !ok {
			continue
		}
		if was := names[m.Class]; was != "" && was != c {
			return fmt.Errorf("images of label %d of %s are of class %q and of class %q here (%s): they are different datasets", m.Class+1, x.features, was, c, m.Path)
		}
		names[m.Class] = c
	}
	for i, n := range names {
		if n != "" {
			x.Classes[i].Name = n
		}
	}
	return nil
}

// NameImages names the images of a folder without res101.mat by a list in its order, file. Their classes are those that images of
// these names have in the dataset, else their folders, else unknown.
func (x *Folder) NameImages(file string, list []string, images []splits.Labelled) error {
	if len(x.Images) > 0 {
		return fmt.Errorf("%s is there and names the images; %s is not needed", x.features, file)
	}
	class := make(map[string]string, len(images))
	for _, m := range images {
		class[m.Image] = m.Class
	}
	known := func(names []string) (n int) {
		for _, name := range names {
			if _, ok := class[name]; ok {
				n++
			}
		}
		return n
	}
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(n), `\`, "/"), "./")
	}
	if short, _ := shortNames(list); known(short) > known(names) {
		names = short
	}
	for name, locs := range x.locs {
		for _, i := range locs {
			if i >= len(names) {
				return fmt.Errorf("%s: %s holds %d, but %s names %d images: is it the list of this dataset?", x.splits, name, i+1, file, len(names))
			}
		}
	}
	if x.unnamed { // as FLO's: then the dataset's names are all there are
		x.Classes, x.unnamed = nil, false
		there := map[string]bool{}
		for _, m := range images {
			if !there[m.Class] {
				there[m.Class] = true
				x.Classes = append(x.Classes, datasets.Class{Name: m.Class})
			}
		}
	}
	index := make(map[string]int, len(x.Classes))
	for i, c := range x.Classes {
		index[c.Name], index[attributes.XLSA17Name(c.Name)] = i, i
	}
	at := make(map[string]int, len(names))
	for i, n := range names {
		if was, twice := at[n]; twice {
			return fmt.Errorf("%s: image %q is in line %d and in line %d", file, n, was+1, i+1)
		}
		at[n] = i
		name, ok := class[n]
		if !ok {
			name = path.Base(path.Dir(n))
		}
		k, ok := index[name]
		if !ok {
			if k, ok = index[attributes.XLSA17Name(name)]; !ok {
				k = -1
			}
		}
		x.Images = append(x.Images, datasets.Image{Path: n, Class: k})
	}
	x.features = file
	return nil
}

// matched are the images of the split that the dataset has; strange counts those that the split does not know.
func (x *Folder) matched(p *proposed, images []splits.Labelled) (mine []splits.Labelled, strange int, err error) {
	class := make(map[string]string, len(x.Images))
	for _, m := range x.Images {
		if m.Class >= 0 {
			class[m.Path] = x.Classes[m.Class].Name
		}
	}
	for _, m := range images {
		image := norm.NFC.String(m.Image)
		if _, ok := p.role[image]; !ok {
			strange++
			continue
		}
		if c := class[image]; attributes.XLSA17Name(c) != attributes.XLSA17Name(m.Class) {
			return nil, 0, fmt.Errorf("image %q is of class %q here and of class %q in %s", m.Image, m.Class, c, x.features)
		}
		mine = append(mine, m)
	}
	if len(mine) == 0 && len(images) > 0 && len(x.Images) > 0 {
		return nil, 0, fmt.Errorf("none of the %d images is known in %s: images are named like %q here, like %q in that file", len(images), x.features, images[0].Image, x.Images[0].Path)
	}
	return mine, strange, nil
}

// proposed is the proposed split, checked.
type proposed struct {
	role         map[string]features.Role // of each image: train, test_seen, test_unseen
	seen, unseen []string
	said         []string // what is odd, for the provenance
}

func (x *Folder) proposed() (*proposed, error) {
	if len(x.Images) == 0 {
		return nil, fmt.Errorf("%s: the split names images by their position in %s, which is missing: it is in xlsa17.zip from %s; or give the images' names in its order with --images FILE",
			x.splits, x.features, Page)
	}
	p := &proposed{role: make(map[string]features.Role, len(x.Images))}
	was := map[string]string{}
	in := map[string]map[int]bool{}
	for _, l := range []struct {
		name string
		role features.Role
	}{{"trainval_loc", features.RoleTrain}, {"test_seen_loc", features.RoleTestSeen}, {"test_unseen_loc", features.RoleTestUnseen}} {
		locs, ok := x.locs[l.name]
		if !ok {
			if l.role == features.RoleTestSeen {
				p.said = append(p.said, "it has no test_seen_loc, so the generalised setting cannot be evaluated")
				continue
			}
			return nil, fmt.Errorf("%s holds no %s; is it a file of xlsa17?", x.splits, l.name)
		}
		of := map[int]bool{}
		for _, i := range locs {
			image := x.Images[i].Path
			if before, twice := was[image]; twice {
				return nil, fmt.Errorf("%s: image %d (%s) is in %s and in %s: a test image would be trained on", x.splits, i+1, image, before, l.name)
			}
			was[image], p.role[image] = l.name, l.role
			if k := x.Images[i].Class; k >= 0 {
				of[k] = true
			}
		}
		in[l.name] = of
	}
	for i, c := range x.Classes {
		seen, unseen := in["trainval_loc"][i], in["test_unseen_loc"][i]
		switch {
		case seen && unseen:
			return nil, fmt.Errorf("%s: class %q has images in trainval_loc and in test_unseen_loc: it is not unseen", x.splits, c.Name)
		case in["test_seen_loc"][i] && !seen:
			return nil, fmt.Errorf("%s: class %q has images in test_seen_loc and none in trainval_loc: it is not seen", x.splits, c.Name)
		case seen:
			p.seen = append(p.seen, c.Name)
		case unseen:
			p.unseen = append(p.unseen, c.Name)
		}
	}
	// The list says nothing that test_unseen_loc does not, and may be the dataset's own.
	if list, err := x.list("testclasses"); err != nil {
		p.said = append(p.said, "testclasses.txt is not a list of these classes")
	} else if list != nil {
		if d := differing(list, p.unseen); d != "" {
			p.said = append(p.said, "testclasses.txt does not name the classes of test_unseen_loc: "+d)
		}
	}
	return p, nil
}

// validation chooses the validation classes, nil where they are to be drawn.
func (x *Folder) validation(p *proposed, fold int) (classes, said []string, err error) {
	train, val := x.locs["train_loc"], x.locs["val_loc"]
	if train != nil && val != nil {
		classes, said, err = x.fromLocs(p, train, val)
		if err != nil {
			return nil, nil, err
		}
	} else {
		said = append(said, "it has no train_loc and val_loc")
	}
	if fold == 0 && classes != nil {
		return classes, append(said, fmt.Sprintf("the %d validation classes are those of val_loc", len(classes))), nil
	}
	name := fmt.Sprintf("valclasses%d", max(fold, 1))
	list, err := x.list(name)
	switch {
	case err != nil:
		return nil, nil, err
	case fold > 0 && list == nil:
		return nil, nil, fmt.Errorf("no %s.txt in %s", name, x.Dir)
	case list == nil:
		return nil, said, nil
	}
	seen := make(map[string]bool, len(p.seen))
	for _, c := range p.seen {
		seen[c] = true
	}
	for _, c := range list {
		if !seen[c] {
			return nil, nil, fmt.Errorf("%s: class %q is not a seen class of the proposed split", filepath.Join(x.Dir, name+".txt"), c)
		}
	}
	return list, append(said, fmt.Sprintf("the %d validation classes are those of %s.txt", len(list), name)), nil
}

// fromLocs are the classes of val_loc that train_loc has no images of, both cut to trainval_loc; nil where the two share
// classes.
func (x *Folder) fromLocs(p *proposed, train, val []int) (classes, said []string, err error) {
	leaked := 0
	of := func(locs []int) (map[int]bool, error) {
		in := map[int]bool{}
		for _, i := range locs {
			switch p.role[x.Images[i].Path] {
			case features.RoleTrain:
				if k := x.Images[i].Class; k >= 0 {
					in[k] = true
				}
			case features.RoleTestSeen:
				leaked++
			default:
				return nil, fmt.Errorf("%s: image %d (%s) of train_loc or val_loc is not in trainval_loc or test_seen_loc", x.splits, i+1, x.Images[i].Path)
			}
		}
		return in, nil
	}
	inTrain, err := of(train)
	if err != nil {
		return nil, nil, err
	}
	inVal, err := of(val)
	if err != nil {
		return nil, nil, err
	}
	if leaked > 0 {
		said = append(said, fmt.Sprintf("its train_loc and val_loc leak: %d of their %d images are in test_seen_loc; repaired by leaving those out", leaked, len(train)+len(val)))
	} else {
		said = append(said, "its train_loc and val_loc are clean")
	}
	for c := range inVal {
		if inTrain[c] {
			return nil, append(said, "train_loc and val_loc share classes, so they give no validation classes"), nil
		}
		classes = append(classes, x.Classes[c].Name)
	}
	sort.Strings(classes)
	return classes, said, nil
}
