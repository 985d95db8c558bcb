package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vzsl/internal/filetest"
)

// process is the command as a process of its own.
func process(t *testing.T, env []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append(args, "--quiet")...)
	cmd.Env = append(append(os.Environ(), "VZSL_BE_THE_COMMAND=1"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return cmd, &stderr
}

// sameFiles compares two folders byte for byte, but for locks, caches and what is timed.
func sameFiles(t *testing.T, want, got string) {
	t.Helper()
	a, b := fileSums(t, want), fileSums(t, got)
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if b[path] != a[path] {
			t.Errorf("%s: %q, not %q", path, b[path], a[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[path]; !ok {
			t.Errorf("%s is too much", path)
		}
	}
}

// copyPictures copies a dataset's images, so that a test can change them.
func copyPictures(t *testing.T) (data, model string) {
	t.Helper()
	from, model := demoData(t)
	data = filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return data, model
}

// runTasks carries out the tasks of a plan as a scheduler does, two at a time: some are killed at random moments and put into the
// queue again, some are started twice.
func runTasks(t *testing.T, plan string, n int, kill time.Duration, variable string) {
	t.Helper()
	queue := rand.Perm(n)
	queue = append(queue, queue[0], queue[n/2]) // duplicates, at the same time as the others
	rand.Shuffle(len(queue), func(i, k int) { queue[i], queue[k] = queue[k], queue[i] })
	var mu sync.Mutex
	kills, tries := 0, map[int]int{}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				mu.Lock()
				if len(queue) == 0 {
					mu.Unlock()
					return
				}
				task := queue[0]
				queue = queue[1:]
				tries[task]++
				try := tries[task]
				mu.Unlock()
				cmd, stderr := process(t, []string{fmt.Sprintf("%s=%d", variable, task)}, "extract", "--plan", plan)
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				var timer *time.Timer
				if try < 3 && rand.IntN(2) == 0 {
					timer = time.AfterFunc(time.Duration(rand.Float64()*float64(kill)), func() { _ = cmd.Process.Kill() })
				}
				err := cmd.Wait()
				if timer != nil {
					timer.Stop()
				}
				switch {
				case err == nil:
				case cmd.ProcessState.ExitCode() == -1:
					mu.Lock()
					kills++
					queue = append(queue, task)
					mu.Unlock()
				default:
					t.Errorf("task %d: %v\n%s", task, err, stderr)
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d tasks, %d kills", n, kills)
}

// Tasks that are killed at random, run again and run twice leave what one undisturbed process does: of a new collection, and of one
// that has changed.
func TestTasksAreOneProcess(t *testing.T) {
	filetest.Slow(t)
	data, model := copyPictures(t)
	one, many := filepath.Join(t.TempDir(), "o"), filepath.Join(t.TempDir(), "o")
	extract := func(out string) []string {
		return []string{"--dataset", "demo", "--data", data, "--model", model, "--out", out}
	}
	folder := filepath.Join("features", "demo", "demo")
	for round, variable := range []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"} {
		begun := time.Now()
		if cmd, stderr := process(t, nil, append([]string{"extract", "--shard-rows", "20"}, extract(one)...)...); cmd.Run() != nil {
			t.Fatal(stderr)
		}
		took := time.Since(begun)
		plan := filepath.Join(many, "plans", "demo-demo")
		r := done(t, append([]string{"plan", "extract", "--shard-rows", "20", "--tasks", "5", "--measure", "8"}, extract(many)...)...)
		if round == 0 && (r["tasks"] != 5.0 || r["array"] != "0-4" || r["size"] != 360.0) {
			t.Error(r)
		}
		n := int(r["tasks"].(float64))
		runTasks(t, plan, n, took, variable)
		if r := done(t, "status", plan); r["done"] != r["units"] || r["missing"] != "" {
			t.Error(r)
		}
		done(t, "finish", plan)
		sameFiles(t, filepath.Join(one, folder), filepath.Join(many, folder))
		if round > 0 {
			continue
		}
		// The collection changes.
		found, err := filepath.Glob(filepath.Join(data, "*", "00*.png"))
		if err != nil || len(found) < 100 {
			t.Fatal(len(found), err)
		}
		for i, path := range []string{found[3], found[50], found[90]} {
			b, err := os.ReadFile(found[(i+1)*20])
			if err != nil {
				t.Fatal(err)
			}
			filetest.Write(t, filepath.Join(filepath.Dir(path), fmt.Sprintf("new%d.png", i)), string(b))
			filetest.Write(t, path, string(b)+"x")
		}
		if err := os.Remove(found[70]); err != nil {
			t.Fatal(err)
		}
	}
	if got := done(t, append([]string{"extract"}, extract(many)...)...); got["computed"] != 0.0 {
		t.Errorf("after finish extract computes: %v", got)
	}
}

func TestFinishNamesWhatIsMissing(t *testing.T) {
	filetest.Slow(t)
	data, model := copyPictures(t)
	out := filepath.Join(t.TempDir(), "o")
	plan := filepath.Join(out, "plans", "demo-demo")
	make := append([]string{"plan", "extract", "--shard-rows", "20", "--tasks", "8", "--measure", "0"}, "--dataset", "demo", "--data", data, "--model", model, "--out", out)
	done(t, make...)
	was := filetest.Read(t, filepath.Join(plan, "plan.json"))
	done(t, make...) // the same command, as after one that was killed
	if !bytes.Equal(was, filetest.Read(t, filepath.Join(plan, "plan.json"))) {
		t.Error("the same plan was replaced")
	}
	refused(t, exitFailed, []string{"there is a plan", "--replace"}, append(slices.Clone(make), "--tasks", "9")...)
	for _, task := range []string{"0/8", "1/8", "5/8"} {
		done(t, "extract", "--plan", plan, "--task", task)
	}
	o := vzsl(t, "finish", plan, "--json", "--quiet")
	var r struct{ Missing string }
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || o.code != exitSkipped || r.Missing != "2-4,6-7" {
		t.Errorf("code %d, %+v, %v\n%s%s", o.code, r, err, o.stdout, o.stderr)
	}
	if o := vzsl(t, "status", plan, "--quiet"); o.code != 0 || !strings.Contains(o.stdout, "not done: tasks 2-4,6-7") {
		t.Errorf("code %d\n%s", o.code, o.stdout)
	}
	refused(t, exitUsage, []string{"the task number is missing", "SLURM_ARRAY_TASK_ID"}, "extract", "--plan", plan)
	refused(t, exitUsage, []string{"0 to 7"}, "extract", "--plan", plan, "--task", "8")
	refused(t, exitUsage, []string{"--model", "the plan defines"}, "extract", "--plan", plan, "--task", "2", "--model", model)
	refused(t, exitUsage, []string{"no plan found"}, "finish", filepath.Join(out, "none"))

	// Other kernels give other bits: the task says so, with the code that is not tried again.
	cmd, stderr := process(t, []string{"VZSL_KERNELS=go"}, "extract", "--plan", plan, "--task", "2")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitPlan || !strings.Contains(stderr.String(), "VZSL_KERNELS=") {
		t.Errorf("%v: %s", err, stderr)
	}
	// A shard that went bad after it was noted.
	for _, task := range []string{"2", "3", "4", "6", "7"} {
		done(t, "extract", "--plan", plan, "--task", task)
	}
	shards, err := filepath.Glob(filepath.Join(out, "features", "demo", "demo", "part-*.parquet"))
	if err != nil || len(shards) == 0 {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(shards[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(whole)
	bad[len(bad)/3] ^= 1
	filetest.Write(t, shards[0], string(bad))
	refused(t, exitPlan, []string{shards[0], "remove it and"}, "finish", plan)
	filetest.Write(t, shards[0], string(whole))
	// Two results of one shard.
	filetest.Write(t, shards[0]+".second", string(bad))
	refused(t, exitPlan, []string{shards[0], shards[0] + ".second"}, "finish", plan)
	if err := os.Remove(shards[0] + ".second"); err != nil {
		t.Fatal(err)
	}
	done(t, "finish", plan)
	if o := vzsl(t, "verify", filepath.Join(out, "features"), "--quiet"); o.code != exitDone {
		t.Error(o.stdout)
	}
}
