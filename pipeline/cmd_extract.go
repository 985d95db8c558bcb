package pipeline

import (
	"cmp"
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
	check                             string
	checked                           bool // --check was given
	plan, task                        string
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

How images are prepared is taken from, in this order: the flags --recipe, --size, --resize, --crop,
--interpolation, --rescale, --mean, --std, --channels, --pad, --exif; preprocessor_config.json, timm's
config.json or open_clip_config.json in the model's folder; what the network itself does at its input; what
its file tells; else a guess, with a warning. The whole recipe is stored with the features.

Stop it at any moment (Ctrl-C, power cut): the same command goes on at the shard that was open.

Images may be added, replaced, repaired and removed: the same command then computes only what is new, has changed
or was skipped, drops what is gone and copies the rest; the folder is byte for byte what an extraction from nothing
would have written. --check says how a changed image is found: mtime by size and modification time (and, where
these differ, the sha256), hash by the sha256 of every file, none not at all. Features of version 0.1.0 stay in
their layout until the list of images changes or --check is given; their rows are copied then.

Images that cannot be read are skipped and listed in skipped.csv; the exit code is then 3.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.checked = cmd.Flags().Changed("check")
			if o.plan != "" || o.task != "" {
				return runExtractTask(cmd, con, &o)
			}
			return runExtract(cmd.Context(), con, &o)
		},
	}
	o.addFlags(cmd)
	addTask(cmd, &o.plan, &o.task)
	return cmd
}

