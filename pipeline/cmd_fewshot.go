package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets/splits"
	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/train/methods"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

type fewShotOptions struct {
	r       runFlags
	shots   []int
	methods []string
	pool    int
	seeds   int
	preset  string
	force   bool
}

func newFewShot(con *console) *cobra.Command {
	var o fewShotOptions
	cmd := &cobra.Command{
		Use:   "fewshot",
		Short: "accuracy against the number of labelled images of each unseen class",
		Long: `Trains and evaluates methods on few-shot variants of a split, and writes reports/<name>/: report.html with
the figure, fewshot.json, fewshot.csv.

  vzsl fewshot --dataset cub --shots 0,1,5 --methods vzsl,logistic

Of each unseen class --pool images are kept out of the test; for every number in --shots so many of them are trained
on with their labels. The test is the same for every number of shots, and fewer shots are among more. Each of the
--seeds draws another pool. 0 shots is the zero-shot setting on the same test. Settings are the same for all numbers
of shots; 'logistic' learns from the shots alone. The runs are runs/<name>/<method>-shots<k>/seed-<s>/; finished ones
are kept: stop the command and run it again at any moment.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			all, err := con.settingsOfSeveral(cmd.Flags(), o.preset, o.methods)
			if err != nil {
				return err
			}
			return runFewShot(cmd.Context(), con, &o, all, cmd)
		},
	}
	o.r.addSeveral(cmd, "fewshot")
	f := cmd.Flags()
	f.IntSliceVar(&o.shots, "shots", []int{0, 1, 2, 5, 10, 20}, "`numbers` of labelled images of each unseen class")
	addMethods(cmd, &o.methods, methods.Names(), "vzsl", "eszsl", "logistic")
	f.IntVar(&o.pool, "pool", splits.DefaultShotPool, "`images` of each unseen class to draw the shots from, none of them tested")
	f.IntVar(&o.seeds, "seeds", 3, "`number` of draws of the shots, and of trainings, with seeds from --seed on")
	f.StringVar(&o.preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.BoolVar(&o.force, "force", false, "train anew what is there already")
	addSettings(f)
	must(f.MarkHidden("method"))
	return cmd
}

func (o *fewShotOptions) check() error {
	if len(o.methods) == 0 || len(o.shots) == 0 {
		return usage.Errorf("--methods and --shots: at least one of each")
	}
	for _, m := range o.methods {
		if err := usage.OneOf("methods", m, methods.Names()...); err != nil {
			return err
		}
	}
	slices.Sort(o.shots)
	o.shots, o.methods = slices.Compact(o.shots), slices.Compact(o.methods)
	switch {
	case o.shots[0] < 0:
		return usage.Errorf("--shots %d: it cannot be negative", o.shots[0])
	case o.shots[len(o.shots)-1] > o.pool:
		return usage.Errorf("--shots %d: the pool they are drawn from has %d images; give a larger --pool", o.shots[len(o.shots)-1], o.pool)
	case o.seeds < 1:
		return usage.Errorf("--seeds %d: at least one", o.seeds)
	}
	return nil
}

// fewShotPoint is a method with a number of shots.
type fewShotPoint struct {
	Method       string          `json:"method"`
	Shots        int             `json:"shots"`
	MeanPerClass evaluate.Spread `json:"mean_per_class"`
	PerImage     evaluate.Spread `json:"per_image"`
}

// fewShotResult is fewshot.json.
type fewShotResult struct {
	Schema  string         `json:"schema"`
	Name    string         `json:"name"`
	Program string         `json:"program"`
	Dataset string         `json:"dataset"`
	Network string         `json:"network"`
	Split   string         `json:"split"`
	Pool    int            `json:"pool"`
	Seeds   []uint64       `json:"seeds"`
	Classes int            `json:"classes"` // unseen
	Images  int            `json:"images"`  // tested, with each seed
	Points  []fewShotPoint `json:"points"`
	HTML    string         `json:"html,omitempty"`
}

func runFewShot(ctx context.Context, con *console, o *fewShotOptions, all []settings.Settings, cmd *cobra.Command) error {
	name, err := o.r.nameOfSeveral("fewshot", o.methods)
	if err != nil {
		return err
	}
	if err := errors.Join(writable(con.reportDir(name)), con.fewShotFree(o, name, all)); err != nil {
		return err
	}
	in, err := con.openInputs(ctx, &o.r)
	if err != nil {
		return err
	}
	defer in.close()
	base := in.Roles
	images := make([]splits.Labelled, in.Features.Rows())
	for i := range images {
		images[i] = splits.Labelled{Image: in.Features.Images()[i], Class: in.Features.Classes()[i]}
	}
	res := &fewShotResult{Schema: "vzsl.fewshot/1", Name: name, Program: program, Dataset: o.r.ds.name, Network: in.network, Split: base.Name,
		Pool: o.pool, Classes: len(base.Unseen)}
	type key struct {
		method string
		shots  int
	}
	perClass, perImage := map[key][]float64{}, map[key][]float64{}
	for n := range o.seeds {
		seed := all[0].Seed + uint64(n)
		res.Seeds = append(res.Seeds, seed)
		for _, k := range o.shots {
			roles, err := splits.AddShots(base, images, k, o.pool, seed)
			if err != nil {
				return err
			}
			roles.Name = fmt.Sprintf("%s-shots%d-seed%d", base.Name, k, seed)
			if err := con.writeRoles(roles, o.force); err != nil {
				return err
			}
			in.Roles = roles
			for i, m := range o.methods {
				if k == 0 && methods.Lookup(m).NeedsShots {
					continue
				}
				s := all[i]
				s.Seed = seed
				run := seedRun(fewShotRun(name, m, k), seed)
				t, err := con.train(ctx, run, in, s, nil, o.force)
				if err != nil {
					return err
				}
				model, err := runs.Load(con.runDir(run))
				if err != nil {
					return err
				}
				test, err := con.bind(ctx, run, model, in)
				if err != nil {
					return err
				}
				test.Roles = onlyUnseen(test.Roles) // no seen classes: not every method knows them
				r, err := con.score(ctx, run, model, test, 1)
				if err != nil {
					return err
				}
				res.Images = r.Images
				at := key{m, k}
				perClass[at], perImage[at] = append(perClass[at], r.Top1.MeanPerClass.Value), append(perImage[at], r.Top1.PerImage.Value)
				con.log.Info("few-shot", "method", m, "shots", k, "seed", seed, "top-1", points(r.Top1.MeanPerClass.Value)+"%", "reused", t.Reused)
			}
		}
	}
	for _, m := range o.methods {
		for _, k := range o.shots {
			if v := perClass[key{m, k}]; v != nil {
				res.Points = append(res.Points, fewShotPoint{m, k, evaluate.NewSpread("top-1, mean per class", v), evaluate.NewSpread("top-1, per image", perImage[key{m, k}])})
			}
		}
	}
	if err := con.writeFewShot(o, res, cmd); err != nil {
		return err
	}
	return con.result(res, func(w io.Writer) {
		fmt.Fprintf(w, "%s: top-1, mean per class over %d unseen classes, mean and standard deviation over %s\n%-24s", name, res.Classes, usage.Counted(o.seeds, "seed"), "shots")
		for _, k := range o.shots {
			fmt.Fprintf(w, " %12d", k)
		}
		for _, row := range fewShotTable(o, res) {
			fmt.Fprintf(w, "\n%-24s", row[0].Text)
			for _, c := range row[1:] {
				fmt.Fprintf(w, " %12s", strings.TrimSpace(c.Text+" "+c.Small))
			}
		}
		fmt.Fprintf(w, "\nreport: %s\n", res.HTML)
	})
}

// fewShotRun is the folder of the runs of a method with a number of shots.
func fewShotRun(name, method string, shots int) string {
	return fmt.Sprintf("%s/%s-shots%d", name, method, shots)
}

// fewShotFree refuses folders of runs with other settings before anything is trained.
func (c *console) fewShotFree(o *fewShotOptions, name string, all []settings.Settings) error {
	for i, m := range o.methods {
		for _, k := range o.shots {
			if err := c.oneKind(fewShotRun(name, m, k), all[i], o.seeds, o.force, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// onlyUnseen is a split without its test images of seen classes.
func onlyUnseen(r *features.Split) *features.Split {
	out := *r
	out.Images, out.Roles = nil, nil
	for i, role := range r.Roles {
		if role != features.RoleTestSeen {
			out.Images, out.Roles = append(out.Images, r.Images[i]), append(out.Roles, role)
		}
	}
	return &out
}

// fewShotTable has a row a method, a column a number of shots.
func fewShotTable(o *fewShotOptions, res *fewShotResult) [][]report.TableCell {
	var rows [][]report.TableCell
	for _, m := range o.methods {
		row := []report.TableCell{{Text: settings.Title(m)}}
		for _, k := range o.shots {
			cell := report.TableCell{Text: "–"}
			for _, p := range res.Points {
				if p.Method == m && p.Shots == k {
					cell.Text = points(p.MeanPerClass.Mean)
					if o.seeds > 1 {
						cell.Small = "± " + points(p.MeanPerClass.SD)
					}
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// writeFewShot writes the report's files.
func (c *console) writeFewShot(o *fewShotOptions, res *fewShotResult, cmd *cobra.Command) error {
	facts, err := indented(res)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	_ = w.Write([]string{"method", "shots", "seed", "mean_per_class", "per_image"}) // a buffer takes all
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, p := range res.Points {
		for i, seed := range res.Seeds {
			_ = w.Write([]string{p.Method, strconv.Itoa(p.Shots), strconv.FormatUint(seed, 10), exact(p.MeanPerClass.Values[i]), exact(p.PerImage.Values[i])})
		}
	}
	w.Flush()

	chart := report.Chart{Title: "Accuracy against the number of shots", XLabel: "labelled images of each unseen class", YLabel: "top-1, mean per class (%)"}
	head := []string{"Method"}
	for _, k := range o.shots {
		chart.Positions = append(chart.Positions, strconv.Itoa(k))
		head = append(head, usage.Counted(k, "shot"))
	}
	for _, m := range o.methods {
		s := report.Series{Name: settings.Title(m)}
		for _, p := range res.Points {
			if p.Method == m {
				v := p.MeanPerClass
				s.Points = append(s.Points, report.ChartPoint{Position: slices.Index(o.shots, p.Shots), Value: 100 * v.Mean, Low: 100 * max(0, v.Mean-v.SD), High: 100 * min(1, v.Mean+v.SD)})
			}
		}
		if s.Points != nil {
			chart.Series = append(chart.Series, s)
		}
	}
	bars := "One draw of the shots and one training for each point."
	if o.seeds > 1 {
		bars = fmt.Sprintf("Mean and standard deviation over %d draws of the shots, each with a training of its own.", o.seeds)
	}
	chart.Caption = bars
	list := func(n []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(n), " ", ","), "[]") }
	page := report.Summary{
		Kicker:  "Few-shot report · split " + res.Split,
		Heading: "Few shots on " + res.Dataset,
		Lead: fmt.Sprintf("What a few labelled images of each of the %d unseen classes add. Every model ranks the same %d test images among these classes; none of them is ever a shot.",
			res.Classes, res.Images),
		Charts: []report.Chart{chart},
		Tables: []report.Table{{Caption: "Top-1, mean per class, in percent, with the standard deviation over draws", Head: head, Rows: fewShotTable(o, res)}},
		Notes: []string{
			fmt.Sprintf("The shots are drawn from %d images of each unseen class that are kept out of the test for every number of shots; fewer shots are among more. Another seed draws another pool, and so tests on other images.", res.Pool),
			"0 shots is the zero-shot setting on the same test images.",
		},
		Command: c.command("fewshot", slices.Concat([]string{"--dataset", res.Dataset, "--split", res.Split, "--run", res.Name, "--network", res.Network, "--shots", list(o.shots),
			"--pool", strconv.Itoa(o.pool), "--seeds", strconv.Itoa(o.seeds), "--seed", strconv.FormatUint(res.Seeds[0], 10), "--methods", strings.Join(o.methods, ",")},
			givenFlags(cmd, "dataset", "split", "run", "network", "shots", "pool", "seeds", "seed", "methods"))...),
		Program: program,
	}
	if slices.Contains(o.methods, "logistic") {
		page.Notes = append(page.Notes, "Logistic regression on the shots knows neither descriptions nor seen classes.")
	}
	res.HTML, err = report.WriteSummary(c.reportDir(res.Name), &page, map[string][]byte{"fewshot.json": facts, "fewshot.csv": table.Bytes()})
	return err
}
