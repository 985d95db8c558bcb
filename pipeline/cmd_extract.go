package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/extract"
	"vzsl/extract/engine/gorgonia"
	"vzsl/extract/engine/native"
	"vzsl/extract/engine/onnxruntime"
	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/pipeline/usage"
)

type extractOptions struct {
	ds           datasetFlags
	model, layer string
	pool         string
	network      string
	prepared     model.Overrides
	bbox         bool
	engineFlags
	batch, workers, shard, megapixels int
	force                             bool
}

var engines = []string{"native", "gorgonia", "onnxruntime"}

// engineFlags say what computes the network.
type engineFlags struct {
	engine string
	ort    onnxruntime.Options
}

func (e *engineFlags) addEngine(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.engine, "engine", "native", "what computes the network: "+usage.Or(engines))
	f.StringVar(&e.ort.Library, "ort-library", "", "`file` of ONNX Runtime's shared library, for the engine onnxruntime (default: "+onnxruntime.LibraryVariable+" in the environment)")
	f.StringVar(&e.ort.Provider, "ort-provider", "cpu", "its execution provider: "+usage.Or(onnxruntime.Providers()))
	must(cmd.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions(engines, cobra.ShellCompDirectiveNoFileComp)))
}

func (e *engineFlags) checkEngine() error {
	if err := usage.OneOf("engine", e.engine, engines...); err != nil {
		return err
	}
	return usage.OneOf("ort-provider", e.ort.Provider, onnxruntime.Providers()...)
}

