package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peer is a process that computes on request. It says "ready VERSION" once it is loaded; "run BATCH
// TIMES" is answered with the seconds of each run, "features COUNT FILE" with "done" after writing the
// features of so many images as float32; "error ..." is an error. It ends with its input.
type peer struct {
	name, version string
	started       time.Time
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *bufio.Reader
	errors        bytes.Buffer
}

// start runs a peer and waits until it is loaded. env is added to the environment.
func start(ctx context.Context, name string, env []string, command string, args ...string) (*peer, error) {
	p := &peer{name: name, started: time.Now(), cmd: exec.CommandContext(ctx, command, args...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.errors
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	line, err := p.line()
	if err != nil {
		p.close()
		return nil, err
	}
	version, ok := strings.CutPrefix(line, "ready ")
	if !ok {
		p.close()
		return nil, fmt.Errorf("%s says %q", name, line)
	}
	p.version = version
	return p, nil
}

func (p *peer) line() (string, error) {
	line, err := p.out.ReadString('\n')
	line = strings.TrimSpace(line)
	if what, bad := strings.CutPrefix(line, "error "); bad {
		return "", fmt.Errorf("%s: %s", p.name, what)
	}
	if err != nil {
		_ = p.cmd.Wait()
		return "", fmt.Errorf("%s ended: %w\n%s", p.name, err, p.errors.String())
	}
	return line, nil
}

// run computes a batch so many times and gives the mean seconds per image.
func (p *peer) run(batch, times int) (float64, error) {
	if _, err := fmt.Fprintln(p.in, "run", batch, times); err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	sum, fields := 0.0, strings.Fields(line)
	for _, f := range fields {
		var s float64
		if _, err := fmt.Sscan(f, &s); err != nil {
			return 0, fmt.Errorf("%s says %q", p.name, line)
		}
		sum += s
	}
	if len(fields) != times {
		return 0, fmt.Errorf("%s says %q to %d runs", p.name, line, times)
	}
	return sum / float64(times*batch), nil
}

// features are those of the first images.
func (p *peer) features(work string, count int) ([]float32, error) {
	path := filepath.Join(work, "features.f32")
	if _, err := fmt.Fprintln(p.in, "features", count, path); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if _, err := p.line(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := make([]float32, len(text)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(text[4*i:]))
	}
	return v, nil
}

// peak is the process's largest resident memory so far in MiB, 0 where it cannot be had. (What a
// child's resource usage tells includes what its parent had when it started the child.)
func (p *peer) peak() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	return 0
}

// cpuSeconds is the processors' time that the process has used, 0 where it cannot be had.
func (p *peer) cpuSeconds() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var user, system float64 // in ticks of 1/100 s
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		return 0
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		return 0
	}
	return (user + system) / 100
}

func (p *peer) close() {
	if p == nil {
		return
	}
	_ = p.in.Close()
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
	}
}
