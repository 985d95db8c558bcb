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
		return usage.Errorf("--examples: models of the method %s do not learn from images without training; those of vzsl (with its closed-form block) and plda do", p.model.Settings().Method)
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
			return fmt.Errorf("--examples: the folder %s is called as none of the %d classes to choose from is (the first is %q); describe it in --classes", filepath.Join(dir, name), len(p.classes.Names), p.classes.Names[0])
		}
		for j, v := range p.classes.Vectors {
			if j != i && slices.Equal(v, p.classes.Vectors[i]) {
				return fmt.Errorf("--examples: the classes %q and %q have the same description: images of one would count for both", name, p.classes.Names[j])
			}
		}
		files, err := listPictures([]string{filepath.Join(dir, name)})
		if err != nil {
			return fmt.Errorf("--examples: %w", err)
		}
		var x []float32
		for _, path := range files {
			f, err := pics.File(ctx, path)
			if err != nil {
				return fmt.Errorf("--examples: %s: %w", path, err)
			}
			x = append(x, f...)
		}
		if p.model, err = p.model.Learn(p.classes.Vectors[i], x, len(files)); err != nil {
			return fmt.Errorf("--examples: class %q: %w", name, err)
		}
		con.Log.Info("learned", "class", name, "pictures", len(files))
	}
	return nil
}
