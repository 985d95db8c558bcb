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
	"vzsl/train/methods"
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
		Short: "what names, attributes and texts of the classes are worth, and how many labelled images are worth as much",
		Example: `  vzsl audit --dataset birds --text-model models/clip-vit-base-patch32 --template birds
  vzsl audit --dataset birds --text-model models/clip-vit-base-patch32 --text sentences.csv`,
		Long: `Measures on the same split and features, each with intervals:

  names                 by CLIP, where the text model shares the images' space, and by every one of --methods
  attributes            of the class table, by --methods
  texts                 of --text, by CLIP and --methods
  attributes and texts  side by side, their weights selected on the validation classes (without --text: and names)
  controls              texts with the classes' names withheld, and with names of other classes: does the encoder know
                        the names, or see what is described?
  labelled images       accuracy against --shots of each unseen class, beside logistic regression on the images alone

and writes reports/<name>/: report.html, whose first lines say in sentences what was found, audit.json, audit.csv,
audit.md. Differences are of the same images (paired bootstrap).`,
		Annotations: details(`The features must be there (vzsl extract), and so must a class table and a split; attributes are those of the class
table. Names go into --template; texts are encoded as they are. Of several methods on one description the one with
the best accuracy on the validation classes speaks for it; nothing is selected on the test images.

The runs are runs/<name>/<method>-on-<descriptions>; finished ones are kept: stop the command and run it again at any
moment. A row that fails is listed with its error, the others go on, and the exit code is 3.`),
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
					return usage.Errorf("--transductive: an audit is of the inductive setting")
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
	f.StringVar(&o.Generic, "generic", "object", "`word` that stands for a class's name where it is withheld")
	f.IntSliceVar(&o.Shots, "shots", []int{1, 2, 5, 10}, "`numbers` of labelled images of each unseen class; 0: no curves")
	f.IntVar(&o.Pool, "pool", 0, "`images` of each unseen class to draw the shots from, none of them tested in the curves (default: the largest of --shots)")
	f.IntVar(&o.Draws, "seeds", 3, "`number` of draws of the shots, with seeds from --seed on")
	f.StringVar(&o.preset, "preset", "default", "settings to start from")
	f.BoolVar(&o.Force, "force", false, "train again what is there already")
	addSettings(f)
	must(f.MarkHidden("method"))
	must(f.MarkHidden("transductive"))
	rare(cmd, "text-output", "text-tokens", "text-pool", "generic", "pool")
	return cmd
}

func (o *auditOptions) check() error {
	if o.Run.Descriptions != "" {
		return usage.Errorf("--descriptions: an audit takes all that there are")
	}
	if len(o.methods) == 0 {
		return usage.Errorf("--methods: at least one")
	}
	for i, m := range o.methods {
		if err := usage.OneOf("methods", m, experiment.ComparableMethods()...); err != nil {
			return err
		}
		if slices.Contains(o.methods[:i], m) {
			return usage.Errorf("--methods: duplicate %s", m)
		}
		if methods.Lookup(m).NeedsShots {
			return usage.Errorf("--methods %s: it needs labelled images of the unseen classes", m)
		}
	}
	slices.Sort(o.Shots)
	o.Shots = slices.Compact(o.Shots)
	switch {
	case len(o.Shots) == 0 || slices.Equal(o.Shots, []int{0}):
		o.Shots = nil
	case o.Shots[0] < 0:
		return usage.Errorf("--shots %d: it cannot be negative", o.Shots[0])
	case o.Draws < 1:
		return usage.Errorf("--seeds %d: at least one", o.Draws)
	default:
		most := o.Shots[len(o.Shots)-1]
		if o.Pool == 0 {
			o.Pool = most
		}
		if o.Pool < most {
			return usage.Errorf("--shots %d: the pool they are drawn from has %d images; give a larger --pool", most, o.Pool)
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
