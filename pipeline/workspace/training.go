package workspace

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"vzsl/features"
	"vzsl/internal/thumbnail"
	"vzsl/predict"
	"vzsl/predict/server"
	"vzsl/train/runs"
)

// SeenClasses are the classes that a model was trained on with their descriptions, as far as the class table is there.
func SeenClasses(in *Inputs, model *runs.Predictor) predict.Classes {
	var seen predict.Classes
	if in.Classes == nil {
		return seen
	}
	t, err := in.Classes.SelectAttributes(model.Attributes())
	if err != nil {
		return seen
	}
	for _, name := range model.Seen() {
		if i := slices.Index(t.Classes, name); i >= 0 {
			seen.Names, seen.Vectors = append(seen.Names, name), append(seen.Vectors, t.Values[i])
		}
	}
	return seen
}

// mostCompared bounds the training images that an image is compared with: of more, evenly spread ones are.
const mostCompared = 200_000

// TrainingImages are the images that a run was trained on, with their features. It is safe for concurrent use.
type TrainingImages struct {
	cache *features.Cache
	rows  []int
	norms func() []float64
	root  *os.Root // nil: the images are not there
	turn  thumbnail.Orientation
	made  sync.Map // thumbnails, by image
}

// OpenTraining opens the images that a run was trained on; nil where their features are not there.
func (w *Workspace) OpenTraining(ctx context.Context, r *RunRef, in *Inputs, model *runs.Predictor) (*TrainingImages, error) {
	dir := w.NetworkDir(r.Dataset.Name, model.Source().Network)
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); in.Roles == nil || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	p := w.Begin("prepare features", "rows")
	cache, err := features.OpenCache(ctx, dir, p.Done)
	p.End()
	if err != nil {
		return nil, err
	}
	source := model.Source()
	t := &TrainingImages{cache: cache, turn: Orientation(&source)}
	role := map[string]features.Role{}
	for i, image := range in.Roles.Images {
		role[image] = in.Roles.Roles[i]
	}
	for row, image := range cache.Images() {
		switch role[image] {
		case features.RoleTrain, features.RoleValidation, features.RoleShot:
			t.rows = append(t.rows, row)
		}
	}
	if n := len(t.rows); n > mostCompared {
		for i := range mostCompared {
			t.rows[i] = t.rows[i*n/mostCompared]
		}
		t.rows = t.rows[:mostCompared]
		w.Log.Info("the nearest training images are searched for in a sample of them", "compared", mostCompared, "training images", n)
	}
	t.norms = sync.OnceValue(func() []float64 {
		norms := make([]float64, len(t.rows))
		for i, row := range t.rows {
			f := cache.Feature(row)
			norms[i] = math.Sqrt(dot(f, f))
		}
		return norms
	})
	dir, err = w.ImageRoot(&r.Dataset)
	if err == nil && dir != "" {
		t.root, err = os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, cache.Close())
	}
	return t, nil
}

// Close closes the features and the folder of the images.
func (t *TrainingImages) Close() {
	if t == nil {
		return
	}
	_ = t.cache.Close() // only read
	if t.root != nil {
		_ = t.root.Close()
	}
}

// Nearest returns the k training images whose features have the largest cosine with one.
func (t *TrainingImages) Nearest(ctx context.Context, feature []float32, k int) ([]server.Neighbour, error) {
	norm := math.Sqrt(dot(feature, feature))
	norms := t.norms()
	best := make([]server.Neighbour, 0, k+1)
	for i, row := range t.rows {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		similarity := 0.0
		if norm > 0 && norms[i] > 0 {
			similarity = dot(feature, t.cache.Feature(row)) / norm / norms[i]
		}
		if len(best) == k && similarity <= best[k-1].Similarity {
			continue
		}
		n := server.Neighbour{Image: t.cache.Images()[row], Class: t.cache.Classes()[row], Similarity: similarity}
		at, _ := slices.BinarySearchFunc(best, n, func(a, b server.Neighbour) int {
			return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), -1) // an equal one before it stays before
		})
		best = slices.Insert(best, at, n)
		best = best[:min(k, len(best))]
	}
	return best, nil
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// thumbnailSize is the longer side of a training image as shown, in pixels.
const thumbnailSize = 160

// Thumbnail is a small JPEG of a training image. Names lead nowhere else: others are not found.
func (t *TrainingImages) Thumbnail(image string) ([]byte, error) {
	if t.root == nil || !slices.Contains(t.cache.Images(), image) {
		return nil, fs.ErrNotExist
	}
	if text, ok := t.made.Load(image); ok {
		return text.([]byte), nil
	}
	f, err := t.root.Open(filepath.FromSlash(image))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, _, _, err := thumbnail.Of(f, thumbnailSize, t.turn)
	if err != nil {
		return nil, err
	}
	t.made.Store(image, text)
	return text, nil
}
