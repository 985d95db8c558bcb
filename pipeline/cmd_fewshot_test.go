package pipeline

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vzsl/internal/filetest"
)

// demoSplit makes features, class table and the split demo of the small demo set; it returns --out.
func demoSplit(t *testing.T) (out string, in func(args ...string) []string) {
	t.Helper()
	data, model := demoData(t)
	out = t.TempDir()
	in = func(args ...string) []string { return append(args, "--dataset", "demo", "--out", out) }
	done(t, in("extract", "--data", data, "--model", model)...)
	done(t, in("attributes", "--data", data)...)
	done(t, in("split", "--test-seen", "0.34", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))...)
	return out, in
}

func TestFewShot(t *testing.T) {
	out, in := demoSplit(t)
	few := in("fewshot", "--split", "demo", "--shots", "2,0,1", "--pool", "3", "--seeds", "2", "--methods", "eszsl,logistic")
	r := done(t, few...)
	// 12 unseen classes of 6 images, 3 in the pool. Logistic regression has no figure without shots.
	if r["images"] != 36.0 || r["classes"] != 12.0 || len(r["points"].([]any)) != 5 {
		t.Fatalf("%v", r)
	}
	dir := filepath.Join(out, "reports", "demo-demo-fewshot")
	text, err := os.ReadFile(filepath.Join(dir, "fewshot.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != 1+5*2 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !strings.Contains(string(page), "<svg") || !strings.Contains(string(page), "ESZSL") || !strings.Contains(string(page), "--shots 0,1,2") {
		t.Errorf("%v, page %.200s", err, page)
	}
	model := filepath.Join(out, "runs", "demo-demo-fewshot", "logistic-shots2", "seed-2", "model.safetensors")
	before, err := os.Stat(model)
	if err != nil {
		t.Fatal(err)
	}
	facts, _ := os.ReadFile(filepath.Join(dir, "fewshot.json"))
	done(t, few...)
	if after, err := os.Stat(model); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Error("a finished run was trained again")
	}
	if again, _ := os.ReadFile(filepath.Join(dir, "fewshot.json")); string(again) != string(facts) {
		t.Error("the same command gave other figures")
	}
	// The splits stand on their own.
	r = done(t, in("train", "--split", "demo-shots2-seed1", "--method", "eszsl", "--run", "x")...)
	if r["shots"] != 2.0 || r["classes"] != 60.0 {
		t.Errorf("%v", r)
	}
	if r = done(t, in("evaluate", "--run", "x")...); r["shots"] != 2.0 || r["images"] != 36.0 {
		t.Errorf("%v", r)
	}
	refused(t, exitUsage, []string{"larger --pool"}, in("fewshot", "--shots", "30")...)
	refused(t, exitUsage, []string{"--methods"}, in("fewshot", "--method", "vzsl")...)
	refused(t, exitFailed, []string{"has 6 images", "smaller pool"}, in("fewshot", "--split", "demo")...)
	refused(t, exitFailed, []string{"already has shots"}, in("fewshot", "--split", "demo-shots2-seed1", "--pool", "2", "--shots", "1")...)
	refused(t, exitFailed, []string{"split --shots"}, in("train", "--split", "demo", "--method", "logistic")...)
}

func TestSeeds(t *testing.T) {
	filetest.Slow(t)
	out, in := demoSplit(t)
	train := in("train", "--split", "demo", "--seeds", "3", "--set", "epochs=2", "--set", "latent=8")
	r := done(t, train...)
	if seeds := r["seeds"].([]any); len(seeds) != 3 || seeds[2].(map[string]any)["seed"] != 3.0 {
		t.Fatalf("%v", r)
	}
	r = done(t, in("evaluate", "--split", "demo")...)
	// top-1 twice, U, S, H, AUSUC at least.
	figures := r["figures"].([]any)
	if len(figures) < 6 || len(r["seeds"].([]any)) != 3 {
		t.Errorf("%v", r)
	}
	mean, first := figures[0].(map[string]any), 0.0
	for i := range 3 {
		text, err := os.ReadFile(filepath.Join(out, "reports", "demo-demo-vzsl", "seed-"+string(rune('1'+i)), "report.json"))
		if err != nil {
			t.Fatal(err)
		}
		var one struct {
			Result struct {
				Top1 struct {
					MeanPerClass struct{ Value float64 } `json:"mean_per_class"`
				} `json:"top1"`
			} `json:"result"`
		}
		if err := json.Unmarshal(text, &one); err != nil {
			t.Fatal(err)
		}
		first += one.Result.Top1.MeanPerClass.Value / 3
	}
	if got := mean["mean"].(float64); got < first-1e-9 || got > first+1e-9 || mean["interval"] == nil {
		t.Errorf("mean %v of seeds whose mean is %v", mean, first)
	}
	for _, name := range []string{"seeds.json", "report.html"} {
		if _, err := os.Stat(filepath.Join(out, "reports", "demo-demo-vzsl", name)); err != nil {
			t.Error(err)
		}
	}
	page := filepath.Join(out, "reports", "demo-demo-vzsl", "report.html")
	evaluated, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if again := done(t, "report", "demo-demo-vzsl", "--out", out); !reflect.DeepEqual(again, r) {
		t.Errorf("from stored results %v, before %v", again, r)
	}
	if again, err := os.ReadFile(page); err != nil || string(again) != string(evaluated) {
		t.Errorf("the page from stored results is another one: %v", err)
	}
	refused(t, exitFailed, []string{"several seeds"}, in("train", "--split", "demo")...)
	done(t, in("train", "--split", "demo", "--method", "eszsl")...)
	refused(t, exitFailed, []string{"one seed"}, in("train", "--split", "demo", "--method", "eszsl", "--seeds", "2")...)
	// Other settings for one of the seeds.
	other := in("train", "--split", "demo", "--seeds", "1", "--set", "epochs=1", "--set", "latent=8")
	refused(t, exitFailed, []string{"seed-1, seed-2, seed-3", "other settings", "--force", "--run"}, other...)
	refused(t, exitFailed, []string{"seed-1, seed-2, seed-3", "other settings"}, append(other, "--seed", "7")...)
	runs := filepath.Join(out, "runs", "demo-demo-vzsl")
	copyTree(t, filepath.Join(runs, "seed-2"), filepath.Join(out, "aside"))
	done(t, append(other, "--force")...) // the seeds of a run are of one kind
	for _, seed := range []string{"seed-2", "seed-3"} {
		if _, err := os.Stat(filepath.Join(runs, seed)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s of other settings is still there", seed)
		}
	}
	// One seed keeps the interval of a plain run.
	r = done(t, in("evaluate", "--split", "demo")...)
	done(t, in("train", "--split", "demo", "--set", "epochs=1", "--set", "latent=8", "--run", "plain")...)
	plain := done(t, in("evaluate", "--run", "plain")...)
	one := r["figures"].([]any)[0].(map[string]any)
	if want := plain["mean_per_class"].(map[string]any)["interval_over_images"]; want == nil || !reflect.DeepEqual(one["interval"], want) || one["interval_over"] != "images" {
		t.Errorf("one seed: %v, a plain run: %v", one, want)
	}
	if o := vzsl(t, in("evaluate", "--split", "demo")...); !strings.Contains(o.stdout, "95 % interval over images") {
		t.Errorf("%s", o.stdout)
	}
	copyTree(t, filepath.Join(out, "aside"), filepath.Join(runs, "seed-2"))
	refused(t, exitFailed, []string{"other settings"}, in("evaluate", "--split", "demo")...)
}