func newExtract(con *console) *cobra.Command {
	var o extractOptions
	cmd := &cobra.Command{
		Use:   "extract",
		Short: "images and an ONNX network to feature shards",
		Long: `Runs the network over every image of the dataset and writes Parquet shards to
features/<dataset>/<network>/: image, class, label, feature.

The feature is fc7 after its ReLU where the network is a VGG, an output that is an embedding by its
name (image_embeds, pooler_output, last_hidden_state), the pooled feature, or the input of the
classifier, in this order; --layer names another tensor and --pool how tokens are pooled.

How pictures are prepared is taken from, in this order: the flags --recipe, --size, --resize, --crop,
--interpolation, --rescale, --mean, --std, --channels, --pad, --exif; preprocessor_config.json, timm's
config.json or open_clip_config.json in the model's folder; what the network itself does at its input; what
its file tells; else a guess, with a warning. The whole recipe is stored with the features.

Stop it at any moment (Ctrl-C, power cut): the same command goes on at the shard that was open.
Images that cannot be read are skipped and listed in skipped.csv; the exit code is then 3.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExtract(cmd.Context(), con, &o)
		},
	}
	o.ds.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.model, "model", filepath.Join("models", "vgg19.onnx"), "`file` of the network (ONNX), its folder, or a repository in the Hugging Face hub's cache")
	f.StringVar(&o.network, "network", "", "`name` of the features' folder (default: the repository's or the file's name)")
	f.StringVar(&o.layer, "layer", "", "`tensor` to take as the feature (default: fc7 after ReLU, the embedding, the pooled feature or the input of the classifier; an unknown name lists the layers)")
	f.StringVar(&o.pool, "pool", "", "how tokens or maps become one feature: cls (class token), mean, max or cls+mean (default: as it is; cls or mean for a last hidden state)")
	addRecipe(cmd, &o.prepared)
	o.addEngine(cmd)
	f.IntVar(&o.batch, "batch", 0, "images per call of the engine (default: chosen by the program)")
	f.IntVar(&o.workers, "workers", 0, "images decoded at a time (default: one per processor)")
	f.IntVar(&o.megapixels, "max-pixels", preprocess.MaxMegapixels, "`millions` of pixels of a picture; larger ones are skipped")
	f.IntVar(&o.shard, "shard-rows", features.DefaultShardRows, "images per shard")
	f.BoolVar(&o.force, "force", false, "discard features there that were made from another dataset, network or recipe")
	must(cmd.MarkFlagFilename("model", "onnx"))
	must(cmd.RegisterFlagCompletionFunc("pool", cobra.FixedCompletions(onnx.Poolings(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

const whereToGetVGG19 = "run 'vzsl download vgg19', or get vgg19-7.onnx from the ONNX model zoo (https://github.com/onnx/models, validated/vision/classification/vgg; the files are at https://huggingface.co/onnxmodelzoo) and give it as --model (make: MODEL=path/to/vgg19-7.onnx)"

func runExtract(ctx context.Context, con *console, o *extractOptions) error {
	if err := o.checkEngine(); err != nil {
		return err
	}
	o.splitCrop()
	if err := o.ds.checkName(); err != nil {
		return err
	}
	if o.megapixels < 1 {
		return usage.Errorf("--max-pixels %d: it must be more than 0", o.megapixels)
	}
	if o.pool != "" {
		if err := usage.OneOf("pool", o.pool, onnx.Poolings()...); err != nil {
			return err
		}
	}
	for flag, n := range map[string]int{"batch": o.batch, "workers": o.workers} {
		if n < 0 {
			return usage.Errorf("--%s %d: it cannot be negative", flag, n)
		}
	}
	if o.shard < 1 {
		return usage.Errorf("--shard-rows %d: a shard holds at least one image", o.shard)
	}
	found, err := con.findModel(o.model, o.network)
	if err != nil {
		return err
	}
	o.ds.pictures = true
	ds, err := o.ds.open(con)
	if err != nil {
		return err
	}
	if len(ds.Images) == 0 {
		return fmt.Errorf("no images in %s: %s; features that are there already come in by 'vzsl import'", ds.Root, catalog.Lookup(o.ds.layout).Obtain)
	}
	net, err := onnx.Open(found.File)
	if err != nil {
		return err
	}
	defer net.Close()
	layer, err := o.findLayer(net, onnx.LayerName(o.layer, o.pool))
	if err != nil {
		return err
	}
	recipe, err := con.chooseRecipe(found, net, o.prepared)
	if err != nil {
		return err
	}
	boxes, how, err := o.boxes(ds)
	if err != nil {
		return err
	}
	network := found.Name
	dir := con.networkDir(ds.Name, network)
	con.log.Info("extract", "dataset", ds.Name, "images", len(ds.Images), "classes", len(ds.Classes),
		"network", network, "layer", layer.String(), "what", layer.What, "dim", layer.Dim, "recipe", recipe.String()+how, "engine", o.engine)

	// Before the folder, so that an engine that cannot be had discards nothing.
	engine, err := o.newEngine(net, layer, recipe)
	if err != nil {
		return err
	}
	defer engine.Close()
	layer.Dim = engine.Dim()
	w, err := features.Create(dir, features.Source{
		Dataset: ds.Name, DatasetSHA256: ds.SHA256(),
		Network: network, NetworkSHA256: net.SHA256(),
		Layer: layer.String(), Recipe: recipe.String() + how, Engine: o.engineName(), Program: program,
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
		Batch: o.batch, Workers: o.workers, MaxPixels: o.megapixels, Progress: hook, Log: con.log,
	})
	end()
	if err != nil {
		return err
	}
	if res.Rotated > 0 {
		con.log.Info(turnedNote(res.Rotated, recipe.EXIF))
	}
	return con.extracted(dir, ds, layer, recipe.String()+how, res)
}

// boxes are the parts of the pictures to take, and how the recipe's name says so.
func (o *extractOptions) boxes(ds *datasets.Dataset) (boxes []datasets.Box, how string, err error) {
	if !o.bbox {
		return nil, "", nil
	}
	read := catalog.Lookup(o.ds.layout).Boxes
	if read == nil {
		return nil, "", usage.Errorf("--crop bbox: only layout %s has bounding boxes, not %s", usage.And(catalog.WithBoxes()), o.ds.layout)
	}
	if boxes, err = read(ds); err != nil {
		return nil, "", err
	}
	return boxes, "+bbox-" + datasets.BoxesSHA256(boxes)[:8], nil
}

// extracted prints what an extraction did.
func (c *console) extracted(dir string, ds *datasets.Dataset, layer onnx.Layer, recipe string, res *extract.Result) error {
	r := struct {
		Folder          string  `json:"folder"`
		Dataset         string  `json:"dataset"`
		Layer           string  `json:"layer"`
		Dim             int     `json:"dim"`
		Recipe          string  `json:"recipe"`
		Images          int     `json:"images"`
		Skipped         int     `json:"skipped"`
		Computed        int     `json:"computed"`
		Resumed         int     `json:"resumed"`
		Shards          int     `json:"shards"`
		Seconds         float64 `json:"seconds"`
		ImagesPerSecond float64 `json:"images_per_second"`
		EngineShare     float64 `json:"engine_share"`
		EXIF            int     `json:"exif_oriented"`
		Damaged         int     `json:"damaged"`
	}{dir, ds.Name, layer.String(), layer.Dim, recipe, res.Images, res.Skipped, res.Computed, res.Resumed, len(res.Manifest.Parts),
		res.Elapsed.Seconds(), res.ImagesPerSecond(), res.EngineShare(), res.Rotated, res.Damaged}
	err := c.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d images in %d shards, %d-d %s", dir, r.Images, r.Shards, r.Dim, layer.What)
		if r.Computed > 0 {
			fmt.Fprintf(w, "; %d computed in %s, %.1f images/s", r.Computed, res.Elapsed.Round(100*time.Millisecond), r.ImagesPerSecond)
		} else {
			fmt.Fprint(w, "; everything was there already")
		}
		fmt.Fprintln(w)
		if r.Damaged > 0 {
			fmt.Fprintf(w, "%d images are damaged and were read as libjpeg reads them\n", r.Damaged)
		}
		if r.Skipped > 0 {
			fmt.Fprintf(w, "%d images skipped, see %s\n", r.Skipped, filepath.Join(dir, "skipped.csv"))
		}
	})
	if err == nil && r.Skipped > 0 {
		return errSkipped
	}
	return err
}

// engineName is what the shards name: other hardware gives other bits.
func (o *engineFlags) engineName() string {
	if o.engine == "onnxruntime" && o.ort.Provider != "cpu" {
		return o.engine + "-" + o.ort.Provider
	}
	return o.engine
}

// findLayer finds the layer in a network that the engine can run: ONNX Runtime knows more operators than we do.
func (o *engineFlags) findLayer(net *onnx.Network, name string) (onnx.Layer, error) {
	if o.engine == "onnxruntime" {
		return net.Find(name)
	}
	return net.Layer(name)
}

func (o *engineFlags) newEngine(net *onnx.Network, layer onnx.Layer, r preprocess.Recipe) (extract.Engine, error) {
	switch o.engine {
	case "gorgonia":
		return gorgonia.New(net, layer, r.Height, r.Width)
	case "onnxruntime":
		return onnxruntime.New(net, layer, r.Height, r.Width, o.ort)
	}
	return native.New(net, layer, r.Height, r.Width)
}
