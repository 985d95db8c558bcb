package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/datasets"
	"vzsl/extract"
	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// pictureFlags say how pictures become the features that a run was trained on.
type pictureFlags struct {
	model, recipe string
	engineFlags
	batch, workers, megapixels int
}

// runNetwork is a run's network, ready to compute features.
type runNetwork struct {
	*extract.Batcher
	net    *onnx.Network
	engine extract.Engine
}

func (p *runNetwork) Close() {
	if p == nil {
		return
	}
	p.Batcher.Close()
	_ = p.engine.Close() // memory only
	_ = p.net.Close()
}

// openPictures opens the network whose features the run was trained on: the same file by its sha256, layer and recipe.
func (c *console) openPictures(run string, src features.Source, o *pictureFlags) (*runNetwork, error) {
	if err := o.checkEngine(); err != nil {
		return nil, err
	}
	file, err := c.networkFile(run, src, o)
	if err != nil {
		return nil, err
	}
	found, err := c.findModel(file, src.Network)
	if err != nil {
		return nil, err
	}
	net, err := onnx.Open(found.File)
	if err != nil {
		return nil, err
	}
	p, err := c.startPictures(run, src, o, found, net)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	return p, nil
}

func (c *console) startPictures(run string, src features.Source, o *pictureFlags, found *model.Model, net *onnx.Network) (*runNetwork, error) {
	switch got := net.SHA256(); {
	case src.Imported():
		c.log.Warn("the run was trained on imported features: whether they are this network's cannot be checked", "run", run, "network", net.Path())
	case got != src.NetworkSHA256:
		return nil, fmt.Errorf("%s is not the network whose features run %s was trained on: its sha256 is %s, that of %s was %s; name the right file with --model",
			net.Path(), run, got[:12]+"...", src.Network, src.NetworkSHA256[:12]+"...")
	}
	name, crop, _ := strings.Cut(src.Recipe, "+")
	recipe, err := preprocess.Parse(name)
	if src.Imported() && (err != nil || o.recipe != "") {
		recipe, err = c.importedRecipe(found, net, o.recipe)
	}
	if err != nil {
		return nil, usage.Errorf("the preprocessing of run %s is %q, which this program does not have: say it with --recipe, a name with its size (caffe-224) or a whole recipe's text (%w)", run, src.Recipe, err)
	}
	if crop != "" {
		c.log.Warn("the run was trained on pictures cut to bounding boxes; yours are taken whole: cut them likewise", "run", run)
	}
	layer, err := o.findLayer(net, src.Layer)
	if err != nil && src.Imported() {
		layer, err = o.findLayer(net, "")
	}
	if err != nil {
		return nil, err
	}
	p := &runNetwork{net: net}
	if p.engine, err = o.newEngine(net, layer, recipe); err != nil {
		return nil, err
	}
	if dim := p.engine.Dim(); dim != src.Dim {
		return nil, errors.Join(fmt.Errorf("%s gives features of %d values at %s; run %s was trained on %d", net.Path(), dim, layer, run, src.Dim), p.engine.Close())
	}
	p.Batcher, err = extract.NewBatcher(extract.BatcherOptions{Engine: p.engine, Recipe: recipe, NHWC: net.Input().NHWC,
		Batch: o.batch, Workers: o.workers, MaxPixels: o.megapixels})
	if err != nil {
		return nil, errors.Join(err, p.engine.Close())
	}
	return p, nil
}

// importedRecipe is that of features that another program computed: what the user says, or the model's folder.
func (c *console) importedRecipe(found *model.Model, net *onnx.Network, said string) (preprocess.Recipe, error) {
	r, notes, err := found.Recipe(net, model.Overrides{Recipe: said})
	if err != nil {
		return r, err
	}
	for _, n := range notes {
		if n.Warning && said == "" {
			return r, errors.New(n.Text)
		}
		c.log.Info(n.Text, "because", n.Because)
	}
	return r, nil
}

// networkFile finds the run's network: the file named, else one of its name where networks lie.
func (c *console) networkFile(run string, src features.Source, o *pictureFlags) (string, error) {
	if o.model != "" {
		return o.model, nil
	}
	if src.Imported() {
		return "", usage.Errorf("run %s was trained on imported features (%s): to predict from pictures name the network that computed them with --model, or give features in place of pictures", run, src.Network)
	}
	var places []string
	for _, name := range []string{src.Network + ".onnx", src.Network} { // a file or a model's folder
		places = append(places, filepath.Join("models", name), filepath.Join(c.out, "models", name))
	}
	for _, p := range places {
		if there, err := lookup.Exists(p); err != nil {
			return "", fmt.Errorf("the network of the run %s: %w", run, err)
		} else if there {
			return p, nil
		}
	}
	return "", fmt.Errorf("run %s was trained on features of the network %s, which is not in %s: name its file with --model", run, src.Network, strings.Join(slices.Compact(places), " or "))
}

// listPictures lists what command line arguments mean: files, the pictures in and below folders, globs that the shell left.
// A folder of feature shards, or one shard, is given back as it is.
func listPictures(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?[") {
			found, bad := filepath.Glob(arg)
			if bad != nil {
				return nil, usage.Errorf("%s: %w", arg, bad)
			}
			if len(found) == 0 {
				if dir := filepath.Dir(arg); !strings.ContainsAny(dir, "*?[") { // else what is to be read is not known
					if _, err := os.ReadDir(dir); err != nil && !lookup.Absent(err) {
						return nil, err
					}
				}
				return nil, fmt.Errorf("%s: no file is called so", arg)
			}
			more, err := listPictures(found)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !st.IsDir() || isShards(arg) {
			all = append(all, arg)
			continue
		}
		before := len(all)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != arg && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case !d.IsDir() && datasets.IsPicture(path):
				all = append(all, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: no pictures in the folder or below it", arg)
		}
	}
	return all, nil
}

// isShards tells whether a folder holds feature shards.
func isShards(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "manifest.json"))
	return err == nil
}
