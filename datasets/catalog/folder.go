package catalog

import (
	"vzsl/datasets"
	"vzsl/features/convert"
)

// Folder is the layout of an own dataset: a folder per class.
const Folder = "folder"

var folder = Entry{
	Name: Folder, Descriptions: "a table with a header (class,attribute,...), by default classes.csv in its folder; it may\n                  describe classes that have no images",
	Files:  "your own folder (above)",
	Obtain: "give a folder of your own, one folder of images per class, as --data (make: DATA=path)",
	Open:   func(dir string) (*datasets.Dataset, error) { return datasets.OpenFolder(dir, "", convert.Choice{}) },
}
