package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
)

type auditOptions struct {
	experiment.AuditOptions
	methods []string
	preset  string
}

func newAudit(con *cli) *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "measure what class names, attributes and texts contribute, and how many labelled images match them",
		Example: `  vzsl audit --dataset birds --text-model models/clip-vit-base-patch32 --template birds
  vzsl audit --dataset birds --text-model models/clip-vit-base-patch32 --text sentences.csv`,
		Long: `Measures on the same split and features, each with intervals:

  names                 by CLIP, where the text model shares the images' embedding space, and by each of --methods
  attributes            from the class table, by --methods
  texts                 from --text, by CLIP and --methods
  attributes and texts  side by side, with weights selected on the validation classes (without --text: attributes
                        and names)
  controls              texts with the class names withheld, and with names of other classes: does the encoder rely
                        on the names or on the descriptions?
  labelled images       accuracy against --shots per unseen class, compared with logistic regression on the images alone

and writes reports/<name>/: report.html, which begins with a summary of the findings, audit.json, audit.csv,
audit.md. Differences are measured on the same images (paired bootstrap).`,
		Annotations: details(`Features (vzsl extract), a class table and a split are required. Names are inserted into --template; texts are encoded
as written. Where several methods use the same description, the one with the best accuracy on the validation classes
represents it; nothing is selected on the test images.

The runs are runs/<name>/<method>-on-<descriptions>; finished ones are kept: the command can be stopped and
run again at any time. A row that fails is listed with its error, the others continue, and the exit code is 3.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			var err error
			if o.Settings, err = con.settingsOfSeveral(cmd.Flags(), o.preset, o.methods); err != nil {
				return err
			}
			for i := range o.Settings {
				if o.Settings[i].Transductive {
					return usage.Errorf("--transductive: audits support the inductive setting only; leave the flag out")
				}
			}
			o.Command = con.Command("audit", con.givenSettings(cmd, o.methods)...)
			return runAudit(cmd.Context(), con, &o.AuditOptions)
		},
	}
	addRuns(cmd, &o.Run, "audit")
	must(cmd.Flags().MarkHidden("descriptions"))
	addTexts(cmd, &o.Texts)
	f := cmd.Flags()
	addMethods(cmd, &o.methods, experiment.ComparableMethods(), "vzsl", "eszsl")
	f.StringVar(&o.Generic, "generic", "object", "`word` that replaces a class name where it is withheld")
	f.IntSliceVar(&o.Shots, "shots", []int{1, 2, 5, 10}, "`numbers` of labelled images per unseen class; 0: no curves")
	f.IntVar(&o.Pool, "pool", 0, "`images` per unseen class to draw the shots from, excluded from the curves' test (default: the largest of --shots)")
	f.IntVar(&o.Draws, "seeds", 3, "`number` of draws of the shots, with consecutive seeds from --seed")
	f.StringVar(&o.preset, "preset", "default", "settings to start from")
	f.BoolVar(&o.Force, "force", false, "retrain runs that already exist")
	addSettings(f)
	must(f.MarkHidden("method"))
	must(f.MarkHidden("transductive"))
	rare(cmd, "gloss", "missing", "attributes", "preset", "refit", "weights", "text-output", "text-tokens", "text-pool", "generic", "pool")
	return cmd
}

func (o *auditOptions) check() error {
	if o.Run.Descriptions != "" {
		return usage.Errorf("--descriptions: an audit uses all descriptions; leave the flag out")
	}
	if err := checkMethods(o.methods); err != nil {
		return err
	}
	slices.Sort(o.Shots)
	o.Shots = slices.Compact(o.Shots)
	switch {
	case len(o.Shots) == 0 || slices.Equal(o.Shots, []int{0}):
		o.Shots = nil
	case o.Shots[0] < 0:
		return usage.Errorf("--shots %d: must not be negative", o.Shots[0])
	case o.Draws < 1:
		return usage.Errorf("--seeds %d: must be at least 1", o.Draws)
	default:
		most := o.Shots[len(o.Shots)-1]
		if o.Pool == 0 {
			o.Pool = most
		}
		if o.Pool < most {
			return usage.Errorf("--shots %d: the pool has only %d images; give a larger --pool", most, o.Pool)
		}
		if o.Shots[0] > 0 {
			o.Shots = append([]int{0}, o.Shots...)
		}
	}
	return o.Check()
}

func runAudit(ctx context.Context, con *cli, o *experiment.AuditOptions) error {
	a, err := con.runner().Audit(ctx, o)
	if err != nil {
		return err
	}
	err = con.result(a, func(w io.Writer) {
		for _, f := range a.Findings {
			fmt.Fprintln(w, f)
		}
		fmt.Fprintln(w)
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(columns, "described by\tmethod\ttop-1, mean per class\t95 % interval")
		for _, r := range a.Rows {
			if r.Error != "" {
				fmt.Fprintf(columns, "%s\t%s\tfailed\t\n", r.Descriptions, r.Title)
				continue
			}
			fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", r.Descriptions, r.Title, experiment.Points(r.MeanPerClass.Value), experiment.Between(r.MeanPerClass.OverImages))
		}
		_ = columns.Flush() // as with all that is printed
		for _, r := range a.Rows {
			if r.Error != "" {
				fmt.Fprintf(w, "%s failed: %s\n", r.Row, r.Error)
			}
		}
		fmt.Fprintf(w, "report: %s\n", a.HTML)
	})
	var failed []string
	for _, r := range a.Rows {
		if r.Error != "" {
			failed = append(failed, r.Row+": "+r.Error)
		}
	}
	if err == nil && failed != nil {
		return fmt.Errorf("%w: %s", errSkipped, strings.Join(failed, "\n"))
	}
	return err
}
