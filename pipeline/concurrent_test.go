package pipeline

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vzsl/internal/filetest"
	"vzsl/internal/lock"
	"vzsl/internal/wholefile"
)

// ownProcess starts the command as a process of its own.
func ownProcess(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append(args, "--quiet")...)
	cmd.Env = append(os.Environ(), "VZSL_BE_THE_COMMAND=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return cmd, &stderr
}

// tidy refuses locks and unfinished files that nobody holds.
func tidy(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (lock.Is(d.Name()) || wholefile.IsTemporary(d.Name())) {
			t.Errorf("%s is left behind", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTwoTrainings: of two trainings of one run at once the second says who holds it and fails, whatever its settings, and the first ends
// as if it were alone. One that is killed holds nothing.
func TestTwoTrainings(t *testing.T) {
	out, _, _ := demoRun(t)
	own := t.TempDir()
	if err := os.CopyFS(filepath.Join(own, "features"), os.DirFS(filepath.Join(out, "features"))); err != nil {
		t.Fatal(err)
	}
	was := lock.Patience
	lock.Patience = 10 * time.Millisecond
	defer func() { lock.Patience = was }()
	args := []string{"train", "--dataset", "demo", "--split", "demo", "--set", "epochs=1000000", "--set", "hidden=16", "--set", "latent=4", "--run", "one", "--out", own}
	first, stderr := ownProcess(t, args...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	metrics := filepath.Join(own, "runs", "one", "metrics.jsonl")
	waitFor(t, func() bool { b, err := os.ReadFile(metrics); return err == nil && len(b) > 0 })
	for _, more := range [][]string{nil, {"--seed", "2"}, {"--force"}} {
		refused(t, exitFailed, []string{filepath.Join(own, "runs", "one") + " is being written by", "train --dataset demo", "process ", "since ", "wait for it to end or stop it"}, append(args, more...)...)
	}
	_ = first.Process.Kill()
	if err := first.Wait(); err == nil {
		t.Fatalf("the training was done before it was killed: %s", stderr)
	}
	short := append(args, "--set", "epochs=3", "--force")
	done(t, short...)
	tidy(t, own)
	if o := vzsl(t, "verify", own); o.code != exitDone {
		t.Error(o.stdout, o.stderr)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("it takes too long")
		}
	}
}

// TestManyAtOnce starts ten commands on the same folders at the same time: each ends right, or says who holds what it wanted to write, and
// what they leave is whole.
func TestManyAtOnce(t *testing.T) {
	filetest.Slow(t)
	from, data, model := demoRun(t)
	rounds := 1
	if os.Getenv("VZSL_LONG") != "" {
		rounds = 20
	}
	seen, unseen := filepath.Join(data, "seen.txt"), filepath.Join(data, "unseen.txt")
	run := []string{"--set", "epochs=3", "--set", "hidden=16", "--set", "latent=4", "--run", "one", "--split", "demo"}
	all := [][]string{
		append([]string{"train"}, run...),
		append([]string{"train", "--force"}, run...),
		append([]string{"train", "--seed", "2", "--force"}, run...),
		{"evaluate", "--run", "demo-demo-vzsl"},
		{"evaluate", "--run", "demo-demo-vzsl"},
		{"attributes", "--data", data},
		{"split", "--split", "demo", "--seen", seen, "--unseen", unseen, "--force"},
		{"extract", "--data", data, "--model", model},
		{"export", "--format", "npy"},
		{"tune", "--split", "demo", "--method", "eszsl", "--trials", "2", "--folds", "2", "--run", "tuned"},
		{"verify"},
	}
	for range rounds {
		out := t.TempDir()
		for _, name := range []string{"features", "runs"} {
			if err := os.CopyFS(filepath.Join(out, name), os.DirFS(filepath.Join(from, name))); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(filepath.Join(out, "features", "demo", "demo", ".cache")); err != nil { // all of them want to make it
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, args := range all {
			args = append(args, "--out", out)
			if args[0] != "verify" {
				args = append(args, "--dataset", "demo")
			}
			cmd, stderr := ownProcess(t, args...)
			wg.Go(func() {
				err := cmd.Run()
				said := strings.Contains(stderr.String(), "is being written by") || args[0] == "train" && strings.Contains(stderr.String(), "the folder holds another run")
				if err != nil && (cmd.ProcessState.ExitCode() != exitFailed || !said) {
					t.Errorf("vzsl %s: %v\n%s", strings.Join(args, " "), err, stderr)
				}
			})
		}
		wg.Wait()
		tidy(t, out)
		if o := vzsl(t, "verify", out); o.code != exitDone {
			t.Error(o.stdout, o.stderr)
		}
		done(t, "evaluate", "--run", "demo-demo-vzsl", "--out", out)
		done(t, append(append([]string{"train", "--force"}, run...), "--dataset", "demo", "--out", out)...)
	}
}
