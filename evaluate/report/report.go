package report

import (
	"fmt"
	"path/filepath"

	"vzsl/evaluate"
	"vzsl/evaluate/result"
)

// Paths of the written files.
type Paths struct{ HTML, JSON, Predictions string }

const htmlName = "report.html"

// Options are what a page shows besides what is stored. The zero value is ready for use.
type Options struct {
	// Metrics are the records of the training, in order: the decoded lines of metrics.jsonl. Numbers are drawn against
	// "epoch", else "step"; names that differ in a prefix train_ or validation_ only share a panel, and so do records that
	// differ in a text "phase".
	Metrics []map[string]any
	// ImageRoot is the folder that image names are relative to; "": the page shows no images.
	ImageRoot string
}

// Write makes report.html, report.json and predictions.parquet in dir, which is created where it does not exist. Nothing is
// replaced before all three are complete and synced: an error leaves an earlier report as it was, and no new folder behind.
func Write(dir string, r *evaluate.Result, run *result.Run, o Options) (Paths, error) {
	pics, err := openPictures(o.ImageRoot)
	if err != nil {
		return Paths{}, err
	}
	defer pics.close()
	page, err := renderPage(r, run, o.Metrics, pics)
	if err != nil {
		return Paths{}, fmt.Errorf("%s: %w", filepath.Join(dir, htmlName), err)
	}
	if err := result.Write(dir, r, run, publishedFor(r, run), map[string][]byte{htmlName: page}); err != nil {
		return Paths{}, err
	}
	return Paths{filepath.Join(dir, htmlName), filepath.Join(dir, result.JSONFile), filepath.Join(dir, result.PredictionsFile)}, nil
}

// Rebuild writes a stored report again, with the images and training curves of o.
func Rebuild(stored *result.Report, o Options) (Paths, error) {
	if err := stored.ReadPredictions(); err != nil {
		return Paths{}, err
	}
	return Write(stored.Dir(), stored.Result, &stored.Run, o)
}
