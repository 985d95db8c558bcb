package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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
	Force    bool                // retrain runs that exist
	Flags    []string            // more of the command that makes the report again, for the page
	// Done are scores that tasks came to, by FewShotUnit.String: neither trained nor evaluated again.
	Done map[string]*Scored
}

// FewShotUnit is one training of a series: a method with a number of shots of one draw.
type FewShotUnit struct {
	Method string
	Shots  int
	Seed   uint64
}

func (u FewShotUnit) String() string {
	return fmt.Sprintf("%s-shots%d-seed%d", u.Method, u.Shots, u.Seed)
}

// Units are all trainings of the series.
func (o *FewShotOptions) Units() []FewShotUnit {
	var all []FewShotUnit
	for n := range o.Seeds {
		for _, k := range o.Shots {
			for _, s := range o.Settings {
				if canLearn(s.Method, k) {
					all = append(all, FewShotUnit{s.Method, k, s.Seed + uint64(n)})
				}
			}
		}
	}
	return all
}

// canLearn reports whether a method can be trained with so many shots.
func canLearn(method string, shots int) bool { return shots > 0 || !methods.Lookup(method).NeedsShots }

func (o *FewShotOptions) methods() (names []string) {
	for _, s := range o.Settings {
		names = append(names, s.Method)
	}
	return names
}

// name is that of the series' folders.
func (o *FewShotOptions) name() (string, error) { return o.Run.NameOfSeveral("fewshot", o.methods()) }

// MayFewShot refuses folders that the series could not be written into.
func (x *Runner) MayFewShot(o *FewShotOptions) error {
	name, err := o.name()
	if err != nil {
		return err
	}
	return errors.Join(Writable(x.ReportDir(name)), x.fewShotFree(o, name))
}

// curves are those of the series.
func (o *FewShotOptions) curves(name string) *curves {
	c := &curves{shots: o.Shots, pool: o.Pool, draws: o.Seeds, force: o.Force, seed: o.Settings[0].Seed,
		done: func(l *curve, shots int, seed uint64) *Scored {
			return o.Done[FewShotUnit{l.settings.Method, shots, seed}.String()]
		}}
	for i, m := range o.methods() {
		c.lines = append(c.lines, curve{settings: o.Settings[i], run: func(k int) string { return fewShotRun(name, m, k) }})
	}
	return c
}

// FewShotOne does what FewShot does of one training, so that FewShot finds it done.
func (x *Runner) FewShotOne(ctx context.Context, o *FewShotOptions, in *workspace.Inputs, u FewShotUnit) (*Scored, error) {
	name, err := o.name()
	if err != nil {
		return nil, err
	}
	c := o.curves(name)
	i := slices.Index(o.methods(), u.Method)
	if i < 0 {
		return nil, fmt.Errorf("there is no method %s in the series", u.Method)
	}
	roles, err := x.shotRoles(in, c, u.Shots, u.Seed)
	if err != nil {
		return nil, err
	}
	return x.curvePoint(ctx, in, roles, c, &c.lines[i], u.Shots, u.Seed)
}

// FewShot trains and evaluates methods with several numbers of labelled images of each unseen class, and writes the report.
func (x *Runner) FewShot(ctx context.Context, o *FewShotOptions) (*FewShotResult, error) {
	name, err := o.name()
	if err != nil {
		return nil, err
	}
	if err := x.MayFewShot(o); err != nil {
		return nil, err
	}
	in, err := x.OpenInputs(ctx, &o.Run)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	res := &FewShotResult{Schema: "vzsl.fewshot/1", Name: name, Program: version.Program(), Dataset: o.Run.Dataset.Name, Network: in.Network, Split: in.Roles.Name,
		Pool: o.Pool, Classes: len(in.Roles.Unseen)}
	drawn, err := x.curves(ctx, in, o.curves(name))
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
	// done gives what a task came to; nil, and a nil score: it is computed here.
	done func(l *curve, shots int, seed uint64) *Scored
}

// Scored is what a model with a number of shots reached on the unseen classes' images.
type Scored struct {
	MeanPerClass float64 `json:"mean_per_class"`
	PerImage     float64 `json:"per_image"`
	Images       int     `json:"images"` // tested
	Run          string  `json:"run"`
	Model        string  `json:"model_sha256"`
	reused       bool
}

// drawnCurves is what came of them.
type drawnCurves struct {
	points []FewShotPoint
	seeds  []uint64
	images int // tested, with each seed
}

// curves trains and evaluates every line with every number of shots on every draw.
func (x *Runner) curves(ctx context.Context, in *workspace.Inputs, c *curves) (*drawnCurves, error) {
	out := &drawnCurves{}
	type key struct{ line, shots int }
	perClass, perImage := map[key][]float64{}, map[key][]float64{}
	for n := range c.draws {
		seed := c.seed + uint64(n)
		out.seeds = append(out.seeds, seed)
		for _, k := range c.shots {
			roles, err := x.shotRoles(in, c, k, seed)
			if err != nil {
				return nil, err
			}
			for i := range c.lines {
				l := &c.lines[i]
				if !canLearn(l.settings.Method, k) {
					continue
				}
				s, err := x.curvePoint(ctx, in, roles, c, l, k, seed)
				if err != nil {
					return nil, err
				}
				out.images = s.Images
				at := key{i, k}
				perClass[at], perImage[at] = append(perClass[at], s.MeanPerClass), append(perImage[at], s.PerImage)
				x.Log.Info("few-shot", "method", l.settings.Method, "descriptions", cmp.Or(l.descriptions, "all"), "shots", k, "seed", seed, "top-1", Points(s.MeanPerClass)+"%", "reused", s.reused)
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

// shotRoles draws shots of the unseen classes and writes the split with them.
func (x *Runner) shotRoles(in *workspace.Inputs, c *curves, shots int, seed uint64) (*features.Split, error) {
	images := make([]splits.Labelled, in.Features.Rows())
	for i := range images {
		images[i] = splits.Labelled{Image: in.Features.Images()[i], Class: in.Features.Classes()[i]}
	}
	roles, err := splits.AddShots(in.Roles, images, shots, c.pool, seed)
	if err != nil {
		return nil, err
	}
	roles.Name = fmt.Sprintf("%s%s-shots%d-seed%d", in.Roles.Name, c.tag, shots, seed)
	return roles, x.WriteSplit(roles, c.force)
}

// curvePoint trains and evaluates a line with the shots that roles has, or takes what a task came to.
func (x *Runner) curvePoint(ctx context.Context, base *workspace.Inputs, roles *features.Split, c *curves, l *curve, shots int, seed uint64) (*Scored, error) {
	if c.done != nil {
		if s := c.done(l, shots, seed); s != nil {
			s.reused = true
			return s, nil
		}
	}
	in := *base
	in.Roles = roles
	if l.classes != nil {
		in.Classes = l.classes
	}
	s := l.settings
	s.Seed = seed
	run := workspace.SeedRun(l.run(shots), seed)
	r, trained, err := x.fitAndScore(ctx, run, &in, s, c.force, true)
	if err != nil {
		return nil, err
	}
	out := &Scored{MeanPerClass: r.Top1.MeanPerClass.Value, PerImage: r.Top1.PerImage.Value, Images: r.Images, Run: run, reused: trained.Reused}
	out.Model, err = runs.ModelSHA256(x.RunDir(run))
	return out, err
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
