//go:build linux

// Command campaign runs the command for a long time under conditions that it must survive, and counts what it did not:
//
//	torture        every command that writes, ended at random moments by SIGKILL, SIGTERM, SIGHUP and SIGINT and resumed
//	faults         every command that writes, on a file system whose operations fail one after the other (FUSE, as root)
//	fuzz-commands  mutated files of every format that is read, under limits of memory and time
//	soak           the server at full load, with clients that are slow, hostile or gone, and its classes edited
//
// 'make torture', 'make faults', 'make fuzz-commands' and 'make soak' are its long forms; its tests are the short ones. Results: docs/reliability.md.
// Limits, signals and /proc are as Linux has them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// campaign is what all of them have in common.
type campaign struct {
	program
	work     string // a folder of its own
	checkout string // whose tests' files are mutated
	until    time.Time
	rng      *rand.Rand
	log      io.Writer
}

// over reports whether the time is up.
func (c *campaign) over(ctx context.Context) bool {
	return ctx.Err() != nil || time.Now().After(c.until)
}

// errFound ends a campaign that found something.
var errFound = errors.New("found faults, which are listed above")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("campaign", flag.ContinueOnError)
	binary := f.String("vzsl", filepath.Join("bin", "vzsl"), "`file` of the command")
	work := f.String("work", "", "`folder` to work in (default: a temporary one, removed where nothing was found)")
	number := f.Int("n", 0, "kills, moments for each fault and stage, or inputs (default: 1000, 12, 20000)")
	long := f.Duration("for", 0, "end after this time (default: torture and fuzz-commands none, soak 1h)")
	seed := f.Uint64("seed", uint64(time.Now().UnixNano()), "`seed` of the random choices")
	only := f.String("only", "", "stages or formats, separated by commas (default: all)")
	if len(args) == 0 {
		return errors.New("the campaign is missing: give torture, faults, fuzz-commands or soak")
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w; build it with 'make build'", err)
	}
	c := &campaign{program: program{path: path}, work: *work, checkout: ".", rng: rand.New(rand.NewPCG(*seed, 0)), log: os.Stderr, until: time.Now().Add(*long)}
	if *long == 0 {
		c.until = time.Now().AddDate(1, 0, 0)
	}
	if c.work == "" {
		if c.work, err = os.MkdirTemp("", "vzsl-campaign-"); err != nil {
			return err
		}
	} else if c.work, err = filepath.Abs(c.work); err != nil {
		return err
	}
	began := time.Now()
	var result any
	switch args[0] {
	case "torture":
		result, err = c.torture(ctx, or(*number, 1000), *only)
	case "faults":
		result, err = c.breakFiles(ctx, or(*number, 12), *only)
	case "fuzz-commands":
		result, err = c.fuzz(ctx, or(*number, 20_000), *only)
	case "soak":
		if *long == 0 {
			*long = time.Hour
		}
		result, err = c.soak(ctx, *long)
	default:
		return fmt.Errorf("unknown campaign %q: give torture, faults, fuzz-commands or soak", args[0])
	}
	if err != nil && !errors.Is(err, errFound) && !errors.Is(err, context.Canceled) { // what was done until Ctrl-C is told
		return err
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	if e := enc.Encode(struct {
		Campaign string  `json:"campaign"`
		Seed     uint64  `json:"seed"`
		Seconds  float64 `json:"seconds"`
		Result   any     `json:"result"`
	}{args[0], *seed, time.Since(began).Seconds(), result}); e != nil {
		return e
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kept for inspection:", c.work)
		return err
	}
	if *work == "" {
		return os.RemoveAll(c.work)
	}
	return nil
}

func or(n, usual int) int {
	if n > 0 {
		return n
	}
	return usual
}
