package classify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"vzsl/datasets"
	"vzsl/extract"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/predict"
)

// List lists what command line arguments mean: files, the images in and below folders, globs that the shell left.
// A folder of feature shards, or one shard, is listed as it is.
func List(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?[") {
			found, bad := filepath.Glob(arg)
			if bad != nil {
				return nil, usage.Errorf("%s: %w", arg, bad)
			}
			if len(found) == 0 {
				if dir := filepath.Dir(arg); !strings.ContainsAny(dir, "*?[") { // else what is to be read is not known
					if _, err := os.ReadDir(dir); err != nil && !lookup.Absent(err) {
						return nil, err
					}
				}
				return nil, fmt.Errorf("%s: not found; give a file, folder or glob", arg)
			}
			more, err := List(found)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !st.IsDir() || isShards(arg) {
			all = append(all, arg)
			continue
		}
		before := len(all)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != arg && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case !d.IsDir() && datasets.IsPicture(path):
				all = append(all, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: no images in the folder or its subfolders", arg)
		}
	}
	return all, nil
}

// isShards reports whether a folder holds feature shards.
func isShards(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "manifest.json"))
	return err == nil
}

// atATime is the number of images whose features are held before they are classified.
const atATime = 1024

// images classifies image files.
func (c *Classifier) images(ctx context.Context, files []string) ([]predict.ImagePrediction, error) {
	pics, err := c.OpenImages(ctx)
	if err != nil {
		return nil, err
	}
	defer pics.Close()
	bar := c.w.Begin("predict", "images")
	defer bar.End()
	all := make([]predict.ImagePrediction, len(files))
	for lo := 0; lo < len(files); lo += atATime {
		part := files[lo:min(lo+atATime, len(files))]
		features := make([][]float32, len(part))
		g, reading := errgroup.WithContext(ctx)
		g.SetLimit(64)
		for i, path := range part {
			g.Go(func() error {
				var refusal *extract.Refusal
				f, damage, err := pics.File(reading, path)
				if errors.As(err, &refusal) {
					all[lo+i].Error = refusal.Reason
					return nil
				}
				features[i], all[lo+i].Damaged = f, damage
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		var x []float32
		var of []int
		for i, path := range part {
			all[lo+i].Image = datasets.Printable(filepath.ToSlash(path))
			if features[i] != nil {
				x, of = append(x, features[i]...), append(of, lo+i)
			}
		}
		answers, err := predict.Rank(ctx, c.Model, x, len(of), c.Classes, c.o.Predict)
		if err != nil {
			return nil, err
		}
		for k, i := range of {
			all[i].Prediction = &answers[k]
		}
		bar.Done(lo+len(part), len(files))
	}
	return all, nil
}
