package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"vzsl/datasets/splits"
	"vzsl/evaluate"
	"vzsl/features"
	"vzsl/internal/version"
	"vzsl/pipeline/workspace"
	"vzsl/train/methods"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// FewShotPoint is a method with a number of shots.
type FewShotPoint struct {
	Method       string          `json:"method"`
	Descriptions string          `json:"descriptions,omitempty"` // of an audit: what the classes are described by
	Shots        int             `json:"shots"`
	MeanPerClass evaluate.Spread `json:"mean_per_class"`
	PerImage     evaluate.Spread `json:"per_image"`
}

// FewShotResult is fewshot.json.
type FewShotResult struct {
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
	Points  []FewShotPoint `json:"points"`
	HTML    string         `json:"html,omitempty"`
}

// FewShotOptions say what is trained and evaluated.
type FewShotOptions struct {
	Run      workspace.RunRef    // names the folders; its Method is not used
	Settings []settings.Settings // a method each
	Shots    []int               // labelled images of each unseen class, ascending
	Pool     int                 // images of each to draw them from
	Seeds    int                 // draws, and trainings
	Force    bool                // train anew what is there
	Flags    []string            // more of the command that makes the report again, for the page
}

func (o *FewShotOptions) methods() (names []string) {
	for _, s := range o.Settings {
		names = append(names, s.Method)
	}
	return names
}

// FewShot trains and evaluates methods with several numbers of labelled images of each unseen class, and writes the report.
func (x *Runner) FewShot(ctx context.Context, o *FewShotOptions) (*FewShotResult, error) {
	name, err := o.Run.NameOfSeveral("fewshot", o.methods())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(Writable(x.ReportDir(name)), x.fewShotFree(o, name)); err != nil {
		return nil, err
	}
	in, err := x.OpenInputs(ctx, &o.Run)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	res := &FewShotResult{Schema: "vzsl.fewshot/1", Name: name, Program: version.Program(), Dataset: o.Run.Dataset.Name, Network: in.Network, Split: in.Roles.Name,
		Pool: o.Pool, Classes: len(in.Roles.Unseen)}
	c := curves{shots: o.Shots, pool: o.Pool, draws: o.Seeds, force: o.Force, seed: o.Settings[0].Seed}
	for i, m := range o.methods() {
		c.lines = append(c.lines, curve{settings: o.Settings[i], run: func(k int) string { return fewShotRun(name, m, k) }})
	}
	drawn, err := x.curves(ctx, in, &c)
	if err != nil {
		return nil, err
	}
	res.Seeds, res.Images, res.Points = drawn.seeds, drawn.images, drawn.points
	return res, x.writeFewShot(o, res)
}

// curve is a method's accuracy against the number of shots.
type curve struct {
	settings     settings.Settings
	descriptions string               // what they are called
	classes      *features.ClassTable // nil: those of the inputs
	run          func(shots int) string
}

// curves are drawn on the same shots.
type curves struct {
	lines       []curve
	shots       []int // ascending
	pool, draws int
	seed        uint64 // of the first draw
	force       bool
	tag         string // in the names of the splits
}

// drawnCurves is what came of them.
type drawnCurves struct {
	points []FewShotPoint
	seeds  []uint64
	images int // tested, with each seed
}

// curves trains and evaluates every line with every number of shots on every draw.
func (x *Runner) curves(ctx context.Context, in *workspace.Inputs, c *curves) (*drawnCurves, error) {
	base := *in
	images := make([]splits.Labelled, in.Features.Rows())
	for i := range images {
		images[i] = splits.Labelled{Image: in.Features.Images()[i], Class: in.Features.Classes()[i]}
	}
	out := &drawnCurves{}
	type key struct{ line, shots int }
	perClass, perImage := map[key][]float64{}, map[key][]float64{}
	for n := range c.draws {
		seed := c.seed + uint64(n)
		out.seeds = append(out.seeds, seed)
		for _, k := range c.shots {
			roles, err := splits.AddShots(base.Roles, images, k, c.pool, seed)
			if err != nil {
				return nil, err
			}
			roles.Name = fmt.Sprintf("%s%s-shots%d-seed%d", base.Roles.Name, c.tag, k, seed)
			if err := x.WriteSplit(roles, c.force); err != nil {
				return nil, err
			}
			for i, l := range c.lines {
				if k == 0 && methods.Lookup(l.settings.Method).NeedsShots {
					continue
				}
				in := base
				in.Roles = roles
				if l.classes != nil {
					in.Classes = l.classes
				}
				s := l.settings
				s.Seed = seed
				r, reused, err := x.fitAndScore(ctx, workspace.SeedRun(l.run(k), seed), &in, s, c.force, true)
				if err != nil {
					return nil, err
				}
				out.images = r.Images
				at := key{i, k}
				perClass[at], perImage[at] = append(perClass[at], r.Top1.MeanPerClass.Value), append(perImage[at], r.Top1.PerImage.Value)
				x.Log.Info("few-shot", "method", s.Method, "descriptions", cmp.Or(l.descriptions, "all"), "shots", k, "seed", seed, "top-1", Points(r.Top1.MeanPerClass.Value)+"%", "reused", reused.Reused)
			}
		}
	}
	for i, l := range c.lines {
		for _, k := range c.shots {
			if v := perClass[key{i, k}]; v != nil {
				out.points = append(out.points, FewShotPoint{l.settings.Method, l.descriptions, k, evaluate.NewSpread("top-1, mean per class", v), evaluate.NewSpread("top-1, per image", perImage[key{i, k}])})
			}
		}
	}
	return out, nil
}

// fitAndScore trains a run on inputs as they are given, or finds it done, and measures it; unseen: on the unseen classes' images
// alone, as not every method knows the others.
func (x *Runner) fitAndScore(ctx context.Context, run string, in *workspace.Inputs, s settings.Settings, force, unseen bool) (*evaluate.Result, *TrainedRun, error) {
	t, err := x.Train(ctx, run, in, s, nil, force)
	if err != nil {
		return nil, nil, err
	}
	model, err := runs.Load(x.RunDir(run))
	if err != nil {
		return nil, nil, err
	}
	test, err := x.Bind(ctx, run, model, in)
	if err != nil {
		return nil, nil, err
	}
	if unseen {
		test.Roles = onlyUnseen(test.Roles)
	}
	r, err := x.score(ctx, run, model, test, DefaultBootstrap)
	return r, t, err
}

// fewShotRun is the folder of the runs of a method with a number of shots.
func fewShotRun(name, method string, shots int) string {
	return fmt.Sprintf("%s/%s-shots%d", name, method, shots)
}

// fewShotFree refuses folders of runs with other settings before anything is trained.
func (x *Runner) fewShotFree(o *FewShotOptions, name string) error {
	for i, m := range o.methods() {
		for _, k := range o.Shots {
			if err := x.oneKind(fewShotRun(name, m, k), o.Settings[i], o.Seeds, o.Force, false); err != nil {
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
