package datasets

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"vzsl/internal/spelling"
)

// imageExtensions of images. What a file really holds is found out when it is read; of HEIC, AVIF, JPEG XL and JPEG 2000, which
// are not, that they are to be converted.
var imageExtensions = map[string]bool{
	".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".gif": true, ".bmp": true, ".dib": true, ".webp": true,
	".tif": true, ".tiff": true, ".heic": true, ".heif": true, ".hif": true, ".avif": true, ".jxl": true, ".jp2": true, ".j2k": true,
}

// IsPicture tells by its extension whether a file is an image.
func IsPicture(name string) bool { return imageExtensions[strings.ToLower(filepath.Ext(name))] }

// Unread tells by its extension whether an image is of a format that is not read.
func Unread(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k":
		return true
	}
	return false
}

// systemFolders are folders that operating systems, archives and storage servers put beside images. They hold thumbnails,
// deleted files or attributes, never a class, unless the class file has a row of that name.
var systemFolders = map[string]bool{
	"__MACOSX": true, "@eaDir": true, "#recycle": true, "#snapshot": true, "@Recycle": true, "@Recently-Snapshot": true,
	"$RECYCLE.BIN": true, "RECYCLER": true, "System Volume Information": true, "lost+found": true,
}

// SystemFolder reports whether a folder of that name is an operating system's, an archive's or a storage server's.
func SystemFolder(name string) bool { return systemFolders[name] }

// PicturesIn lists the images of a folder, sorted.
func PicturesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() && !strings.HasPrefix(n, ".") && IsPicture(n) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names, nil
}

func extensionList() string {
	var l []string
	for e := range imageExtensions {
		l = append(l, e)
	}
	sort.Strings(l)
	return strings.Join(l, " ")
}

// NoteMissing says which listed images have no file. They stay in the dataset; extraction skips and lists them.
func (d *Dataset) NoteMissing(list string) {
	var missing []string
	for _, m := range d.Images {
		if _, err := os.Stat(filepath.Join(d.ImageRoot, filepath.FromSlash(m.Path))); err != nil {
			missing = append(missing, m.Path)
		}
	}
	switch n := len(missing); {
	case n > 0 && n == len(d.Images):
		d.NoteUnpictured("none of the %d images of %s has a file in %s: import features, or put the images there", n, filepath.Base(list), d.ImageRoot)
	case n > 0:
		d.NoteUnpictured("%d of the %d images of %s have no file in %s: %s", len(missing), len(d.Images), filepath.Base(list), d.ImageRoot, spelling.First(missing, 5))
	}
}
