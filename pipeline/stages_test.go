package pipeline

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/pipeline/verify"
)

// TestStages goes the whole way on a few images, each stage twice: the second run finds its work done.
func TestStages(t *testing.T) {
	data, model := demoData(t)
	out := t.TempDir()
	in := func(args ...string) []string { return append(args, "--dataset", "demo", "--out", out) }

	extract := in("extract", "--data", data, "--model", model, "--shard-rows", "100")
	r := done(t, extract...)
	if r["images"] != 360.0 || r["shards"].(float64) < 4 || r["shards"].(float64) > 11 || r["dim"] != 128.0 || r["computed"] != 360.0 {
		t.Fatalf("extract: %v", r)
	}
	if r := done(t, extract...); r["computed"] != 0.0 || r["images"] != 360.0 {
		t.Errorf("extract again: %v", r)
	}
	if r := done(t, in("attributes", "--data", data)...); r["classes"] != 60.0 || r["attributes"] != 22.0 || r["missing"] != 0.0 {
		t.Errorf("attributes: %v", r)
	}
	lists := []string{"--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt")}
	r = done(t, in(append([]string{"split", "--test-seen", "0.34"}, lists...)...)...)
	if r["seen_classes"] != 48.0 || r["unseen_classes"] != 12.0 {
		t.Errorf("split: %v", r)
	}
	for _, method := range []string{"vzsl", "eszsl"} {
		train := in("train", "--split", "demo", "--method", method)
		if method == "vzsl" {
			train = append(train, "--set", "epochs=2", "--set", "hidden=32", "--set", "latent=8")
		}
		if r := done(t, train...); r["reused"] != false || r["classes"] != 48.0 {
			t.Errorf("train %s: %v", method, r)
		}
		if r := done(t, train...); r["reused"] != true {
			t.Errorf("train %s again: %v", method, r)
		}
		r := done(t, in("evaluate", "--split", "demo", "--method", method, "--data", data)...)
		if r["classes"] != 12.0 || r["images"] != 72.0 || r["generalised"] == nil {
			t.Errorf("evaluate %s: %v", method, r)
		}
		top1 := r["mean_per_class"].(map[string]any)["value"].(float64)
		if method == "eszsl" && top1 < 4./12 {
			t.Errorf("ESZSL names %.0f%% of the unseen classes' images, less than four times chance", 100*top1)
		}
		for _, key := range []string{"html", "json", "predictions"} {
			if _, err := os.Stat(r[key].(string)); err != nil {
				t.Error(err)
			}
		}
	}
	generate := in("generate", "--split", "demo", "--per-class", "5")
	if r := done(t, generate...); r["features"] != 60.0 || r["dim"] != 128.0 {
		t.Errorf("generate: %v", r)
	}
	generated := filepath.Join(out, "features", "demo-generated")
	if o := vzsl(t, "verify", generated); o.code != exitDone {
		t.Error("generated features do not verify")
	}
	refused(t, exitFailed, []string{"made with other settings", "--force"}, append(generate, "--seed", "2")...)
	refused(t, exitFailed, []string{"eszsl does not generate"}, append(generate, "--method", "eszsl", "--to", "other")...)
	if _, err := os.Stat(filepath.Join(out, "features", "other")); err == nil {
		t.Error("what could not be generated left a folder")
	}
	refused(t, exitFailed, []string{"another run", "--force"}, in("train", "--split", "demo", "--set", "epochs=3")...)

	// Maps have priors where the model has a latent space.
	for method, priors := range map[string]bool{"vzsl": true, "eszsl": false} {
		b, err := os.ReadFile(filepath.Join(out, "reports", "demo-demo-"+method, "report.json"))
		if err != nil {
			t.Fatal(err)
		}
		var stored struct {
			Result struct {
				Maps struct {
					Features, Latent [][2]float64
					Priors           []any
				}
			}
		}
		if err := json.Unmarshal(b, &stored); err != nil {
			t.Fatal(err)
		}
		if m := stored.Result.Maps; len(m.Features) != 72 || (len(m.Latent) == 72) != priors || (len(m.Priors) == 12) != priors {
			t.Errorf("%s: maps of %d features, %d latent codes, %d priors", method, len(m.Features), len(m.Latent), len(m.Priors))
		}
	}

	// The report repeats to the byte.
	html := filepath.Join(out, "reports", "demo-demo-vzsl", "report.html")
	first, err := os.ReadFile(html)
	if err != nil {
		t.Fatal(err)
	}
	done(t, in("evaluate", "--split", "demo", "--data", data)...)
	if again, _ := os.ReadFile(html); string(again) != string(first) {
		t.Error("evaluating again gave another report")
	}

	// So does one from what is stored, without features and model.
	for _, folder := range []string{"features", "runs/demo-demo-vzsl/model.safetensors"} {
		if err := os.Rename(filepath.Join(out, folder), filepath.Join(out, "away")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(html, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if r := done(t, "report", "demo-demo-vzsl", "--data", data, "--out", out); r["images"] != 72.0 {
			t.Errorf("report: %v", r)
		}
		if again, _ := os.ReadFile(html); string(again) != string(first) {
			t.Error("the report from stored results is another one")
		}
		if err := os.Rename(filepath.Join(out, "away"), filepath.Join(out, folder)); err != nil {
			t.Fatal(err)
		}
	}
	r = done(t, "report", "demo-demo-vzsl", "demo-demo-eszsl", "--out", out)
	page, err := os.ReadFile(r["html"].(string))
	if err != nil || len(r["runs"].([]any)) != 2 || !strings.Contains(string(page), `<a href="../demo-demo-eszsl/report.html">demo-demo-eszsl</a>`) {
		t.Errorf("report of two runs: %v %v\n%s", r, err, page)
	}
	report := func(args ...string) []string { return append([]string{"report", "--out", out}, args...) }
	refused(t, exitFailed, []string{"no such report", "demo-demo-eszsl"}, report("nothing")...)
	refused(t, exitFailed, []string{"--to"}, report("demo-demo-vzsl", "demo-demo-eszsl", "--to", "demo-demo-vzsl")...)
	refused(t, exitUsage, []string{"twice"}, report("demo-demo-vzsl", "demo-demo-vzsl/")...)
	refused(t, exitUsage, []string{"not a run name"}, report("../runs")...)
	if err := os.Remove(filepath.Join(out, "reports", "demo-demo-eszsl", "predictions.parquet")); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"predictions.parquet", "evaluate the run again"}, report("demo-demo-eszsl")...)

	// verify sees what a flipped byte does.
	if o := vzsl(t, "verify", filepath.Join(out, "features"), "--json"); o.code != exitDone {
		t.Errorf("verify: %d %s", o.code, o.stderr)
	}
	parts, err := filepath.Glob(filepath.Join(out, "features", "demo", "demo", "part-*.parquet"))
	if err != nil || len(parts) < 3 {
		t.Fatal(parts, err)
	}
	part := parts[2]
	b, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(part, b, 0o644); err != nil {
		t.Fatal(err)
	}
	o := vzsl(t, "verify", filepath.Join(out, "features"), "--json")
	var found []struct {
		Stage    string
		Problems []verify.Problem
	}
	if err := json.Unmarshal([]byte(o.stdout), &found); err != nil || o.code != exitFailed {
		t.Errorf("verify after a flipped byte: code %d, %v\n%s", o.code, err, o.stdout)
	}
	problems := 0
	for _, f := range found {
		for _, p := range f.Problems {
			problems++
			if p.File != part || p.Stage != verify.StageExtract || !strings.Contains(p.Command, "rm "+part+" && vzsl extract --dataset demo --network demo") {
				t.Errorf("%+v", p)
			}
		}
	}
	if problems == 0 {
		t.Errorf("nothing is found:\n%s", o.stdout)
	}
}

