package tuning

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/filetest"
)

// A search whose fits are made apart, each by a process that has those of the rungs before from files, comes to what Tune does.
func TestSearchInParts(t *testing.T) {
	o := tuneOptions(t, t.TempDir())
	want, err := Tune(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	search := func(fits ...*Fit) *Search {
		t.Helper()
		s, err := NewSearch(tuneOptions(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(fits...); err != nil {
			t.Fatal(err)
		}
		return s
	}
	places := search().Places()
	if len(places) != 6+2*2+1 || len(places) != want.Fits {
		t.Errorf("%d places", len(places))
	}
	var fits []*Fit
	for rung := range 3 {
		before := slices.Clone(fits)
		if _, err := search(before...).Outcome(context.Background()); err == nil {
			t.Error("an outcome before the last rung")
		}
		for _, p := range slices.Backward(places) { // in any order within a rung
			if p.Rung != rung {
				continue
			}
			f, err := search(before...).Fit(context.Background(), p)
			if err != nil || f == nil {
				t.Fatal(p, err)
			}
			text, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			var read Fit
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			fits = append(fits, &read)
		}
	}
	s := search(fits...)
	if err := s.Add(fits[2]); err != nil {
		t.Error("the same fit again:", err)
	}
	other := *fits[2]
	other.Failed = "no"
	filetest.WantError(t, s.Add(&other), "differ")
	got, err := s.Outcome(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, got *Tuned) {
		t.Helper()
		a, b := *want, *got
		for _, x := range []*Tuned{&a, &b} {
			x.Trials = slices.Clone(x.Trials)
			for i := range x.Trials {
				x.Trials[i].Seconds = 0
			}
		}
		if diff := cmp.Diff(a.Trials, b.Trials); diff != "" || a.Best.Number != b.Best.Number || a.Fits != b.Fits || a.Classes != b.Classes || !reflect.DeepEqual(a.Settings, b.Settings) {
			t.Errorf("%s: %s", what, diff)
		}
	}
	same("outcome", got)

	// The folder then holds the same search: Tune makes no fit.
	whole := tuneOptions(t, t.TempDir())
	whole.Fits = fits
	if got, err = Tune(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	same("folder", got)
	if err := CheckJournal(whole.Dir); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{o.Dir, whole.Dir} {
		if err := s.MayContinue(dir); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(filepath.Join(whole.Dir, JournalFile), []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	filetest.WantError(t, s.MayContinue(whole.Dir), "have changed")
}

// Where trials fail, places that none of the others takes are left empty.
func TestPlacesOfFailedTrials(t *testing.T) {
	s, err := NewSearch(tuneOptions(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	for trial := range 6 {
		f := &Fit{Trial: trial, Failed: "no"}
		if trial == 4 {
			f = &Fit{Trial: trial, Points: []FitPoint{{Choice: map[string]float64{"epochs": 1}, Accuracy: 0.5}}}
		}
		if err := s.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := s.Fit(context.Background(), Place{1, 0, 1}); err != nil || f == nil || f.Trial != 4 {
		t.Error(f, err)
	}
	if f, err := s.Fit(context.Background(), Place{1, 1, 1}); err != nil || f != nil {
		t.Error(f, err)
	}
}
