package pipeline

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"vzsl/pipeline/workspace"
)

// How often a step that nothing is heard of is shown: as a line, and on a terminal.
var (
	lineEvery = 10 * time.Second
	drawEvery = time.Second
)

// progress shows a long step: a bar on a terminal, elsewhere a line every few seconds. It does so by the clock and not only when
// the step reports something: what computes for minutes on its first part is seen to be at work.
type progress struct {
	c          *cli
	step, unit string
	began      time.Time
	over       chan struct{}
	crew       sync.WaitGroup

	mu          sync.Mutex // guards the rest
	known       bool       // done and total are
	n, total    int
	first       int // what was already done when the step began, so that the rate is this run's own
	since, last time.Time
	note        string
	bar         *progressbar.ProgressBar
	ended       bool
}

// Begin begins to show a long step. End must be called.
func (c *cli) Begin(step, unit string) workspace.Step {
	p := &progress{c: c, step: step, unit: unit, began: time.Now(), last: time.Now(), over: make(chan struct{})}
	if c.quiet {
		p.ended = true
		return p
	}
	every := lineEvery
	if c.terminal {
		every = drawEvery
	}
	p.crew.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.mu.Lock()
				p.show(true)
				p.mu.Unlock()
			case <-p.over:
				return
			}
		}
	})
	return p
}

// Done tells how much of the step is.
func (p *progress) Done(n, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		p.known, p.first, p.since = true, n, time.Now()
		p.clear() // what was drawn without a total
	}
	p.n, p.total = n, total
	p.show(false)
}

// Say notes what the step is at.
func (p *progress) Say(note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note = note
}

// End clears what is shown.
func (p *progress) End() {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return
	}
	p.ended = true
	p.clear()
	p.mu.Unlock()
	close(p.over)
	p.crew.Wait()
}

func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

// show draws the bar, or writes a line when that is due; byClock: it always is.
func (p *progress) show(byClock bool) {
	switch now := time.Now(); {
	case p.ended:
	case p.c.terminal:
		p.draw(byClock)
	case byClock && now.Sub(p.last) >= lineEvery*9/10, now.Sub(p.last) >= lineEvery:
		p.last = now
		p.line(now)
	}
}

func (p *progress) line(now time.Time) {
	var args []any
	if p.known {
		args = append(args, "done", p.n, "total", p.total)
		if rate := float64(p.n-p.first) / max(now.Sub(p.since).Seconds(), 1e-9); rate > 0 {
			args = append(args, p.unit+"/s", fmt.Sprintf("%.1f", rate))
			if p.total > p.n {
				left := time.Duration(float64(p.total-p.n) / rate * float64(time.Second))
				args = append(args, "left", left.Round(time.Second))
			}
		}
	}
	if args = append(args, "elapsed", now.Sub(p.began).Round(time.Second)); p.note != "" {
		args = append(args, "at", p.note)
	}
	p.c.Log.Info(p.step, args...)
}

func (p *progress) draw(byClock bool) {
	total, what := -1, p.step
	if p.known {
		total = p.total
	}
	if p.note != "" {
		what += " (" + p.note + ")"
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(p.c.screen),
			progressbar.OptionSetDescription(shown(what)),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(p.unit),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetSpinnerChangeInterval(0), // this ticks
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionClearOnFinish(),
		)
		if p.n > 0 { // resumed: the rate counts from here
			p.bar.Reset()
		}
	}
	if p.known {
		_ = p.bar.Set(p.n)
	}
	if byClock { // draws
		p.bar.Describe(shown(what))
	}
}
