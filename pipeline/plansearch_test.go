package pipeline

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
	"vzsl/internal/store"
	"vzsl/internal/store/storetest"
)

// metricsSum is what a checkpoint says of metrics.jsonl, which has seconds.
var metricsSum = regexp.MustCompile(`"run.metrics":"[0-9a-f]{64}"`)

// untimed are the files of runs/ and reports/ without what is timed, and without the name of what they lie in.
func untimed(t *testing.T, out string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, top := range []string{"runs", "reports"} {
		err := filepath.WalkDir(filepath.Join(out, top), func(path string, e fs.DirEntry, err error) error {
			name := filepath.Base(path)
			if err != nil || e.IsDir() || strings.HasPrefix(name, ".") || name == custody.Name || name == "trials.parquet" {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text := metricsSum.ReplaceAllString(strings.ReplaceAll(string(b), out, "OUT"), "")
			if strings.HasSuffix(name, ".jsonl") { // lines that are timed, in the order in which they were ready
				var lines []string
				for line := range strings.Lines(text) {
					var v map[string]any
					if err := json.Unmarshal([]byte(line), &v); err != nil {
						return err
					}
					for _, timed := range []string{"seconds", "elapsed", "sha256", "data_wait"} {
						delete(v, timed)
					}
					b, err := json.Marshal(v)
					if err != nil {
						return err
					}
					lines = append(lines, string(b))
				}
				slices.Sort(lines)
				text = strings.Join(lines, "\n")
			}
			rel, err := filepath.Rel(out, path)
			all[rel] = text
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return all
}

// carryOut runs the tasks of a plan as a scheduler does, those that finish names until it names none: two at a time, some killed at
// random and some started twice.
func carryOut(t *testing.T, command, plan string) {
	t.Helper()
	kills, rounds := 0, 0
	for ; rounds < 12; rounds++ {
		o := vzsl(t, "finish", plan, "--json", "--quiet")
		if o.code == exitDone {
			t.Logf("%d kills, %d rounds", kills, rounds)
			return
		}
		var m struct{ Missing string }
		if err := json.Unmarshal([]byte(o.stdout), &m); err != nil || o.code != exitSkipped || m.Missing == "" {
			t.Fatalf("code %d %v\n%s%s", o.code, err, o.stdout, o.stderr)
		}
		var due []string
		for part := range strings.SplitSeq(m.Missing, ",") {
			from, to, several := strings.Cut(part, "-")
			first, err := strconv.Atoi(from)
			last := first
			if several && err == nil {
				last, err = strconv.Atoi(to)
			}
			if err != nil {
				t.Fatal(m.Missing, err)
			}
			for n := first; n <= last; n++ {
				due = append(due, strconv.Itoa(n))
			}
		}
		due = append(due, due[0])
		var wg sync.WaitGroup
		slots := make(chan bool, 2)
		for _, task := range due {
			slots <- true
			kill := rounds < 2 && rand.IntN(4) == 0
			wg.Go(func() {
				defer func() { <-slots }()
				cmd, stderr := process(t, []string{"JOB_COMPLETION_INDEX=" + task}, command, "--plan", plan)
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				if kill {
					time.AfterFunc(time.Duration(rand.IntN(1500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				}
				// A task at a model that another one trains just then finds its folder locked: a scheduler runs it again.
				if err := cmd.Wait(); err != nil && !kill && cmd.ProcessState.ExitCode() != exitFailed {
					t.Errorf("task %s: %v\n%s", task, err, stderr)
				}
			})
			if kill {
				kills++
			}
		}
		wg.Wait()
	}
	t.Fatalf("not done after %d rounds", rounds)
}

// Every search divided into tasks, some killed and some carried out twice, leaves what one process does.
func TestSearchesInTasks(t *testing.T) {
	filetest.Slow(t)
	start, in := demoSplit(t)
	done(t, in("split", "--split", "a", "--random", "1", "--unseen-classes", "10", "--seed", "3")...)
	for _, c := range []struct {
		command, folder string
		flags           []string
		units, tasks    float64
	}{
		{"tune", "demo-a-1-sae", []string{"--method", "sae", "--trials", "4", "--folds", "2", "--seeds", "2", "--budget", "0"}, 4 + 2 + 2, 4},
		{"tune", "demo-a-1-vzsl", []string{"--trials", "2", "--folds", "2", "--set", "epochs=2", "--set", "latent=8"}, 2 + 1 + 1, 2},
		{"fewshot", "demo-a-1-fewshot", []string{"--shots", "0,1", "--pool", "3", "--seeds", "2", "--methods", "eszsl,logistic"}, 2 * 3, 6},
		{"train", "demo-a-1-vzsl", []string{"--seeds", "3", "--set", "epochs=2", "--set", "latent=8"}, 3, 3},
	} {
		t.Run(c.command+"-"+c.folder, func(t *testing.T) {
			one, many := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "many")
			for _, to := range []string{one, many} {
				if err := os.CopyFS(to, os.DirFS(start)); err != nil {
					t.Fatal(err)
				}
			}
			flags := func(to string, args ...string) []string {
				return slices.Concat(args, []string{"--dataset", "demo", "--split", "a-1", "--out", to}, c.flags)
			}
			done(t, flags(one, c.command)...)
			r := done(t, flags(many, "plan", c.command)...)
			if r["units"] != c.units || r["tasks"] != c.tasks {
				t.Errorf("%v units, %v tasks", r["units"], r["tasks"])
			}
			plan := filepath.Join(many, "plans", "demo-"+c.command)
			done(t, flags(many, "plan", c.command)...) // the same work
			refused(t, exitFailed, []string{"there is a plan", "--replace"}, append(flags(many, "plan", c.command), "--tasks", "1")...)
			refused(t, exitUsage, []string{"the task number is missing"}, c.command, "--plan", plan)
			refused(t, exitUsage, []string{"is a plan of " + c.command}, "extract", "--plan", plan, "--task", "0")
			refused(t, exitUsage, []string{"the plan defines what is done"}, c.command, "--plan", plan, "--task", "0", "--seed", "7")
			cmd, stderr := process(t, []string{"VZSL_KERNELS=go"}, c.command, "--plan", plan, "--task", "0")
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitPlan || !strings.Contains(stderr.String(), "VZSL_KERNELS=") {
				t.Errorf("%v: %s", err, stderr)
			}
			carryOut(t, c.command, plan)
			if s := done(t, "status", plan); s["done"] != s["units"] || s["missing"] != "" {
				t.Error(s)
			}
			if diff := cmp.Diff(untimed(t, one), untimed(t, many)); diff != "" {
				t.Error(diff)
			}
			if o := vzsl(t, "verify", filepath.Join(many, "runs"), "--quiet"); o.code != exitDone {
				t.Errorf("verify: code %d\n%s%s", o.code, o.stdout, o.stderr)
			}
			before := untimed(t, many)
			done(t, "finish", plan) // twice
			done(t, flags(many, c.command)...)
			if diff := cmp.Diff(before, untimed(t, many)); diff != "" {
				t.Error("the command itself, after finish:", diff)
			}
		})
	}
}

// The same in a bucket, on a network that fails one request in twenty: each task is a machine of its own, some are killed, all are run again.
func TestBucketSearches(t *testing.T) {
	filetest.Slow(t)
	start, in := demoSplit(t)
	done(t, in("split", "--split", "a", "--random", "1", "--unseen-classes", "10", "--seed", "3")...)
	s3 := storetest.S3(t)
	defer func(was func(int) time.Duration) { store.Pause = was }(store.Pause)
	store.Pause = func(int) time.Duration { return time.Millisecond }
	err := filepath.WalkDir(start, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(start, path)
		if err == nil && !e.IsDir() && !strings.Contains(rel, "/.") {
			s3.Put(t, "work/"+filepath.ToSlash(rel), filetest.Read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command string
		flags   []string
	}{
		{"compare", []string{"--methods", "sae,eszsl", "--trials", "2", "--folds", "2", "--seeds", "1", "--budget", "0"}},
		{"tune", []string{"--method", "sae", "--trials", "3", "--folds", "2", "--run", "search"}},
		{"fewshot", []string{"--shots", "1", "--pool", "3", "--seeds", "2", "--methods", "eszsl,logistic"}},
		{"train", []string{"--method", "eszsl", "--seeds", "2", "--run", "several"}},
	} {
		done(t, in(append([]string{c.command, "--split", "a-1"}, c.flags...)...)...)
		t.Setenv("XDG_CACHE_HOME", t.TempDir())
		s3.Network.Bad.Store(0)
		r := done(t, append([]string{"plan", c.command, "--dataset", "demo", "--split", "a-1", "--out", "s3://bucket/work"}, c.flags...)...)
		plan := "s3://bucket/work/plans/demo-" + c.command
		if r["plan"] != plan+"/plan.json" {
			t.Error(r)
		}
		s3.Network.Bad.Store(5)
		for round := range 8 {
			o := vzsl(t, "finish", plan, "--json", "--quiet")
			if o.code == exitDone {
				break
			}
			var m struct{ Missing string }
			if err := json.Unmarshal([]byte(o.stdout), &m); err != nil || o.code != exitSkipped || round == 7 {
				t.Fatalf("%s: round %d: code %d %v\n%s%s", c.command, round, o.code, err, o.stdout, o.stderr)
			}
			var machines sync.WaitGroup
			for i := range int(r["tasks"].(float64)) {
				env := []string{"XDG_CACHE_HOME=" + t.TempDir(), "CLOUD_RUN_TASK_INDEX=" + strconv.Itoa(i)}
				machines.Go(func() {
					cmd, stderr := process(t, env, c.command, "--plan", plan)
					if err := cmd.Start(); err != nil {
						t.Error(err)
						return
					}
					kill := round == 0 && i == 0
					if kill {
						time.AfterFunc(time.Duration(rand.IntN(1500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
					}
					switch err := cmd.Wait(); {
					case err == nil || kill:
					case cmd.ProcessState.ExitCode() == exitFailed: // the network: it is run again
						t.Logf("%s, task %d: %v\n%s", c.command, i, err, stderr)
					default:
						t.Errorf("%s, task %d: %v\n%s", c.command, i, err, stderr)
					}
				})
			}
			machines.Wait()
		}
	}
	if s3.Network.Faults.Load() == 0 {
		t.Error("nothing went wrong")
	}
	bucket := t.TempDir()
	for _, key := range s3.Keys(t) {
		if rel, ok := strings.CutPrefix(key, "work/"); ok {
			text := strings.ReplaceAll(string(s3.Get(t, key)), "s3://bucket/work", start)
			path := filepath.Join(bucket, filepath.FromSlash(rel))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			filetest.Write(t, path, text)
		}
	}
	want, got := untimed(t, start), untimed(t, bucket)
	for _, path := range slices.Sorted(maps.Keys(want)) {
		switch filepath.Ext(path) {
		case ".html", ".tex", ".md", ".csv": // of comparisons they have seconds
		case ".json":
			if diff := cmp.Diff(withoutTimes(t, filepath.Join(start, path)), withoutTimes(t, filepath.Join(bucket, path))); diff != "" {
				t.Errorf("%s: %s", path, diff)
			}
		default:
			if strings.ReplaceAll(got[path], start, "OUT") == want[path] {
				continue
			}
			t.Errorf("%s: %d bytes, of one process in a folder %d: %.300q, %.300q", path, len(got[path]), len(want[path]), got[path], want[path])
		}
	}
}

// What a plan of a search refuses, and what its tasks and finish find changed.
func TestSearchPlanRefuses(t *testing.T) {
	out, in := demoSplit(t)
	plan := in("plan", "train", "--split", "demo", "--method", "eszsl", "--seeds", "2")
	refused(t, exitUsage, []string{"--seeds is missing"}, in("plan", "train", "--split", "demo")...)
	refused(t, exitUsage, []string{"--force", "--run"}, append(plan, "--force")...)
	refused(t, exitUsage, []string{"--budget 5m0s", "--trials"}, in("plan", "tune", "--split", "demo", "--budget", "5m")...)
	refused(t, exitUsage, []string{"--tasks"}, append(plan, "--tasks", "-1")...)
	refused(t, exitFailed, []string{"nosuch"}, in("plan", "fewshot", "--split", "nosuch")...)
	refused(t, exitUsage, []string{"no plan found"}, "train", "--plan", filepath.Join(out, "plans", "none"), "--task", "0")
	done(t, in("train", "--split", "demo", "--method", "eszsl")...)
	refused(t, exitFailed, []string{"one seed", "--run"}, plan...)
	plan = append(plan, "--run", "several")
	done(t, plan...)
	at := filepath.Join(out, "plans", "demo-train")
	for _, task := range []string{"0", "1"} {
		done(t, "train", "--plan", at, "--task", task)
	}
	if r := done(t, "train", "--plan", at, "--task", "1"); r["done_now"] != 0.0 {
		t.Error(r)
	}
	done(t, "finish", at)
	// A model that changed, and one that is gone.
	model := filepath.Join(out, "runs", "several", "seed-2", "model.safetensors")
	whole := filetest.Read(t, model)
	bad := bytes.Clone(whole)
	bad[len(bad)-1] ^= 1
	filetest.Write(t, model, string(bad))
	refused(t, exitPlan, []string{model, "changed or damaged"}, "finish", at)
	if err := os.RemoveAll(filepath.Dir(model)); err != nil {
		t.Fatal(err)
	}
	if o := vzsl(t, "finish", at, "--quiet"); o.code != exitSkipped || !strings.Contains(o.stdout, "1 of 2 units") || !strings.Contains(o.stdout, "--array=1") {
		t.Errorf("code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	done(t, "train", "--plan", at, "--task", "1")
	done(t, "finish", at)
	if again := filetest.Read(t, model); !bytes.Equal(again, whole) {
		t.Error("the model of the task that was run again is another one")
	}
	// A note of another result.
	note := filepath.Join(at, "done", "seed-1.json")
	text := filetest.Read(t, note)
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(out, "runs", "several", "seed-1")); err != nil {
		t.Fatal(err)
	}
	cmd, stderr := process(t, nil, "train", "--plan", at, "--task", "0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3000 { // another task is quicker, and comes to something else
		if _, err := os.Stat(filepath.Join(out, "runs", "several", "seed-1")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	var n map[string]any
	if err := json.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	n["sha256"], n["task"], n["host"] = strings.Repeat("0", 64), "7/9", "elsewhere"
	delete(n, "checksum")
	text, err := custody.EncodeJSON(n)
	if err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, note, string(text))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitPlan || !strings.Contains(stderr.String(), "task 7/9 on elsewhere") {
		t.Errorf("%v: %s", err, stderr)
	}
	// Other inputs.
	done(t, in("plan", "train", "--split", "demo", "--method", "eszsl", "--seeds", "2", "--run", "third", "--replace")...)
	data, _ := demoData(t)
	done(t, in("split", "--test-seen", "0.5", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"), "--force")...)
	refused(t, exitPlan, []string{"not what the plan was made with", "run vzsl plan again"}, "train", "--plan", at, "--task", "0")
}
