package pipeline

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/internal/rejection"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/workspace"
)

func newEvaluate(con *cli) *cobra.Command {
	var r workspace.RunRef
	var seed uint64
	cmd := &cobra.Command{
		Use:     "evaluate",
		Short:   "evaluate a model on the test images and write a report",
		Example: `  vzsl evaluate --dataset cub`,
		Long: `Scores the split's test images with a trained model and writes reports/<run>/: report.html (one file,
opens offline), report.json and predictions.parquet.

Every image of an unseen class is ranked among all unseen classes of the split: top-1 per image and
as the mean over classes, top-5, confusion matrix, with bootstrap intervals. A split that holds out
images of seen classes also gives the generalised metrics (U, S, H). Where the model has a temperature,
the expected calibration error tells how reliable its probabilities are. Maps (t-SNE) show the images of
unseen classes by features and, for a model with a latent space, by latent codes (with the class priors) and
by reconstructions. For a model that can be explained by attributes, the most confident mistakes list the attributes
that contributed most to the wrong class; where the score is not bilinear in the attributes (VZSL, SAE) these
contributions are an interpretation and do not add up to the score.

A run of several seeds (vzsl train --seeds) is evaluated seed by seed; reports/<run>/ then has seeds.json and
report.html with mean, standard deviation and 95 % interval over them.

With --data the report shows the images of every class, confusion, mistake and map point. --groups FILE adds
accuracy by groups of classes, such as families: a CSV with a column "class" and one or more columns of text.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runEvaluate(cmd.Context(), con, &r, seed)
		},
	}
	addTrainedRun(cmd, &r)
	addLayout(cmd, &r.Dataset)
	addData(cmd, &r.Dataset)
	addGroupsOf(cmd, &r.Groups)
	cmd.Flags().Uint64Var(&seed, "seed", experiment.DefaultBootstrap, "random seed of the bootstrap")
	return cmd
}

func runEvaluate(ctx context.Context, con *cli, r *workspace.RunRef, seed uint64) error {
	name, err := r.Name()
	if err != nil {
		return err
	}
	if seeds, err := workspace.Seeds(con.RunDir(name)); err != nil {
		return err
	} else if len(seeds) > 0 {
		out, _, err := con.runner().EvaluateSeeds(ctx, name, r, seeds, seed)
		if err != nil {
			return err
		}
		return con.evaluatedSeeds(out)
	}
	model, err := con.LoadRun(name, r)
	if err != nil {
		return err
	}
	e, err := con.runner().EvaluateRun(ctx, name, r, model, seed)
	if err != nil {
		return err
	}
	return con.evaluated(name, e.Result, e.Paths)
}

// evaluated prints the headline figures and where the report is.
func (c *cli) evaluated(name string, r *evaluate.Result, paths report.Paths) error {
	type figures struct {
		Run          string             `json:"run"`
		Shots        int                `json:"shots,omitempty"`
		Classes      int                `json:"classes"`
		Images       int                `json:"images"`
		Chance       float64            `json:"chance"`
		MeanPerClass evaluate.Estimate  `json:"mean_per_class"`
		PerImage     evaluate.Estimate  `json:"per_image"`
		Hits         []evaluate.Hit     `json:"hits"`
		U            *evaluate.Harmonic `json:"generalised,omitempty"`
		Calibrated   *evaluate.Harmonic `json:"generalised_calibrated,omitempty"`
		AUSUC        *float64           `json:"ausuc,omitempty"`
		ECE          *float64           `json:"expected_calibration_error,omitempty"`
		None         *noneOfThese       `json:"none_of_these,omitempty"`
		HTML         string             `json:"html"`
		JSON         string             `json:"json"`
		Predictions  string             `json:"predictions"`
	}
	f := figures{Run: name, Shots: r.Shots, Classes: len(r.Candidates) - len(r.WithoutImages), Images: r.Images, Chance: r.Chance,
		MeanPerClass: r.Top1.MeanPerClass, PerImage: r.Top1.PerImage, Hits: r.Hits,
		HTML: paths.HTML, JSON: paths.JSON, Predictions: paths.Predictions}
	if r.Generalised != nil {
		f.U, f.Calibrated, f.AUSUC = &r.Generalised.Plain, r.Generalised.Calibrated, &r.Generalised.AUSUC
	}
	if r.Reliability != nil {
		f.ECE = &r.Reliability.ECE
	}
	if x := r.Rejection; x != nil {
		f.None = &noneOfThese{x.Candidates, x.AUROC, x.At95, x.Selected, x.Chosen}
	}
	return c.result(f, func(w io.Writer) {
		setting := "zero-shot"
		if f.Shots > 0 {
			setting = fmt.Sprintf("%d-shot", f.Shots)
		}
		fmt.Fprintf(w, setting+" top-1, mean per class: %s over %d unseen classes with images (chance %.1f%%)\n", percent(f.MeanPerClass), f.Classes, 100*f.Chance)
		fmt.Fprintf(w, setting+" top-1, per image:      %s over %d images\n", percent(f.PerImage), f.Images)
		for _, h := range f.Hits {
			if h.K == 5 {
				fmt.Fprintf(w, setting+" top-5, mean per class: %s\n", percent(h.MeanPerClass))
			}
		}
		if f.U != nil {
			fmt.Fprintf(w, "generalised: U %s, S %s, H %s\n", percent(f.U.U), percent(f.U.S), percent(f.U.H))
			if c := f.Calibrated; c != nil {
				fmt.Fprintf(w, "  calibrated (%.4g subtracted from seen scores, selected on validation classes): U %s, S %s, H %s\n", c.Constant, percent(c.U), percent(c.S), percent(c.H))
			}
			fmt.Fprintf(w, "  area under the seen-unseen curve: %.3f\n", *f.AUSUC)
		}
		if f.ECE != nil {
			fmt.Fprintf(w, "probabilities: expected calibration error %.1f%%\n", 100**f.ECE)
		}
		if f.None != nil {
			fmt.Fprintf(w, "none of these: AUROC %.3f among %d candidates", f.None.AUROC, f.None.Candidates)
			if c := f.None.Chosen; c != nil {
				s := f.None.Selected
				fmt.Fprintf(w, "; threshold %.4g: %.1f%% false acceptances, %.1f%% false rejections (selected on validation classes with %d candidates: %.1f%%, %.1f%%)",
					c.Threshold, 100*c.FalseAcceptance, 100*c.FalseRejection, s.Candidates, 100*s.FalseAcceptance, 100*s.FalseRejection)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "report: %s\n", paths.HTML)
	})
}

// noneOfThese is how well images of none of the candidates are told.
type noneOfThese struct {
	Candidates int                      `json:"candidates"`
	AUROC      float64                  `json:"auroc"`
	At95       float64                  `json:"false_acceptance_at_95"`
	Selected   *rejection.Point         `json:"selected,omitempty"` // on validation classes
	Chosen     *evaluate.RejectionPoint `json:"chosen,omitempty"`
}

// percent writes a figure with its interval over images.
func percent(e evaluate.Estimate) string {
	s := fmt.Sprintf("%.1f%%", 100*e.Value)
	if e.OverImages != nil {
		s += fmt.Sprintf(" [%.1f, %.1f]", 100*e.OverImages.Low, 100*e.OverImages.High)
	}
	return s
}

// evaluatedSeeds prints what an evaluation of several seeds found.
func (c *cli) evaluatedSeeds(out *experiment.SeedsResult) error {
	return c.result(out, func(w io.Writer) {
		if len(out.Seeds) == 1 {
			fmt.Fprintf(w, "%s, one seed: 95 %% interval over images\n", out.Run)
		} else {
			fmt.Fprintf(w, "%s, %d seeds: mean, standard deviation, 95 %% interval over seeds\n", out.Run, len(out.Seeds))
		}
		for _, f := range out.Figures {
			fmt.Fprintf(w, "%-22s %5s%% %5s  [%s]\n", f.Name, experiment.Points(f.Mean), experiment.Deviation(f), experiment.Between(f.Interval))
		}
		fmt.Fprintf(w, "report: %s\n", out.HTML)
	})
}
