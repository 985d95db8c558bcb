package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"vzsl/internal/delimited"
)

// Box is a rectangle in a picture, in pixels from its upper left corner.
type Box struct{ X, Y, W, H float64 }

// CUBBoxes reads bounding_boxes.txt of CUB-200-2011, "<image id> <x> <y> <width> <height>": a box for each of d's images, in
// their order. d must be of that layout.
func CUBBoxes(d *Dataset) ([]Box, error) {
	file := filepath.Join(d.Root, "bounding_boxes.txt")
	var images idTable
	if err := images.read(filepath.Join(d.Root, "images.txt"), "image"); err != nil {
		return nil, err
	}
	at := make(map[int]int, len(images.ids)) // image id to place
	for i, id := range images.ids {
		at[id] = i
	}
	if len(images.ids) != len(d.Images) {
		return nil, fmt.Errorf("%s: %d images, the dataset has %d", filepath.Join(d.Root, "images.txt"), len(images.ids), len(d.Images))
	}
	boxes := make([]Box, len(d.Images))
	lines := make([]int, len(d.Images))
	err := delimited.Lines(file, func(line int, text string) error {
		f := strings.Fields(text)
		if len(f) != 5 {
			return fmt.Errorf("expected \"<image id> <x> <y> <width> <height>\", found %q", text)
		}
		id, err := positive(f[0])
		if err != nil {
			return fmt.Errorf("image id: %w", err)
		}
		i, ok := at[id]
		if !ok {
			return fmt.Errorf("image id %d is not in images.txt", id)
		}
		if lines[i] != 0 {
			return fmt.Errorf("image id %d is already in line %d", id, lines[i])
		}
		lines[i] = line
		var v [4]float64
		for k := range v {
			if v[k], err = strconv.ParseFloat(f[k+1], 64); err != nil || math.Abs(v[k]) > 1e9 || v[k] != v[k] {
				return fmt.Errorf("%q is not a number of pixels", f[k+1])
			}
		}
		boxes[i] = Box{v[0], v[1], v[2], v[3]}
		if v[2] <= 0 || v[3] <= 0 {
			return fmt.Errorf("a box of %g x %g pixels", v[2], v[3])
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no bounding_boxes.txt in %s; it is part of the official archive", d.Root)
	}
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		if line == 0 {
			return nil, fmt.Errorf("%s: image id %d (%s) has no line", file, images.ids[i], images.names[i])
		}
	}
	return boxes, nil
}

// BoxesSHA256 identifies a list of boxes.
func BoxesSHA256(boxes []Box) string {
	h := sha256.New()
	for _, b := range boxes {
		fmt.Fprintf(h, "%g %g %g %g\n", b.X, b.Y, b.W, b.H)
	}
	return hex.EncodeToString(h.Sum(nil))
}
