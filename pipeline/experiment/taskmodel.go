package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"vzsl/internal/custody"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// TaskModel is a model that a task trained.
type TaskModel struct {
	TrainedRun
	SHA256 string `json:"sha256"`
}

// TrainOne trains one of the models of TrainSeeds, or of TrainSearched, so that these find it done.
func (x *Runner) TrainOne(ctx context.Context, run string, in *workspace.Inputs, settings settings.Settings, tuned *runs.TunedRecord, searched bool) (*TaskModel, error) {
	t, err := x.trainSeed(ctx, run, in, settings, tuned, false, searched)
	if err != nil {
		return nil, err
	}
	m := &TaskModel{TrainedRun: *t}
	m.SHA256, err = runs.ModelSHA256(x.RunDir(run))
	m.Reused = false // also where a task was killed between the model and its note
	return m, err
}

// Untimed is the model without what another training of the same takes otherwise.
func (m *TaskModel) Untimed() TaskModel {
	u := *m
	u.Seconds, u.DataWait = 0, 0
	return u
}

// OtherModelError says that a run's model is not the one that a task trained.
type OtherModelError struct{ File string }

func (e *OtherModelError) Error() string {
	return fmt.Sprintf("%s is not the model that its task trained: it was changed or damaged since; remove its folder and run 'vzsl finish' again, which lists the task", e.File)
}

// TasksModel checks that a run's model is the one that a task trained; there is false where it is gone.
func (x *Runner) TasksModel(run, sha256 string) (there bool, err error) {
	file := filepath.Join(x.RunDir(run), runs.ModelFile)
	sum, err := custody.SHA256(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case sum != sha256:
		return true, &OtherModelError{file}
	}
	return true, nil
}
