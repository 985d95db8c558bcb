package pipeline

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/internal/pagetest"
	"vzsl/pipeline/runlist"
)

// runsWorkspace has a run with a report, one of two seeds, a few-shot series, an audit and a training that was not finished.
func runsWorkspace(t *testing.T) (data string) {
	t.Helper()
	data, _ = auditWorkspace(t)
	of := func(command string, args ...string) []string {
		return append([]string{command, "--dataset", "toy", "--split", "demo"}, args...)
	}
	done(t, of("train", "--method", "eszsl", "--run", "one")...)
	done(t, of("evaluate", "--run", "one", "--data", data)...)
	done(t, of("train", "--method", "sae", "--run", "two", "--seeds", "2")...)
	done(t, of("evaluate", "--run", "two")...)
	done(t, of("fewshot", "--methods", "eszsl,logistic", "--shots", "1", "--pool", "2", "--seeds", "1", "--run", "few")...)
	done(t, of("audit", "--text-model", "models/pair", "--methods", "eszsl", "--shots", "0", "--run", "audited")...)
	done(t, "report", "one", "two", "--to", "both")
	done(t, of("train", "--method", "eszsl", "--run", "begun")...)
	if err := os.Remove(filepath.Join("runs", "begun", "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	return data
}

func runList(t *testing.T, args ...string) map[string]*runlist.Run {
	t.Helper()
	b, err := json.Marshal(done(t, append([]string{"runs"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Runs []*runlist.Run }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	all := map[string]*runlist.Run{}
	for _, r := range list.Runs {
		all[r.Name] = r
	}
	return all
}

func TestRuns(t *testing.T) {
	data := runsWorkspace(t)
	all := runList(t)
	if len(all) != 6 {
		t.Errorf("%d runs", len(all))
	}
	for name, want := range map[string]struct {
		kind, state, methods string
		models               int
		figure               bool
	}{
		"one":     {runlist.KindRun, runlist.StateEvaluated, "ESZSL", 1, true},
		"two":     {runlist.KindSeeds, runlist.StateEvaluated, "SAE", 2, true},
		"few":     {runlist.KindFewShot, runlist.StateEvaluated, "ESZSL, Logistic regression", 2, true},
		"audited": {runlist.KindAudit, runlist.StateEvaluated, "CLIP, ESZSL", 5, true},
		"both":    {runlist.KindCompared, runlist.StateReport, "ESZSL, SAE", 0, false},
		"begun":   {runlist.KindRun, runlist.StateBegun, "ESZSL", 0, false},
	} {
		r := all[name]
		if r == nil || r.Kind != want.kind || r.State != want.state || r.Models != want.models || (r.Figure != nil) != want.figure || len(r.Stale) > 0 ||
			r.Dataset != "toy" || r.Split != "demo" || r.Bytes == 0 || name != "begun" && r.Newest().IsZero() {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		slices.Sort(r.Methods)
		for m := range strings.SplitSeq(want.methods, ", ") {
			if !slices.ContainsFunc(r.Methods, func(have string) bool {
				return strings.EqualFold(have, m) || strings.HasPrefix(have, strings.Fields(m)[0])
			}) {
				t.Errorf("%s: %q", name, r.Methods)
			}
		}
		if want.figure && (!(r.Figure.Value > 0.05) || r.Figure.Interval == nil && name != "few") {
			t.Errorf("%s: %+v", name, r.Figure)
		}
	}
	if one := runList(t, "--dataset", "other"); len(one) != 0 {
		t.Errorf("%d runs of another dataset", len(one))
	}

	// Renamed: the report names the new run and shows images as before; the old names are gone.
	done(t, "runs", "rename", "one", "first")
	page := string(filetest.Read(t, filepath.Join("reports", "first", "report.html")))
	if !strings.Contains(page, "vzsl evaluate --run first --data "+data) || !strings.Contains(page, "data:image/") || exists("runs/one") || exists("reports/one") {
		t.Error("the report does not name the new run, or lost its images")
	}
	done(t, "evaluate", "--dataset", "toy", "--split", "demo", "--run", "first")
	done(t, "runs", "rename", "two", "second")
	if !strings.Contains(string(filetest.Read(t, filepath.Join("reports", "second", "report.html"))), "--run second") {
		t.Error("the page over seeds does not name the new run")
	}
	refused(t, exitFailed, []string{"already exists"}, "runs", "rename", "first", "second")
	refused(t, exitFailed, []string{"did you mean", "first"}, "runs", "rename", "firts", "x")
	refused(t, exitFailed, []string{"--run x"}, "runs", "rename", "few", "x")
	refused(t, exitFailed, []string{"--run x"}, "runs", "rename", "audited", "x")
	refused(t, exitUsage, []string{"x/y"}, "runs", "rename", "first", "x/y")
	refused(t, exitUsage, []string{".."}, "runs", "remove", "../features", "--yes")

	// Stale: another description of the classes.
	csv := string(filetest.Read(t, filepath.Join(data, "classes.csv")))
	lines := strings.SplitN(csv, "\n", 3)
	i := strings.LastIndex(lines[1], ",")
	filetest.Write(t, "changed.csv", lines[0]+"\n"+lines[1][:i]+",7\n"+lines[2])
	done(t, "attributes", "--dataset", "toy", "--data", data, "--csv", "changed.csv")
	stale := runList(t, "--stale")
	if first := stale["first"]; first == nil || !strings.Contains(first.Stale[0], "class table") || !strings.Contains(first.Again, "vzsl train") || stale["audited"] != nil || stale["both"] != nil {
		t.Errorf("%+v", stale)
	}
	done(t, "attributes", "--dataset", "toy", "--data", data)

	// Removed: not without --yes.
	done(t, "runs", "remove", "first")
	if !exists("runs/first") {
		t.Error("removed without --yes")
	}
	res := done(t, "runs", "remove", "first", "second", "--yes")
	if exists("runs/first") || exists("reports/first") || exists("runs/second") || res["removed"] != true {
		t.Errorf("%v", res)
	}
	if left := runList(t); len(left) != 4 {
		t.Errorf("%d runs are left", len(left))
	}
	serveReports(t)
}

// TestRunsKilled: a rename and a removal that were killed at any moment are completed by the same command.
func TestRunsKilled(t *testing.T) {
	filetest.Slow(t)
	runsWorkspace(t)
	for _, run := range []string{"one", "two"} {
		for killed, moves := range [][]string{{}, {"runs"}, {"runs", "reports"}} {
			name := run + "-" + string(rune('a'+killed))
			filetest.Write(t, filepath.Join("reports", ".renaming-"+run), name)
			for _, top := range moves {
				if err := os.Rename(filepath.Join(top, run), filepath.Join(top, name)); err != nil {
					t.Fatal(err)
				}
			}
			done(t, "runs", "rename", run, name)
			if page := string(filetest.Read(t, filepath.Join("reports", name, "report.html"))); !strings.Contains(page, "--run "+name) {
				t.Errorf("killed after moving %v: the report does not name the new run", moves)
			}
			if exists(filepath.Join("runs", run)) || exists(filepath.Join("reports", run)) || exists(filepath.Join("reports", ".renaming-"+run)) {
				t.Errorf("killed after moving %v: something of %s is left", moves, run)
			}
			refused(t, exitFailed, []string{"no such run or report"}, "runs", "rename", run, name)
			if o := vzsl(t, "verify", filepath.Join("runs", name), filepath.Join("reports", name)); o.code != exitDone {
				t.Error(o.stdout, o.stderr)
			}
			run = name
		}
		if err := os.Rename(filepath.Join("runs", run), filepath.Join("runs", ".removed-"+run)); err != nil {
			t.Fatal(err)
		}
		done(t, "runs", "remove", run, "--yes")
		if exists(filepath.Join("runs", ".removed-"+run)) || exists(filepath.Join("reports", run)) {
			t.Errorf("something of %s is left", run)
		}
		filetest.Write(t, filepath.Join("runs", ".removed-"+run, "model.safetensors"), "x")
		done(t, "runs", "remove", "removed-before", run, "--yes") // of two, one of which it had come to the end of
		refused(t, exitFailed, []string{"no such run or report"}, "runs", "remove", run, "--yes")
	}
	// A mark of names that have both been taken again says nothing.
	filetest.Write(t, filepath.Join("reports", ".renaming-few"), "audited")
	refused(t, exitFailed, []string{"already exists"}, "runs", "rename", "few", "audited")
}

// TestRunsLocked: a run that another process writes to is neither removed nor renamed; of several none is removed.
func TestRunsLocked(t *testing.T) {
	out, _, _ := demoRun(t)
	own := t.TempDir()
	if err := os.CopyFS(filepath.Join(own, "features"), os.DirFS(filepath.Join(out, "features"))); err != nil {
		t.Fatal(err)
	}
	train := []string{"train", "--dataset", "demo", "--split", "demo", "--out", own}
	done(t, append(train, "--method", "eszsl", "--run", "other")...)
	writer, stderr := ownProcess(t, append(train, "--set", "epochs=1000000", "--set", "hidden=16", "--set", "latent=4", "--run", "one")...)
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	metrics := filepath.Join(own, "runs", "one", "metrics.jsonl")
	waitFor(t, func() bool { b, err := os.ReadFile(metrics); return err == nil && len(b) > 0 })
	for _, args := range [][]string{{"rename", "one", "two"}, {"remove", "one"}, {"remove", "one", "--yes"}, {"remove", "other", "one", "--yes"}} {
		refused(t, exitFailed, []string{filepath.Join(own, "runs", "one") + " is being written by", "train --dataset demo", "process ", "wait for it to end or stop it"},
			append(append([]string{"runs"}, args...), "--out", own)...)
		if !exists(metrics) || !exists(filepath.Join(own, "runs", "other", "model.safetensors")) || exists(filepath.Join(own, "runs", "two")) {
			t.Errorf("%v changed something", args)
		}
	}
	_ = writer.Process.Kill()
	if err := writer.Wait(); err == nil {
		t.Fatalf("the training ended before it was killed: %s", stderr)
	}
	done(t, "runs", "rename", "one", "two", "--out", own)
	done(t, "runs", "remove", "other", "two", "--yes", "--out", own)
	if exists(filepath.Join(own, "runs", "two")) || exists(filepath.Join(own, "runs", "other")) {
		t.Error("not removed when the process had ended")
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// serveReports: the list and the files of reports, nothing else, to nobody else, and nothing changes.
func serveReports(t *testing.T) {
	filetest.Write(t, "secret.json", "{}")
	if err := os.Symlink(filepath.Join("..", "..", "secret.json"), filepath.Join("reports", "few", "link.json")); err != nil {
		t.Fatal(err)
	}
	url := serve(t, "--reports")
	get := func(method, path, host string) (int, string, http.Header) {
		r, err := http.NewRequest(method, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		a, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(b), a.Header
	}
	for _, c := range []struct {
		method, path, host string
		code               int
		want               string
	}{
		{"GET", "/", "", 200, `<a href="reports/few/report.html">few</a>`},
		{"GET", "/runs.json", "", 200, `"run":"audited"`},
		{"GET", "/reports/few/report.html", "", 200, "Few shots on toy"},
		{"GET", "/reports/few/fewshot.csv", "", 200, "mean_per_class"},
		{"GET", "/reports/few/link.json", "", 404, "no such report file"},
		{"GET", "/reports/few/", "", 404, ""},
		{"GET", "/reports/few/..%2f..%2fsecret.json", "", 404, ""},
		{"GET", "/features/toy/classes.parquet", "", 404, ""},
		{"GET", "/", "evil.example", 403, "evil.example"},
		{"PUT", "/reports/few/report.html", "", 405, ""},
		{"DELETE", "/", "", 405, ""},
	} {
		code, text, header := get(c.method, c.path, c.host)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %d %.200s", c.method, c.path, code, text)
		}
		if code == 200 && !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %v", c.path, header)
		}
	}
}

// TestPagesRuns: the list of runs in a browser.
func TestPagesRuns(t *testing.T) {
	check := pagetest.Browser(t)
	runsWorkspace(t)
	check(serve(t, "--reports") + "/")
}
