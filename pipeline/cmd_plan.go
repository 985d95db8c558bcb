package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/source"
	"vzsl/extract"
	"vzsl/features"
	"vzsl/internal/store"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

type planOptions struct {
	to      string
	tasks   int
	measure int
	replace bool
}

func newPlan(con *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "divide a long command into tasks for several machines",
		Example: `  vzsl plan extract --dataset imagenet --model models/vgg19.onnx --tasks 64
  sbatch --array=0-63 --wrap 'vzsl extract --plan plans/imagenet-vgg19'
  vzsl finish plans/imagenet-vgg19`,
		Long: `Lists the work of a command (extract, compare, tune, fewshot, train) and writes it to plans/<name>/plan.json. Task i
of n then does every n-th unit of it: 'vzsl extract --plan P --task i/n', or without --task in a job array of Slurm,
Kubernetes (Indexed Job), AWS Batch or Cloud Run, whose environment variables give the task number. Tasks share --out
and the plan's folder and need no coordinator. Finished units are not repeated: to retry a task, run it again. 'vzsl
status P' shows the progress, 'vzsl finish P' combines the results. The program, kernels, images and, for training, the
features, class table and split must be the same on all machines.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPlanExtract(con))
	for _, name := range slices.Sorted(maps.Keys(searches())) {
		cmd.AddCommand(newPlanSearch(con, searches()[name]))
	}
	return cmd
}

func (p *planOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.to, "to", "", "`folder` of the plan (default plans/<name> below --out)")
	f.IntVar(&p.tasks, "tasks", 0, "`number` of tasks (default: tasks of about half an hour each, as measured)")
	f.BoolVar(&p.replace, "replace", false, "replace an existing plan that is not finished")
	must(cmd.MarkFlagDirname("to"))
}

// planFlags are the flags of a plan that are not the planned command's.
var planFlags = []string{"to", "tasks", "measure", "replace", "help"}

func newPlanExtract(con *cli) *cobra.Command {
	var o extractOptions
	var p planOptions
	cmd := &cobra.Command{
		Use:     "extract",
		Short:   "divide an extraction",
		Example: `  vzsl plan extract --dataset imagenet --model models/vgg19.onnx --tasks 64`,
		Long: `Lists the images of the dataset, compares them with the existing features, and plans the shards that have to be
computed. The rate, and the memory and time to request per task, are measured on a few images.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runPlanExtract(cmd, con, &o, &p) },
	}
	o.addFlags(cmd)
	p.addFlags(cmd)
	cmd.Flags().IntVar(&p.measure, "measure", 64, "`images` to measure the rate on; 0: do not measure")
	return cmd
}

func runPlanExtract(cmd *cobra.Command, con *cli, o *extractOptions, p *planOptions) error {
	ctx := cmd.Context()
	if p.tasks < 0 || p.measure < 0 {
		return usage.Errorf("--tasks and --measure must not be negative")
	}
	begun := time.Now()
	x, err := o.open(ctx, con, nil)
	if err != nil {
		return err
	}
	defer x.close()
	start := time.Since(begun)
	growing := extract.Growing(x.ds, features.Check(o.check))
	growing.Force = o.force
	restore := collectSooner()
	plan, g, err := tasks.PlanExtract(ctx, x.dir, x.source, x.ds, growing)
	restore()
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
	for _, note := range g.Notes() {
		con.Log.Info(note, "folder", x.dir)
	}
	if p.measure > 0 && len(plan.Units) > 0 {
		if plan.Rate, err = tasks.Measure(g, p.measure, start, func(w extract.Writer) (*extract.Result, error) { return x.run(ctx, con, o, w, true) }); err != nil {
			return err
		}
	}
	list := &features.ImageList{Classes: x.ds.Classes, Images: x.ds.Images, Unusable: x.ds.Unusable}
	if x.ds.Pictures != nil {
		if source.Places(x.ds, list); list.Files == nil {
			list = nil // each task lists it
		}
	}
	plan.Flags, plan.Out, plan.Extract.Folder = givenFlags(cmd, planFlags...), con.Address(con.Dir), con.Address(x.dir)
	plan.Divide(p.tasks)
	if p.to == "" {
		p.to = filepath.Join(con.Dir, "plans", x.ds.Name+"-"+x.source.Network)
	} else if p.to, err = con.Local(p.to); err != nil {
		return err
	}
	defer collectSooner()()
	path, err := plan.Write(p.to, list, p.replace)
	if err != nil {
		return err
	}
	return con.planned(path, plan)
}

