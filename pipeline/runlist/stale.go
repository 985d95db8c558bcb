package runlist

import (
	"context"
	"errors"
	"io/fs"

	"vzsl/evaluate/result"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
)

// Staleness says what of a run, or of its report, is not of what is there, and the command that mends it.
func Staleness(ctx context.Context, w *workspace.Workspace, run string) (again string, err error) {
	x := &experiment.Runner{Workspace: w}
	sum, err := runs.ModelSHA256(w.RunDir(run))
	if err != nil || sum == "" { // a training, or a search, that is under way
		return "", ignoreAbsent(err)
	}
	var r workspace.RunRef
	model, err := w.LoadRun(run, &r)
	if err != nil {
		return "", err
	}
	in, err := w.InputsOf(ctx, run, &r, model, false)
	if err != nil {
		var changed *workspace.ChangedError
		if errors.As(err, &changed) {
			again = changed.Again
		}
		return again, err
	}
	in.Close()
	s, err := result.Read(w.ReportDir(run))
	if err != nil {
		return "", ignoreAbsent(err)
	}
	if err := x.ReportOfModel(run, s, sum); err != nil {
		return x.EvaluateAgain(run), err
	}
	return "", nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
