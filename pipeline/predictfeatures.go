package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/predict"
)

// features names the rows of a shard or of a folder of them.
func (p *predictor) features(ctx context.Context, path string, o predict.Options) ([]predict.ImagePrediction, error) {
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
		if d := p.model.Source().NetworkDifferences(src); len(d) > 0 {
			return nil, fmt.Errorf("%s holds other features than run %s was trained on: %s; give features of the same network, layer and recipe (of other programs: named by --network, --layer and --recipe of 'vzsl import')",
				path, p.run, strings.Join(d, "; "))
		}
		answers, err := predict.Rank(ctx, p.model, part.Features, len(part.Images), p.classes, o)
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

// foreign names the rows of a file of features that another program wrote. Which network they are of, only their width tells.
func (p *predictor) foreign(ctx context.Context, con *cli, path string, o *predictOptions) ([]predict.ImagePrediction, error) {
	in := o.foreign
	in.Files, in.Say = []string{path}, func(line string) { con.Log.Info(line, "file", path) }
	rows, err := convert.OpenRows(in)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	src := p.model.Source()
	if rows.Dim != src.Dim {
		return nil, fmt.Errorf("%s: features have %d values, but run %s was trained on %d; give features of the same network (%s)", path, rows.Dim, p.run, src.Dim, src.Network)
	}
	con.Log.Warn("only the length of the features could be checked, not whether they are from the network that the run was trained on", "file", path, "trained on", src.Network)
	bar := con.Begin("predict", "rows")
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
		answers, err := predict.Rank(ctx, p.model, x[:n*rows.Dim], n, p.classes, o.Options)
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