// planned prints a plan.
func (c *cli) planned(path string, p *tasks.Plan) error {
	size := 0
	for _, u := range p.Units {
		size += u.Size
	}
	ask := p.Ask()
	folder := filepath.Dir(path)
	res := struct {
		Plan  string      `json:"plan"`
		Tasks int         `json:"tasks"`
		Units int         `json:"units"`
		Size  int         `json:"size"`
		Array string      `json:"array"`
		Rate  *tasks.Rate `json:"rate,omitempty"`
		Ask   *tasks.Ask  `json:"ask,omitempty"`
	}{path, p.Tasks, len(p.Units), size, fmt.Sprintf("0-%d", p.Tasks-1), p.Rate, ask}
	return c.result(res, func(w io.Writer) {
		switch {
		case len(p.Units) == 0:
			fmt.Fprintf(w, "%s: nothing to compute\n", path)
		case p.Extract != nil:
			fmt.Fprintf(w, "%s: %d images in %s to compute (%s) by %s\n", path, size, usage.Counted(len(p.Units), "shard"), p.Extract.Stale, usage.Counted(p.Tasks, "task"))
		default:
			fmt.Fprintf(w, "%s: %s by %s", path, usage.Counted(len(p.Units), "unit"), usage.Counted(p.Tasks, "task"))
			if stages := p.Stages(); stages > 1 {
				fmt.Fprintf(w, ", in %d stages: run the array once per stage", stages)
			}
			fmt.Fprintln(w)
		}
		if ask != nil {
			fmt.Fprintf(w, "measured here: %.1f images/s on %d processors; request %d MB and %s per task on such a machine\n", p.Rate.ImagesPerSecond, p.Rate.Processors, ask.MemoryMB, ask.Time)
		}
		if len(p.Units) > 0 {
			fmt.Fprintf(w, "each task:   %s   (--array=%s, or --task i/%d)\n", workspace.CommandLine(p.Command, "--plan", folder), res.Array, p.Tasks)
		}
		fmt.Fprintf(w, "at the end:  %s\n", workspace.CommandLine("finish", folder))
	})
}

// addTask adds the flags that make a command one task of a plan.
func addTask(cmd *cobra.Command, plan, task *string) {
	f := cmd.Flags()
	f.StringVar(plan, "plan", "", "`folder` of a plan made by 'vzsl plan': run one of its tasks; all other flags are the plan's")
	f.StringVar(task, "task", "", "with --plan: `i/n`, the task to run, counted from 0 (default: from the scheduler's array variables)")
	must(cmd.MarkFlagDirname("plan"))
	rare(cmd, "task", "plan")
}

// openTask reads the plan and finds out which task this is.
func (c *cli) openTask(cmd *cobra.Command, path, text string) (*tasks.Plan, tasks.Task, error) {
	var t tasks.Task
	if path == "" {
		return nil, t, usage.Errorf("--task needs --plan")
	}
	own := []string{"plan", "task"}
	for name := range c.fromFile { // the plan has what the settings file said when it was made
		own = append(own, name)
	}
	if others := givenFlags(cmd, own...); len(others) > 0 {
		return nil, t, usage.Errorf("%s cannot be combined with --plan: the plan defines what is done", others[0])
	}
	p, err := c.readPlan(cmd, path)
	if err != nil {
		return nil, t, err
	}
	if p.Command != cmd.Name() {
		return nil, t, usage.Errorf("%s is a plan of %s: 'vzsl %s --plan %s'", path, p.Command, p.Command, path)
	}
	t, err = p.Which(text, c.environment)
	return p, t, err
}

