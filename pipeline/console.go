package pipeline

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"vzsl/internal/kernels"
)

// console is what a command shows: results on standard output, progress, notes and errors on
// standard error. It also holds the flags that every command has.
type console struct {
	stdout         *output
	stderr         io.Writer // for text: see printable
	screen         io.Writer // standard error itself, for what draws on a terminal
	configFile     string
	noConfig       bool
	out            string
	json           bool
	quiet, verbose bool
	fromFile       map[string]string // the flags that the settings file set, and where it has them

	started  bool // a command's own code has been reached
	terminal bool
	log      *slog.Logger
}

// newConsole shows on the two outputs of a process.
func newConsole(stdout, stderr io.Writer) *console {
	return &console{stdout: newOutput(stdout), stderr: &printable{w: stderr}, screen: stderr, terminal: isTerminal(stderr)}
}

func (c *console) setUp() {
	level := slog.LevelInfo
	if c.quiet {
		level = slog.LevelWarn
	} else if c.verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if c.terminal { // somebody is looking on: what counts is the message
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey && a.Value.Any() == slog.LevelInfo) {
				return slog.Attr{}
			}
			return a
		}
	}
	if c.json && !c.terminal { // then all of standard error is lines of JSON
		c.log = slog.New(slog.NewJSONHandler(c.stderr, options))
	} else {
		c.log = slog.New(slog.NewTextHandler(c.stderr, options))
	}
	if err := kernels.LevelError(); err != nil {
		c.log.Warn(err.Error(), "used", kernels.Level())
	}
}

// failure is an error as --json tells it, on one line of standard error.
type failure struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
	See      string `json:"see,omitempty"` // the command that shows the usage
}

// fail tells an error: it is the last line on standard error.
func (c *console) fail(f failure) {
	if c.json {
		enc := json.NewEncoder(c.stderr)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(f) // there is nowhere left to say that standard error is gone
		return
	}
	fmt.Fprintf(c.stderr, "vzsl: %s\n", f.Error)
	if f.See != "" {
		fmt.Fprintf(c.stderr, "see '%s'\n", f.See)
	}
}

// result prints a command's result: v as JSON, or the text that say writes.
func (c *console) result(v any, say func(w io.Writer)) error {
	if !c.json {
		say(&printable{w: c.stdout})
		return c.stdout.err
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// progress returns a hook that shows a long step: a bar on a terminal, elsewhere a log line every
// few seconds. end clears it and must be called.
func (c *console) progress(step, unit string) (hook func(done, total int), end func()) {
	if c.quiet {
		return func(int, int) {}, func() {}
	}
	if c.terminal {
		return c.bar(step, unit)
	}
	const every = 10 * time.Second
	start := time.Now()
	last := start
	first := -1 // what was already done when the step began, so that the rate is this run's own
	return func(done, total int) {
		if first < 0 {
			first = done
		}
		now := time.Now()
		if now.Sub(last) < every {
			return
		}
		last = now
		rate := float64(done-first) / now.Sub(start).Seconds()
		args := []any{"done", done, "total", total, unit + "/s", fmt.Sprintf("%.1f", rate)}
		if rate > 0 && total > done {
			left := time.Duration(float64(total-done) / rate * float64(time.Second))
			args = append(args, "left", left.Round(time.Second))
		}
		c.log.Info(step, args...)
	}, func() {}
}

// phases shows a step that has several phases, one after another, each as progress does.
type phases struct {
	con        *console
	step, unit string
	phase      string
	hook       func(done, total int)
	close      func()
}

func (c *console) phases(step, unit string) *phases { return &phases{con: c, step: step, unit: unit} }

func (p *phases) show(phase string, done, total int) {
	if p.hook == nil || phase != p.phase {
		p.end()
		p.phase = phase
		p.hook, p.close = p.con.progress(p.step+": "+phase, p.unit)
	}
	p.hook(done, total)
}

func (p *phases) end() {
	if p.close != nil {
		p.close()
	}
}

func (c *console) bar(step, unit string) (func(done, total int), func()) {
	var bar *progressbar.ProgressBar
	return func(done, total int) {
			if bar == nil {
				bar = progressbar.NewOptions(total,
					progressbar.OptionSetWriter(c.screen),
					progressbar.OptionSetDescription(shown(step)),
					progressbar.OptionShowCount(),
					progressbar.OptionShowIts(),
					progressbar.OptionSetItsString(unit),
					progressbar.OptionSetPredictTime(true),
					progressbar.OptionThrottle(100*time.Millisecond),
					progressbar.OptionUseANSICodes(true),
					progressbar.OptionClearOnFinish(),
				)
				if done > 0 { // resumed: the rate counts from here
					bar.Reset()
				}
			}
			_ = bar.Set(done)
		}, func() {
			if bar != nil {
				_ = bar.Clear()
			}
		}
}

// Places: where each stage finds what the one before it left.

func (c *console) datasetDir(dataset string) string {
	return filepath.Join(c.out, "features", dataset)
}
func (c *console) networkDir(dataset, network string) string {
	return filepath.Join(c.datasetDir(dataset), network)
}
func (c *console) classTable(dataset string) string {
	return filepath.Join(c.datasetDir(dataset), "classes.parquet")
}
func (c *console) rolesFile(dataset, split string) string {
	return filepath.Join(c.datasetDir(dataset), "splits", split+".parquet")
}
func (c *console) runDir(name string) string    { return filepath.Join(c.out, "runs", name) }
func (c *console) reportDir(name string) string { return filepath.Join(c.out, "reports", name) }