func (o *extractOptions) addFlags(cmd *cobra.Command) {
	addDataset(cmd, &o.ds)
	addSource(cmd, &o.ds)
	f := cmd.Flags()
	f.StringVar(&o.model, "model", filepath.Join("models", "vgg19.onnx"), "`file` of the network (ONNX), its folder, or a repository in the Hugging Face hub's cache; also at s3:// or https://")
	f.StringVar(&o.network, "network", "", "`name` of the features' folder (default: the repository's or the file's name)")
	f.StringVar(&o.layer, "layer", "", "`tensor` to take as the feature (default: fc7 after ReLU, the embedding, the pooled feature or the input of the classifier; an unknown name lists the layers)")
	f.StringVar(&o.pool, "pool", "", "how tokens or maps become one feature: cls (class token), mean, max or cls+mean (default: as it is; cls or mean for a last hidden state)")
	addRecipe(cmd, &o.prepared)
	addEngine(cmd, &o.engine)
	f.IntVar(&o.batch, "batch", 0, "images per call of the engine (default: chosen by the program)")
	f.IntVar(&o.workers, "workers", 0, "images decoded at a time (default: one per processor)")
	f.IntVar(&o.megapixels, "max-pixels", preprocess.MaxMegapixels, "`millions` of pixels of an image; larger ones are skipped")
	f.IntVar(&o.shard, "shard-rows", 0, fmt.Sprintf("most `images` of a shard (default: those of the folder, else %d)", features.DefaultShardRows))
	f.StringVar(&o.check, "check", string(features.CheckTime), "how changed images are found: "+usage.Or(features.Checks()))
	f.BoolVar(&o.force, "force", false, "discard features there that were made from another dataset, network or recipe")
	must(cmd.MarkFlagFilename("model", "onnx"))
	must(cmd.RegisterFlagCompletionFunc("check", cobra.FixedCompletions(features.Checks(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("pool", cobra.FixedCompletions(onnx.Poolings(), cobra.ShellCompDirectiveNoFileComp)))
	rare(cmd, "recipe", "size", "resize", "crop-rounding", "interpolation", "rescale", "mean", "std", "channels", "pad", "engine", "ort-library", "ort-provider", "batch", "workers", "shard-rows", "max-pixels")
}

func (o *extractOptions) checkFlags() error {
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
	if o.shard < 0 {
		return usage.Errorf("--shard-rows %d: a shard holds at least one image", o.shard)
	}
	return usage.OneOf("check", o.check, features.Checks()...)
}

// extraction is what the flags name, opened.
type extraction struct {
	ds     *datasets.Dataset
	net    *onnx.Network
	layer  onnx.Layer
	recipe preprocess.Recipe
	boxes  []datasets.Box
	engine extract.Engine
	dir    string
	source features.Source // but for the list of images
}

// open opens network and dataset. ds is the dataset where it is known already.
func (o *extractOptions) open(ctx context.Context, con *cli, ds *datasets.Dataset) (_ *extraction, err error) {
	if err := o.checkFlags(); err != nil {
		return nil, err
	}
	x := &extraction{ds: ds}
	defer func() {
		if err != nil {
			x.close()
		}
	}()
	file, err := con.LocalModel(ctx, o.model)
	if err != nil {
		return nil, err
	}
	found, err := con.FindModel(file, o.network)
	if err != nil {
		return nil, err
	}
	o.ds.Pictures = true
	if ds == nil {
		if x.ds, err = con.OpenDataset(ctx, &o.ds); err != nil {
			return nil, err
		}
	}
	if len(x.ds.Images) == 0 {
		return nil, fmt.Errorf("no images in %s: %s; features that are there already come in by 'vzsl import'", x.ds.Root, catalog.Lookup(o.ds.Layout).Obtain)
	}
	if x.net, err = onnx.Open(found.File); err != nil {
		return nil, err
	}
	if x.layer, err = o.engine.FindLayer(x.net, onnx.LayerName(o.layer, o.pool)); err != nil {
		return nil, err
	}
	if x.recipe, err = con.ChooseRecipe(found, x.net, o.prepared); err != nil {
		return nil, err
	}
	var how string
	if x.boxes, how, err = o.boxes(x.ds); err != nil {
		return nil, err
	}
	x.dir = con.NetworkDir(x.ds.Name, found.Name)
	con.Log.Info("extract", "dataset", x.ds.Name, "images", len(x.ds.Images), "classes", len(x.ds.Classes),
		"network", found.Name, "layer", x.layer.String(), "what", x.layer.What, "dim", x.layer.Dim, "recipe", x.recipe.String()+how, "engine", o.engine.Name)
	// Before the folder, so that an engine that cannot be had discards nothing.
	if x.engine, err = o.engine.New(x.net, x.layer, x.recipe); err != nil {
		return nil, err
	}
	x.layer.Dim = x.engine.Dim()
	x.source = features.Source{Dataset: x.ds.Name, Network: found.Name, NetworkSHA256: x.net.SHA256(), Layer: x.layer.String(),
		Recipe: x.recipe.String() + how, Engine: o.engine.Label(), Program: version.Program(), Dim: x.layer.Dim, ShardRows: o.shard}
	return x, nil
}

func (x *extraction) close() {
	if x.engine != nil {
		_ = x.engine.Close()
	}
	if x.net != nil {
		_ = x.net.Close()
	}
}

// run computes what the writer lacks.
func (x *extraction) run(ctx context.Context, con *cli, o *extractOptions, w extract.Writer, task bool) (*extract.Result, error) {
	bar := con.Begin("extract", "images")
	res, err := extract.Run(ctx, extract.Options{
		Dataset: x.ds, Engine: x.engine, Recipe: x.recipe, NHWC: x.net.Input().NHWC, Writer: w, Boxes: x.boxes, Task: task,
		Batch: o.batch, Workers: o.workers, MaxPixels: o.megapixels, Progress: bar.Done, Log: con.Log,
	})
	bar.End()
	if err == nil && res.Rotated > 0 {
		con.Log.Info(turnedNote(res.Rotated, x.recipe.EXIF))
	}
	return res, err
}

func runExtract(ctx context.Context, con *cli, o *extractOptions) error {
	x, err := o.open(ctx, con, nil)
	if err != nil {
		return err
	}
	defer x.close()
	w, stale, err := o.writer(ctx, con, x)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, note := range w.Notes() {
		con.Log.Info(note, "folder", x.dir)
	}
	res, err := x.run(ctx, con, o, w, false)
	if err != nil {
		return err
	}
	return con.extracted(x, res, stale)
}

// shardWriter is a writer of either layout.
type shardWriter interface {
	extract.Writer
	Notes() []string
	Close() error
}

// writer opens the folder of the features: as a collection, but where it is a finished or begun one of version 0.1.0 of the same
// images, which goes on as it is.
func (o *extractOptions) writer(ctx context.Context, con *cli, x *extraction) (shardWriter, features.Staleness, error) {
	if m, err := features.ReadManifest(x.dir); err == nil && !m.Grows() && len(m.Parts) > 0 && !o.force {
		if !o.checked && m.Source.DatasetSHA256 == x.ds.SHA256() {
			src := x.source
			src.DatasetSHA256, src.Images, src.ShardRows = x.ds.SHA256(), len(x.ds.Images), cmp.Or(o.shard, m.Source.ShardRows)
			w, err := features.Create(x.dir, src, false)
			return w, features.Staleness{}, err
		}
		con.Log.Info("the features are of version 0.1.0, which noted nothing of the images' files: these are taken as unchanged, and the rows copied into shards that can grow", "folder", x.dir)
	}
	growing := extract.Growing(x.ds, features.Check(o.check))
	growing.Force = o.force
	p := con.Begin("compare the images with "+x.dir, "")
	g, err := features.Grow(ctx, x.dir, x.source, growing)
	p.End()
	if err != nil {
		return nil, features.Staleness{}, err
	}
	return g, g.Stale(), nil
}

// boxes are the parts of the images to take, and how the recipe's name says so.
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
func (c *cli) extracted(x *extraction, res *extract.Result, stale features.Staleness) error {
	dir, layer := x.dir, x.layer
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
		features.Staleness
	}{dir, x.ds.Name, layer.String(), layer.Dim, x.source.Recipe, res.Images, res.Skipped, res.Computed, res.Resumed, len(res.Manifest.Parts),
		res.Elapsed.Seconds(), res.ImagesPerSecond(), res.EngineShare(), res.Rotated, res.Damaged, stale}
	err := c.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d images in %d shards, %d-d %s", dir, r.Images, r.Shards, r.Dim, layer.What)
		if r.Computed > 0 {
			fmt.Fprintf(w, "; %d computed in %s, %.1f images/s", r.Computed, res.Elapsed.Round(100*time.Millisecond), r.ImagesPerSecond)
		} else {
			fmt.Fprint(w, "; everything was there already")
		}
		if res.Resumed > 0 && stale.Any() {
			fmt.Fprintf(w, " (%s)", stale)
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

// turnedNote tells of images that carry an EXIF orientation.
func turnedNote(n int, applied bool) string {
	if applied {
		return fmt.Sprintf("%d images carry an EXIF orientation and were turned by it", n)
	}
	return fmt.Sprintf("%d images carry an EXIF orientation, which was ignored, as published features do; --exif apply turns them", n)
}
