package pipeline

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vzsl/datasets/xlsa17"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/version"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/safetensors"
)

type exportOptions struct {
	r          workspace.RunRef
	format, to string
	force      bool
}

// The formats, by what they are of.
var (
	modelFormats   = []string{"onnx", "safetensors", "tensorboard"}
	featureFormats = []string{"npy", "csv", "arrow"}
	exportFormats  = slices.Concat(modelFormats, featureFormats, []string{"xlsa17"})
)

func newExport(con *cli) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "export a model, training curves, features or a whole dataset for other programs",
		Example: `  vzsl export --dataset cub --format onnx`,
		Long: `Writes files for other programs. From a run (--run, or --dataset, --split and --method):

  onnx         the model, opset 17, with its normalisations inside: inputs features [N, D] and classes
               [C, A], both raw as in the shards and the class table; outputs scores and probabilities [N, C]
  safetensors  its weights and the numbers of its attribute normalisation
  tensorboard  the training curves, one event file per fit

From features (--dataset, --network):

  npy          features.npy, labels.npy, images.txt, classes.txt
  csv          image, class, and one column per value
  arrow        an Arrow IPC file that can be memory-mapped

  xlsa17       features, class table and split (--split) in the layout of xlsa17, for published Python
               and MATLAB code. Most of that code needs test_seen_loc: make the split with --test-seen,
               or use the proposed one

The features are already Parquet, which DuckDB, Polars, pandas and Spark read directly.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), con, &o) },
	}
	addTrainedRun(cmd, &o.r)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "`format` (required): "+usage.Or(exportFormats))
	f.StringVar(&o.to, "to", "", "`path` to write to: a file for onnx, safetensors, csv and arrow, otherwise a folder (default: below export/<format>/)")
	f.BoolVar(&o.force, "force", false, "replace existing files")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exportFormats, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func runExport(ctx context.Context, con *cli, o *exportOptions) error {
	if err := usage.OneOf("format", o.format, exportFormats...); err != nil {
		return err
	}
	switch {
	case slices.Contains(modelFormats, o.format):
		return con.exportModel(ctx, o)
	case slices.Contains(featureFormats, o.format):
		return con.exportFeatures(ctx, o)
	}
	return con.exportXLSA17(ctx, o)
}

// exported prints which files an export wrote.
func (c *cli) exported(format string, files []string) error {
	res := struct {
		Format string   `json:"format"`
		Files  []string `json:"files"`
	}{format, files}
	return c.result(res, func(w io.Writer) {
		for _, f := range files {
			fmt.Fprintln(w, f)
		}
	})
}

func (c *cli) exportModel(ctx context.Context, o *exportOptions) error {
	name, model, _, err := c.OpenRun(ctx, &o.r)
	if err != nil {
		return err
	}
	extension := map[string]string{"onnx": ".onnx", "safetensors": ".safetensors"}[o.format]
	if o.format == "onnx" && model.Temperature() == 0 {
		c.Log.Warn("the run had no validation classes to fit a temperature on: the file's probabilities are softmax(scores), not calibrated", "run", name)
	}
	files, err := o.place(c, name+extension, extension == "").put(ctx, func(path string) error {
		switch o.format {
		case "onnx":
			b, err := model.ONNX("vzsl", version.Program())
			if err != nil {
				return err
			}
			return wholefile.Bytes(path, b)
		case "safetensors":
			f, err := model.Safetensors()
			if err != nil {
				return err
			}
			return wholefile.Write(path, func(w io.WriteSeeker) error { return safetensors.Encode(w, f) })
		default:
			return c.exportEvents(name, path)
		}
	})
	if err != nil {
		return err
	}
	return c.exported(o.format, files)
}

// exportEvents writes an event file for each fit of a run, into a folder of the fit's name: TensorBoard shows them as two runs.
func (c *cli) exportEvents(name, dir string) error {
	path := filepath.Join(c.RunDir(name), "metrics.jsonl")
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	lines, err := experiment.ReadMetrics(path)
	if err != nil {
		return err
	}
	// The lines tell how long each epoch took, the file's time when the last was done.
	phases, seconds := map[string][]map[string]any{}, map[string]float64{}
	var order []string
	for _, l := range lines {
		phase, _ := l["phase"].(string)
		if phases[phase] == nil {
			order = append(order, phase)
		}
		phases[phase] = append(phases[phase], l)
		if s, ok := l["seconds"].(float64); ok {
			seconds[phase] += s
		}
	}
	ended := st.ModTime()
	for _, phase := range slices.Backward(order) {
		began := ended.Add(-time.Duration(seconds[phase] * float64(time.Second)))
		file := filepath.Join(dir, phase, fmt.Sprintf("events.out.tfevents.%d.vzsl", began.Unix()))
		if err := wholefile.Write(file, func(w io.WriteSeeker) error { return runs.WriteEvents(w, phases[phase], began) }); err != nil {
			return err
		}
		ended = began
	}
	return nil
}

func (c *cli) exportFeatures(ctx context.Context, o *exportOptions) error {
	name := o.r.Dataset.Name
	if err := usage.FolderName("dataset", o.r.Dataset.Name); err != nil {
		return err
	}
	network, err := c.ChooseNetwork(name, o.r.Network)
	if err != nil {
		return err
	}
	extension := map[string]string{"csv": ".csv", "arrow": ".arrow"}[o.format]
	bars := c.BeginPhases("export", "rows")
	defer bars.End()
	cache, err := features.OpenCache(ctx, c.NetworkDir(name, network), func(done, total int) { bars.Show("cache", done, total) })
	if err != nil {
		return err
	}
	defer cache.Close()
	hook := func(done, total int) { bars.Show("features", done, total) }
	files, err := o.place(c, name+"-"+network+extension, extension == "").put(ctx, func(path string) error {
		switch o.format {
		case "npy":
			_, err := convert.ExportNPY(ctx, cache, path, hook)
			return err
		case "csv":
			return convert.ExportCSV(ctx, cache, path, hook)
		default:
			return convert.ExportArrow(cache, path)
		}
	})
	bars.End()
	if err != nil {
		return err
	}
	return c.exported(o.format, files)
}

func (c *cli) exportXLSA17(ctx context.Context, o *exportOptions) error {
	name := o.r.Dataset.Name
	if err := usage.FolderName("dataset", o.r.Dataset.Name); err != nil {
		return err
	}
	if err := usage.FolderName("split", o.r.Split); err != nil {
		return err
	}
	network, err := c.ChooseNetwork(name, o.r.Network)
	if err != nil {
		return err
	}
	table, err := c.ReadClassTable(name)
	if err != nil {
		return err
	}
	roles, err := c.ReadSplit(name, o.r.Split)
	if err != nil {
		return err
	}
	bars := c.BeginPhases("export", "rows")
	defer bars.End()
	cache, err := features.OpenCache(ctx, c.NetworkDir(name, network), func(done, total int) { bars.Show("cache", done, total) })
	if err != nil {
		return err
	}
	defer cache.Close()
	var e *xlsa17.Exported
	to := o.place(c, name+"-"+o.r.Split, true)
	files, err := to.put(ctx, func(path string) (err error) {
		e, err = xlsa17.Export{
			Features: cache, Classes: table, Roles: roles, Dir: path,
			Progress: func(done, total int) { bars.Show("features", done, total) },
		}.Write(ctx)
		return err
	})
	bars.End()
	if err != nil {
		return err
	}
	if e.Shots > 0 {
		c.Log.Warn(fmt.Sprintf("%d images of the split are shots (training images in the few-shot setting): xlsa17 cannot represent them, so they get no role there", e.Shots), "split", o.r.Split)
	}
	if e.Counts["test_seen_loc"] == 0 {
		c.Log.Warn("the split holds no images of seen classes for testing: test_seen_loc is empty, and most published code needs it (vzsl split --test-seen)", "split", o.r.Split)
	}
	res := struct {
		Folder  string         `json:"folder"`
		Files   []string       `json:"files"`
		Images  int            `json:"images"`
		Classes int            `json:"classes"`
		Missing int            `json:"missing"`
		Counts  map[string]int `json:"counts"`
	}{to.path, files, cache.Rows(), len(table.Classes), e.Missing, e.Counts}
	return c.result(res, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d images, %d classes; %d for training and validation, %d of seen and %d of unseen classes for testing\n",
			to.path, res.Images, res.Classes, e.Counts["trainval_loc"], e.Counts["test_seen_loc"], e.Counts["test_unseen_loc"])
		if e.Missing > 0 {
			fmt.Fprintf(w, "%d missing attribute values are %s there\n", e.Missing, e.MissingAs)
		}
	})
}
