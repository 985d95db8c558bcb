package report

import (
	"fmt"
	"path/filepath"

	"vzsl/evaluate"
	"vzsl/evaluate/result"
	"vzsl/internal/thumbnail"
)

// Paths are those of the written files.
type Paths struct{ HTML, JSON, Predictions string }

const htmlName = "report.html"

// Options are what a page shows besides the stored result. The zero value is ready for use.
type Options struct {
	// Metrics are the records of the training, in order: the decoded lines of metrics.jsonl. Numbers are drawn against
	// "epoch", else "step". Names that differ only in a prefix train_ or validation_ share a panel, as do records that
	// differ in a text "phase".
	Metrics []map[string]any
	// ImageRoot is the folder that image names are relative to; "": the page has no thumbnails.
	ImageRoot string
	// Turn reads the EXIF orientation that images are turned by; nil: they are shown as they are stored.
	Turn thumbnail.Orientation
}

// Write writes report.html, report.json and predictions.parquet into dir, which is created if it does not exist.
// Nothing is replaced before all three are complete and synced: after an error an earlier report is unchanged and no
// new folder is left behind.
func Write(dir string, r *evaluate.Result, run *result.Run, o Options) (Paths, error) {
	pics, err := openPictures(o.ImageRoot, o.Turn)
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

// Rebuild writes the page of a stored report again, with the thumbnails and training curves of o.
func Rebuild(stored *result.Report, o Options) (Paths, error) {
	if err := stored.ReadPredictions(); err != nil {
		return Paths{}, err
	}
	return Write(stored.Dir(), stored.Result, &stored.Run, o)
}
