package features

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Class is one class of a dataset.
type Class struct {
	Name string
	WNID string // WordNet id, where the dataset has one
	ID   int    // number in the dataset's own files, from 1; 0 where classes have none
}

// Image is one image of a dataset.
type Image struct {
	Path  string // relative to the dataset's folder of images, separated by slashes, unique
	Class int    // index of its class; Unlabelled: not known
}

// Unlabelled is the label of an image whose class nobody has named. Such rows can be predicted, not trained on.
const Unlabelled = -1

// ListSHA256 identifies images and the classes they belong to: their names, order and labels. Classes without images do not
// count, so that describing one more class leaves the features of the others valid.
func ListSHA256(classes []Class, images []Image) string {
	h := sha256.New()
	used := make([]bool, len(classes))
	for _, m := range images {
		if m.Class != Unlabelled {
			used[m.Class] = true
		}
	}
	for i, c := range classes {
		if used[i] {
			fmt.Fprintf(h, "class %d %q\n", i, c.Name)
		}
	}
	var line []byte // as Fprintf("image %d %q\n") without its garbage: there are millions
	for _, m := range images {
		line = append(strconv.AppendInt(append(line[:0], "image "...), int64(m.Class), 10), ' ')
		line = append(strconv.AppendQuote(line, m.Path), '\n')
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}
