package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Box is a rectangle in an image, in pixels from its upper left corner.
type Box struct{ X, Y, W, H float64 }

// BoxesSHA256 identifies a list of boxes.
func BoxesSHA256(boxes []Box) string {
	h := sha256.New()
	for _, b := range boxes {
		fmt.Fprintf(h, "%g %g %g %g\n", b.X, b.Y, b.W, b.H)
	}
	return hex.EncodeToString(h.Sum(nil))
}
