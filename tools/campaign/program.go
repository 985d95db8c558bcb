//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vzsl/datasets/demo"
)

// program is the command.
type program struct{ path string }

// outcome is what one call of it left.
type outcome struct {
	code           int // -1: ended by a signal
	signal         syscall.Signal
	stdout, stderr string
	took           time.Duration
	memory         int64 // most bytes resident
	hung           bool
}

// limits of a call.
type limits struct {
	time    time.Duration
	virtual int64 // bytes of address space; 0: no limit. Far above what a call may use: it keeps the machine alive
	files   int   // open files; 0: no limit
	end     func(*os.Process) (cancel func())
}

// call runs the command with standard input empty, in dir.
func (p program) call(ctx context.Context, dir string, l limits, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, l.time)
	defer cancel()
	// A shell enters the folder: this process may serve its file system, and cannot while it waits for its own child to enter it.
	script := `cd "$0" && exec "$@"`
	if l.virtual > 0 {
		script = fmt.Sprintf("ulimit -v %d; ", l.virtual>>10) + script
	}
	if l.files > 0 {
		script = fmt.Sprintf("ulimit -n %d; ", l.files) + script
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, dir, p.path}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	if l.end != nil {
		defer l.end(cmd.Process)()
	}
	err := cmd.Wait()
	o := outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(began), hung: errors.Is(ctx.Err(), context.DeadlineExceeded)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !o.hung {
		return o, err
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		o.signal = s.Signal()
	}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		o.memory = int64(r.Maxrss) << 10 //nolint:unconvert // kB on Linux; 32 bits on some processors
	}
	return o, nil
}

// must is a call that has to succeed.
func (p program) must(ctx context.Context, dir string, args ...string) (outcome, error) {
	o, err := p.call(ctx, dir, limits{time: 10 * time.Minute}, args...)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("vzsl %s: exit code %d\n%s", strings.Join(args, " "), o.code, o.stderr)
	}
	return o, err
}

// panicked reports whether the runtime ended the command.
func (o outcome) panicked() bool {
	for _, s := range []string{"panic: ", "fatal error: ", "goroutine ", "internal error", "unexpected fault address", "SIGSEGV", "SIGBUS"} {
		if strings.Contains(o.stderr, s) {
			return true
		}
	}
	return false
}

// world is the demo's data and networks in a folder.
type world struct {
	dir, data, model string
	pair             string // networks for images and texts
	archives         string // what is downloaded
}

func (c *campaign) world(ctx context.Context, perClass int) (*world, error) {
	w := &world{dir: filepath.Join(c.work, "world")}
	w.data, w.model = filepath.Join(w.dir, "data"), filepath.Join(w.dir, "demo.onnx")
	w.pair, w.archives = filepath.Join(w.dir, "pair"), filepath.Join(w.dir, "archives")
	if err := demo.WritePair(w.pair); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(w.archives, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(w.archives, "standard_split.zip"), zips()[0], 0o644); err != nil {
		return nil, err
	}
	if err := demo.Write(ctx, w.data, demo.Options{PerClass: perClass}); err != nil {
		return nil, err
	}
	return w, demo.WriteNetwork(w.model)
}
