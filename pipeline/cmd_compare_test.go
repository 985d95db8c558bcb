package pipeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/pipeline/experiment"
)

func TestCompare(t *testing.T) {
	out, in := demoSplit(t)
	compare := in("compare", "--split", "demo", "--methods", "sae,eszsl,vzsl-sharp", "--trials", "3", "--folds", "2", "--seeds", "2",
		"--set", "epochs=2", "--set", "latent=8", "--published", "cub")
	r := done(t, compare...)
	dir := filepath.Join(out, "reports", "demo-demo-compare")
	methods := r["methods"].([]any)
	if len(methods) != 3 || r["classes"] != 12.0 {
		t.Fatalf("%v", r)
	}
	last, validation := 1.0, map[string]float64{}
	for _, m := range methods {
		m := m.(map[string]any)
		name := m["method"].(string)
		// ESZSL has nothing to search: one trial. Two folds: the first rung has one, the second both, of a third of the trials.
		if fits := map[string]float64{"eszsl": 2, "sae": 4, "vzsl-sharp": 4}[name]; m["fits"] != fits || m["tuning_seconds"].(float64) <= 0 || m["training_seconds"].(float64) <= 0 {
			t.Errorf("%v", m)
		}
		if p, ok := m["published"].(map[string]any); ok == (name == "eszsl") || ok && p["percent"] != map[string]float64{"sae": 56.6, "vzsl-sharp": 55.37}[name] {
			t.Errorf("%s published: %v", name, m["published"])
		}
		best := m["best"].(map[string]any)
		validation[name] = best["accuracy"].(float64)
		// The figure is that of the seeds' own reports.
		mean := m["figures"].([]any)[0].(map[string]any)["mean"].(float64)
		var seeds experiment.SeedsResult
		if err := json.Unmarshal(filetest.Read(t, filepath.Join(dir, name, "seeds.json")), &seeds); err != nil || seeds.Figures[0].Mean != mean || len(seeds.Seeds) != 2 {
			t.Errorf("%s: %v, %v and %v", name, err, mean, seeds)
		}
		if mean > last {
			t.Errorf("%s with %v stands below %v", name, mean, last)
		}
		last = mean
	}
	if p := r["published"].(map[string]any); p["mark"] != "published, other classes, other features" {
		t.Errorf("%v", p["mark"])
	}
	// All methods are tuned on the same folds: the same as tune's own.
	tuned := done(t, in("tune", "--split", "demo", "--method", "sae", "--trials", "3", "--folds", "2")...)
	if got := tuned["best"].(map[string]any)["accuracy"]; got != validation["sae"] {
		t.Errorf("tune alone: %v, compared: %v", got, validation["sae"])
	}

	rows, err := csv.NewReader(bytes.NewReader(filetest.Read(t, filepath.Join(dir, "compare.csv")))).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][3] != "mean_per_class" {
		t.Fatalf("%v %v", rows, err)
	}
	for i, row := range rows[1:] {
		m := methods[i].(map[string]any)
		mean := m["figures"].([]any)[0].(map[string]any)["mean"].(float64)
		if v, err := strconv.ParseFloat(row[3], 64); err != nil || v != mean || row[0] != m["method"] {
			t.Errorf("%v beside %v", row, m)
		}
		shown := strconv.FormatFloat(math.Round(1000*mean)/10, 'f', 1, 64)
		for _, file := range []string{"compare.md", "compare.tex", "report.html"} {
			text := string(filetest.Read(t, filepath.Join(dir, file)))
			for _, want := range []string{shown, "other classes", "arXiv:1711.05820", "55.37", "±", "Validation"} {
				if !strings.Contains(strings.ReplaceAll(text, `$\pm$`, "±"), want) {
					t.Errorf("%s lacks %q", file, want)
				}
			}
		}
	}
	page := string(filetest.Read(t, filepath.Join(dir, "report.html")))
	if strings.Count(page, `<tr class="own">`) != 1 || !strings.Contains(page, `href="sae/report.html"`) || !strings.Contains(page, "--methods=sae,eszsl,vzsl-sharp") {
		t.Error("report.html: no row marked, no link or no command")
	}

	// Given again, all is there already and the files are the same.
	model := filepath.Join(out, "runs", "demo-demo-compare", "vzsl-sharp", "seed-2", "model.safetensors")
	before, err := os.Stat(model)
	if err != nil {
		t.Fatal(err)
	}
	facts := filetest.Read(t, filepath.Join(dir, "compare.json"))
	done(t, compare...)
	if after, err := os.Stat(model); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Error("a finished run was trained again")
	}
	if again := filetest.Read(t, filepath.Join(dir, "compare.json")); !bytes.Equal(again, facts) {
		t.Error("the same command gave other figures")
	}
	// The runs stand on their own.
	if r := done(t, in("evaluate", "--run", "demo-demo-compare/sae/seed-1")...); r["classes"] != 12.0 {
		t.Errorf("%v", r)
	}

	// Where nothing is drawn, one model will do: without images of seen classes to test there is no constant to choose on some.
	done(t, in("split", "--random", "1", "--unseen-classes", "8")...)
	plain := done(t, in("compare", "--split", "random-1", "--methods", "sae,ale", "--trials", "1", "--folds", "2", "--seeds", "2", "--set", "ale.epochs=2")...)
	for _, m := range plain["methods"].([]any) {
		m := m.(map[string]any)
		if n := len(m["seeds"].([]any)); n != map[string]int{"sae": 1, "ale": 2}[m["method"].(string)] {
			t.Errorf("%s with %d seeds", m["method"], n)
		}
	}

	// With a larger budget the search continues, and what it chooses then is trained again.
	cut := in("compare", "--split", "demo", "--run", "cut", "--methods", "ale", "--trials", "6", "--folds", "2", "--seeds", "2", "--set", "ale.epochs=3")
	first := done(t, append(cut, "--budget", "1ns")...)["methods"].([]any)[0].(map[string]any)
	whole := done(t, cut...)["methods"].([]any)[0].(map[string]any)
	if first["fits"] != 1.0 || first["cut_by_budget"] != true || whole["fits"] != 8.0 {
		t.Errorf("cut %v\nwhole %v", first, whole)
	}
	if reflect.DeepEqual(first["best"].(map[string]any)["settings"], whole["best"].(map[string]any)["settings"]) {
		t.Error("this search does not choose otherwise when it goes on: take another")
	}

	refused(t, exitFailed, []string{"several methods"}, "report", "demo-demo-compare", "--out", out)

	// A method that fails leaves the others alone.
	filetest.Write(t, filepath.Join(out, "runs", "part", "sae"), "a file where the folder should be")
	o := vzsl(t, in("compare", "--split", "demo", "--run", "part", "--methods", "sae,eszsl", "--trials", "1", "--folds", "2", "--seeds", "1", "--json")...)
	var part experiment.Comparison
	if err := json.Unmarshal([]byte(o.stdout), &part); err != nil || o.code != exitSkipped || len(part.Methods) != 2 ||
		part.Methods[0].Method != "eszsl" || part.Methods[0].Error != "" || !strings.Contains(part.Methods[1].Error, "sae") {
		t.Errorf("exit code %d, %v\n%s\n%s", o.code, err, o.stdout, o.stderr)
	}
	if rows, err := csv.NewReader(bytes.NewReader(filetest.Read(t, filepath.Join(out, "reports", "part", "compare.csv")))).ReadAll(); err != nil || len(rows) != 3 || rows[2][22] == "" {
		t.Errorf("%v %v", rows, err)
	}
	refused(t, exitFailed, []string{"no method could be compared", "sae"}, in("compare", "--split", "demo", "--run", "part", "--methods", "sae", "--trials", "1", "--folds", "2")...)
	refused(t, exitUsage, []string{"logistic"}, in("compare", "--split", "demo", "--methods", "logistic")...)
	refused(t, exitUsage, []string{"duplicate"}, in("compare", "--split", "demo", "--methods", "sae,sae")...)
	refused(t, exitUsage, []string{"--published"}, in("compare", "--split", "demo", "--published", "mnist")...)
	refused(t, exitUsage, []string{"--folds"}, in("compare", "--split", "demo", "--folds", "1")...)
	refused(t, exitUsage, []string{"--methods"}, in("compare", "--method", "sae")...)
}
