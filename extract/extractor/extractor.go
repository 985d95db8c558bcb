// Package extractor opens a network together with all that computing features needs: its feature layer, how images are
// prepared for it, and the native engine. Programs that use vzsl as a library begin here; the command line, which lets
// its user choose all of these, puts them together itself.
package extractor

import (
	"context"
	"errors"
	"fmt"

	"vzsl/datasets"
	"vzsl/extract"
	"vzsl/extract/engine/native"
	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
)

// Extractor is an open network. Close it after use.
type Extractor struct {
	Model   *model.Model
	Network *onnx.Network
	Layer   onnx.Layer
	Recipe  preprocess.Recipe
	Notes   []model.Note // where the recipe comes from

	engine *native.Engine
}

// Open opens the network at path: an ONNX file, the folder of a model, or a repository in the Hugging Face hub's cache.
// layer names the tensor to take as the feature; "" is the one that onnx.Network.Layer finds. overrides say how images
// are prepared where nothing else does, or otherwise; the error of a network without a known recipe is
// model.ErrUnknownRecipe.
func Open(path, layer string, overrides model.Overrides) (*Extractor, error) {
	found, err := model.Find(path)
	if err != nil {
		return nil, err
	}
	e := &Extractor{Model: found}
	if e.Network, err = onnx.Open(found.File); err != nil {
		return nil, err
	}
	if e.Layer, err = e.Network.Layer(layer); err == nil {
		e.Recipe, e.Notes, err = found.Recipe(e.Network, overrides)
	}
	if err == nil {
		e.engine, err = native.New(e.Network, e.Layer, e.Recipe.Height, e.Recipe.Width)
	}
	if err != nil {
		return nil, errors.Join(err, e.Network.Close())
	}
	e.Layer.Dim = e.engine.Dim()
	return e, nil
}

// Dim is the length of a feature.
func (e *Extractor) Dim() int { return e.engine.Dim() }

// Batcher starts computing features of images as they come. Close it before the extractor.
func (e *Extractor) Batcher() (*extract.Batcher, error) {
	return extract.NewBatcher(extract.BatcherOptions{Engine: e.engine, Recipe: e.Recipe, NHWC: e.Network.Input().NHWC})
}

// Extract computes the features of all images of a dataset and stores them as shards in dir, where features.OpenCache reads
// them; program names the program that does. What an earlier call left unfinished is completed, and only images that are new or have
// changed are computed; a folder with features of another network is an error. progress may be nil.
func (e *Extractor) Extract(ctx context.Context, d *datasets.Dataset, dir, program string, progress func(done, total int)) (*extract.Result, error) {
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("%s has no images", d.Root)
	}
	w, err := features.Grow(ctx, dir, features.Source{
		Dataset: d.Name,
		Network: e.Model.Name, NetworkSHA256: e.Network.SHA256(), Layer: e.Layer.String(), Dim: e.Dim(),
		Recipe: e.Recipe.String(), Engine: "native", Program: program,
	}, extract.Growing(d, features.CheckTime))
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }()
	return extract.Run(ctx, extract.Options{Dataset: d, Engine: e.engine, Recipe: e.Recipe, NHWC: e.Network.Input().NHWC, Writer: w, Progress: progress})
}

// Close releases the engine and the network.
func (e *Extractor) Close() error { return errors.Join(e.engine.Close(), e.Network.Close()) }
