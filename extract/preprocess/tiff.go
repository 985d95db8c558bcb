package preprocess

import (
	"bytes"
	"image"

	"golang.org/x/image/tiff"
)

func tiffSize(data []byte) (int, int, error) { return configSize(data, tiff.DecodeConfig) }

// decodeTIFF reads the first image of a TIFF. Colours that were multiplied by their alpha are divided by it again, as PIL
// does.
func decodeTIFF(data []byte) (*RGB, error) {
	m, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if p, ok := m.(*image.RGBA); ok {
		for i := 0; i+3 < len(p.Pix); i += 4 {
			if a := uint32(p.Pix[i+3]); a != 0 && a != 255 {
				for c := range 3 {
					p.Pix[i+c] = uint8(min(uint32(p.Pix[i+c])*255/a, 255))
				}
			}
		}
	}
	im, err := fromImage(m)
	if err != nil {
		return nil, err
	}
	// x/image takes the white runs of a fax for white; where black is 0 they are black, as libtiff and so PIL has them.
	const compression, photometric, blackIsZero = 259, 262, 1
	if c := tiffTag(data, compression); (c == 3 || c == 4) && tiffTag(data, photometric) == blackIsZero {
		for i, v := range im.Pix {
			im.Pix[i] = 255 - v
		}
	}
	return im, nil
}
