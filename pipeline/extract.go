package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/extract"
	"vzsl/extract/engine/gorgonia"
	"vzsl/extract/engine/native"
	"vzsl/extract/engine/onnxruntime"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
)

type extractOptions struct {
	ds           datasetFlags
	model, layer string
	recipe       string
	size         int
	engineFlags
	batch, workers, shard int
	force                 bool
	crop                  string
}

var engines = []string{"native", "gorgonia", "onnxruntime"}

// engineFlags say what computes the network.
type engineFlags struct {
	engine string
	ort    onnxruntime.Options
}

func (e *engineFlags) addEngine(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.engine, "engine", "native", "what computes the network: "+enumerate(engines))
	f.StringVar(&e.ort.Library, "ort-library", "", "`file` of ONNX Runtime's shared library, for the engine onnxruntime (default: "+onnxruntime.LibraryVariable+" in the environment)")
	f.StringVar(&e.ort.Provider, "ort-provider", "cpu", "its execution provider: "+enumerate(onnxruntime.Providers()))
	must(cmd.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions(engines, cobra.ShellCompDirectiveNoFileComp)))
}

func (e *engineFlags) checkEngine() error {
	if err := oneOf("engine", e.engine, engines...); err != nil {
		return err
	}
	return oneOf("ort-provider", e.ort.Provider, onnxruntime.Providers()...)
}

