package features

import "fmt"

const schemaList = "image-list/1"

// ImageList is the list of a dataset's images as a plan keeps it.
type ImageList struct {
	Classes  []Class
	Images   []Image
	Unusable map[string]string // why an image cannot be used that need not be read to know it
}

// WriteImageList writes a list as Parquet: image, label, and why it cannot be used; the classes are in the metadata.
func WriteImageList(path string, l *ImageList) error {
	images, labels, reasons := make([]string, len(l.Images)), make([]int32, len(l.Images)), make([]string, len(l.Images))
	for i, m := range l.Images {
		images[i], labels[i], reasons[i] = m.Path, int32(m.Class), l.Unusable[m.Path]
	}
	var kv metadata
	kv.add(keySchema, schemaList)
	kv.addJSON(keyPrefix+"classes", append([]Class{}, l.Classes...))
	return saveTable(path, len(images), []column{
		{name: columnImage, text: images}, {name: columnLabel, num: labels, dict: true}, {name: columnReason, text: reasons, dict: true},
	}, kv)
}

// ReadImageList reads and checks it.
func ReadImageList(path string) (*ImageList, error) {
	t, err := openWhole(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.expect(schemaList, "a list of images"); err != nil {
		return nil, err
	}
	l := &ImageList{Unusable: map[string]string{}}
	if err := t.metaJSON(keyPrefix+"classes", &l.Classes); err != nil {
		return nil, err
	}
	for g := range t.groups() {
		images, err := t.strings(g, columnImage)
		if err != nil {
			return nil, err
		}
		labels, err := integers[int32](t, g, columnLabel)
		if err != nil {
			return nil, err
		}
		reasons, err := t.strings(g, columnReason)
		if err != nil {
			return nil, err
		}
		if len(labels) != len(images) || len(reasons) != len(images) {
			return nil, fmt.Errorf("%s: its columns have different lengths", path)
		}
		for i, image := range images {
			if labels[i] < Unlabelled || int(labels[i]) >= len(l.Classes) {
				return nil, fmt.Errorf("%s: image %q is of class %d of %d", path, image, labels[i], len(l.Classes))
			}
			l.Images = append(l.Images, Image{Path: image, Class: int(labels[i])})
			if reasons[i] != "" {
				l.Unusable[image] = reasons[i]
			}
		}
	}
	return l, nil
}
