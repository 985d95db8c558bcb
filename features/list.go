package features

import (
	"context"
	"fmt"
	"path/filepath"
)

// ReadNames reads the image and class columns of a complete folder of shards, without its features.
func ReadNames(ctx context.Context, dir string) (images, classes []string, err error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := m.wantComplete(dir); err != nil {
		return nil, nil, err
	}
	for _, p := range m.Parts {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if err := readNames(filepath.Join(dir, p.File), &images, &classes); err != nil {
			return nil, nil, err
		}
	}
	if len(images) != m.Rows {
		return nil, nil, fmt.Errorf("%s: the shards hold %d rows, the manifest says %d; run vzsl verify for details", dir, len(images), m.Rows)
	}
	return images, classes, nil
}

func readNames(path string, images, classes *[]string) error {
	t, err := openTable(path)
	if err != nil {
		return err
	}
	defer t.close()
	for g := range t.groups() {
		i, err := t.strings(g, columnImage)
		if err != nil {
			return err
		}
		c, err := t.strings(g, columnClass)
		if err != nil {
			return err
		}
		*images, *classes = append(*images, i...), append(*classes, c...)
	}
	return nil
}
