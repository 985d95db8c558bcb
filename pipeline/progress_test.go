package pipeline

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched is an output that is looked at while it is written.
type watched struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// wait waits until something was written.
func (w *watched) wait(t *testing.T, text string) {
	t.Helper()
	for range 1000 {
		if strings.Contains(w.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q in\n%q", text, w.String())
}

// quick makes steps show themselves often.
func quick(t *testing.T) {
	t.Helper()
	lines, draws := lineEvery, drawEvery
	lineEvery, drawEvery = 20*time.Millisecond, 20*time.Millisecond
	t.Cleanup(func() { lineEvery, drawEvery = lines, draws })
}

// TestHeartbeat: a step that reports nothing is seen to be at work, as lines and on a terminal.
func TestHeartbeat(t *testing.T) {
	quick(t)
	for _, terminal := range []bool{false, true} {
		var said watched
		c := newCLI(&bytes.Buffer{}, &said)
		c.terminal = terminal
		c.Log = slog.New(slog.NewTextHandler(c.stderr, nil))
		p := c.Begin("think", "thoughts")
		p.Say("the first\x1b[2J")
		said.wait(t, "the first")
		p.Done(0, 7)
		said.wait(t, map[bool]string{true: "0/7", false: "done=0 total=7"}[terminal])
		p.Done(3, 7)
		said.wait(t, map[bool]string{true: "3/7", false: "done=3 total=7"}[terminal])
		p.End()
		p.End()
		text := said.String()
		time.Sleep(50 * time.Millisecond)
		if said.String() != text {
			t.Errorf("terminal %v: something is shown after the end", terminal)
		}
		if strings.Contains(text, "first\x1b[2J") {
			t.Errorf("terminal %v: a control character went through", terminal)
		}
		want := []string{"think", "the first"}
		if !terminal {
			want = append(want, "elapsed=", "left=")
			if i := strings.Index(text, "elapsed="); i > strings.Index(text, "done=0") {
				t.Errorf("nothing is said before the first report:\n%s", text)
			}
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("terminal %v: no %q in\n%q", terminal, w, text)
			}
		}
		// Quiet is quiet.
		var nothing watched
		c = newCLI(&bytes.Buffer{}, &nothing)
		c.quiet = true
		p = c.Begin("think", "thoughts")
		time.Sleep(50 * time.Millisecond)
		p.Done(1, 2)
		p.End()
		if nothing.String() != "" {
			t.Errorf("--quiet: %s", nothing.String())
		}
	}
}

// TestFirstFit: tune says how far its fits are before the first one is done.
func TestFirstFit(t *testing.T) {
	_, in := demoSplit(t)
	quick(t)
	o := vzsl(t, in("tune", "--split", "demo", "--method", "vzsl", "--set", "epochs=40", "--set", "latent=32", "--set", "hidden=256", "--trials", "1", "--folds", "2")...)
	if o.code != exitDone || !regexp.MustCompile(`done=0 total=2 elapsed=\S+ at="at work \d+%`).MatchString(o.stderr) {
		t.Errorf("tune: %d\n%s", o.code, o.stderr)
	}
}
