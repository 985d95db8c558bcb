package pipeline

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vzsl/extract"
	"vzsl/extract/preprocess"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/classify"
	"vzsl/pipeline/usage"
	"vzsl/predict"
)

type predictOptions struct {
	classify.Options
	csv, parquet string
	html         string
	told         bool   // the explanations are printed, too
	examples     string // folder
	noneBelow    string // a probability, or noneAuto
}

func newPredict(con *cli) *cobra.Command {
	var o predictOptions
	var explain bool
	cmd := &cobra.Command{
		Use:     "predict IMAGE...",
		Short:   "classify images with a model and class descriptions",
		Example: `  vzsl predict --dataset photos --split pictured holiday/*.jpg`,
		Long: `Classifies images: files, folders (with all subfolders), globs. The candidate classes are the unseen classes
of the run's split, or those described in --classes, which need no training: each row of a CSV is a class.`,
		Annotations: details(`  class,stripes,hooves,tail
  okapi,40,100,60

Attributes are matched by name; their units are those of the descriptions that the model was trained on.
A model trained on word vectors needs only the names and the file of vectors (--words). One trained on texts needs
names or sentences: a list of names or a CSV (class,text) as --classes, or --class okapi, or
--class "okapi=a brown animal with striped legs"; its text model is searched for in models/ (--text-model).

Features are computed with the network of the run, whose file must be the same (by its SHA-256). Instead of
images, features can be given: a shard, or a folder of shards, of 'vzsl extract' or 'vzsl import'; or a file of
another program (.npy, .npz, .mat, .parquet, .arrow, .csv), one row per image, as 'vzsl import' reads it.

--examples DIR gives the model labelled images of some candidate classes, one folder per class, named after the
class: the model is updated with them directly, without training (vzsl with its closed-form block, plda).

Probabilities are softmax(score / T) over the candidate classes, with T fitted on the run's validation
classes; without validation classes they are not calibrated, and a note says so.

--explain lists attributes: those that the model predicts for the image, and those that contribute most for and
against the class compared with the others. Where the score is bilinear in the attributes (ESZSL, DeViSE, ALE,
SJE), the contributions of all attributes add up to the score minus the mean over classes; for other models
(VZSL, SAE) they are an interpretation and do not add up to the score.`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Predict.Excess = o.html != ""
			if explain || o.html != "" {
				o.Predict.Explain = 5
			}
			o.told = explain
			return runPredict(cmd.Context(), con, &o, args)
		},
	}
	addTrainedRun(cmd, &o.Run)
	must(cmd.Flags().MarkHidden("network")) // the run knows it
	addClassList(cmd, &o.Classes)
	o.addMissing(cmd)
	addPictures(cmd, &o.Images)
	f := cmd.Flags()
	f.IntVar(&o.Predict.Top, "top", 5, "`classes` shown per image, best first")
	f.StringVar(&o.noneBelow, "none-below", "0", "reject an image (none of the classes) if its best class has a smaller `probability`; auto: use the score threshold that training selected on validation classes")
	f.BoolVar(&explain, "explain", false, "list the attributes that contribute for and against the best class")
	o.addExamples(cmd)
	f.StringSliceVar(&o.Foreign.Images, "images", nil, "`file` of the image names for features of another program (default: the table's own, otherwise row numbers)")
	f.StringSliceVar(&o.Foreign.Columns.Features, "feature-column", nil, "`name` of their column of vectors, or names or patterns of their columns of numbers")
	f.IntVar(&o.Images.Megapixels, "max-pixels", preprocess.MaxMegapixels, "most `megapixels` of an image; larger ones are skipped")
	f.StringVar(&o.csv, "csv", "", "`file` to write the predictions to as CSV, - for standard output")
	f.StringVar(&o.parquet, "parquet", "", "`file` to write the predictions to as Parquet")
	f.StringVar(&o.html, "html", "", "`file` to write a gallery to: one page that opens offline, for filtering, labelling and exporting images")
	must(cmd.MarkFlagFilename("html", "html"))
	must(cmd.MarkFlagFilename("csv", "csv"))
	must(cmd.MarkFlagFilename("parquet", "parquet"))
	inGroup(cmd, groupOutput, "csv", "html")
	rare(cmd, "missing", "batch", "workers", "engine", "ort-library", "ort-provider", "class-column", "attribute-column", "ignore-column", "words-format", "feature-column", "images", "max-pixels", "recipe", "transductive", "names", "words")
	return cmd
}

func (o *predictOptions) addExamples(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.examples, "examples", "", "`folder` with labelled images of candidate classes, one folder per class, named after the class")
	must(cmd.MarkFlagDirname("examples"))
}

// noneAuto stands for the threshold that was chosen in training.
const noneAuto = "auto"

// open opens the run with its candidate classes.
func (o *predictOptions) open(ctx context.Context, con *cli) (*classify.Classifier, error) {
	p, err := classify.Open(ctx, con.Workspace, &o.Options)
	if err != nil {
		return nil, err
	}
	return p, o.settle(con, p)
}

// settle takes the threshold of a model where --none-below asks for it.
func (o *predictOptions) settle(con *cli, p *classify.Classifier) error {
	if o.noneBelow != noneAuto {
		return nil
	}
	point := p.Model.NoneBelow(len(p.Classes.Names))
	if point == nil {
		return usage.Errorf("--none-below auto: run %s has no threshold, because it had too few validation classes or was trained by an earlier version; retrain it, or give a probability", p.Run)
	}
	con.Log.Info("images are rejected as none of the classes where the best class's score exceeds the expected one by less than the threshold selected on validation classes", "threshold", fmt.Sprintf("%.4g", point.Threshold),
		"candidates", len(p.Classes.Names), "chosen for", point.Candidates, "false acceptances there", fmt.Sprintf("%.1f%%", 100*point.FalseAcceptance),
		"false rejections", fmt.Sprintf("%.1f%%", 100*point.FalseRejection), "AUROC", fmt.Sprintf("%.3f", point.AUROC))
	o.Predict.NoneBelowExcess = p.Threshold
	return nil
}