// readPlan reads a plan, here or in a store, and goes to work in the folder that it was made for.
func (c *cli) readPlan(cmd *cobra.Command, path string) (*tasks.Plan, error) {
	path, err := c.Local(path)
	if err != nil {
		return nil, err
	}
	p, err := tasks.Read(path)
	if err != nil {
		return nil, err
	}
	if !p.Checked() {
		c.Log.Warn("the plan has no checksum: it could not be checked whether its files are unchanged", "plan", path)
	}
	if !cmd.Flags().Changed("out") && c.Remote == nil {
		c.Dir = p.Out
		if err := c.mountOut(cmd); err != nil {
			return nil, err
		}
	}
	if p.Extract != nil {
		p.Extract.Folder, err = c.Local(p.Extract.Folder)
	}
	return p, err
}

// fetchMine brings the shards that a task reads: those that the collection had before, and what the task has done already.
func (c *cli) fetchMine(ctx context.Context, p *tasks.Plan, t tasks.Task) error {
	if c.Remote == nil {
		return nil
	}
	listed := map[string]bool{}
	if m, err := features.ReadManifest(p.Extract.Folder); err == nil {
		for _, part := range m.Parts {
			listed[part.File] = true
		}
	}
	mine := map[string]bool{}
	for i, u := range p.Units {
		if t.Has(i) {
			mine[u.Key] = true
		}
	}
	return c.FetchShards(ctx, func(key string) bool {
		folder, name := path.Split(key)
		unit, _, _ := strings.Cut(strings.TrimPrefix(name, "part-"), "-")
		return c.Remote.Local(folder) == filepath.Clean(p.Extract.Folder) && (listed[name] || mine[unit])
	})
}

// plannedExtract are the options of a plan's extraction.
func plannedExtract(p *tasks.Plan) (*extractOptions, error) {
	var o extractOptions
	c := &cobra.Command{}
	o.addFlags(c)
	if err := c.ParseFlags(p.Flags); err != nil {
		return nil, usage.Wrap(err)
	}
	return &o, nil
}

func runExtractTask(cmd *cobra.Command, con *cli, o *extractOptions) error {
	ctx := cmd.Context()
	p, t, err := con.openTask(cmd, o.plan, o.task)
	if err != nil {
		return err
	}
	planned, err := plannedExtract(p)
	if err != nil {
		return err
	}
	ds, err := planned.dataset(ctx, con, p, true)
	if err != nil {
		return err
	}
	x, err := planned.open(ctx, con, ds)
	if err != nil {
		return err
	}
	defer x.close()
	if err := con.fetchMine(ctx, p, t); err != nil {
		return err
	}
	w, err := p.OpenTask(ctx, t, x.source, extract.Growing(x.ds, features.Check(planned.check)))
	if err != nil {
		return err
	}
	defer w.End()
	res, err := x.run(ctx, con, planned, w, true)
	if changed := new(store.ChangedError); errors.As(err, &changed) && x.ds.Pictures != nil {
		return tasks.Permanent(fmt.Errorf("%s is not the file that the plan was made with, changed since then; run vzsl plan again", changed.URL))
	}
	if err != nil {
		return err
	}
	r := struct {
		Task            string  `json:"task"`
		Units           int     `json:"units"`
		Computed        int     `json:"computed"`
		Resumed         int     `json:"resumed"`
		Seconds         float64 `json:"seconds"`
		ImagesPerSecond float64 `json:"images_per_second"`
	}{t.String(), w.Units(), res.Computed, res.Resumed, res.Elapsed.Seconds(), res.ImagesPerSecond()}
	return con.result(r, func(out io.Writer) {
		fmt.Fprintf(out, "task %s: %s done, %d images computed in %s, %.1f images/s\n", t, usage.Counted(r.Units, "shard"), r.Computed, res.Elapsed.Round(100*time.Millisecond), r.ImagesPerSecond)
	})
}

