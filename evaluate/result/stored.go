package result

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"vzsl/evaluate"
	"vzsl/internal/custody"
)

// Names of the files in a report's folder.
const (
	JSONFile        = "report.json"
	PredictionsFile = "predictions.parquet"
)

// Report is a stored result.
type Report struct {
	Result *evaluate.Result // without predictions until ReadPredictions
	Run    Run
	dir    string
	files  map[string]string // SHA-256 of the files beside report.json
	read   bool              // the predictions
}

// Write stores a result in dir, which is created where it does not exist, together with files of other packages (a page,
// by its name); published may be nil. Nothing is replaced before all files are complete and synced: an error leaves an
// earlier report as it was, and no new folder behind.
func Write(dir string, r *evaluate.Result, run *Run, published *Published, others map[string][]byte) error {
	predictions, err := encodePredictions(r)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, PredictionsFile), err)
	}
	content := map[string][]byte{PredictionsFile: predictions}
	maps.Copy(content, others)
	data, err := encode(r, run, published, content)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, JSONFile), err)
	}
	var files []custody.File
	for _, name := range slices.Sorted(maps.Keys(content)) {
		files = append(files, custody.Bytes(name, content[name]))
	}
	files = append(files, custody.Bytes(JSONFile, data)) // last: it holds the hashes of the others
	return custody.WriteAll(context.Background(), dir, files...)
}

// Read reads the report.json that Write left in dir. Where there is none the error is fs.ErrNotExist.
func Read(dir string) (*Report, error) {
	path := filepath.Join(dir, JSONFile)
	data, err := custody.ReadFile(dir, JSONFile)
	if custody.IsDamaged(err) {
		return nil, fmt.Errorf("%w: evaluate the run again", err)
	}
	if err != nil {
		return nil, err
	}
	config := json.RawMessage{} // keeps the order of its keys
	d := document{Run: &Run{Config: &config}}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): evaluate the run again", path, err)
	}
	if d.Schema != schema {
		return nil, fmt.Errorf("%s has the schema %q, this program reads %q: evaluate the run again", path, d.Schema, schema)
	}
	if d.Result == nil || d.Run == nil || len(d.Result.Candidates) == 0 || len(d.Result.Classes) != len(d.Result.Candidates) {
		return nil, fmt.Errorf("%s has no complete result: evaluate the run again", path)
	}
	if len(config) == 0 {
		d.Run.Config = nil
	}
	return &Report{Result: d.Result, Run: *d.Run, dir: dir, files: d.Files}, nil
}

// Dir is the folder that the report was read from.
func (r *Report) Dir() string { return r.dir }

// ReadPredictions adds the ranking of every image to the result, once, and computes the metrics again from it: a report whose metrics
// are others was edited or is damaged, and is refused.
func (r *Report) ReadPredictions() error {
	if r.read {
		return nil
	}
	for try := 0; ; try++ {
		err := r.readPredictions()
		if err == nil {
			r.read = true
			return nil
		}
		// Another process may have replaced both files between the reading of one and of the other.
		now, changed := Read(r.dir)
		if changed != nil || maps.Equal(now.files, r.files) || try == 5 {
			return err
		}
		*r = *now
	}
}

func (r *Report) readPredictions() error {
	path := filepath.Join(r.dir, PredictionsFile)
	data, err := custody.ReadFile(r.dir, PredictionsFile)
	switch {
	case custody.IsDamaged(err):
		return fmt.Errorf("%w: evaluate the run again", err)
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("not found; it is needed to rebuild the page: evaluate the run again")
	case err != nil:
	case sha256Hex(data) != r.files[PredictionsFile]:
		err = fmt.Errorf("does not belong to %s: evaluate the run again", JSONFile)
	default:
		err = decodePredictions(data, r.Result)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := r.Result.Recheck(); err != nil {
		return fmt.Errorf("%s does not agree with %s (%w): one of them was edited or damaged; evaluate the run again", filepath.Join(r.dir, JSONFile), PredictionsFile, err)
	}
	return nil
}
