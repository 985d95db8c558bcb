package inspect

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// pictureFile: what a walk takes for an image.
func pictureFile(name string) bool { return datasets.IsPicture(name) && !strings.HasPrefix(name, ".") }

// pictures compares the list of images with the files.
func (x *inspection) pictures(ctx context.Context) error {
	if catalog.Lookup(x.ds.Layout).Features != nil {
		return nil
	}
	found := x.found
	if x.set.Pictures != nil { // the source was read whole
		var bad []string
		for name, why := range x.set.Unusable {
			bad = append(bad, name+" ("+why+")")
		}
		if slices.Sort(bad); len(bad) > 0 {
			found.problem("%d images cannot be used and will be skipped: %s", len(bad), usage.FirstOf(bad))
		}
		return nil
	}
	listed := make(map[string]bool, len(x.set.Images)) // false: no file yet
	folded := make(map[string]string, len(x.set.Images))
	for _, m := range x.set.Images {
		listed[m.Path] = false
		if other, twice := folded[strings.ToLower(m.Path)]; twice {
			found.problem("images %q and %q differ only in case: some file systems treat them as the same file", other, m.Path)
		}
		folded[strings.ToLower(m.Path)] = m.Path
	}
	var orphans, empty, unread, unnamed []string
	seen := 0
	bar := x.w.Begin("check "+x.set.ImageRoot, "files")
	defer bar.End()
	root := x.set.ImageRoot
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll
			}
			found.problem("%v", err)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := datasets.Printable(filepath.ToSlash(rel))
		_, known := listed[name]
		if !known && !pictureFile(d.Name()) {
			return nil
		}
		if seen++; seen%1000 == 0 {
			bar.Done(seen, len(listed))
		}
		if !known {
			orphans = append(orphans, name)
			return nil
		}
		listed[name] = true
		if datasets.Unread(name) {
			unread = append(unread, name)
		}
		if x.set.Unusable[name] != "" {
			unnamed = append(unnamed, name)
		}
		if st, err := d.Info(); err == nil && st.Mode().IsRegular() && st.Size() == 0 {
			empty = append(empty, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var absent []string
	for _, m := range x.set.Images {
		if listed[m.Path] {
			continue
		}
		// Below a linked folder the walk does not go.
		if there, err := lookup.Exists(filepath.Join(x.set.ImageRoot, filepath.FromSlash(m.Path))); err != nil {
			found.problem("%v", err)
		} else if !there {
			absent = append(absent, m.Path)
		}
	}
	switch {
	case len(listed) == 0:
		found.problem("no images in %s", x.set.ImageRoot)
		found.Usable = len(x.networks()) > 0
	case len(absent) == len(listed):
		found.problem("none of the %d listed images was found in %s: is the archive of the images unpacked there?", len(listed), x.set.ImageRoot)
		found.Usable = len(x.networks()) > 0 // features made elsewhere will do
	case len(absent) > 0:
		found.problem("%d images are listed but not found: %s", len(absent), usage.FirstOf(absent))
	}
	if len(empty) > 0 {
		found.problem("%d images are empty files: %s", len(empty), usage.FirstOf(empty))
	}
	if len(unread) > 0 {
		found.problem("%d images have formats that are not supported (HEIC, AVIF, JPEG XL, JPEG 2000) and will be skipped: convert them to JPEG or PNG: %s", len(unread), usage.FirstOf(unread))
	}
	if len(unnamed) > 0 {
		found.problem("%d images have names that are not UTF-8 text and will be skipped; rename them: %s", len(unnamed), usage.FirstOf(unnamed))
	}
	if len(orphans) > 0 {
		slices.Sort(orphans)
		found.problem("%d images belong to no class or list and are left out: %s", len(orphans), usage.FirstOf(orphans))
	}
	return nil
}
