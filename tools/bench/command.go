package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// command compares the whole of vzsl extract with the engine alone.
func (b *bench) command(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(b.cub, "images")); err != nil {
		b.printf("The images of CUB-200-2011 are not here (-cub names their folder), so this is left out.\n")
		return nil
	}
	if b.python == "" {
		b.printf("Python with PIL, which makes the images, is not here, so this is left out.\n")
		return nil
	}
	n, err := b.vgg19(false)
	if err != nil {
		return err
	}
	inputs, err := b.inputs(n)
	if err != nil {
		return err
	}
	pictures, err := b.pictures(ctx)
	if err != nil {
		return err
	}
	count, size := 0, int64(0)
	err = filepath.WalkDir(pictures, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			count, size = count+1, size+st.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	program := filepath.Join(b.work, "vzsl")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	engine, err := b.own(ctx, "vzsl", nil, "native", n.Path, n.shape(), inputs)
	if err != nil {
		return err
	}
	defer engine.close()
	if _, err := engine.run(8, 2); err != nil {
		return err
	}
	if err := warm(n.Path); err != nil {
		return err
	}
	rounds := 5
	if b.small {
		rounds = 1
	}
	var alone, steady, whole, share, ratios, wholeRatios []float64
	for i := range rounds {
		note("the whole command, round %d of %d", i+1, rounds)
		var engineRate float64
		var r extraction
		sides := []func() error{
			func() error {
				s, err := engine.run(8, count/8)
				engineRate = 1 / s
				return err
			},
			func() error {
				r, err = b.extract(ctx, program, n.Path, pictures)
				return err
			},
		}
		if i%2 == 1 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			time.Sleep(pause)
			if err := side(); err != nil {
				return err
			}
		}
		if r.Computed != count {
			return fmt.Errorf("%d of %d images computed", r.Computed, count)
		}
		alone, steady, share = append(alone, engineRate), append(steady, r.ImagesPerSecond), append(share, r.EngineShare)
		whole = append(whole, float64(count)/r.elapsed)
		ratios = append(ratios, r.ImagesPerSecond/engineRate)
		wholeRatios = append(wholeRatios, float64(count)/r.elapsed/engineRate)
	}
	b.printf("`vzsl extract` with the full VGG-19 over %d images of CUB-200-2011, re-encoded at 500 x 375 (JPEG, %d KB each on\n", count, size/int64(max(count, 1))>>10)
	b.printf("average): reading, decoding, resizing, the engine, Parquet shards. By turns with the engine alone on images that lie\nready in memory, batches of 8.\n\n")
	b.printf("| | images/s | of the engine alone |\n|---|---|---|\n")
	b.printf("| the engine alone | %.2f | |\n", median(alone))
	b.printf("| the command | %.2f | **%.1f %%** [%.1f to %.1f] |\n", median(steady), 100*median(ratios), 100*quantile(ratios, .25), 100*quantile(ratios, .75))
	b.printf("| the same, with the process's start: loading, preparing and hashing the network | %.2f | %.1f %% |\n", median(whole), 100*median(wholeRatios))
	b.printf("\nThe engine is at work for %.1f %% of the command's time.\n", 100*median(share))
	return nil
}

// pictures makes the re-encoded images, once.
func (b *bench) pictures(ctx context.Context) (string, error) {
	dir := filepath.Join(b.work, fmt.Sprintf("pictures-%d", b.images))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	note("re-encoding %d images", b.images)
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, b.python, script("reencode.py"),
		filepath.Join(b.cub, "images"), fmt.Sprint(b.images), part).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("reencode.py: %w\n%s", err, out)
	}
	return dir, os.Rename(part, dir)
}

// extraction is what the command says of itself, and what the clock says.
type extraction struct {
	Computed        int     `json:"computed"`
	ImagesPerSecond float64 `json:"images_per_second"`
	EngineShare     float64 `json:"engine_share"`
	elapsed         float64
}

func (b *bench) extract(ctx context.Context, program, network, pictures string) (extraction, error) {
	var r extraction
	out := filepath.Join(b.work, "out")
	if err := os.RemoveAll(out); err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(out) }()
	c := exec.CommandContext(ctx, program, "extract", "--dataset", "bench", "--layout", "folder", "--data", pictures,
		"--model", network, "--recipe", "torchvision", "--out", out, "--json", "--quiet")
	c.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", b.threads))
	var problem bytes.Buffer
	c.Stderr = &problem
	start := time.Now()
	text, err := c.Output()
	r.elapsed = time.Since(start).Seconds()
	if err != nil {
		return r, fmt.Errorf("vzsl extract: %w\n%s", err, strings.TrimSpace(problem.String()))
	}
	return r, json.Unmarshal(text, &r)
}

// warm reads a file into the page cache.
func warm(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

func fileSize(path string) string {
	st, err := os.Stat(path)
	if err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%d MB", st.Size()/1e6)
}
