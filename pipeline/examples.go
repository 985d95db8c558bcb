package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/predict"
	"vzsl/train/runs"
)

// learner is a run's model as the server takes it, where it learns from images at once.
type learner struct{ *runs.Predictor }

func (l learner) Learn(class, features []float32, n int) (predict.Model, error) {
	p, err := l.Predictor.Learn(class, features, n)
	if err != nil {
		return nil, err
	}
	return learner{p}, nil
}

// served is the model for the server.
func served(m *runs.Predictor) predict.Model {
	if m.Learns() {
		return learner{m}
	}
	return m
}

// learn takes in the images of a folder with one folder for each class, called as the class is.
func (p *predictor) learn(ctx context.Context, con *cli, dir string, pics *workspace.RunNetwork) error {
	if !p.model.Learns() {
		return usage.Errorf("--examples: models of method %s cannot be updated with images without training; use vzsl (with its closed-form block) or plda", p.model.Settings().Method)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("--examples: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		i := slices.Index(p.classes.Names, name)
		if i < 0 {
			return fmt.Errorf("--examples: the folder %s has none of the names of the %d candidate classes (the first is %q); rename it, or describe the class in --classes", filepath.Join(dir, name), len(p.classes.Names), p.classes.Names[0])
		}
		for j, v := range p.classes.Vectors {
			if j != i && slices.Equal(v, p.classes.Vectors[i]) {
				return fmt.Errorf("--examples: classes %q and %q have the same description, so that images of one would count for both; give them different descriptions", name, p.classes.Names[j])
			}
		}
		files, err := listPictures([]string{filepath.Join(dir, name)})
		if err != nil {
			return fmt.Errorf("--examples: %w", err)
		}
		var x []float32
		for _, path := range files {
			f, damage, err := pics.File(ctx, path)
			if err != nil {
				return fmt.Errorf("--examples: %s: %w", path, err)
			}
			if damage != "" {
				con.Log.Warn(damagedImage, "image", path, "what", damage)
			}
			x = append(x, f...)
		}
		if p.model, err = p.model.Learn(p.classes.Vectors[i], x, len(files)); err != nil {
			return fmt.Errorf("--examples: class %q: %w", name, err)
		}
		con.Log.Info("learned", "class", name, "images", len(files))
	}
	return nil
}
