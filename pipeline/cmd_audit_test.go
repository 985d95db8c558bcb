package pipeline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/datasets/demo"
	"vzsl/internal/filetest"
	"vzsl/internal/pagetest"
	"vzsl/pipeline/experiment"
)

// auditWorkspace holds the demo's images under the name toy with the pair's features, attributes and names, and sentences that do
// not name the classes but for one.
func auditWorkspace(t *testing.T) (data, other string) {
	t.Helper()
	data, other = demoData(t)
	t.Chdir(t.TempDir())
	pair := filepath.Join("models", "pair")
	if err := demo.WritePair(pair); err != nil {
		t.Fatal(err)
	}
	done(t, "extract", "--dataset", "toy", "--data", data, "--model", pair, "--engine", "native")
	done(t, "attributes", "--dataset", "toy", "--data", data)
	done(t, "split", "--dataset", "toy", "--split", "demo", "--test-seen", "0.34", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	csv := "class,text\n"
	for i, c := range demo.Classes() {
		p := strings.Split(c.Name, "-")
		said := "an object that is " + p[0] + " and " + p[1] + "; a " + p[2] + " " + p[3] + " on " + p[len(p)-1]
		if i == 0 {
			said = "this is a " + strings.ReplaceAll(c.Name, "-", " ")
		}
		csv += c.Name + ",\"" + said + "\"\n"
	}
	filetest.Write(t, "said.csv", csv)
	return data, other
}

func auditRow(t *testing.T, a *experiment.Audit, descriptions, method string) *experiment.AuditRow {
	t.Helper()
	i := slices.IndexFunc(a.Rows, func(r *experiment.AuditRow) bool { return r.Descriptions == descriptions && r.Method == method })
	if i < 0 || a.Rows[i].Error != "" || a.Rows[i].MeanPerClass == nil {
		t.Fatalf("no row of %s on %s: %+v", method, descriptions, a.Rows)
	}
	return a.Rows[i]
}

// TestAudit: every description and control is measured, on the same images; the same command again trains nothing and writes the same
// bytes; figures are those of train and evaluate; the page opens in a browser.
func TestAudit(t *testing.T) {
	filetest.Slow(t)
	data, other := auditWorkspace(t)
	args := []string{"audit", "--dataset", "toy", "--split", "demo", "--text-model", "models/pair", "--text", "said.csv", "--methods", "eszsl", "--shots", "1,2", "--seeds", "2"}
	done(t, args...)
	file := filepath.Join("reports", "toy-demo-audit", "audit.json")
	var a experiment.Audit
	if err := json.Unmarshal(filetest.Read(t, file), &a); err != nil {
		t.Fatal(err)
	}
	if a.Classes != 12 || a.Images != 72 || len(a.Rows) != 10 || len(a.Shots) != 3*3+2 || a.ShotImages != 48 {
		t.Errorf("%d classes, %d images, %d rows, %d points on %d images", a.Classes, a.Images, len(a.Rows), len(a.Shots), a.ShotImages)
	}
	names, swapped := auditRow(t, &a, "names", "clip"), auditRow(t, &a, "names of other classes", "clip")
	if !(names.MeanPerClass.Value > 0.3) || !(swapped.MeanPerClass.Value < 0.25) || !swapped.Control {
		t.Errorf("names %v, of other classes %v", names.MeanPerClass.Value, swapped.MeanPerClass.Value)
	}
	both := auditRow(t, &a, "attributes and texts", "eszsl")
	if w := both.Weights["attributes"] + both.Weights["text"]; w < 0.999 || w > 1.001 || both.Harmonic == nil {
		t.Errorf("%+v", both)
	}
	auditRow(t, &a, "names and texts", "clip")
	auditRow(t, &a, "texts, names of other classes", "clip")
	auditRow(t, &a, "texts, names withheld", "clip")
	all := strings.Join(a.Findings, "\n")
	for _, want := range []string{"points over names", "Side by side, attributes and texts", "Does the encoder rely on the names", "As a control", "labelled image"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.HasPrefix(n, "1 of the texts contain") }) {
		t.Errorf("%q", a.Notes)
	}
	// The rows are what train and evaluate give.
	done(t, "attributes", "--dataset", "toy", "--data", data, "--own", "--text-model", "models/pair")
	done(t, "train", "--dataset", "toy", "--split", "demo", "--method", "clip", "--descriptions", "text", "--run", "c")
	if got := findNumber(done(t, "evaluate", "--dataset", "toy", "--split", "demo", "--run", "c"), "mean_per_class", "value"); got != names.MeanPerClass.Value {
		t.Errorf("evaluate: %v, audit: %v", got, names.MeanPerClass.Value)
	}
	before := filetest.Read(t, file)
	model := filepath.Join("runs", "toy-demo-audit", "eszsl-on-attributes", "model.safetensors")
	was, err := os.Stat(model)
	if err != nil {
		t.Fatal(err)
	}
	done(t, args...)
	if now, err := os.Stat(model); err != nil || !now.ModTime().Equal(was.ModTime()) || string(filetest.Read(t, file)) != string(before) {
		t.Errorf("the same audit again trained, or wrote other figures: %v", err)
	}
	refused(t, exitUsage, []string{"--text-model"}, "audit", "--dataset", "toy", "--split", "demo")
	refused(t, exitUsage, []string{"larger --pool"}, append(slices.Clone(args), "--pool", "1")...)
	refused(t, exitFailed, []string{"--shots 6", "has 6 images", "--shots 0"}, append(slices.Clone(args), "--shots", "6")...)
	refused(t, exitUsage, []string{"--descriptions"}, append(slices.Clone(args), "--descriptions", "text")...)

	// Another network's features: CLIP is left out, with the reason; the methods stay. A row that fails does not stop the others.
	done(t, "extract", "--dataset", "toy", "--data", data, "--model", other, "--network", "other", "--engine", "native")
	res := done(t, "audit", "--dataset", "toy", "--split", "demo", "--text-model", "models/pair", "--network", "other", "--methods", "eszsl", "--shots", "0", "--run", "apart")
	if rows := res["rows"].([]any); len(rows) != 4 || !strings.Contains(string(filetest.Read(t, filepath.Join("reports", "apart", "report.html"))), "are not in the same embedding space") {
		t.Errorf("%d rows", len(rows))
	}
}

// TestPagesAudit: the audit's page with few rows and with all, in a browser.
func TestPagesAudit(t *testing.T) {
	check := pagetest.Browser(t)
	auditWorkspace(t)
	args := []string{"audit", "--dataset", "toy", "--split", "demo", "--text-model", "models/pair", "--methods", "eszsl"}
	done(t, append(args, "--text", "said.csv", "--shots", "1,2", "--seeds", "2")...)
	done(t, append(args, "--shots", "0", "--run", "few")...)
	check(filepath.Join("reports", "toy-demo-audit", "report.html"), filepath.Join("reports", "few", "report.html"))
}
