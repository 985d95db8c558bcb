package textencoder

import (
	"path/filepath"

	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/features"
)

// Source says what vectors of the encoder are made from, for the class table.
func (e *Encoder) Source() (features.TextModel, error) {
	sum, err := features.FileSHA256(e.tokenizer.Path())
	if err != nil {
		return features.TextModel{}, err
	}
	name := e.model.Name
	if name == "" {
		name = filepath.Base(e.model.Root)
	}
	return features.TextModel{
		Name: name, SHA256: e.net.SHA256(), Tokenizer: sum, Output: e.output, Pool: e.pool, Tokens: e.limit,
		Width: e.width, Scale: e.scale, Towers: e.towers(),
	}, nil
}

// towers are the networks for images that the model's folder holds, with the layers whose values lie in the space of the texts.
func (e *Encoder) towers() []features.ImageTower {
	if e.pool != "" {
		return nil // the space of two towers is that of their last projections
	}
	m, err := model.Find(e.model.Root)
	files := []string{e.model.File}
	if err == nil && m.File != e.model.File {
		files = append(files, m.File)
	}
	var list []features.ImageTower
	for _, f := range files {
		net, err := onnx.Open(f)
		if err != nil {
			continue // it takes no images
		}
		if l, err := net.Layer(""); err == nil && l.Dim == e.width {
			list = append(list, features.ImageTower{SHA256: net.SHA256(), Layer: l.String()})
		}
		_ = net.Close()
	}
	return list
}
