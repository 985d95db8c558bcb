package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
)

// TestKilled kills extraction and training at random moments (a few here, 20 with VZSL_LONG=1), takes
// each up again by the same command, and compares every file with an undisturbed run's.
func TestKilled(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	kills := 3
	if os.Getenv("VZSL_LONG") != "" {
		kills = 20
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(self, append(args, "--quiet")...)
		cmd.Env = append(os.Environ(), "VZSL_BE_THE_COMMAND=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		return cmd, &stderr
	}
	undisturbed, disturbed := filepath.Join(t.TempDir(), "o"), filepath.Join(t.TempDir(), "o")
	for _, stage := range []struct {
		args   []string
		leaves string // the folder of what it makes; "" is not killed
	}{
		{[]string{"extract", "--data", data, "--model", model, "--shard-rows", "20"}, "features/demo/demo"},
		{[]string{"attributes", "--data", data}, ""},
		{[]string{"split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt")}, ""},
		{[]string{"train", "--split", "demo", "--set", "epochs=6", "--set", "hidden=256"}, "runs/demo-demo-vzsl"},
	} {
		name := "vzsl " + strings.Join(stage.args, " ")
		args := func(out string) []string { return append(stage.args, "--dataset", "demo", "--out", out) }
		start := time.Now()
		if cmd, stderr := command(args(undisturbed)...); cmd.Run() != nil {
			t.Fatalf("%s: %s", name, stderr)
		}
		took := time.Since(start)
		for killed := 0; stage.leaves != "" && killed < kills; {
			cmd, stderr := command(args(disturbed)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(time.Duration(rand.Float64()*float64(took)), func() { _ = cmd.Process.Kill() })
			err := cmd.Wait()
			kill.Stop()
			switch {
			case err == nil: // done before it could be killed: begin again
				if err := os.RemoveAll(filepath.Join(disturbed, stage.leaves)); err != nil {
					t.Fatal(err)
				}
			case cmd.ProcessState.ExitCode() == -1: // by a signal
				killed++
			default:
				t.Fatalf("%s, after %d kills: %v\n%s", name, killed, err, stderr)
			}
		}
		if cmd, stderr := command(args(disturbed)...); cmd.Run() != nil {
			t.Fatalf("%s: %s", name, stderr)
		}
	}
	want, got := fileSums(t, undisturbed), fileSums(t, disturbed)
	for path, sum := range want {
		if got[path] != sum {
			t.Errorf("%s differs from the undisturbed run's", path)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%s was left behind", path)
		}
	}
}

// lastingSums is a list of checksums without those of files that hold times.
func lastingSums(list []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(list) {
		timed := bytes.HasPrefix(line, []byte("#"))
		for _, name := range []string{"metrics.jsonl", "fits.jsonl", "trials.parquet", "checkpoints/"} {
			timed = timed || bytes.Contains(line, []byte("  "+name))
		}
		if !timed {
			kept = append(kept, line...)
		}
	}
	return kept
}

// fileSums hashes the files below a folder. Locks, the training cache and what is timed are left out.
func fileSums(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if e.Name() == ".cache" || e.Name() == "checkpoints" {
				return filepath.SkipDir
			}
			return nil
		}
		if e.Name() == "metrics.jsonl" { // holds the seconds of each epoch
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.Name() == custody.Name {
			b = lastingSums(b)
		}
		sum := sha256.Sum256(b)
		sums[rel] = hex.EncodeToString(sum[:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
