package classify

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/predict"
)

// All classifies what paths, as List returns them, name: image files, shards and folders of them, tables of features of other programs.
// files are those of the paths that are images.
func (c *Classifier) All(ctx context.Context, paths []string) (all []predict.ImagePrediction, files []string, err error) {
	for _, path := range paths {
		var rows []predict.ImagePrediction
		switch {
		case isShards(path) || features.IsShard(path):
			rows, err = c.shards(ctx, path)
		case convert.IsTable(path):
			rows, err = c.foreign(ctx, path)
		default:
			files = append(files, path)
		}
		if err != nil {
			return nil, nil, err
		}
		all = append(all, rows...)
	}
	if len(files) == 0 {
		return all, nil, nil
	}
	rows, err := c.images(ctx, files)
	return append(all, rows...), files, err
}

// shards classifies the rows of a shard or of a folder of them.
func (c *Classifier) shards(ctx context.Context, path string) ([]predict.ImagePrediction, error) {
	paths := []string{path}
	if isShards(path) {
		m, err := features.ReadManifest(path)
		if err != nil {
			return nil, err
		}
		paths = nil
		for _, part := range m.Parts {
			paths = append(paths, filepath.Join(path, part.File))
		}
	}
	var all []predict.ImagePrediction
	for _, path := range paths {
		part, src, err := features.ReadShard(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("%w; convert features of other programs with 'vzsl import'", err)
		}
		if d := c.Model.Source().NetworkDifferences(src); len(d) > 0 {
			return nil, fmt.Errorf("%s holds other features than run %s was trained on: %s; give features of the same network, layer and recipe (of other programs: named by --network, --layer and --recipe of 'vzsl import')",
				path, c.Run, strings.Join(d, "; "))
		}
		answers, err := predict.Rank(ctx, c.Model, part.Features, len(part.Images), c.Classes, c.o.Predict)
		if err != nil {
			return nil, err
		}
		for i, image := range part.Images {
			all = append(all, predict.ImagePrediction{Image: image, Prediction: &answers[i]})
		}
		for _, s := range part.Skipped {
			all = append(all, predict.ImagePrediction{Image: s.Image, Error: s.Reason})
		}
	}
	return all, nil
}

// foreign classifies the rows of a file of features that another program wrote. Only their length tells which network they are of.
func (c *Classifier) foreign(ctx context.Context, path string) ([]predict.ImagePrediction, error) {
	in := c.o.Foreign
	in.Files, in.Say = []string{path}, func(line string) { c.w.Log.Info(line, "file", path) }
	rows, err := convert.OpenRows(in)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	src := c.Model.Source()
	if rows.Dim != src.Dim {
		return nil, fmt.Errorf("%s: features have %d values, but run %s was trained on %d; give features of the same network (%s)", path, rows.Dim, c.Run, src.Dim, src.Network)
	}
	c.w.Log.Warn("only the length of the features could be checked, not whether they are from the network that the run was trained on", "file", path, "trained on", src.Network)
	bar := c.w.Begin("predict", "rows")
	defer bar.End()
	all := make([]predict.ImagePrediction, len(rows.Images))
	x := make([]float32, atATime*rows.Dim)
	for lo := 0; lo < len(all); lo += atATime {
		hi := min(lo+atATime, len(all))
		bad, err := rows.Read(ctx, lo, hi, x)
		if err != nil {
			return nil, err
		}
		n := hi - lo - len(bad)
		answers, err := predict.Rank(ctx, c.Model, x[:n*rows.Dim], n, c.Classes, c.o.Predict)
		if err != nil {
			return nil, err
		}
		for i := lo; i < hi; i++ {
			all[i].Image = rows.Images[i]
			if reason, ok := bad[i]; ok {
				all[i].Error = reason
				continue
			}
			all[i].Prediction, answers = &answers[0], answers[1:]
		}
		bar.Done(hi, len(all))
	}
	return all, nil
}
