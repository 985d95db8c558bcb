package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// bench is a run.
type bench struct {
	out     string // the page
	work    string // folder of models and images, kept for the next run
	cub     string // CUB-200-2011
	threads int
	images  int    // for the whole command
	nets    string // of the table of networks; empty: all
	rounds  int
	failed  error // networks of that table with other features than ONNX Runtime's, or that did not run
	small   bool
	install bool
	page    *bytes.Buffer
	python  string
}

// section is a part of the page.
type section struct {
	name, title string
	run         func(*bench, context.Context) error
}

var sections = []section{
	{"kernels", "Kernels", (*bench).kernels},
	{"engine", "VGG-19 to fc7", (*bench).engine},
	{"networks", "Other networks", (*bench).networks},
	{"memory", "Memory and the first feature", (*bench).memory},
	{"command", "The whole command", (*bench).command},
	{"training", "A training step", (*bench).training},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if err := work(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{page: &bytes.Buffer{}}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	data := os.Getenv("VZSL_TEST_DATA")
	if data == "" {
		data = filepath.Join("..", "shared", "data")
	}
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	var only string
	flag.StringVar(&b.out, "out", filepath.Join("docs", "benchmarks.md"), "`file` to write; - for none")
	flag.StringVar(&b.work, "work", filepath.Join(cache, "vzsl-bench"), "`folder` for models and images (5 GB), kept for the next run")
	flag.StringVar(&b.cub, "cub", filepath.Join(data, "cub", "CUB_200_2011"), "`folder` of CUB-200-2011")
	flag.StringVar(&only, "only", strings.Join(names, ","), "parts to measure")
	flag.IntVar(&b.threads, "threads", runtime.NumCPU(), "threads of every side")
	flag.IntVar(&b.images, "images", 640, "images for the whole command")
	flag.StringVar(&b.nets, "nets", "", "networks of the table of networks, as networks.go names them; empty: all")
	flag.IntVar(&b.rounds, "rounds", 9, "pairs of turns for each figure of that table")
	flag.BoolVar(&b.small, "small", false, "a small network and few rounds, to rehearse; writes no page")
	flag.BoolVar(&b.install, "install", false, "install missing peers: from npm into the work folder, from Debian if run as root")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	chosen := strings.Split(only, ",")
	for _, c := range chosen {
		if !slices.Contains(names, c) {
			return fmt.Errorf("unknown part %q; the parts are %s", c, strings.Join(names, ", "))
		}
	}
	if _, err := os.Stat(scripts); err != nil {
		return errors.New("run it in the root of the checkout")
	}
	if b.small {
		b.out, b.work, b.images, b.rounds = "-", filepath.Join(b.work, "small"), 48, 2
	}
	if err := os.MkdirAll(b.work, 0o755); err != nil {
		return err
	}
	if b.install {
		b.installPeers(ctx)
	}
	b.python = findPython(ctx)
	b.head()
	for _, s := range sections {
		b.printf("\n## %s\n\n", s.title)
		if !slices.Contains(chosen, s.name) {
			b.printf("Not measured in this run.\n")
			continue
		}
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if b.out == "-" {
		return b.failed
	}
	part := b.out + ".part"
	if err := os.WriteFile(part, b.page.Bytes(), 0o644); err != nil {
		return err
	}
	return errors.Join(b.failed, os.Rename(part, b.out))
}

// printf adds to the page and shows it.
func (b *bench) printf(format string, args ...any) {
	fmt.Fprintf(io.MultiWriter(b.page, os.Stdout), format, args...)
}

// note reports progress, outside the page.
func note(format string, args ...any) { fmt.Fprintf(os.Stderr, "... "+format+"\n", args...) }