func newExtract(con *console) *cobra.Command {
	var o extractOptions
	cmd := &cobra.Command{
		Use:   "extract",
		Short: "images and an ONNX network to feature shards",
		Long: `Runs the network over every image of the dataset and writes Parquet shards to
features/<dataset>/<network>/: image, class, label, feature.

The feature is fc7 after its ReLU where the network is a VGG (found by itself), the pooled feature of
a network without such layers, or the tensor that --layer names. The preprocessing recipe is taken
from the network where the file tells it.

Stop it at any moment (Ctrl-C, power cut): the same command goes on at the shard that was open.
Images that cannot be read are skipped and listed in skipped.csv; the exit code is then 3.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExtract(cmd.Context(), con, &o)
		},
	}
	o.ds.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.model, "model", filepath.Join("models", "vgg19.onnx"), "`file` of the network (ONNX)")
	f.StringVar(&o.layer, "layer", "", "`tensor` to take as the feature (default: fc7 after ReLU, or the pooled feature)")
	f.StringVar(&o.recipe, "recipe", "", "preprocessing: torchvision, caffe or caffe-crop (default: what the network's file tells)")
	f.IntVar(&o.size, "size", 0, "side of the network's input in `pixels` (default: the network's own, else 224)")
	f.StringVar(&o.crop, "crop", "none", "what of each picture is taken: none (all of it) or bbox (CUB: its bounding box)")
	o.addEngine(cmd)
	f.IntVar(&o.batch, "batch", 0, "images per call of the engine (default: chosen by the program)")
	f.IntVar(&o.workers, "workers", 0, "images decoded at a time (default: one per processor)")
	f.IntVar(&o.shard, "shard-rows", features.DefaultShardRows, "images per shard")
	f.BoolVar(&o.force, "force", false, "discard features there that were made from another dataset, network or recipe")
	must(cmd.MarkFlagFilename("model", "onnx"))
	must(cmd.RegisterFlagCompletionFunc("recipe", cobra.FixedCompletions(preprocess.Recipes(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

const whereToGetVGG19 = "run 'vzsl download vgg19', or get vgg19-7.onnx from the ONNX model zoo (https://github.com/onnx/models, validated/vision/classification/vgg; the files are at https://huggingface.co/onnxmodelzoo) and give it as --model (make: MODEL=path/to/vgg19-7.onnx)"

func runExtract(ctx context.Context, con *console, o *extractOptions) error {
	if err := o.checkEngine(); err != nil {
		return err
	}
	if err := oneOf("crop", o.crop, "none", "bbox"); err != nil {
		return err
	}
	if err := o.ds.checkName(); err != nil {
		return err
	}
	for flag, n := range map[string]int{"batch": o.batch, "workers": o.workers, "size": o.size} {
		if n < 0 {
			return usagef("--%s %d: it cannot be negative", flag, n)
		}
	}
	if o.shard < 1 {
		return usagef("--shard-rows %d: a shard holds at least one image", o.shard)
	}
	if _, err := os.Stat(o.model); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: no network there; %s", o.model, whereToGetVGG19)
	}
	o.ds.pictures = true
	ds, err := o.ds.open(con)
	if err != nil {
		return err
	}
	if len(ds.Images) == 0 {
		return fmt.Errorf("no images in %s: %s; features that are there already come in by 'vzsl import'", ds.Root, whereToGet[o.ds.layout])
	}
	net, err := onnx.Open(o.model)
	if err != nil {
		return err
	}
	defer net.Close()
	layer, err := net.Layer(o.layer)
	if err != nil {
		return err
	}
	recipe, err := chooseRecipe(con, net, o)
	if err != nil {
		return err
	}
	boxes, how, err := o.boxes(ds)
	if err != nil {
		return err
	}
	network := networkName(o.model)
	dir := con.networkDir(ds.Name, network)
	con.log.Info("extract", "dataset", ds.Name, "images", len(ds.Images), "classes", len(ds.Classes),
		"network", network, "layer", layer.Tensor, "what", layer.What, "dim", layer.Dim, "recipe", recipe.String()+how, "engine", o.engine)

	// Before the folder, so that an engine that cannot be had discards nothing.
	engine, err := o.newEngine(net, layer, recipe.Size)
	if err != nil {
		return err
	}
	defer engine.Close()
	w, err := features.Create(dir, features.Source{
		Dataset: ds.Name, DatasetSHA256: ds.SHA256(),
		Network: network, NetworkSHA256: net.SHA256(),
		Layer: layer.Tensor, Recipe: recipe.String() + how, Engine: o.engineName(), Program: program,
		Dim: layer.Dim, ShardRows: o.shard, Images: len(ds.Images),
	}, o.force)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, note := range w.Notes() {
		con.log.Info(note, "folder", dir)
	}

	hook, end := con.progress("extract", "images")
	res, err := extract.Run(ctx, extract.Options{
		Dataset: ds, Engine: engine, Recipe: recipe, NHWC: net.Input().NHWC, Writer: w, Boxes: boxes,
		Batch: o.batch, Workers: o.workers, Progress: hook, Log: con.log,
	})
	end()
	if err != nil {
		return err
	}
	return con.extracted(dir, ds, layer, res)
}

// boxes are the parts of the pictures to take, and how the recipe's name says so.
func (o *extractOptions) boxes(ds *datasets.Dataset) (boxes []datasets.Box, how string, err error) {
	if o.crop != "bbox" {
		return nil, "", nil
	}
	if o.ds.layout != "cub" {
		return nil, "", usagef("--crop bbox: only layout cub has bounding boxes, not %s", o.ds.layout)
	}
	if boxes, err = datasets.CUBBoxes(ds); err != nil {
		return nil, "", err
	}
	return boxes, "+bbox-" + datasets.BoxesSHA256(boxes)[:8], nil
}

// extracted prints what an extraction did.
func (c *console) extracted(dir string, ds *datasets.Dataset, layer onnx.Layer, res *extract.Result) error {
	r := struct {
		Folder          string  `json:"folder"`
		Dataset         string  `json:"dataset"`
		Layer           string  `json:"layer"`
		Dim             int     `json:"dim"`
		Images          int     `json:"images"`
		Skipped         int     `json:"skipped"`
		Computed        int     `json:"computed"`
		Resumed         int     `json:"resumed"`
		Shards          int     `json:"shards"`
		Seconds         float64 `json:"seconds"`
		ImagesPerSecond float64 `json:"images_per_second"`
		EngineShare     float64 `json:"engine_share"`
	}{dir, ds.Name, layer.Tensor, layer.Dim, res.Images, res.Skipped, res.Computed, res.Resumed, len(res.Manifest.Parts),
		res.Elapsed.Seconds(), res.ImagesPerSecond(), res.EngineShare()}
	err := c.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d images in %d shards, %d-d %s", dir, r.Images, r.Shards, r.Dim, layer.What)
		if r.Computed > 0 {
			fmt.Fprintf(w, "; %d computed in %s, %.1f images/s", r.Computed, res.Elapsed.Round(100*time.Millisecond), r.ImagesPerSecond)
		} else {
			fmt.Fprint(w, "; everything was there already")
		}
		fmt.Fprintln(w)
		if r.Skipped > 0 {
			fmt.Fprintf(w, "%d images skipped, see %s\n", r.Skipped, filepath.Join(dir, "skipped.csv"))
		}
	})
	if err == nil && r.Skipped > 0 {
		return errSkipped
	}
	return err
}

// networkName is the folder's name for a network: the file's, without its extension.
func networkName(model string) string {
	base := filepath.Base(model)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// chooseRecipe takes the recipe that was asked for, else the one that the network tells.
func chooseRecipe(con *console, net *onnx.Network, o *extractOptions) (preprocess.Recipe, error) {
	in := net.Input()
	size := o.size
	if size == 0 {
		size = in.Height
	}
	if size == 0 {
		size = 224
	}
	if in.Height != in.Width {
		return preprocess.Recipe{}, fmt.Errorf("%s: its input is %d x %d; the recipes make square pictures only", o.model, in.Height, in.Width)
	}
	if in.Height != 0 && size != in.Height {
		return preprocess.Recipe{}, usagef("--size %d: the input of %s is fixed at %d x %d", size, o.model, in.Height, in.Width)
	}
	known, why := net.Recipe()
	name := o.recipe
	switch {
	case name == "" && known == "":
		return preprocess.Recipe{}, usagef("--recipe is needed for %s: %s; choose one of %s", o.model, why, enumerate(preprocess.Recipes()))
	case name == "":
		name = known
		con.log.Info("preprocessing recipe "+name, "because", why)
	case known != "" && !strings.HasPrefix(name, known):
		con.log.Warn("--recipe differs from what the network tells", "recipe", name, "network's", known, "because", why)
	}
	r, err := preprocess.Parse(name, size)
	if err != nil {
		return r, usageError{err}
	}
	return r, nil
}

// engineName is what the shards name: other hardware gives other bits.
func (o *engineFlags) engineName() string {
	if o.engine == "onnxruntime" && o.ort.Provider != "cpu" {
		return o.engine + "-" + o.ort.Provider
	}
	return o.engine
}

func (o *engineFlags) newEngine(net *onnx.Network, layer onnx.Layer, size int) (extract.Engine, error) {
	switch o.engine {
	case "gorgonia":
		return gorgonia.New(net, layer, size, size)
	case "onnxruntime":
		return onnxruntime.New(net, layer, size, size, o.ort)
	}
	return native.New(net, layer, size, size)
}
