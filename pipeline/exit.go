package pipeline

import (
	"context"
	"errors"

	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
)

// Exit codes. What they mean is said once, in exitCodesHelp.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSkipped     = 3
	exitPlan        = 4
	exitInterrupted = 130
)

const exitCodesHelp = `vzsl ends with one of these codes:

  0    done
  1    failed: the error is the last line on standard error
  2    bad usage: an unknown command, flag or value
  3    done, but some inputs were skipped (they are listed in skipped.csv), or some methods of a comparison
       failed (they are listed in its table), or some tasks of a plan are missing (finish lists them)
  4    a task does not match its plan: the list of images, the program or the rounding of the kernels has changed,
       or a result differs from another task's
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP): finished work is kept, the same command resumes where it stopped

For schedulers: run a task that ends with 1 or 130 (or is killed) again, a few times; its finished work is kept. Do not
retry after 2 or 4: the result would be the same. A task that skips images ends with 0: only finish, which knows
all of them, ends with 3.

If the result cannot be written to standard output (a full device), the command has failed, whatever else was done.

With --json standard output holds the result and nothing else; standard error holds lines of JSON (on a terminal
notes stay text). An error, including a usage error, is the last line:

  {"error":"...","exit_code":2,"see":"vzsl train --help"}

"see" is present for usage errors. Control characters in names of files and classes are shown as \u001b, so that
they have no effect on a terminal.
`

// errSkipped ends a command that did its work but had to leave inputs out.
var errSkipped = errors.New("some inputs were skipped")

// exitCode maps what a command returned to the process's exit code.
func exitCode(err error) int {
	var mistake usage.Error
	var planned tasks.Error
	var missing *tasks.MissingError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSkipped):
		return exitSkipped
	case errors.As(err, &missing):
		return exitSkipped
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &planned):
		return exitPlan
	case errors.As(err, &mistake):
		return exitUsage
	default:
		return exitFailed
	}
}
