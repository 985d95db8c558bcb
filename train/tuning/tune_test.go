package tuning

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/parquet/file"

	"vzsl/features"
	"vzsl/train"
	"vzsl/train/internal/traintest"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

func tuneOptions(t *testing.T, dir string) Options {
	f, table, roles := traintest.Drawn(10)
	s := traintest.Settings()
	c := traintest.VZSL(&s)
	c.Epochs, c.Closed = 3, false
	return Options{Settings: s, Pinned: []string{"hidden", "latent", "scale", "batch"}, Dir: dir, Features: f, Classes: table, Roles: roles,
		Trials: 6, Folds: 4}
}

// TestTune: halving fits 6 trials once, 2 on three folds, 1 on four; a search that is stopped continues to the same
// outcome; its run trains on all seen classes with what was chosen.
func TestTune(t *testing.T) {
	o := tuneOptions(t, t.TempDir())
	want, err := Tune(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want.Fits != 6+2*2+1 || want.Best.Folds != 4 || want.Classes != 40 || want.Best.Accuracy < 0.4 || len(want.Trials) != 6 {
		t.Errorf("%d fits, best %+v, %d classes", want.Fits, want.Best, want.Classes)
	}
	for _, x := range want.Trials {
		if x.Folds == want.Best.Folds && x.Accuracy > want.Best.Accuracy {
			t.Errorf("trial %d is better than the best", x.Number)
		}
	}
	f, err := file.OpenParquetFile(filepath.Join(o.Dir, TrialsFile), false)
	if err != nil {
		t.Fatal(err)
	}
	if n := f.NumRows(); n != int64(want.Fits) {
		t.Errorf("%d rows in the table of fits", n)
	}
	f.Close()

	// Stopped after five fits, then gone on with a line cut off.
	again := tuneOptions(t, t.TempDir())
	ctx, stop := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	again.Workers = 1
	again.Progress = func(done, total int) {
		if done == 5 {
			stop(enough)
		}
		if total != want.Fits {
			t.Errorf("%d fits announced, %d done", total, want.Fits)
		}
	}
	if _, err := Tune(ctx, again); !errors.Is(err, enough) {
		t.Fatal(err)
	}
	journal := filepath.Join(again.Dir, JournalFile)
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 6 {
		t.Errorf("%d lines of journal", n)
	}
	if err := os.WriteFile(journal, append(text, `{"trial":5,"fo`...), 0o644); err != nil {
		t.Fatal(err)
	}
	again.Progress, again.Workers = nil, 2
	got, err := Tune(context.Background(), again)
	if err != nil {
		t.Fatal(err)
	}
	if got.Best.Number != want.Best.Number || got.Best.Accuracy != want.Best.Accuracy || !reflect.DeepEqual(got.Choice, want.Choice) {
		t.Errorf("gone on to %+v, undisturbed %+v", got.Best, want.Best)
	}
	again.Trials = 5
	if _, err := Tune(context.Background(), again); !errors.Is(err, runs.ErrOtherRun) {
		t.Errorf("another search in the same folder: %v", err)
	}

	// The budget is that of the whole search: the second call has nothing left of it. Without one it continues.
	short := tuneOptions(t, t.TempDir())
	short.Budget = 1
	for range 2 {
		if got, err := Tune(context.Background(), short); err != nil || got.Fits != 1 || !got.Cut || got.Elapsed <= 0 {
			t.Errorf("a nanosecond: %+v, %v", got, err)
		}
	}
	short.Budget = 0
	if got, err := Tune(context.Background(), short); err != nil || got.Best.Number != want.Best.Number || got.Cut {
		t.Errorf("gone on after a nanosecond: %+v, %v", got, err)
	}

	// Three of the six settings were tried when the first rung's part of the budget, 6/11, had gone by: the best of the three
	// continues over all folds.
	long := tuneOptions(t, t.TempDir())
	text, err = os.ReadFile(filepath.Join(o.Dir, JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	kept := strings.SplitAfter(string(text), "\n")[:1]
	for trial := range 3 {
		line := Fit{Trial: trial, Points: []FitPoint{{method.Choice{"epochs": 1}, nil, float64(trial) / 10}}, Elapsed: 600 * float64(trial) / 2}
		b, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(b)+"\n")
	}
	if err := os.WriteFile(filepath.Join(long.Dir, JournalFile), []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	long.Budget = 1000 * time.Second
	if got, err := Tune(context.Background(), long); err != nil || got.Fits != 6 || !got.Cut || got.Best.Number != 2 || got.Best.Folds != 4 {
		t.Errorf("cut in the first rung: %+v, %v", got, err)
	}

	r := train.Options{Settings: want.Settings, Tuned: want.Record(), Dir: t.TempDir(), Features: o.Features, Classes: o.Classes, Roles: o.Roles}
	res, err := train.Run(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if res.Classes != 40 || !reflect.DeepEqual(res.Choice, map[string]float64(want.Choice)) || res.Accuracy != want.Best.Accuracy {
		t.Errorf("%+v", res)
	}
	s, tuned, err := runs.ReadTuned(r.Dir)
	if err != nil || !reflect.DeepEqual(tuned, r.Tuned) || !reflect.DeepEqual(s.Config, want.Settings.Config) {
		t.Errorf("read back %+v %+v: %v", s.Config, tuned, err)
	}
}

// TestTuneBlind: with every unseen class's features, labels and attributes changed the search is the same to the bit.
func TestTuneBlind(t *testing.T) {
	o := tuneOptions(t, t.TempDir())
	o.Trials, o.Folds = 2, 2
	want, err := Tune(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := tuneOptions(t, t.TempDir())
	b.Trials, b.Folds = 2, 2
	f := b.Features.(*traintest.Features)
	for i, r := range b.Roles.Roles {
		if r == features.RoleTestUnseen {
			row := slices.Index(f.ImageNames, b.Roles.Images[i])
			clear(f.X[row])
			f.LabelOf[row] = int32(slices.Index(b.Classes.Classes, b.Roles.Unseen[0]))
			b.Classes.Values[f.LabelOf[row]] = make([]float32, len(b.Classes.Values[0]))
		}
	}
	got, err := Tune(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	want.Seconds, got.Seconds, want.Elapsed, got.Elapsed = 0, 0, 0, 0
	for _, x := range []*Tuned{want, got} {
		x.Best.Seconds = 0
		for i := range x.Trials {
			x.Trials[i].Seconds = 0
		}
	}
	if !reflect.DeepEqual(got.Trials, want.Trials) {
		t.Errorf("%+v, %+v", got.Trials, want.Trials)
	}
}

// TestSpaces: every dimension of every method names one of its settings and draws values that it accepts.
func TestSpaces(t *testing.T) {
	for _, name := range methods.Names() {
		s, err := settings.Preset("", name)
		if err != nil {
			t.Fatal(err)
		}
		space := s.Config.Space()
		for trial := range 50 {
			c, err := draw(&s, space, 1, trial)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := values(&c, space); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	s, _ := settings.Preset("", "vzsl")
	if _, err := draw(&s, []method.Dimension{{Setting: "speed"}}, 1, 1); err == nil {
		t.Error("a setting that is none")
	}
}
