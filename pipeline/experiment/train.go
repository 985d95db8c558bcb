package experiment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"vzsl/features"
	"vzsl/pipeline/workspace"
	"vzsl/train"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// TrainedRun is a run's outcome as it is printed.
type TrainedRun struct {
	Run               string             `json:"run"`
	Model             string             `json:"model"`
	Method            string             `json:"method"`
	Seed              uint64             `json:"seed"`
	Choice            map[string]float64 `json:"chosen_on_validation"`
	Accuracy          float64            `json:"validation_accuracy"`
	ValidationClasses int                `json:"validation_classes"`
	Temperature       float64            `json:"temperature,omitempty"`
	Refit             bool               `json:"refit"`
	Shots             int                `json:"shots,omitempty"`
	Classes           int                `json:"classes"`
	Images            int                `json:"images"`
	Seconds           float64            `json:"seconds"`
	DataWait          float64            `json:"data_wait"`
	Reused            bool               `json:"reused"`
}

// Train trains one run, or finds it done. tuned is the search that chose the settings, nil without one.
func (x *Runner) Train(ctx context.Context, name string, in *workspace.Inputs, settings settings.Settings, tuned *runs.TunedRecord, force bool) (*TrainedRun, error) {
	x.Log.Info("train", "run", name, "method", settings.Method, "split", in.Roles.Name, "network", in.Network,
		"dim", in.Features.Dim(), "seen", len(in.Roles.Seen), "validation", len(in.Roles.Validation))
	record, err := features.NewRecord(ctx, &in.Inputs)
	if err != nil {
		return nil, err
	}
	bars := x.BeginPhases(name, "steps")
	res, err := train.Run(ctx, train.Options{
		Settings: settings, Dir: x.RunDir(name), Force: force, Tuned: tuned,
		Features: in.Features, Classes: in.Classes, Roles: in.Roles, Inputs: record,
		Progress: bars.Show, Log: x.Log,
		Epoch: func(e train.Epoch) {
			args := []any{"phase", e.Phase, "epoch", fmt.Sprintf("%d/%d", e.Epoch, e.Of)}
			for _, k := range slices.Sorted(maps.Keys(e.Values)) {
				args = append(args, k, fmt.Sprintf("%.4g", e.Values[k]))
			}
			if e.Validated {
				args = append(args, "validation", fmt.Sprintf("%.1f%%", 100*e.Accuracy))
			}
			x.Log.Debug("epoch", args...)
		},
	})
	bars.End()
	if errors.Is(err, runs.ErrOtherRun) {
		return nil, fmt.Errorf("%w; --force starts over there, --run NAME uses another folder", err)
	}
	if err != nil {
		return nil, err
	}
	return &TrainedRun{name, res.Model, res.Method, settings.Seed, res.Choice, res.Accuracy, res.ValidationClasses, res.Temperature, res.Refit,
		res.Shots, res.Classes, res.Images, res.Seconds, res.DataWait, res.Reused}, nil
}

// TrainSearched is Train with what a search found. A model of the same folder's search, trained when that had gone less far,
// gives way.
func (x *Runner) TrainSearched(ctx context.Context, name string, in *workspace.Inputs, settings settings.Settings, tuned *runs.TunedRecord, force bool) (*TrainedRun, error) {
	t, err := x.Train(ctx, name, in, settings, tuned, force)
	if errors.Is(err, runs.ErrOtherRun) {
		if _, _, not := runs.ReadTuned(x.RunDir(name)); not == nil {
			x.Log.Info("the search was continued after this model was trained: it is retrained", "run", name)
			return x.Train(ctx, name, in, settings, tuned, true)
		}
	}
	return t, err
}
