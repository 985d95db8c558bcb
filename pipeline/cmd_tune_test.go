package pipeline

import (
	"os"
	"path/filepath"
	"testing"
	"vzsl/internal/filetest"
)

// TestTune searches, trains with what was found, continues transductively from it and trains other seeds of it.
func TestTune(t *testing.T) {
	data, model := demoData(t)
	out := t.TempDir()
	in := func(args ...string) []string {
		return append(args, "--dataset", "demo", "--out", out)
	}
	done(t, in("extract", "--data", data, "--model", model)...)
	done(t, in("attributes", "--data", data)...)
	done(t, in("split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))...)

	refused(t, exitFailed, []string{"tune"}, in("tune", "--split", "demo", "--transductive", "--trials", "1")...)
	tune := in("tune", "--split", "demo", "--trials", "3", "--folds", "2", "--set", "epochs=2", "--set", "latent=8", "--set", "transductive_epochs=2")
	r := done(t, tune...)
	best := r["best"].(map[string]any)
	if r["fits"] != 4.0 || best["folds"] != 2.0 || r["held_out_classes"] != 48.0 || best["settings"].(map[string]any)["latent"] != nil {
		t.Errorf("tune: %v", r)
	}
	if again := done(t, tune...); again["fits"] != 4.0 || again["models"].([]any)[0].(map[string]any)["reused"] != true {
		t.Errorf("tune again: %v", again)
	}
	if _, err := os.Stat(filepath.Join(out, "runs", "demo-demo-vzsl", "tuning", "trials.parquet")); err != nil {
		t.Error(err)
	}
	r = done(t, in("tune", "--split", "demo", "--transductive", "--trials", "2", "--folds", "2")...)
	if c := r["best"].(map[string]any)["choice"].(map[string]any); c["transductive"] != 1.0 || c["epochs"] != best["choice"].(map[string]any)["epochs"] {
		t.Errorf("transductive: %v after %v", r["best"], best)
	}
	if r := done(t, in("evaluate", "--split", "demo", "--transductive")...); r["run"] != "demo-demo-vzsl-transductive" {
		t.Errorf("evaluate: %v", r)
	}
	r = done(t, in("train", "--split", "demo", "--tuned", "demo-demo-vzsl", "--seeds", "2", "--run", "seeds")...)
	if n := len(r["seeds"].([]any)); n != 2 {
		t.Errorf("train --tuned --seeds: %v", r)
	}
	refused(t, exitUsage, []string{"--set", "--set latent=9", "--tuned"}, in("train", "--split", "demo", "--tuned", "demo-demo-vzsl", "--set", "latent=9", "--run", "other")...)
	refused(t, exitFailed, []string{"not eszsl"}, in("train", "--split", "demo", "--tuned", "demo-demo-vzsl", "--method", "eszsl", "--run", "other")...)
	// What would be lost or mixed is looked at before the search: no fit is made.
	before := func(words []string, run string, args ...string) {
		t.Helper()
		refused(t, exitFailed, words, in(append([]string{"tune", "--split", "demo", "--method", "eszsl", "--trials", "1", "--folds", "2", "--run", run}, args...)...)...)
		if _, err := os.Stat(filepath.Join(out, "runs", run, "tuning")); err == nil {
			t.Errorf("%s: a search was begun", run)
		}
	}
	done(t, in("train", "--split", "demo", "--method", "eszsl", "--run", "plain")...)
	before([]string{"plain", "another run", "not tuned", "--force", "--run"}, "plain")
	before([]string{"one seed"}, "plain", "--seeds", "2")
	done(t, in("train", "--split", "demo", "--method", "eszsl", "--seeds", "2", "--run", "several")...)
	before([]string{"several seeds", "--seeds"}, "several")
	before([]string{"several", "not tuned"}, "several", "--seeds", "2")
	filetest.Write(t, filepath.Join(out, "runs", "file"), "")
	before([]string{"file is a file"}, "file")
	before([]string{"file is a file"}, "file/below")
	// The seeds that a search has left behind are of one kind.
	several := in("tune", "--split", "demo", "--method", "sae", "--trials", "2", "--folds", "2", "--run", "sae")
	done(t, append(several, "--seeds", "3")...)
	if r := done(t, append(several, "--seeds", "2")...); len(r["models"].([]any)) != 2 {
		t.Errorf("%v", r)
	}
	if _, err := os.Stat(filepath.Join(out, "runs", "sae", "seed-3")); err != nil {
		t.Errorf("a model of the same settings was removed: %v", err)
	}
	done(t, append(several, "--seeds", "2", "--set", "sae.lambda=7", "--force")...)
	if _, err := os.Stat(filepath.Join(out, "runs", "sae", "seed-3")); err == nil {
		t.Error("a tuned model lies beside one of other settings")
	}
	done(t, in("evaluate", "--run", "sae")...)
	if err := os.RemoveAll(filepath.Join(out, "runs", "sae", "tuning")); err != nil {
		t.Fatal(err)
	}
	before([]string{"whose search was not found"}, "sae", "--seeds", "2")
	refused(t, exitUsage, []string{"--folds"}, in("tune", "--split", "demo", "--folds", "1")...)
}
