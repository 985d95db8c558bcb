package pipeline

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"
)

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
		var said bytes.Buffer
		c := newConsole(&bytes.Buffer{}, &said)
		c.terminal = terminal
		c.log = slog.New(slog.NewTextHandler(c.stderr, nil))
		p := c.follow("think", "thoughts")
		p.say("the first\x1b[2J")
		time.Sleep(100 * time.Millisecond)
		p.done(0, 7)
		time.Sleep(100 * time.Millisecond)
		p.done(3, 7)
		time.Sleep(100 * time.Millisecond)
		p.end()
		p.end()
		n := said.Len()
		time.Sleep(50 * time.Millisecond)
		text := said.String()
		if said.Len() != n {
			t.Errorf("terminal %v: something is shown after the end", terminal)
		}
		if strings.Contains(text, "first\x1b[2J") {
			t.Errorf("terminal %v: a control character went through", terminal)
		}
		want := []string{"think", "the first"}
		if terminal {
			want = append(want, "0/7", "3/7")
		} else {
			want = append(want, "elapsed=", "done=0 total=7", "done=3 total=7", "left=")
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
		said.Reset()
		c.quiet = true
		p = c.follow("think", "thoughts")
		time.Sleep(50 * time.Millisecond)
		p.done(1, 2)
		p.end()
		if said.Len() > 0 {
			t.Errorf("--quiet: %s", said.String())
		}
	}
}

// TestFirstFit: tune says how far its fits are before the first one is done.
func TestFirstFit(t *testing.T) {
	_, in := demoSplit(t)
	quick(t)
	o := vzsl(t, in("tune", "--split", "demo", "--method", "vzsl", "--epochs", "40", "--latent", "32", "--hidden", "256", "--trials", "1", "--folds", "2")...)
	if o.code != exitDone || !regexp.MustCompile(`done=0 total=2 elapsed=\S+ at="at work \d+%`).MatchString(o.stderr) {
		t.Errorf("tune: %d\n%s", o.code, o.stderr)
	}
}
