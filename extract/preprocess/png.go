package preprocess

import (
	"bytes"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
)

func pngSize(data []byte) (int, int, error) {
	w, h, err := configSize(data, png.DecodeConfig)
	if errors.Is(err, png.UnsupportedError("dimension overflow")) {
		return math.MaxInt32, math.MaxInt32, nil // left to allow
	}
	return w, h, err
}

func decodePNG(data []byte) (*RGB, error) {
	m, err := png.Decode(bytes.NewReader(data))
	if errors.Is(err, png.FormatError("not enough pixel data")) {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return fromImage(m)
}

// rawPalette gives a palette's colours as stored, without their alpha.
func rawPalette(p color.Palette) (out [256][3]uint8) {
	for i, c := range p {
		if i == len(out) {
			break
		}
		switch c := c.(type) {
		case color.RGBA:
			out[i] = [3]uint8{c.R, c.G, c.B}
		case color.NRGBA:
			out[i] = [3]uint8{c.R, c.G, c.B}
		default:
			n := color.NRGBAModel.Convert(c).(color.NRGBA)
			out[i] = [3]uint8{n.R, n.G, n.B}
		}
	}
	return out
}
