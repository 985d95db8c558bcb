package demo

import (
	"embed"
	"fmt"
	"path/filepath"

	"vzsl/internal/wholefile"
)

//go:embed clip/vision_model.onnx clip/text_model.onnx clip/tokenizer.json clip/config.json
var pair embed.FS

// WritePair writes the demo's pair of towers for images and texts to dir, about 2 MB, as such models are published: a network for
// images of 56 x 56 pixels prepared by the recipe torchvision, one for texts, its tokenizer and a config file. Both give
// vectors of 48 values in one space. It was trained on the seen classes alone, see clip/train.py.
func WritePair(dir string) error {
	files, err := pair.ReadDir("clip")
	if err != nil {
		return err
	}
	for _, f := range files {
		b, err := pair.ReadFile("clip/" + f.Name())
		if err == nil {
			err = wholefile.Bytes(filepath.Join(dir, f.Name()), b)
		}
		if err != nil {
			return fmt.Errorf("demo: towers: %w", err)
		}
	}
	return nil
}