// TestSkipped: broken images are listed, the rest is done, and the exit code says so.
func TestSkipped(t *testing.T) {
	data, model := demoData(t)
	own := t.TempDir()
	for _, class := range []string{"a", "b"} {
		for _, name := range []string{"000.png", "001.png"} {
			entries, err := filepath.Glob(filepath.Join(data, "*", name))
			if err != nil || len(entries) == 0 {
				t.Fatal(err)
			}
			b, err := os.ReadFile(entries[0])
			if err != nil {
				t.Fatal(err)
			}
			filetest.Write(t, filepath.Join(own, class, name), string(b))
			if class == "b" {
				filetest.Write(t, filepath.Join(own, class, "cut-"+name), string(b[:len(b)/2]))
			}
		}
	}
	filetest.Write(t, filepath.Join(own, "a", "text.jpg"), "this is not an image\n")
	filetest.Write(t, filepath.Join(own, "a", "zero.jpg"), "")

	out := t.TempDir()
	o := vzsl(t, "extract", "--dataset", "own", "--data", own, "--model", model, "--out", out, "--json", "-q")
	if o.code != exitSkipped {
		t.Fatalf("exit code %d\n%s", o.code, o.stderr)
	}
	var r struct{ Images, Skipped int }
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || r.Images != 4 || r.Skipped != 4 {
		t.Errorf("%v %s", err, o.stdout)
	}
	f, err := os.Open(filepath.Join(out, "features", "own", "demo", "skipped.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 5 || rows[1][0] != "a/text.jpg" || rows[2][0] != "a/zero.jpg" {
		t.Errorf("%v %v", err, rows)
	}
}
