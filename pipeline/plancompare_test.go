package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
	"vzsl/internal/lock"
)

// withoutTimes is a comparison without what depends on the clock, and without the name of what it lies in.
func withoutTimes(t *testing.T, path string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(filetest.Read(t, path), &v); err != nil {
		t.Fatal(err)
	}
	var clear func(v any)
	clear = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				if strings.Contains(k, "seconds") || k == "html" || k == "report.html" { // the page has them: its checksum differs
					delete(v, k)
				}
				clear(e)
			}
		case []any:
			for _, e := range v {
				clear(e)
			}
		}
	}
	clear(v)
	return v
}

// A comparison divided into tasks, one of them carried out twice at the same time, is the comparison of one process.
func TestComparisonInTasks(t *testing.T) {
	filetest.Slow(t)
	out, in := demoSplit(t)
	for _, s := range []string{"a", "b"} {
		done(t, in("split", "--split", s, "--random", "1", "--unseen-classes", "10", "--seed", map[string]string{"a": "3", "b": "4"}[s])...)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS(out)); err != nil {
		t.Fatal(err)
	}
	budget := []string{"--methods", "sae,eszsl,vzsl-sharp", "--trials", "3", "--folds", "2", "--seeds", "2", "--set", "epochs=2", "--set", "latent=8"}
	splits := []string{"a-1", "b-1"}
	for _, s := range splits {
		done(t, in(append([]string{"compare", "--split", s, "--budget", "0"}, budget...)...)...)
	}
	refused(t, exitUsage, []string{"results depend on the machine"}, append([]string{"plan", "compare", "--dataset", "demo", "--out", other, "--budget", "1m"}, budget...)...)
	plan := filepath.Join(other, "plans", "demo-compare")
	r := done(t, append([]string{"plan", "compare", "--dataset", "demo", "--out", other, "--splits", strings.Join(splits, ",")}, budget...)...)
	if r["units"] != 6.0 || r["tasks"] != 6.0 {
		t.Error(r)
	}
	refused(t, exitUsage, []string{"vzsl compare --plan"}, "extract", "--plan", plan, "--task", "0")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for try := range 5 { // two at one unit: the second finds it locked, and is run again
				cmd, stderr := process(t, []string{fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d", i%5)}, "compare", "--plan", plan)
				err := cmd.Run()
				switch {
				case err == nil:
					return
				case cmd.ProcessState.ExitCode() != exitFailed || try == 4:
					t.Errorf("task %d: %v\n%s", i, err, stderr)
					return
				}
			}
		})
	}
	wg.Wait()
	o := vzsl(t, "finish", plan, "--json", "--quiet")
	var m struct{ Missing string }
	if err := json.Unmarshal([]byte(o.stdout), &m); err != nil || o.code != exitSkipped || m.Missing != "5" {
		t.Fatalf("code %d %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	done(t, "compare", "--plan", plan, "--task", "5/6")
	if o := vzsl(t, "finish", plan, "--json", "--quiet"); o.code != exitDone {
		t.Fatalf("code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	for _, s := range splits {
		path := filepath.Join("reports", "demo-"+s+"-compare", "compare.json")
		if want, got := withoutTimes(t, filepath.Join(out, path)), withoutTimes(t, filepath.Join(other, path)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, of one process %v", s, got, want)
		}
	}
}

// A unit whose failure is the machine's is tried again; the method's is its result.
func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("model: %w", &os.PathError{Op: "open", Path: "x", Err: syscall.EIO}), true},
		{fmt.Errorf("model: %w", &os.LinkError{Op: "rename", Old: "x", New: "y", Err: syscall.EIO}), true},
		{fmt.Errorf("lock: %w", syscall.EMFILE), true},
		{&custody.DamagedError{Path: "x", Why: "y"}, true},
		{&lock.HeldError{}, true},
		{errors.New("singular matrix"), false},
		{nil, false},
	} {
		if got := passing(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
