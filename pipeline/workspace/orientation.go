package workspace

import (
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/internal/thumbnail"
)

// Orientation turns images as the network saw them: by their EXIF orientation if the recipe of the features applies it, else nil.
func Orientation(s *features.Source) thumbnail.Orientation {
	if r, err := preprocess.Parse(s.Recipe); err != nil || !r.EXIF { // imported features name recipes of their own
		return nil
	}
	return preprocess.Orientation
}
