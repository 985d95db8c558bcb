package pipeline

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/internal/kernels"
	"vzsl/internal/store"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// cli is one call of the program: the flags that every command has, what is shown (results on standard output; progress, notes and
// errors on standard error), and the workspace that the commands work in.
type cli struct {
	*workspace.Workspace
	stdout         *output
	stderr         io.Writer  // for text: see printable
	errors         *printable // the same
	screen         io.Writer  // standard error itself, for what draws on a terminal
	configFile     string
	noConfig       bool
	json           bool
	quiet, verbose bool
	fromFile       map[string]string // the flags that the settings file set, and where it has them
	fileSettings   []fileSetting     // of methods
	args           []string          // of the command line, for errors

	helpAll  bool // --help-all
	started  bool // a command's own code has been reached
	terminal bool

	environment func(string) string // os.Getenv
}

// newCLI shows on the two outputs of a process.
func newCLI(stdout, stderr io.Writer) *cli {
	text := &printable{w: stderr}
	c := &cli{Workspace: workspace.New("."), stdout: newOutput(stdout), stderr: text, errors: text, screen: stderr, terminal: isTerminal(stderr), environment: os.Getenv}
	c.Progress, c.TrainFlags = c, settingFlags
	return c
}

// runner trains and evaluates in the workspace.
func (c *cli) runner() *experiment.Runner { return &experiment.Runner{Workspace: c.Workspace} }

// mount makes --out at a store's address the local folder that stands for it. A plan that lies in a store says where that is.
func (c *cli) mount(cmd *cobra.Command, args []string) error {
	plan := ""
	if f := cmd.Flags().Lookup("plan"); f != nil {
		plan = f.Value.String()
	} else if (cmd.Name() == "finish" || cmd.Name() == "status") && len(args) > 0 {
		plan = args[0]
	}
	if _, local := store.Local(plan); !local && !cmd.Flags().Changed("out") {
		out, _, ok := strings.Cut(plan, "/plans/")
		if !ok {
			return usage.Errorf("%s is not in plans/ of an output folder: add --out", plan)
		}
		c.Dir = out
	}
	return c.mountOut(cmd)
}

func (c *cli) mountOut(cmd *cobra.Command) error {
	if dir, local := store.Local(c.Dir); local {
		c.Dir = dir
		return nil
	}
	top := cmd
	for top.Parent() != nil && top.Parent().HasParent() {
		top = top.Parent()
	}
	if slices.Contains([]string{"version", "methods", "download", "completion", "exit-codes", "help"}, top.Name()) {
		return nil
	}
	plan := cmd.Flags().Lookup("plan")
	task := cmd.Name() == "extract" && plan != nil && plan.Changed // it fetches what it needs
	if err := c.Mount(cmd.Context(), c.Dir, top.Name() != "attributes" && top.Name() != "status" && !task); err != nil {
		return err
	}
	shown := strings.NewReplacer(c.Dir, c.Remote.Address)
	c.stdout.replace, c.errors.replace = shown, shown
	return nil
}

func (c *cli) setUp() {
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
		c.Log = slog.New(slog.NewJSONHandler(c.stderr, options))
	} else {
		c.Log = slog.New(slog.NewTextHandler(c.stderr, options))
	}
	if err := kernels.LevelError(); err != nil {
		c.Log.Warn(err.Error(), "used", kernels.Level())
	}
}

// failure is an error as --json tells it, on one line of standard error.
type failure struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
	See      string `json:"see,omitempty"` // the command that shows the usage
}

// fail tells an error: it is the last line on standard error.
func (c *cli) fail(f failure) {
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
func (c *cli) result(v any, say func(w io.Writer)) error {
	if !c.json {
		say(&printable{w: c.stdout})
		return c.stdout.err
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
