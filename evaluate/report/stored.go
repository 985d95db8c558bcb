package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"vzsl/evaluate"
)

// Stored is a report that was written before.
type Stored struct {
	Result *evaluate.Result // without predictions until Rebuild
	About  About            // without metrics and image root, which are not part of it
	dir    string
	files  map[string]string
}

// Read reads the report.json that Write left in dir. Where there is none the error is fs.ErrNotExist.
func Read(dir string) (*Stored, error) {
	path := filepath.Join(dir, jsonName)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := json.RawMessage{} // keeps the order of its keys
	f := facts{About: &About{Config: &config}}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): evaluate the run again", path, err)
	}
	if f.Schema != reportSchema {
		return nil, fmt.Errorf("%s has the schema %q, this program reads %q: evaluate the run again", path, f.Schema, reportSchema)
	}
	if f.Result == nil || f.About == nil || len(f.Result.Candidates) == 0 || len(f.Result.Classes) != len(f.Result.Candidates) {
		return nil, fmt.Errorf("%s holds no complete result: evaluate the run again", path)
	}
	if len(config) == 0 {
		f.About.Config = nil
	}
	return &Stored{f.Result, *f.About, dir, f.Files}, nil
}

// HashedModel is the name of the model among About.Hashes.
const HashedModel = "model"

// ModelSHA256 identifies the model that was evaluated; "": the report does not say.
func (s *Stored) ModelSHA256() string {
	for _, h := range s.About.Hashes {
		if h.Name == HashedModel {
			return h.Value
		}
	}
	return ""
}

// Rebuild writes the report again from what is stored, with the training curves of metrics and pictures below imageRoot;
// either may be empty.
func (s *Stored) Rebuild(metrics []map[string]any, imageRoot string) (Paths, error) {
	if err := s.readPredictions(); err != nil {
		return Paths{}, fmt.Errorf("%s: %w", filepath.Join(s.dir, predictionsName), err)
	}
	about := s.About
	about.Metrics, about.ImageRoot = metrics, imageRoot
	return Write(s.dir, s.Result, about)
}

func (s *Stored) readPredictions() error {
	data, err := os.ReadFile(filepath.Join(s.dir, predictionsName))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing; the page needs every image's ranking: evaluate the run again")
	}
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.files[predictionsName] {
		return fmt.Errorf("not the file that %s was written with: evaluate the run again", jsonName)
	}
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	defer f.Close()
	reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	table, err := reader.ReadTable(context.Background())
	if err != nil {
		return err
	}
	defer table.Release()
	r := s.Result
	r.Predictions = nil
	tasks := map[string]*rankings{taskZeroShot: {&r.Predictions, positions(r.Candidates)}}
	if g := r.Generalised; g != nil {
		g.Predictions = nil
		tasks[taskGeneralised] = &rankings{&g.Predictions, positions(g.Candidates)}
	}
	records := array.NewTableReader(table, predictionRows)
	defer records.Release()
	for records.Next() {
		if err := addPredictions(records.Record(), tasks); err != nil {
			return err
		}
	}
	if len(r.Predictions) != r.Images {
		return fmt.Errorf("%d images, but %d in %s: evaluate the run again", len(r.Predictions), r.Images, jsonName)
	}
	return records.Err()
}

// rankings are the predictions of one task and the positions of its candidates.
type rankings struct {
	predictions *[]evaluate.Prediction
	class       map[string]int
}

func positions(names []string) map[string]int {
	at := make(map[string]int, len(names))
	for i, n := range names {
		at[n] = i
	}
	return at
}

// addPredictions is the reverse of encodePredictions.
func addPredictions(rec arrow.Record, tasks map[string]*rankings) error {
	column := func(name string) arrow.Array {
		if at := rec.Schema().FieldIndices(name); len(at) == 1 {
			return rec.Column(at[0])
		}
		return nil
	}
	bad := ""
	text := func(name string) *array.String {
		c, ok := column(name).(*array.String)
		if !ok {
			bad = name
		}
		return c
	}
	float := func(name string) *array.Float32 {
		c, ok := column(name).(*array.Float32)
		if !ok {
			bad = name
		}
		return c
	}
	task, image, class, score := text("task"), text("image"), text("class"), float("score")
	rank, ok := column("rank").(*array.Int32)
	if !ok {
		bad = "rank"
	}
	var tops [rankedColumns]*array.String
	var scores [rankedColumns]*array.Float32
	for k := range rankedColumns {
		tops[k], scores[k] = text(fmt.Sprintf("top%d", k+1)), float(fmt.Sprintf("score%d", k+1))
	}
	if bad != "" {
		return fmt.Errorf("no column %q as this program writes it: evaluate the run again", bad)
	}
	for i := range int(rec.NumRows()) {
		t := tasks[task.Value(i)]
		if t == nil {
			return fmt.Errorf("row %d is of the task %q, which %s has no figures of: evaluate the run again", i, task.Value(i), jsonName)
		}
		index := func(name string) int {
			c, ok := t.class[name]
			if !ok {
				bad = name
			}
			return c
		}
		p := evaluate.Prediction{Image: image.Value(i), Class: index(class.Value(i)), Rank: int(rank.Value(i)), Score: score.Value(i)}
		for k := 0; k < rankedColumns && !tops[k].IsNull(i); k++ {
			p.Top = append(p.Top, evaluate.Choice{Class: index(tops[k].Value(i)), Score: scores[k].Value(i)})
		}
		if bad != "" || len(p.Top) == 0 {
			return fmt.Errorf("row %d names the class %q, which is no candidate in %s: evaluate the run again", i, bad, jsonName)
		}
		*t.predictions = append(*t.predictions, p)
	}
	return nil
}
