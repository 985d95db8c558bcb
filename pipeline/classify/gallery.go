package classify

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"vzsl/datasets"
	"vzsl/internal/gallery"
	"vzsl/internal/readable"
	"vzsl/internal/thumbnail"
	"vzsl/internal/wholefile"
	"vzsl/predict"
	"vzsl/train/runs"
)

// galleryThumbnail is the longer side of the images of a gallery in one file, in pixels.
const galleryThumbnail = 192

// WriteGallery writes predictions as one HTML file that opens offline, with thumbnails of the image files.
func (c *Classifier) WriteGallery(ctx context.Context, path string, files []string, all []predict.ImagePrediction) error {
	version := c.Run
	if sum, err := runs.ModelSHA256(c.w.RunDir(c.Run)); err == nil && sum != "" {
		version += " " + sum[:12]
	}
	d := gallery.Data{
		Title: "Predictions of " + c.Run, ModelVersion: version, Classes: c.Classes.Names, Shown: readable.Classes(c.Classes.Names),
		None: c.o.Predict.NoneBelow, Auto: c.o.Predict.NoneBelowExcess != nil, Attributes: map[string]string{}, Items: make([]gallery.Item, len(all)),
	}
	if point := c.Model.NoneBelow(len(c.Classes.Names)); point != nil {
		d.Threshold = &point.Threshold
	}
	for _, a := range c.Model.Attributes() {
		if shown := readable.Attribute(a).String(); shown != a {
			d.Attributes[a] = shown
		}
	}
	d.About = fmt.Sprintf("%d images, %d candidate classes. Labels are stored in this browser and included in downloads.", len(all), len(c.Classes.Names))
	if c.Model.Temperature() == 0 {
		d.About += " The probabilities are not calibrated."
	}
	of := make(map[string]string, len(files))
	for _, file := range files {
		of[datasets.Printable(filepath.ToSlash(file))] = file
	}
	bar := c.w.Begin("gallery", "images")
	defer bar.End()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	done := make(chan bool, len(all))
	for i, x := range all {
		item := &d.Items[i]
		item.Image, item.Error, item.Damaged = x.Image, x.Error, x.Damaged
		if x.Prediction != nil {
			item.Top, item.Excess = x.Top, x.Excess
			if x.Explanation != nil {
				item.Explanation = x.Explanation
			}
		}
		if parts := strings.Split(x.Image, "/"); len(parts) > 1 && slices.Contains(c.Classes.Names, parts[len(parts)-2]) {
			item.Truth = &parts[len(parts)-2]
		}
		file, ok := of[x.Image]
		if !ok || x.Prediction == nil {
			done <- true
			continue
		}
		g.Go(func() error {
			defer func() { done <- true }()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			text, w, h, err := thumbnail.Of(f, galleryThumbnail)
			if err != nil { // a format that only the network's reader knows: it is shown without its image
				return nil
			}
			item.Source, item.Width, item.Height = thumbnail.URI(text), w, h
			return nil
		})
	}
	finished := make(chan error, 1)
	go func() { finished <- g.Wait() }()
	for i := range all {
		<-done
		bar.Done(i+1, len(all))
	}
	if err := <-finished; err != nil {
		return err
	}
	return wholefile.Write(path, func(w io.WriteSeeker) error { return d.Write(w) })
}
