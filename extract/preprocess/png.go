package preprocess

import (
	"bytes"
	"image/color"
	"image/png"
)

func pngSize(data []byte) (int, int, error) { return configSize(data, png.DecodeConfig) }

func decodePNG(data []byte) (*RGB, error) {
	m, err := png.Decode(bytes.NewReader(data))
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
