//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// soaked is what hours of a server at full load counted.
type soaked struct {
	Requests   map[string]int `json:"requests"` // by kind and status
	Total      int            `json:"total"`
	Unexpected int            `json:"not_in_the_contract"`
	Wrong      int            `json:"answers_that_differ"` // from the first answer for the same image and classes
	Pauses     int            `json:"pauses"`              // the whole process stopped for a moment
	Memory     []sample       `json:"memory"`              // at most 60 of all samples
	EarlyMB    float64        `json:"memory_early_MB"`     // mean of the second tenth
	LateMB     float64        `json:"memory_late_MB"`      // of the last tenth
	Growing    bool           `json:"memory_grows"`
	ExitCode   int            `json:"exit_code"` // of the server, which is ended by SIGTERM under load
	Found      []string       `json:"found,omitempty"`

	mu sync.Mutex
}

type sample struct {
	Seconds    float64 `json:"seconds"`
	MB         float64 `json:"resident_MB"`
	Files      int     `json:"open_files"`
	Goroutines int     `json:"goroutines"`
}

func (r *soaked) found(kind *int, format string, args ...any) {
	*kind++
	if len(r.Found) < 100 {
		r.Found = append(r.Found, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
	}
}

// served is a running server.
type served struct {
	url string
	cmd *exec.Cmd
	err bytes.Buffer
}

// serve starts a server of the demo's VZSL, which learns from images too.
func (c *campaign) serve(ctx context.Context, b *bench, args ...string) (*served, error) {
	s := &served{cmd: exec.CommandContext(ctx, c.path, append([]string{"serve", "--run", "demo-demo-vzsl", "--model", b.model, "--out", b.base, "--listen", "127.0.0.1:0", "--json", "--quiet"}, args...)...)}
	s.cmd.Stderr = &s.err
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var said struct{ URL string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return nil, fmt.Errorf("vzsl serve: %w\n%s", err, s.err.String())
	}
	s.url = said.URL
	return s, nil
}

// soak keeps a server at full load for a time.
func (c *campaign) soak(ctx context.Context, long time.Duration) (*soaked, error) {
	b, err := c.bench(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.serve(ctx, b, "--max-requests", "32", "--max-body", "1", "--max-bodies", "8", "--read-timeout", "10s", "--timeout", "10s", "--grace", "20s")
	if err != nil {
		return nil, err
	}
	r := &soaked{Requests: map[string]int{}, ExitCode: -1}
	load, stop := context.WithTimeout(ctx, long)
	defer stop()
	clients, err := c.clients(b, s.url, r)
	if err != nil {
		return nil, errors.Join(err, s.cmd.Process.Kill(), s.cmd.Wait())
	}
	var wg sync.WaitGroup
	for _, client := range clients {
		wg.Go(func() {
			for load.Err() == nil {
				client(load)
			}
		})
	}
	all, err := c.watch(load, long, s, r)
	if err != nil {
		return nil, errors.Join(err, s.cmd.Process.Kill(), s.cmd.Wait())
	}
	// It ends under load: the clients go on until it is gone.
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	wg.Wait()
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // its exit code is looked at
		close(ended)
	}()
	select {
	case <-ended:
		r.ExitCode = s.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		_ = s.cmd.Process.Kill()
		<-ended
		r.found(&r.Unexpected, "the server did not end within a minute of SIGTERM")
	}
	r.judge(all)
	if text := s.err.String(); strings.Contains(text, "panic") {
		r.found(&r.Unexpected, "the server's log: %.2000s", text)
	}
	if r.Unexpected+r.Wrong > 0 || r.Growing || r.ExitCode != 0 {
		return r, errFound
	}
	return r, nil
}

// watch measures the process, and stops it for a moment now and then, until ctx ends.
func (c *campaign) watch(ctx context.Context, long time.Duration, s *served, r *soaked) (all []sample, err error) {
	began, every := time.Now(), min(5*time.Second, long/40)
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return all, nil
		case <-time.After(every):
		}
		p, err := s.measure()
		if err != nil {
			if ctx.Err() != nil {
				return all, nil //nolint:nilerr // stopped
			}
			return all, fmt.Errorf("the server has ended: %w\n%s", err, s.err.String())
		}
		p.Seconds = time.Since(began).Seconds()
		all = append(all, p)
		if i%20 == 0 {
			if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				return all, err
			}
			time.Sleep(500 * time.Millisecond)
			if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				return all, err
			}
			r.mu.Lock()
			r.Pauses++
			r.mu.Unlock()
		}
		if i%60 == 0 {
			r.mu.Lock()
			fmt.Fprintf(c.log, "%.0f s: %d requests, %d not in the contract, %d wrong, %.0f MB, %d files, %d goroutines\n", p.Seconds, r.Total, r.Unexpected, r.Wrong, p.MB, p.Files, p.Goroutines)
			r.mu.Unlock()
		}
	}
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

// measure reads what Linux tells of the process. Metrics that cannot be had at the moment are no fault here.
func (s *served) measure() (p sample, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid))
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return p, err
	}
	_, rest, ok := strings.Cut(string(text), "VmRSS:")
	if !ok {
		return p, errors.New("no VmRSS: it has ended")
	}
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		return p, err
	}
	p.MB = kb / 1024
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return p, err
	}
	p.Files = len(files)
	client := http.Client{Timeout: 5 * time.Second}
	if a, err := client.Get(s.url + "/metrics"); err == nil {
		body, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if m := goroutines.FindSubmatch(body); m != nil {
			p.Goroutines, _ = strconv.Atoi(string(m[1]))
		}
	}
	return p, nil
}

// judge reports whether memory grows: the last tenth of the time against the second.
func (r *soaked) judge(all []sample) {
	n := len(all)
	if n < 10 {
		return
	}
	mean := func(s []sample) (mb float64) {
		for _, p := range s {
			mb += p.MB / float64(len(s))
		}
		return mb
	}
	r.EarlyMB, r.LateMB = mean(all[n/10:n/5+1]), mean(all[n-n/10-1:])
	r.Growing = r.LateMB > 1.25*r.EarlyMB+16
	for i := range min(60, n) {
		r.Memory = append(r.Memory, all[i*n/min(60, n)])
	}
}