// check refuses options that cannot be.
func (o *predictOptions) check() error {
	if o.Predict.Top < 1 {
		return usage.Errorf("--top %d: must be at least 1", o.Predict.Top)
	}
	if o.noneBelow != noneAuto {
		var err error
		if o.Predict.NoneBelow, err = strconv.ParseFloat(o.noneBelow, 64); err != nil || !(o.Predict.NoneBelow >= 0 && o.Predict.NoneBelow <= 1) {
			return usage.Errorf("--none-below %v: give a probability from 0 to 1, or auto", o.noneBelow)
		}
	}
	if o.Images.Megapixels < 1 {
		return usage.Errorf("--max-pixels %d: must be greater than 0", o.Images.Megapixels)
	}
	for flag, n := range map[string]int{"batch": o.Images.Batch, "workers": o.Images.Workers} {
		if n < 0 {
			return usage.Errorf("--%s %d: must not be negative", flag, n)
		}
	}
	return nil
}

func runPredict(ctx context.Context, con *cli, o *predictOptions, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	inputs, err := classify.List(args)
	if err != nil {
		return err
	}
	p, err := o.open(ctx, con)
	if err != nil {
		return err
	}
	if o.examples != "" {
		pics, err := p.OpenImages(ctx)
		if err != nil {
			return err
		}
		err = p.Learn(ctx, o.examples, pics)
		pics.Close()
		if err != nil {
			return err
		}
	}
	all, files, err := p.All(ctx, inputs)
	if err != nil {
		return err
	}
	if o.html != "" {
		if err := p.WriteGallery(ctx, o.html, files, all); err != nil {
			return err
		}
		if !o.told {
			for _, x := range all {
				if x.Prediction != nil {
					x.Explanation = nil
				}
			}
		}
	}
	return con.predicted(p, o, all)
}

// predicted writes and prints the answers.
func (c *cli) predicted(p *classify.Classifier, o *predictOptions, all []predict.ImagePrediction) error {
	skipped := 0
	for _, x := range all {
		if x.Prediction == nil {
			if skipped++; !c.json {
				c.Log.Warn("image skipped", "image", x.Image, "reason", x.Error)
			}
		}
		if x.Damaged != "" && !c.json {
			c.Log.Warn(extract.Damaged, "image", x.Image, "what", x.Damaged)
		}
	}
	if skipped == len(all) {
		return fmt.Errorf("none of the %d images can be used; %s: %s", len(all), all[0].Image, all[0].Error)
	}
	for file, write := range map[string]func(io.Writer, []predict.ImagePrediction) error{o.csv: predict.WriteCSV, o.parquet: predict.WriteParquet} {
		if file == "" || file == "-" {
			continue
		}
		if err := wholefile.Write(file, func(w io.WriteSeeker) error { return write(w, all) }); err != nil {
			return err
		}
	}
	if o.csv == "-" {
		if err := predict.WriteCSV(c.stdout, all); err != nil {
			return err
		}
	} else if err := c.result(struct {
		Run         string                    `json:"run"`
		Classes     int                       `json:"classes"`
		Calibrated  bool                      `json:"calibrated"`
		Temperature float64                   `json:"temperature,omitempty"`
		Skipped     int                       `json:"skipped"`
		Images      []predict.ImagePrediction `json:"images"`
	}{p.Run, len(p.Classes.Names), p.Model.Temperature() > 0, p.Model.Temperature(), skipped, all}, func(w io.Writer) { tell(w, all) }); err != nil {
		return err
	}
	if skipped > 0 {
		return errSkipped
	}
	return nil
}

// tell prints a line for each image, and why.
func tell(w io.Writer, all []predict.ImagePrediction) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	explained := false
	for _, x := range all {
		if x.Prediction == nil {
			fmt.Fprintf(table, "%s\t(%s)\n", x.Image, x.Error)
			continue
		}
		top, name := x.Top, x.Class
		if name == "" {
			name = "none of these"
		} else {
			top = top[1:]
		}
		var rest []string
		for _, t := range top {
			rest = append(rest, fmt.Sprintf("%s %.1f%%", t.Class, 100*t.Probability))
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f%%\t%s\n", x.Image, name, 100*x.Probability, strings.Join(rest, ", "))
		explained = explained || x.Explanation != nil
	}
	_ = table.Flush()
	for _, x := range all {
		if x.Prediction == nil || x.Explanation == nil {
			continue
		}
		fmt.Fprintf(w, "\n%s as %s\n", x.Image, x.Top[0].Class)
		var seen []string
		for _, s := range x.Explanation.Present {
			seen = append(seen, s.Attribute)
		}
		fmt.Fprintf(w, "  seen:    %s\n", strings.Join(seen, ", "))
		for _, side := range []struct {
			name string
			list []predict.Evidence
		}{{"for:     ", x.Explanation.For}, {"against: ", x.Explanation.Against}} {
			var list []string
			for _, e := range side.list {
				value := "?"
				if e.Class != nil {
					value = fmt.Sprintf("%.4g", *e.Class)
				}
				list = append(list, fmt.Sprintf("%s = %s (%+.3f)", e.Attribute, value, e.Weight))
			}
			fmt.Fprintf(w, "  %s%s\n", side.name, strings.Join(list, ", "))
		}
	}
	if !explained {
		return
	}
	fmt.Fprintln(w, "\n(in parentheses: the attribute's contribution to this class, relative to the mean over classes; the value is that of the class)")
}
