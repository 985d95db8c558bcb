package catalog

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
)

// Entry is what is known of one dataset, or of one layout in which datasets are distributed. Commands, checks, reports and
// pages take it from here: a dataset is one file with its entry and a row in entries. Fields that do not apply are zero.
type Entry struct {
	Name   string // of the dataset and of its layout
	Alias  string // another name that the literature's figures are asked for by
	Title  string // as its authors write it
	Files  string // what is read of its folder, in Markdown
	Obtain string // what to do where its folder is missing
	ByHand string // what to do where it cannot be downloaded by a command
	Counts Counts // as published

	// Open reads the dataset in a folder; nil: it has no layout of its own.
	Open func(dir string) (*datasets.Dataset, error)
	// Marks are files that only lie in a folder of this layout: a folder that holds files of xlsa17 too is not treated as one of xlsa17.
	Marks []string
	// Features are distributed in place of images; nil: the images are.
	Features *Features

	// Describe reads the class attributes in the dataset's folder, by the matrix named, one of Matrices or "". nil: it has none
	// but a classes.csv that its user writes.
	Describe     func(root string, classes []string, matrix string) (*attributes.Table, error)
	Matrices     []string // the default first; nil: there is no choice
	Descriptions string   // what they are, for help

	Splits    []Split                                         // published, the standard one first
	Boxes     func(*datasets.Dataset) ([]datasets.Box, error) // bounding boxes, one per image
	Downloads []Download                                      // from its official address
	Published *Published                                      // figures of the literature
}

// Counts are those of a dataset as published; 0: unknown, or none.
type Counts struct{ Classes, Images, Attributes int }

// Features of its images that a dataset is distributed with in place of images.
type Features struct {
	// Find gives the path of the features below a dataset's folder and their number; nil: the folder itself, and the
	// dataset lists its images.
	Find   func(root string) (path string, images int)
	Import string // the command that takes a path of them
	Absent string // what to do where there are none
}

// entries in the order of lists.
var entries = []*Entry{&cub, &awa1, &awa2, &sun, &apy, &flo, &imageNet, &xlsa, &folder}

// Entries are all that there are.
func Entries() []*Entry { return slices.Clone(entries) }

// Lookup finds the entry of a dataset or layout by its name; of one that is not known it gives an empty entry of that name.
func Lookup(name string) *Entry {
	for _, e := range entries {
		if e.Name == name {
			return e
		}
	}
	return &Entry{Name: name}
}

// Layouts are the names that Open knows, sorted.
func Layouts() []string {
	var names []string
	for _, e := range entries {
		if e.Open != nil {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Open reads the dataset in dir in the named layout.
func Open(layout, dir string) (*datasets.Dataset, error) {
	e := Lookup(layout)
	if e.Open == nil {
		return nil, fmt.Errorf("unknown dataset layout %q; known: %s", layout, strings.Join(Layouts(), ", "))
	}
	switch st, err := os.Stat(dir); {
	case err != nil:
		return nil, fmt.Errorf("dataset %s: %w", layout, err)
	case !st.IsDir():
		return nil, fmt.Errorf("dataset %s: %s is a file; expected its folder", layout, dir)
	}
	d, err := e.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", layout, err)
	}
	d.Name = layout
	return d, nil
}

// Matrices are the names of the matrices of class attributes that datasets offer a choice of.
func Matrices() []string {
	var names []string
	for _, e := range entries {
		for _, m := range e.Matrices {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	return names
}

// WithBoxes are the names of the layouts that have bounding boxes.
func WithBoxes() []string {
	var names []string
	for _, e := range entries {
		if e.Boxes != nil {
			names = append(names, e.Name)
		}
	}
	return names
}

// TitleOf is a dataset's name as its authors write it, in any case; of one that is not known the name itself.
func TitleOf(dataset string) string {
	return cmp.Or(Lookup(strings.ToLower(dataset)).Title, dataset)
}
