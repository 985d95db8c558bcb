package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
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
		Short:   "extract image features with an ONNX network",
		Example: `  vzsl extract --dataset cub --model models/vgg19.onnx`,
		Long: `Runs the network over every image of the dataset and writes Parquet shards to
features/<dataset>/<network>/: image, class, label, feature.`,
		Annotations: details(`--data is the dataset's folder, or one of these, read as a stream:

  shards/train-{000..009}.tar      WebDataset (.jpg or .png with .cls, .json or .txt), or tar files with one folder per class;
                                   .tar.gz and .tgz too; "shards/*.tar" for all
  data/train-*.parquet             a column of images (Hugging Face's struct of bytes and path, or binary) and a column of classes
  list.csv                         a table of paths or addresses and classes
  s3://bucket/photos/              one folder per class in a bucket (S3, MinIO, R2, Google's interoperability mode)

Each of these files may also be at s3://bucket/... or https://... The columns used for image, class and name are
reported; --data-columns sets them. Image names and order are those of a layout with one folder per class.

The feature is, in this order of preference: fc7 after its ReLU (VGG), an output whose name says that it is an
embedding (image_embeds, pooler_output, last_hidden_state), the pooled feature, or the input of the classifier.
--layer names another tensor and --pool sets how tokens are pooled.

The preprocessing recipe is determined, in this order, by: the flags --recipe, --size, --resize, --crop,
--interpolation, --rescale, --mean, --std, --channels, --pad, --exif; preprocessor_config.json, timm's
config.json or open_clip_config.json in the model's folder; preprocessing that is part of the network;
metadata in its file; otherwise a guess, with a warning. The whole recipe is stored with the features.

The command can be stopped at any time (Ctrl-C, power cut): run again, it resumes with the unfinished shard.

Images may be added, replaced, repaired and removed: the same command then computes only what is new, has changed
or was skipped, drops what was removed and copies the rest; the folder is byte for byte what a full extraction would
have written. --check sets how changed images are detected: mtime by size and modification time (and, where these
differ, the SHA-256), hash by the SHA-256 of every file, none not at all. Features of version 0.1.0 keep their
layout until the list of images changes or --check is given; their rows are then copied.

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
	f.StringVar(&o.layer, "layer", "", "`tensor` to use as the feature (default: fc7 after ReLU, the embedding, the pooled feature or the input of the classifier; an unknown name lists the layers)")
	f.StringVar(&o.pool, "pool", "", "how tokens or feature maps are pooled: cls (class token), mean, max or cls+mean (default: no pooling; cls or mean for a last hidden state)")
	addRecipe(cmd, &o.prepared)
	addEngine(cmd, &o.engine)
	f.IntVar(&o.batch, "batch", 0, "images per call of the engine (default: chosen by the program)")
	f.IntVar(&o.workers, "workers", 0, "images decoded in parallel (default: one per processor)")
	f.IntVar(&o.megapixels, "max-pixels", preprocess.MaxMegapixels, "most `megapixels` of an image; larger ones are skipped")
	f.IntVar(&o.shard, "shard-rows", 0, fmt.Sprintf("most `images` per shard (default: as in the existing folder, otherwise %d)", features.DefaultShardRows))
	f.StringVar(&o.check, "check", string(features.CheckTime), "how changed images are detected: "+usage.Or(features.Checks()))
	f.BoolVar(&o.force, "force", false, "discard existing features of another dataset, network or recipe")
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
		return usage.Errorf("--max-pixels %d: must be greater than 0", o.megapixels)
	}
	if o.pool != "" {
		if err := usage.OneOf("pool", o.pool, onnx.Poolings()...); err != nil {
			return err
		}
	}
	for flag, n := range map[string]int{"batch": o.batch, "workers": o.workers} {
		if n < 0 {
			return usage.Errorf("--%s %d: must not be negative", flag, n)
		}
	}
	if o.shard < 0 {
		return usage.Errorf("--shard-rows %d: must be at least 1", o.shard)
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
		restore := collectSooner()
		x.ds, err = con.OpenDataset(ctx, &o.ds)
		if restore(); err != nil {
			return nil, err
		}
	}
	if len(x.ds.Images) == 0 {
		return nil, fmt.Errorf("no images in %s: %s; to use existing features, run 'vzsl import'", x.ds.Root, catalog.Lookup(o.ds.Layout).Obtain)
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
// images, which continues unchanged.
func (o *extractOptions) writer(ctx context.Context, con *cli, x *extraction) (shardWriter, features.Staleness, error) {
	if m, err := features.ReadManifest(x.dir); err == nil && !m.Grows() && len(m.Parts) > 0 && !o.force {
		if !o.checked && m.Source.DatasetSHA256 == x.ds.SHA256() {
			src := x.source
			src.DatasetSHA256, src.Images, src.ShardRows = x.ds.SHA256(), len(x.ds.Images), cmp.Or(o.shard, m.Source.ShardRows)
			w, err := features.Create(x.dir, src, false)
			return w, features.Staleness{}, err
		}
		con.Log.Info("the features are of version 0.1.0, which recorded nothing about the image files: the images are assumed unchanged, and the rows are copied to shards that can be extended", "folder", x.dir)
	}
	growing := extract.Growing(x.ds, features.Check(o.check))
	growing.Force = o.force
	p := con.Begin("compare the images with "+x.dir, "")
	restore := collectSooner()
	g, err := features.Grow(ctx, x.dir, x.source, growing)
	restore()
	p.End()
	if err != nil {
		return nil, features.Staleness{}, err
	}
	return g, g.Stale(), nil
}

// collectSooner lets the garbage be half of what is in use and not as much again, until it is undone: what a list of a million images
// needs is compared and read once, and lives on.
func collectSooner() (restore func()) {
	was := debug.SetGCPercent(50)
	if was >= 0 && was < 50 { // as the user has it
		debug.SetGCPercent(was)
	}
	return func() { debug.SetGCPercent(was) }
}

// boxes are the parts of the images to take, and how the recipe's name says so.
func (o *extractOptions) boxes(ds *datasets.Dataset) (boxes []datasets.Box, how string, err error) {
	if !o.bbox {
		return nil, "", nil
	}
	read := catalog.Lookup(o.ds.Layout).Boxes
	if read == nil {
		return nil, "", usage.Errorf("--crop bbox: layout %[2]s has no bounding boxes, only %[1]s has; leave bbox out", usage.And(catalog.WithBoxes()), o.ds.Layout)
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
			fmt.Fprint(w, "; all features were already there")
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
		return fmt.Sprintf("%d images have an EXIF orientation and were rotated accordingly", n)
	}
	return fmt.Sprintf("%d images have an EXIF orientation, which was ignored, as in published features; --exif apply rotates them", n)
}
