package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
)

func TestWhich(t *testing.T) {
	p := &Plan{Tasks: 16}
	for _, c := range []struct {
		text string
		env  map[string]string
		want Task
		bad  string
	}{
		{text: "3/7", want: Task{3, 7}},
		{text: "3", want: Task{3, 16}},
		{text: "3/7", env: map[string]string{"SLURM_ARRAY_TASK_ID": "5"}, want: Task{3, 7}},
		// An array that is run again for two tasks counts two of them: n is the plan's all the same.
		{env: map[string]string{"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_COUNT": "2"}, want: Task{12, 16}},
		{env: map[string]string{"JOB_COMPLETION_INDEX": "0"}, want: Task{0, 16}},
		{env: map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "15"}, want: Task{15, 16}},
		{env: map[string]string{"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "16"}, want: Task{1, 16}},
		{bad: "the task number is missing"},
		{text: "7/7", bad: "which has tasks 0 to 6"},
		{text: "-1", bad: "which has tasks 0 to 15"},
		{text: "1/0", bad: "i/n"},
		{text: "a/b", bad: "i/n"},
		{env: map[string]string{"SLURM_ARRAY_TASK_ID": "16"}, bad: "SLURM_ARRAY_TASK_ID=16: not a task of this plan, which has tasks 0 to 15"},
	} {
		got, err := p.Which(c.text, func(name string) string { return c.env[name] })
		if c.bad != "" {
			filetest.WantError(t, err, c.bad)
		} else if err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
	// Every unit is one task's, whatever n is.
	for n := 1; n < 20; n++ {
		for unit := range 40 {
			of := 0
			for i := range n {
				if (Task{i, n}).Has(unit) {
					of++
				}
			}
			if of != 1 {
				t.Fatalf("unit %d is of %d tasks of %d", unit, of, n)
			}
		}
	}
}

func TestArray(t *testing.T) {
	for _, c := range []struct {
		tasks []int
		want  string
	}{{nil, ""}, {[]int{4}, "4"}, {[]int{3, 1, 2, 0}, "0-3"}, {[]int{9, 0, 2, 3, 7, 10, 11, 9}, "0,2-3,7,9-11"}} {
		if got := Array(c.tasks); got != c.want {
			t.Errorf("%v: %q, want %q", c.tasks, got, c.want)
		}
	}
}

func search(t *testing.T, keys ...string) *Plan {
	t.Helper()
	var units []Unit
	for _, k := range keys {
		units = append(units, Unit{Key: k, Size: 10})
	}
	path, err := PlanSearch("compare", []string{"--a=b"}, ".", units).Write(t.TempDir(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Read(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Of two tasks at one unit both end well where they came to the same, else the second one's error names both.
func TestDone(t *testing.T) {
	p := search(t, "a", "b", "c")
	first := &note{Key: "a", File: "x", SHA256: "1", Seconds: 2, Task: "0/3"}
	if err := p.done(first); err != nil {
		t.Fatal(err)
	}
	if err := p.done(&note{Key: "a", File: "x", SHA256: "1", Seconds: 9, Task: "7/9"}); err != nil {
		t.Error(err)
	}
	err := p.done(&note{Key: "a", File: "x", SHA256: "2", Task: "7/9"})
	var planned Error
	if filetest.WantError(t, err, "task 0/3", "task 7/9"); !errors.As(err, &planned) {
		t.Errorf("%T is tried again", err)
	}
	if n, err := p.note("a"); err != nil || n.Seconds != 2 {
		t.Error("the first note was replaced", n, err)
	}
	var missing *MissingError
	if err := p.Complete(); !errors.As(err, &missing) || !slices.Equal(missing.Tasks, []int{1, 2}) || !strings.Contains(err.Error(), "--array=1-2") {
		t.Error(err)
	}
	s, err := p.Status(time.Now())
	if err != nil || s.Done != 1 || s.Size != 30 || s.SizeDone != 10 || s.Missing != "1-2" || s.Rate != 5 || s.Left != 4 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Tasks that work on a unit for much longer than usual are named; those that were killed long ago are not at work.
func TestStragglers(t *testing.T) {
	p := search(t, "a", "b", "c", "d")
	for _, k := range []string{"a", "b"} {
		if err := p.done(&note{Key: k, SHA256: k, Seconds: 60, Task: "0/4"}); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now()
	for i := range 2 {
		b := p.begin(Task{2 + i, 4})
		defer b.stop()
	}
	p.begin(Task{0, 4}).stop()
	for _, c := range []struct {
		after, seen       time.Duration // the last beat
		running, straggle int
	}{{0, 0, 2, 0}, {170 * time.Second, 170 * time.Second, 2, 0}, {200 * time.Second, 190 * time.Second, 2, 2}, {time.Hour, time.Hour, 2, 2}, {90 * time.Second, 0, 0, 0}} {
		entries, err := filepath.Glob(filepath.Join(p.dir, startsDir, "*.json"))
		if err != nil || len(entries) != 3 {
			t.Fatal(entries, err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(e)
			if err != nil {
				t.Fatal(err)
			}
			var s Start
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			s.Seen = at.Add(c.seen)
			if text, err = custody.EncodeJSON(s); err != nil {
				t.Fatal(err)
			}
			filetest.Write(t, e, string(text))
		}
		s, err := p.Status(at.Add(c.after))
		if err != nil || len(s.Running) != c.running || len(s.Stragglers) != c.straggle {
			t.Errorf("after %v, seen %v: %+v, %v", c.after, c.seen, s, err)
		}
	}
}

// Units of a stage wait for all of the stages before, whichever task these are of; the lists are of what can be computed now.
func TestStages(t *testing.T) {
	var units []Unit
	for i, stage := range []int{0, 0, 0, 1, 1, 2} {
		units = append(units, Unit{Key: fmt.Sprint("u", i), Stage: stage})
	}
	path, err := PlanSearch("tune", nil, ".", units).Write(t.TempDir(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if p.Tasks != 3 {
		t.Fatalf("%d tasks", p.Tasks)
	}
	var ran []string
	var mu sync.Mutex
	run := func(task int, want Ran, left string) {
		t.Helper()
		got, err := p.Run(t.Context(), Task{task, 3}, 2, func(_ context.Context, u *Unit) (*Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, u.Key)
			return &Outcome{Result: u.Key, Same: u.Key}, nil
		})
		if err != nil || got != want {
			t.Errorf("task %d: %+v, %v", task, got, err)
		}
		s, err := p.Status(time.Now())
		if err != nil || strings.Join(append([]string{s.Missing}, s.Later...), " ") != left {
			t.Errorf("after task %d: %+v %v", task, s, err)
		}
	}
	run(0, Ran{0, 1, 1}, "1-2 0-1 2")
	run(2, Ran{0, 1, 1}, "1 0-1 2")
	var missing *MissingError
	if err := p.Complete(); !errors.As(err, &missing) || !slices.Equal(missing.Tasks, []int{1}) || missing.Units != 4 || missing.Later != 3 {
		t.Error(err)
	}
	run(1, Ran{0, 2, 0}, "0 2") // its unit of the next stage too, which the first stage's end opens
	run(2, Ran{1, 0, 1}, "0 2")
	run(0, Ran{1, 1, 0}, "2")
	run(2, Ran{1, 1, 0}, "")
	if want := []string{"u0", "u2", "u1", "u4", "u3", "u5"}; !slices.Equal(ran, want) {
		t.Errorf("%v, want %v", ran, want)
	}
	failing := errors.New("no")
	if err := p.Drop([]int{1}); !errors.As(err, &missing) || !slices.Equal(missing.Tasks, []int{1}) {
		t.Error(err)
	}
	if _, err := p.Run(t.Context(), Task{1, 3}, 1, func(context.Context, *Unit) (*Outcome, error) { return nil, failing }); !errors.Is(err, failing) {
		t.Error(err)
	}
	if s, err := p.Status(time.Now()); err != nil || len(s.Running) != 0 {
		t.Errorf("a task that failed is at work: %+v, %v", s, err)
	}
	var text string
	if err := p.Result("u0", &text); err != nil || text != "u0" {
		t.Error(text, err)
	}
	filetest.WantError(t, p.Result("u1", &text), "no result", "run its task again")
}

// Every bit of a plan's files counts, each is of its plan and its unit, and errors say what to do. Those of earlier versions carry no
// checksum and are read.
func TestDamagedPlan(t *testing.T) {
	p := search(t, "a", "b")
	if err := p.done(&note{Key: "a", SHA256: "1", Task: "0/2", Result: json.RawMessage(`{"x": 1}`)}); err != nil {
		t.Fatal(err)
	}
	p.begin(Task{1, 2}).stop()
	starts, err := filepath.Glob(filepath.Join(p.dir, startsDir, "*.json"))
	if err != nil || len(starts) != 1 {
		t.Fatal(starts, err)
	}
	start, err := os.ReadFile(starts[0])
	if err != nil {
		t.Fatal(err)
	}
	status := func() error {
		p, err := Read(p.dir)
		if err == nil {
			_, err = p.Status(time.Now())
		}
		return err
	}
	path, record := filepath.Join(p.dir, planName), p.notePath("a")
	for file, says := range map[string][]string{path: {"'vzsl plan'", p.dir}, record: {"remove it and", "vzsl compare --plan " + p.dir + " --task 0/2"}, starts[0]: {"remove it"}} {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for bit := 0; bit < 8*len(whole); bit += 7 {
			bad := bytes.Clone(whole)
			bad[bit/8] ^= 1 << (bit % 8)
			filetest.Write(t, file, string(bad))
			filetest.WantError(t, status(), append(says, file+" is damaged")...)
		}
		filetest.Write(t, file, string(whole))
		if err := status(); err != nil {
			t.Fatal(err)
		}
	}
	// A record of another unit, and what another plan's task writes when this plan has replaced its own.
	whole, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, p.notePath("b"), string(whole))
	filetest.WantError(t, status(), p.notePath("b"), "another unit")
	if err := os.Remove(p.notePath("b")); err != nil {
		t.Fatal(err)
	}
	other := PlanSearch("compare", []string{"--a=c"}, ".", p.Units)
	if _, err := other.Write(p.dir, nil, true); err != nil {
		t.Fatal(err)
	}
	if err := p.done(&note{Key: "a", SHA256: "1", Task: "0/2"}); err != nil {
		t.Fatal(err)
	}
	filetest.WantError(t, status(), record, "another plan")
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(starts[0]), 0o755); err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, starts[0], string(start))
	replaced, err := Read(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	named := func(files ...string) {
		t.Helper()
		found, _, err := replaced.Check("", nil)
		var got []string
		for _, d := range found {
			got = append(got, d.File)
		}
		if err != nil || !slices.Equal(got, files) {
			t.Error(found, err)
		}
	}
	filetest.WantError(t, status(), path, starts[0], "another plan") // as where plan.json was replaced
	filetest.WantError(t, replaced.Complete(), path, starts[0], "another plan")
	named(path, starts[0])
	replaced.begin(Task{0, 2}).stop()
	if err := status(); err != nil { // a task of the plan that was replaced is still at work: it only informs
		t.Error(err)
	}
	named(starts[0])
	if err := os.RemoveAll(filepath.Dir(starts[0])); err != nil {
		t.Fatal(err)
	}
	// As they were written before.
	old := func(file string, v any) {
		t.Helper()
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		filetest.Write(t, file, string(text)+"\n")
	}
	old(record, note{Key: "a", SHA256: "1", Task: "0/2"})
	filetest.WantError(t, status(), record, "no checksum") // the plan has one
	old(path, other)
	if err := status(); err != nil {
		t.Error(err)
	}
	if p, err := Read(p.dir); err != nil || p.Checked() {
		t.Error(err)
	}
}

func FuzzPlan(f *testing.F) {
	dir := f.TempDir()
	p := PlanSearch("compare", []string{"--trials=3"}, "out", []Unit{{Key: "a+sae", Size: 6, Flags: []string{"--split=a"}}})
	path, err := p.Write(dir, nil, false)
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	note := []byte(`{"key": "a+sae", "file": "x", "rows": 1, "sha256": "ab", "bytes": 3, "seconds": 1.5, "task": "0/1", "finished": "2026-01-02T03:04:05Z"}`)
	f.Add(data, note, []byte(`{"task": "0/1", "host": "h", "pid": 1, "began": "2026-01-02T03:04:05Z", "done": 1}`))
	f.Add([]byte(`{"format":"vzsl-plan/1","command":"extract","tasks":1,"extract":{"images":-1}}`), []byte(`{"rows": -1}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, data, note, start []byte) {
		dir := t.TempDir()
		at := filetest.Write(t, filepath.Join(dir, planName), string(data))
		p, err := Read(at)
		if err != nil {
			return
		}
		for _, u := range p.Units[:min(len(p.Units), 3)] {
			if path := p.notePath(u.Key); len(u.Key) > 200 {
				continue // no file has such a name
			} else if filepath.Dir(path) == filepath.Join(dir, "done") {
				filetest.Write(t, path, string(note))
			} else {
				t.Errorf("the record of %q lies in %s", u.Key, path)
			}
		}
		filetest.Write(t, filepath.Join(dir, "tasks", "0-of-1-h-1.json"), string(start))
		if _, err := p.Status(time.Now()); err != nil && !strings.Contains(err.Error(), ".json") {
			t.Error(err)
		}
	})
}
