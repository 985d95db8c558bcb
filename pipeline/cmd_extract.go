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
	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

type extractOptions struct {
	ds                                workspace.Dataset
	model, layer                      string
	pool                              string
	network                           string
	prepared                          model.Overrides
	bbox                              bool
	engine                            workspace.Engine
	batch, workers, shard, megapixels int
	force                             bool
}

func newExtract(con *cli) *cobra.Command {
	var o extractOptions
	cmd := &cobra.Command{
		Use:     "extract",
		Short:   "images and an ONNX network to feature shards",
		Example: `  vzsl extract --dataset cub --model models/vgg19.onnx`,
		Long: `Runs the network over every image of the dataset and writes Parquet shards to
features/<dataset>/<network>/: image, class, label, feature.`,
		Annotations: details(`--data is the dataset's folder, or, read as a stream:

  shards/train-{000..009}.tar      WebDataset (.jpg or .png beside .cls, .json or .txt), or tar files of a folder per class;
                                   .tar.gz and .tgz too; "shards/*.tar" for all
  data/train-*.parquet             a column of images (Hugging Face's struct of bytes and path, or binary) and one of classes
  list.csv                         a table of paths or addresses and classes
  s3://bucket/photos/              a folder per class in a bucket (S3, MinIO, R2, Google's interoperable mode)

Each of these files may also lie at s3://bucket/... or https://... What was taken for image, class and name is said, and
--data-columns says otherwise. Images are called and ordered as in a folder per class.

The feature is fc7 after its ReLU where the network is a VGG, an output that is an embedding by its
name (image_embeds, pooler_output, last_hidden_state), the pooled feature, or the input of the
classifier, in this order; --layer names another tensor and --pool how tokens are pooled.

How pictures are prepared is taken from, in this order: the flags --recipe, --size, --resize, --crop,
--interpolation, --rescale, --mean, --std, --channels, --pad, --exif; preprocessor_config.json, timm's
config.json or open_clip_config.json in the model's folder; what the network itself does at its input; what
its file tells; else a guess, with a warning. The whole recipe is stored with the features.

Stop it at any moment (Ctrl-C, power cut): the same command goes on at the shard that was open.
Images that cannot be read are skipped and listed in skipped.csv; the exit code is then 3.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExtract(cmd.Context(), con, &o)
		},
	}
	addDataset(cmd, &o.ds)
	addSource(cmd, &o.ds)
	f := cmd.Flags()
	f.StringVar(&o.model, "model", filepath.Join("models", "vgg19.onnx"), "`file` of the network (ONNX), its folder, or a repository in the Hugging Face hub's cache")
	f.StringVar(&o.network, "network", "", "`name` of the features' folder (default: the repository's or the file's name)")
	f.StringVar(&o.layer, "layer", "", "`tensor` to take as the feature (default: fc7 after ReLU, the embedding, the pooled feature or the input of the classifier; an unknown name lists the layers)")
	f.StringVar(&o.pool, "pool", "", "how tokens or maps become one feature: cls (class token), mean, max or cls+mean (default: as it is; cls or mean for a last hidden state)")
	addRecipe(cmd, &o.prepared)
	addEngine(cmd, &o.engine)
	f.IntVar(&o.batch, "batch", 0, "images per call of the engine (default: chosen by the program)")
	f.IntVar(&o.workers, "workers", 0, "images decoded at a time (default: one per processor)")
	f.IntVar(&o.megapixels, "max-pixels", preprocess.MaxMegapixels, "`millions` of pixels of a picture; larger ones are skipped")
	f.IntVar(&o.shard, "shard-rows", features.DefaultShardRows, "images per shard")
	f.BoolVar(&o.force, "force", false, "discard features there that were made from another dataset, network or recipe")
	must(cmd.MarkFlagFilename("model", "onnx"))
	must(cmd.RegisterFlagCompletionFunc("pool", cobra.FixedCompletions(onnx.Poolings(), cobra.ShellCompDirectiveNoFileComp)))
	rare(cmd, "recipe", "size", "resize", "crop-rounding", "interpolation", "rescale", "mean", "std", "channels", "pad", "engine", "ort-library", "ort-provider", "batch", "workers", "shard-rows", "max-pixels")
	return cmd
}

func runExtract(ctx context.Context, con *cli, o *extractOptions) error {
	if err := o.engine.Check(); err != nil {
		return err
	}
	o.splitCrop()
	if err := usage.FolderName("dataset", o.ds.Name); err != nil {
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
	found, err := con.FindModel(o.model, o.network)
	if err != nil {
		return err
	}
	o.ds.Pictures = true
	ds, err := con.OpenDataset(ctx, &o.ds)
	if err != nil {
		return err
	}
	if len(ds.Images) == 0 {
		return fmt.Errorf("no images in %s: %s; features that are there already come in by 'vzsl import'", ds.Root, catalog.Lookup(o.ds.Layout).Obtain)
	}
	net, err := onnx.Open(found.File)
	if err != nil {
		return err
	}
	defer net.Close()
	layer, err := o.engine.FindLayer(net, onnx.LayerName(o.layer, o.pool))
	if err != nil {
		return err
	}
	recipe, err := con.ChooseRecipe(found, net, o.prepared)
	if err != nil {
		return err
	}
	boxes, how, err := o.boxes(ds)
	if err != nil {
		return err
	}
	network := found.Name
	dir := con.NetworkDir(ds.Name, network)
	con.Log.Info("extract", "dataset", ds.Name, "images", len(ds.Images), "classes", len(ds.Classes),
		"network", network, "layer", layer.String(), "what", layer.What, "dim", layer.Dim, "recipe", recipe.String()+how, "engine", o.engine.Name)

	// Before the folder, so that an engine that cannot be had discards nothing.
	engine, err := o.engine.New(net, layer, recipe)
	if err != nil {
		return err
	}
	defer engine.Close()
	layer.Dim = engine.Dim()
	w, err := features.Create(dir, features.Source{
		Dataset: ds.Name, DatasetSHA256: ds.SHA256(),
		Network: network, NetworkSHA256: net.SHA256(),
		Layer: layer.String(), Recipe: recipe.String() + how, Engine: o.engine.Label(), Program: version.Program,
		Dim: layer.Dim, ShardRows: o.shard, Images: len(ds.Images),
	}, o.force)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, note := range w.Notes() {
		con.Log.Info(note, "folder", dir)
	}

	bar := con.Begin("extract", "images")
	res, err := extract.Run(ctx, extract.Options{
		Dataset: ds, Engine: engine, Recipe: recipe, NHWC: net.Input().NHWC, Writer: w, Boxes: boxes,
		Batch: o.batch, Workers: o.workers, MaxPixels: o.megapixels, Progress: bar.Done, Log: con.Log,
	})
	bar.End()
	if err != nil {
		return err
	}
	if res.Rotated > 0 {
		con.Log.Info(turnedNote(res.Rotated, recipe.EXIF))
	}
	return con.extracted(dir, ds, layer, recipe.String()+how, res)
}

// boxes are the parts of the pictures to take, and how the recipe's name says so.
func (o *extractOptions) boxes(ds *datasets.Dataset) (boxes []datasets.Box, how string, err error) {
	if !o.bbox {
		return nil, "", nil
	}
	read := catalog.Lookup(o.ds.Layout).Boxes
	if read == nil {
		return nil, "", usage.Errorf("--crop bbox: only layout %s has bounding boxes, not %s", usage.And(catalog.WithBoxes()), o.ds.Layout)
	}
	if boxes, err = read(ds); err != nil {
		return nil, "", err
	}
	return boxes, "+bbox-" + datasets.BoxesSHA256(boxes)[:8], nil
}

// extracted prints what an extraction did.
func (c *cli) extracted(dir string, ds *datasets.Dataset, layer onnx.Layer, recipe string, res *extract.Result) error {
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

// turnedNote tells of pictures that carry an EXIF orientation.
func turnedNote(n int, applied bool) string {
	if applied {
		return fmt.Sprintf("%d pictures carry an EXIF orientation and were turned by it", n)
	}
	return fmt.Sprintf("%d pictures carry an EXIF orientation, which was ignored, as published features do; --exif apply turns them", n)
}
