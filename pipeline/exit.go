package pipeline

import (
	"context"
	"errors"

	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
)

// Exit codes, as documented in the README and in `vzsl help exit-codes`.
const (
	exitDone        = 0   // everything done
	exitFailed      = 1   // an error, named on standard error
	exitUsage       = 2   // an unknown command, flag or value
	exitSkipped     = 3   // done, but some inputs were skipped and listed, or verify found problems, or methods of a comparison failed
	exitPlan        = 4   // a task cannot be carried out as it was planned, here or at all: to try it again is in vain
	exitInterrupted = 130 // stopped by Ctrl-C, SIGTERM or SIGHUP; run the same command again to go on
)

const exitCodesHelp = `vzsl ends with one of these codes:

  0    done
  1    failed: the error is the last line on standard error
  2    bad usage: an unknown command, flag or value
  3    done, but some inputs were skipped (they are listed in skipped.csv), or some methods of a comparison
       failed (they are listed in its table), or some tasks of a plan are missing (finish lists them)
  4    a task cannot be carried out as it was planned: another list of images, another program, kernels that round
       otherwise, or a result that differs from another task's
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP): nothing finished is lost, the same command goes on where it stopped

For schedulers: a task that ends with 1 or 130 (or is killed) is to be run again, a few times; what it finished is
kept. 2 and 4 are not: the next try ends the same way. A task ends with 0 where it skipped images: only finish,
which knows all of them, ends with 3.

A result that could not be written to standard output (a full device) is a failure, whatever was done.

With --json standard output holds the result and nothing else; standard error holds lines of JSON (on a terminal
notes stay text). An error, of usage too, is the last of them:

  {"error":"...","exit_code":2,"see":"vzsl train --help"}

"see" is there where the usage was wrong. Control characters in names of files and classes are shown as \u001b,
so that none of them acts on a terminal.
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
