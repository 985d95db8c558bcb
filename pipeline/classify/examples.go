package classify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/extract"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// Learn updates the model with the images of a folder that has one folder for each class, named after the class.
func (c *Classifier) Learn(ctx context.Context, dir string, pics *workspace.RunNetwork) error {
	if !c.Model.Learns() {
		return usage.Errorf("--examples: models of method %s cannot be updated with images without training; use vzsl (with its closed-form block) or plda", c.Model.Settings().Method)
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
		i := slices.Index(c.Classes.Names, name)
		if i < 0 {
			return fmt.Errorf("--examples: the folder %s has none of the names of the %d candidate classes (the first is %q); rename it, or describe the class in --classes", filepath.Join(dir, name), len(c.Classes.Names), c.Classes.Names[0])
		}
		for j, v := range c.Classes.Vectors {
			if j != i && slices.Equal(v, c.Classes.Vectors[i]) {
				return fmt.Errorf("--examples: classes %q and %q have the same description, so that images of one would count for both; give them different descriptions", name, c.Classes.Names[j])
			}
		}
		files, err := List([]string{filepath.Join(dir, name)})
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
				c.w.Log.Warn(extract.Damaged, "image", path, "what", damage)
			}
			x = append(x, f...)
		}
		if c.Model, err = c.Model.Learn(c.Classes.Vectors[i], x, len(files)); err != nil {
			return fmt.Errorf("--examples: class %q: %w", name, err)
		}
		c.w.Log.Info("learned", "class", name, "images", len(files))
	}
	return nil
}