// dataset is the plan's, as it listed it or as it is now. read says that its images will be read.
func (o *extractOptions) dataset(ctx context.Context, con *cli, p *tasks.Plan, read bool) (*datasets.Dataset, error) {
	ds, err := p.Dataset(func(l *features.ImageList) (datasets.Pictures, error) {
		if !read {
			return nil, nil
		}
		return source.Planned(ctx, l, o.ds.Source(con.Stores))
	})
	if changed := new(store.ChangedError); errors.As(err, &changed) {
		con.Log.Info("not the file that was planned, but perhaps a copy: the dataset is listed again", "file", changed.URL)
		ds, err = nil, nil
	}
	if ds == nil && err == nil {
		o.ds.Pictures = true
		if ds, err = con.OpenDataset(ctx, &o.ds); err == nil {
			err = p.SameList(ds)
		}
	}
	if err != nil {
		return nil, err
	}
	o.ds.Infer()
	return ds, nil
}

func newFinish(con *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "finish PLAN",
		Short:   "combine the results of a plan's tasks",
		Example: `  vzsl finish plans/imagenet-vgg19`,
		Long: `Checks that every unit of the plan is done and writes the files that a single process would have written. If units
are missing, the exit code is 3 and their tasks are listed in the form that --array= accepts.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := con.readPlan(cmd, args[0])
			if err != nil {
				return err
			}
			err = con.finish(cmd.Context(), p)
			return con.tellMissing(err)
		},
	}
}

// tellMissing prints which tasks have to be run again.
func (c *cli) tellMissing(err error) error {
	var m *tasks.MissingError
	if !errors.As(err, &m) {
		return err
	}
	res := struct {
		Missing string `json:"missing"`
		Units   int    `json:"units"`
		Of      int    `json:"of"`
	}{tasks.Array(m.Tasks), m.Units, m.Of}
	if told := c.result(res, func(w io.Writer) { fmt.Fprintln(w, m) }); told != nil {
		return told
	}
	return err
}

func (c *cli) finish(ctx context.Context, p *tasks.Plan) error {
	if p.Command != tasks.KindExtract {
		return c.finishSearch(ctx, p)
	}
	o, err := plannedExtract(p)
	if err != nil {
		return err
	}
	ds, err := o.dataset(ctx, c, p, false)
	if err != nil {
		return err
	}
	bar := c.Begin("finish "+p.Extract.Folder, "")
	m, err := p.FinishExtract(ctx, ds)
	bar.End()
	if err != nil {
		return err
	}
	r := struct {
		Folder  string `json:"folder"`
		Images  int    `json:"images"`
		Skipped int    `json:"skipped"`
		Shards  int    `json:"shards"`
		Dim     int    `json:"dim"`
	}{p.Extract.Folder, m.Rows, m.Skipped, len(m.Parts), m.Source.Dim}
	err = c.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d images in %d shards, %d-d\n", r.Folder, r.Images, r.Shards, r.Dim)
		if r.Skipped > 0 {
			fmt.Fprintf(w, "%d images skipped, see %s\n", r.Skipped, filepath.Join(r.Folder, "skipped.csv"))
		}
	})
	if err == nil && r.Skipped > 0 {
		return errSkipped
	}
	return err
}

func newStatus(con *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "status PLAN",
		Short:   "show the progress of a plan's tasks",
		Example: `  vzsl status plans/imagenet-vgg19`,
		Long:    `Shows how many units of the plan are done, at what rate, which tasks are slow, and the remaining time.`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := con.readPlan(cmd, args[0])
			if err != nil {
				return err
			}
			s, err := p.Status(time.Now())
			if err != nil {
				return err
			}
			return con.result(s, func(w io.Writer) { s.Print(w) })
		},
	}
}
