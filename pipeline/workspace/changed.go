package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// ChangedError refuses a run whose inputs no longer exist as they were, and says what fixes it.
type ChangedError struct {
	run     string
	changes []*features.Change
	Again   string // trains on the inputs of now
	back    string // brings back those of then; "": no command does
}

func (e *ChangedError) Error() string {
	text := fmt.Sprintf("the inputs of run %s have changed since it was trained: %s. To retrain on the current ones: '%s'", e.run, runs.Changed(e.changes), e.Again)
	if e.back != "" {
		text += fmt.Sprintf("; to restore the previous ones: '%s'", e.back)
	}
	return text
}

func (w *Workspace) changed(name string, model *runs.Predictor, changes []*features.Change) error {
	e := &ChangedError{run: name, changes: changes, Again: w.trainAgain(name, model)}
	if record, err := model.Inputs(); err != nil || record == nil {
		return e
	}
	var back []string
	for _, ch := range changes {
		kept := filepath.Join(w.RunDir(name), features.InputsDir)
		switch ch.Of {
		case features.InputSplit:
			back = append(back, "cp "+usage.Quote(filepath.Join(kept, "split.parquet"))+" "+usage.Quote(w.SplitFile(model.Source().Dataset, model.Split())))
		case features.InputClasses:
			back = append(back, "cp "+usage.Quote(filepath.Join(kept, "classes.parquet"))+" "+usage.Quote(w.ClassTableFile(model.Source().Dataset)))
		}
	}
	e.back = strings.Join(back, " && ")
	return e
}

// trainAgain is the command that trains a run, or all seeds of the one that it is of, again on what is there.
func (w *Workspace) trainAgain(name string, model *runs.Predictor) string {
	var descriptions string
	if record, err := model.Inputs(); err == nil && record != nil && record.Classes.Blocks != nil {
		if now, err := w.ReadClassTable(model.Source().Dataset); err == nil && len(now.Attributes) > len(now.Narrow(record.Classes).Attributes) {
			descriptions = strings.Join(record.Classes.Kinds(), "+")
		}
	}
	return w.TrainAgain(name, model.Source().Dataset, model.Split(), model.Settings(), descriptions)
}

// TrainAgain is the command that trains a run, or all seeds of the one that it is of, again, by what is known of it.
func (w *Workspace) TrainAgain(name, dataset, split string, s settings.Settings, descriptions string) string {
	run, several := WithoutSeed(name)
	args := []string{"--dataset", dataset, "--split", split, "--method", s.Method}
	if s.Transductive {
		args = append(args, "--transductive")
	}
	if descriptions != "" {
		args = append(args, "--descriptions", descriptions)
	}
	if seeds, err := Seeds(w.RunDir(run)); several && err == nil && len(seeds) > 0 {
		args, s.Seed = append(args, "--seeds", strconv.Itoa(len(seeds))), seeds[0]
	}
	end := []string{"--run", run, "--force"}
	_, tuned, err := runs.ReadSettings(w.RunDir(name))
	if _, absent := os.Stat(filepath.Join(w.RunDir(run), TuningDir)); err == nil && tuned != nil && absent == nil {
		args = append(args, "--trials", strconv.Itoa(tuned.Trials), "--folds", strconv.Itoa(max(2, tuned.Folds)))
		if s.Seed != 1 {
			args = append(args, "--seed", strconv.FormatUint(s.Seed, 10))
		}
		return w.Command("tune", append(args, end...)...)
	}
	if w.TrainFlags != nil {
		args = append(args, w.TrainFlags(s)...)
	}
	return w.Command("train", append(args, end...)...)
}
