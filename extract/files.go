package extract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"vzsl/datasets"
	"vzsl/features"
)

// Growing is what a folder of features is told of a dataset whose images may have changed: their list, and how to look at their files.
func Growing(d *datasets.Dataset, check features.Check) features.Growing {
	if d.Pictures != nil {
		return growingPictures(d, check)
	}
	at := func(image string) string { return filepath.Join(d.ImageRoot, filepath.FromSlash(image)) }
	return features.Growing{Classes: d.Classes, Images: d.Images, Check: check,
		Stat: func(image string) (features.File, error) {
			st, err := os.Stat(at(image))
			if err != nil {
				return features.File{}, err
			}
			if !st.Mode().IsRegular() {
				return features.File{}, errors.New("not a regular file")
			}
			return features.File{Bytes: st.Size(), ModTime: st.ModTime().UnixNano()}, nil
		},
		Hash: func(_ context.Context, image string) (string, error) {
			f, err := os.Open(at(image))
			if err != nil {
				return "", err
			}
			defer f.Close()
			h := sha256.New()
			if _, err := io.Copy(h, f); err != nil {
				return "", err
			}
			return hex.EncodeToString(h.Sum(nil)), nil
		}}
}

// growingPictures is Growing where images are not files of a folder.
func growingPictures(d *datasets.Dataset, check features.Check) features.Growing {
	place := make(map[string]int, len(d.Images))
	for i, m := range d.Images {
		place[m.Path] = i
	}
	return features.Growing{Classes: d.Classes, Images: d.Images, Check: check,
		Stat: func(image string) (features.File, error) {
			if why := d.Unusable[image]; why != "" {
				return features.File{}, errors.New(why)
			}
			bytes, version, err := d.Pictures.Stat(place[image])
			return features.File{Bytes: bytes, ModTime: version}, err
		},
		Hash: func(ctx context.Context, image string) (string, error) { return d.Pictures.SHA256(ctx, place[image]) },
	}
}
