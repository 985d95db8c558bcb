package workspace

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/extract"
	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// PictureOptions say how images become the features that a run was trained on.
type PictureOptions struct {
	Model  string // file or folder of the run's network; "": where networks lie
	Recipe string // of a run on imported features that do not tell it; "": what the model's folder tells
	Engine
	Batch, Workers, Megapixels int // 0: chosen by the program
}

// RunNetwork is a run's network, ready to compute features.
type RunNetwork struct {
	*extract.Batcher
	net    *onnx.Network
	engine extract.Engine
}

// Close closes network and engine.
func (p *RunNetwork) Close() {
	if p == nil {
		return
	}
	p.Batcher.Close()
	_ = p.engine.Close() // memory only
	_ = p.net.Close()
}

// OpenPictures opens the network whose features the run was trained on: the same file by its sha256, layer and recipe.
func (w *Workspace) OpenPictures(ctx context.Context, run string, src features.Source, o *PictureOptions) (*RunNetwork, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	file, err := w.networkFile(ctx, run, src, o)
	if err != nil {
		return nil, err
	}
	found, err := w.FindModel(file, src.Network)
	if err != nil {
		return nil, err
	}
	net, err := onnx.Open(found.File)
	if err != nil {
		return nil, err
	}
	p, err := w.startPictures(run, src, o, found, net)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	return p, nil
}

func (w *Workspace) startPictures(run string, src features.Source, o *PictureOptions, found *model.Model, net *onnx.Network) (*RunNetwork, error) {
	switch got := net.SHA256(); {
	case src.Imported():
		w.Log.Warn("the run was trained on imported features: it cannot be checked whether they are from this network", "run", run, "network", net.Path())
	case got != src.NetworkSHA256:
		return nil, fmt.Errorf("%s is not the network whose features run %s was trained on: its sha256 is %s, that of %s was %s; give the right file with --model",
			net.Path(), run, got[:12]+"...", src.Network, src.NetworkSHA256[:12]+"...")
	}
	name, crop, _ := strings.Cut(src.Recipe, "+")
	recipe, err := preprocess.Parse(name)
	if src.Imported() && (err != nil || o.Recipe != "") {
		recipe, err = w.importedRecipe(found, net, o.Recipe)
	}
	if err != nil {
		return nil, usage.Errorf("the preprocessing of run %s is %q, which is unknown: give --recipe, a name with its size (caffe-224) or the text of a whole recipe (%w)", run, src.Recipe, err)
	}
	if crop != "" {
		w.Log.Warn("the run was trained on images cropped to bounding boxes, but yours are used whole: crop them in the same way", "run", run)
	}
	layer, err := o.FindLayer(net, src.Layer)
	if err != nil && src.Imported() {
		layer, err = o.FindLayer(net, "")
	}
	if err != nil {
		return nil, err
	}
	p := &RunNetwork{net: net}
	if p.engine, err = o.New(net, layer, recipe); err != nil {
		return nil, err
	}
	if dim := p.engine.Dim(); dim != src.Dim {
		return nil, errors.Join(fmt.Errorf("%s gives features of %d values at %s, but run %s was trained on %d; give the network of the run with --model", net.Path(), dim, layer, run, src.Dim), p.engine.Close())
	}
	p.Batcher, err = extract.NewBatcher(extract.BatcherOptions{Engine: p.engine, Recipe: recipe, NHWC: net.Input().NHWC,
		Batch: o.Batch, Workers: o.Workers, MaxPixels: o.Megapixels})
	if err != nil {
		return nil, errors.Join(err, p.engine.Close())
	}
	return p, nil
}

// importedRecipe is that of features that another program computed: what the user says, or the model's folder.
func (w *Workspace) importedRecipe(found *model.Model, net *onnx.Network, said string) (preprocess.Recipe, error) {
	r, notes, err := found.Recipe(net, model.Overrides{Recipe: said})
	if err != nil {
		return r, err
	}
	for _, n := range notes {
		if n.Warning && said == "" {
			return r, errors.New(n.Text)
		}
		w.Log.Info(n.Text, "because", n.Because)
	}
	return r, nil
}

// networkFile finds the run's network: the file named, else one of its name where networks lie.
func (w *Workspace) networkFile(ctx context.Context, run string, src features.Source, o *PictureOptions) (string, error) {
	if o.Model != "" {
		return w.LocalModel(ctx, o.Model)
	}
	if src.Imported() {
		return "", usage.Errorf("run %s was trained on imported features (%s): to predict from images, give the network that computed them with --model, or give features instead of images", run, src.Network)
	}
	var places []string
	for _, name := range []string{src.Network + ".onnx", src.Network} { // a file or a model's folder
		places = append(places, filepath.Join("models", name), filepath.Join(w.Dir, "models", name))
	}
	for _, p := range places {
		if there, err := lookup.Exists(p); err != nil {
			return "", fmt.Errorf("the network of the run %s: %w", run, err)
		} else if there {
			return p, nil
		}
	}
	return "", fmt.Errorf("run %s was trained on features of the network %s, which was not found in %s: give its file with --model", run, src.Network, strings.Join(slices.Compact(places), " or "))
}
