package datasets

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
)

// openCUB reads CUB-200-2011 in its official layout: classes.txt "<class id> <name>", images.txt "<image id> <path under
// images/>", image_class_labels.txt "<image id> <class id>". dir is CUB_200_2011 or the folder that holds it.
func openCUB(dir string) (*Dataset, error) {
	root, err := cubRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Name: "cub", Root: root, ImageRoot: filepath.Join(root, "images")}

	var classes idTable
	if err := classes.read(filepath.Join(root, "classes.txt"), "class"); err != nil {
		return nil, err
	}
	byID := make(map[int]int, len(classes.ids)) // class id to index
	for i, id := range classes.ids {
		byID[id] = i
		d.Classes = append(d.Classes, Class{Name: classes.names[i], ID: id})
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
		d.Images = append(d.Images, Image{Path: p, Class: class})
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	if n := d.withoutImages(); n > 0 {
		d.noteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	d.noteMissing(imagesFile)
	return d, nil
}

func cubRoot(dir string) (string, error) {
	for _, root := range []string{dir, filepath.Join(dir, "CUB_200_2011")} {
		if there, err := lookup.Exists(filepath.Join(root, "classes.txt")); err != nil {
			return "", err
		} else if there {
			return root, nil
		}
	}
	return "", fmt.Errorf("no classes.txt in %s or in CUB_200_2011 below it; "+
		"the folder CUB_200_2011 of the official archive is wanted (https://www.vision.caltech.edu/datasets/cub_200_2011/)", dir)
}

// idTable is a file of lines "<id> <name>".
type idTable struct {
	ids   []int
	names []string
	lines []int
}

func (t *idTable) read(file, what string) error {
	at := map[int]int{}
	named := map[string]int{}
	err := delimited.Lines(file, func(line int, text string) error {
		idText, name, ok := strings.Cut(text, " ")
		if tab, rest, found := strings.Cut(text, "\t"); found && len(tab) < len(idText) {
			idText, name, ok = tab, rest, true
		}
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return fmt.Errorf("expected \"<%s id> <name>\", found %q", what, text)
		}
		id, err := positive(idText)
		if err != nil {
			return fmt.Errorf("%s id: %w", what, err)
		}
		if was, twice := at[id]; twice {
			return fmt.Errorf("%s id %d is already in line %d", what, id, was)
		}
		if was, twice := named[name]; twice {
			return fmt.Errorf("%s %q is already in line %d", what, name, was)
		}
		at[id], named[name] = line, line
		t.ids, t.names, t.lines = append(t.ids, id), append(t.names, name), append(t.lines, line)
		return nil
	})
	if err != nil {
		return err
	}
	if len(t.ids) == 0 {
		return fmt.Errorf("%s is empty", file)
	}
	return nil
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
			return fmt.Errorf("image id %d is there twice", image)
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

func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a whole number from 1 on", text)
	}
	return n, nil
}

// noteMissing says which listed images have no file. They stay in the dataset; extraction skips and lists them.
func (d *Dataset) noteMissing(list string) {
	var missing []string
	for _, m := range d.Images {
		if _, err := os.Stat(filepath.Join(d.ImageRoot, filepath.FromSlash(m.Path))); err != nil {
			missing = append(missing, m.Path)
		}
	}
	switch n := len(missing); {
	case n > 0 && n == len(d.Images):
		d.noteUnpictured("none of the %d images of %s has a file in %s: features are to be imported, or the pictures put there", n, filepath.Base(list), d.ImageRoot)
	case n > 0:
		d.noteUnpictured("%d of the %d images of %s have no file in %s: %s", len(missing), len(d.Images), filepath.Base(list), d.ImageRoot, some(missing))
	}
}
