package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals: SIGINT, SIGTERM and SIGHUP end a training with 130 and leave a checkpoint. What the parent ignores stays ignored, as
// nohup has it with SIGHUP. That whoever reads standard error has gone does not keep anything from being saved.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	// What ignores a signal here, as nohup around the tests does, would be inherited; what handles it is not.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	from, _, _ := demoRun(t)
	for _, c := range []struct {
		name    string
		sent    []syscall.Signal
		ignored string // by the parent
		unread  bool   // standard error is closed
	}{
		{name: "SIGINT", sent: []syscall.Signal{syscall.SIGINT}},
		{name: "SIGTERM", sent: []syscall.Signal{syscall.SIGTERM}},
		{name: "SIGHUP", sent: []syscall.Signal{syscall.SIGHUP}},
		{name: "SIGHUP, nobody reads", sent: []syscall.Signal{syscall.SIGHUP}, unread: true},
		{name: "nohup", sent: []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM}, ignored: "HUP"},
		{name: "a script's background", sent: []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, ignored: "INT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			if err := os.CopyFS(filepath.Join(out, "features"), os.DirFS(filepath.Join(from, "features"))); err != nil {
				t.Fatal(err)
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"-c", `[ -z "$IGNORED" ] || trap "" "$IGNORED"; exec "$0" "$@"`, self, "train", "--dataset", "demo", "--split", "demo", "--out", out, "--set", "epochs=100000", "--set", "hidden=64"}
			cmd := exec.Command("/bin/sh", args...)
			cmd.Env = append(os.Environ(), "VZSL_BE_THE_COMMAND=1", "IGNORED="+c.ignored)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			var unread *os.File
			if c.unread {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				cmd.Stderr, unread = w, r
				defer w.Close()
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			run := filepath.Join(out, "runs", "demo-demo-vzsl")
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if b, err := os.ReadFile(filepath.Join(run, "metrics.jsonl")); err == nil && bytes.Count(b, []byte("\n")) > 2 {
					break
				} else if err != nil && !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
					t.Fatalf("%v\n%s", err, stderr.String())
				}
			}
			if unread != nil {
				unread.Close()
			}
			for i, s := range c.sent {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if i < len(c.sent)-1 {
					select {
					case err := <-ended:
						t.Fatalf("%v, which the parent ignores, ended it: %v", s, err)
					case <-time.After(300 * time.Millisecond):
					}
				}
			}
			select {
			case <-ended:
			case <-time.After(time.Minute):
				_ = cmd.Process.Kill()
				t.Fatal("not ended within a minute")
			}
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !c.unread && !strings.Contains(stderr.String(), "run the same command again") {
				t.Errorf("exit code %d (%v)\n%s", code, cmd.ProcessState, stderr.String())
			}
			if found, err := filepath.Glob(filepath.Join(run, "checkpoints", "*")); err != nil || len(found) == 0 {
				t.Errorf("no checkpoint: %v", err)
			}
		})
	}
}
