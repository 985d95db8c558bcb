//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	mostMemory = 2 << 30
	mostTime   = 30 * time.Second
)

// fuzzed is what a campaign of mutated files counted.
type fuzzed struct {
	Inputs    int            `json:"inputs"`
	ByFormat  map[string]int `json:"by_format"`
	ExitCodes map[string]int `json:"calls_by_exit_code"`
	Panics    int            `json:"panics"`
	Hangs     int            `json:"hangs"`
	Memory    int            `json:"over_2_GiB"`
	Codes     int            `json:"exit_codes_not_documented"`
	Escaped   int            `json:"files_outside_the_folder"`
	Unnamed   int            `json:"errors_that_do_not_name_the_file"`
	MostMB    int64          `json:"most_memory_of_a_call_MB"`
	Slowest   float64        `json:"slowest_call_seconds"`
	Found     []string       `json:"found,omitempty"`
	Notes     []string       `json:"errors_without_name,omitempty"`

	mu sync.Mutex
}

func (r *fuzzed) find(kind *int, format string, args ...any) {
	*kind++
	if len(r.Found) < 100 {
		r.Found = append(r.Found, fmt.Sprintf(format, args...))
	}
}

// fuzz gives mutated files of every format to the commands that read them. Input i is the same for the same seed.
func (c *campaign) fuzz(ctx context.Context, inputs int, only string) (*fuzzed, error) {
	b, err := c.bench(ctx)
	if err != nil {
		return nil, err
	}
	formats, err := b.formats(c.checkout)
	if err != nil {
		return nil, err
	}
	formats = slices.DeleteFunc(formats, func(f format) bool {
		return len(f.seeds) == 0 || only != "" && !slices.Contains(strings.Split(only, ","), f.name)
	})
	if len(formats) == 0 {
		return nil, fmt.Errorf("unknown format %s", only)
	}
	r := &fuzzed{ByFormat: map[string]int{}, ExitCodes: map[string]int{}}
	base := c.rng.Uint64()
	var g errgroup.Group
	g.SetLimit(max(1, runtime.NumCPU()))
	for i := 0; ; i++ {
		r.mu.Lock()
		done := r.Inputs
		r.mu.Unlock()
		if done >= inputs || c.over(ctx) {
			break
		}
		f := &formats[i%len(formats)]
		rng := rand.New(rand.NewPCG(base, uint64(i)))
		g.Go(func() error { return c.feed(ctx, b, f, i, rng, r) })
		if i%2000 == 1999 {
			r.mu.Lock()
			fmt.Fprintf(c.log, "%d inputs: %d panics, %d hangs, %d over 2 GiB, %d other\n", done, r.Panics, r.Hangs, r.Memory, r.Codes+r.Escaped)
			r.mu.Unlock()
		}
	}
	if err := g.Wait(); err != nil {
		return r, err
	}
	if r.Panics+r.Hangs+r.Memory+r.Codes+r.Escaped > 0 {
		return r, errFound
	}
	return r, ctx.Err()
}

// feed makes one call, with one mutated file or a batch of them, in a folder of its own.
func (c *campaign) feed(ctx context.Context, b *bench, f *format, i int, rng *rand.Rand, r *fuzzed) error {
	// The folder lies in another one, which nothing may be written to.
	own := filepath.Join(c.work, "calls", fmt.Sprint(i))
	out := filepath.Join(own, "out")
	defer os.RemoveAll(own) //nolint:errcheck // a folder of temporary files
	if err := os.MkdirAll(own, 0o755); err != nil {
		return err
	}
	file := filepath.Join(own, f.file)
	switch from, name, model := strings.Cut(f.inside, "../pair/"); {
	case model && from == "":
		if err := os.CopyFS(out, os.DirFS(b.pair)); err != nil {
			return err
		}
		file = filepath.Join(out, name)
	case f.inside != "":
		if err := os.CopyFS(out, os.DirFS(b.base)); err != nil {
			return err
		}
		file = filepath.Join(out, filepath.FromSlash(f.inside))
	}
	var files []string
	for k := range max(1, f.batch) {
		path := file
		if f.batch > 0 {
			path = strings.TrimSuffix(file, filepath.Ext(file)) + fmt.Sprint(k) + filepath.Ext(file)
		}
		if err := os.WriteFile(path, mutate(rng, f.seeds), 0o644); err != nil {
			return err
		}
		files = append(files, path)
	}
	commands := f.commands(files, out)
	args := append(commands[rng.IntN(len(commands))], "--quiet")
	dir := own
	if f.inside != "" {
		dir = out
	}
	o, err := c.call(ctx, dir, limits{time: mostTime, virtual: 3 * mostMemory}, args...)
	if err != nil || ctx.Err() != nil {
		return err
	}
	escaped, err := strangers(own, f.file, f.batch > 0)
	if err != nil {
		return err
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.Inputs += len(files)
	r.ByFormat[f.name] += len(files)
	r.ExitCodes[fmt.Sprint(o.code)]++
	r.MostMB, r.Slowest = max(r.MostMB, o.memory>>20), max(r.Slowest, o.took.Seconds())
	found := r.Panics + r.Hangs + r.Memory + r.Codes + r.Escaped
	what := fmt.Sprintf("call %d, %s: vzsl %s", i, f.name, strings.Join(args, " "))
	switch {
	case o.hung:
		r.find(&r.Hangs, "%s: not done within %v", what, mostTime)
	case o.panicked():
		r.find(&r.Panics, "%s: %.600s", what, o.stderr)
	case o.code != 0 && o.code != 1 && o.code != 3 && (o.code != 2 || !f.usage):
		r.find(&r.Codes, "%s: exit code %d: %.600s", what, o.code, o.stderr)
	case o.code == 1 && !strings.Contains("\n"+o.stderr, "\nvzsl: "):
		r.find(&r.Codes, "%s: exit code 1 without an error: %.600s", what, o.stderr)
	case o.code == 1 && !strings.Contains(o.stderr+o.stdout, f.file) && f.batch == 0:
		if r.Unnamed++; len(r.Notes) < 60 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s: %.300s", what, lastLine(o.stderr)))
		}
	}
	if o.memory > mostMemory {
		r.find(&r.Memory, "%s: %d MB", what, o.memory>>20)
	}
	if len(escaped) > 0 {
		r.find(&r.Escaped, "%s: wrote %v", what, escaped)
	}
	if r.Panics+r.Hangs+r.Memory+r.Codes+r.Escaped > found {
		return replace(filepath.Join(c.work, "kept", fmt.Sprint(i)), own)
	}
	return nil
}

// strangers are the entries beside the mutated file and the folder that the command may write to.
func strangers(own, file string, batch bool) (all []string, err error) {
	entries, err := os.ReadDir(own)
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(file, filepath.Ext(file))
	for _, e := range entries {
		if e.Name() != "out" && e.Name() != file && (!batch || !strings.HasPrefix(e.Name(), stem)) {
			all = append(all, e.Name())
		}
	}
	return all, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
