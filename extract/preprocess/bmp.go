package preprocess

import (
	"bytes"
	"errors"

	"golang.org/x/image/bmp"
)

func bmpSize(data []byte) (int, int, error) {
	w, h, err := configSize(data, bmp.DecodeConfig)
	return w, h, bmpError(err)
}

func decodeBMP(data []byte) (*RGB, error) {
	m, err := bmp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, bmpError(err)
	}
	return fromImage(m)
}

func bmpError(err error) error {
	if errors.Is(err, bmp.ErrUnsupported) {
		return unsupported("16 bits a pixel or run-length coding; convert it to PNG")
	}
	return err
}
