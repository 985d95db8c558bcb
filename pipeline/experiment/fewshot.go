package experiment

import (
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
	base := in.Roles
	images := make([]splits.Labelled, in.Features.Rows())
	for i := range images {
		images[i] = splits.Labelled{Image: in.Features.Images()[i], Class: in.Features.Classes()[i]}
	}
	res := &FewShotResult{Schema: "vzsl.fewshot/1", Name: name, Program: version.Program(), Dataset: o.Run.Dataset.Name, Network: in.Network, Split: base.Name,
		Pool: o.Pool, Classes: len(base.Unseen)}
	type key struct {
		method string
		shots  int
	}
	perClass, perImage := map[key][]float64{}, map[key][]float64{}
	for n := range o.Seeds {
		seed := o.Settings[0].Seed + uint64(n)
		res.Seeds = append(res.Seeds, seed)
		for _, k := range o.Shots {
			roles, err := splits.AddShots(base, images, k, o.Pool, seed)
			if err != nil {
				return nil, err
			}
			roles.Name = fmt.Sprintf("%s-shots%d-seed%d", base.Name, k, seed)
			if err := x.WriteSplit(roles, o.Force); err != nil {
				return nil, err
			}
			in.Roles = roles
			for i, m := range o.methods() {
				if k == 0 && methods.Lookup(m).NeedsShots {
					continue
				}
				s := o.Settings[i]
				s.Seed = seed
				run := workspace.SeedRun(fewShotRun(name, m, k), seed)
				t, err := x.Train(ctx, run, in, s, nil, o.Force)
				if err != nil {
					return nil, err
				}
				model, err := runs.Load(x.RunDir(run))
				if err != nil {
					return nil, err
				}
				test, err := x.Bind(ctx, run, model, in)
				if err != nil {
					return nil, err
				}
				test.Roles = onlyUnseen(test.Roles) // no seen classes: not every method knows them
				r, err := x.score(ctx, run, model, test, 1)
				if err != nil {
					return nil, err
				}
				res.Images = r.Images
				at := key{m, k}
				perClass[at], perImage[at] = append(perClass[at], r.Top1.MeanPerClass.Value), append(perImage[at], r.Top1.PerImage.Value)
				x.Log.Info("few-shot", "method", m, "shots", k, "seed", seed, "top-1", Points(r.Top1.MeanPerClass.Value)+"%", "reused", t.Reused)
			}
		}
	}
	for _, m := range o.methods() {
		for _, k := range o.Shots {
			if v := perClass[key{m, k}]; v != nil {
				res.Points = append(res.Points, FewShotPoint{m, k, evaluate.NewSpread("top-1, mean per class", v), evaluate.NewSpread("top-1, per image", perImage[key{m, k}])})
			}
		}
	}
	return res, x.writeFewShot(o, res)
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
