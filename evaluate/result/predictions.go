package result

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"vzsl/evaluate"
)

const (
	taskZeroShot    = "zero-shot"   // unseen images among the unseen classes
	taskGeneralised = "generalised" // seen and unseen images among all classes
	rankedColumns   = 5
	predictionRows  = 1 << 16 // per record and row group
)

// encodePredictions writes one row for each image of each task: task, image, class, predicted, correct, rank and score of
// the true class, then top1..top5 and score1..score5, null beyond the number of candidates. The bytes depend on the
// result alone.
func encodePredictions(r *evaluate.Result) ([]byte, error) {
	fields := []arrow.Field{
		{Name: "task", Type: arrow.BinaryTypes.String},
		{Name: "image", Type: arrow.BinaryTypes.String},
		{Name: "class", Type: arrow.BinaryTypes.String},
		{Name: "predicted", Type: arrow.BinaryTypes.String},
		{Name: "correct", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "rank", Type: arrow.PrimitiveTypes.Int32},
		{Name: "score", Type: arrow.PrimitiveTypes.Float32},
	}
	const ranks = 7 // first of the ranked columns
	for k := range rankedColumns {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("top%d", k+1), Type: arrow.BinaryTypes.String, Nullable: true})
	}
	for k := range rankedColumns {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("score%d", k+1), Type: arrow.PrimitiveTypes.Float32, Nullable: true})
	}
	md := arrow.NewMetadata(
		[]string{"vzsl.schema", "vzsl.dataset", "vzsl.split"},
		[]string{"predictions/1", r.Dataset, r.Split})
	schema := arrow.NewSchema(fields, &md)

	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out,
		parquet.NewWriterProperties(
			parquet.WithCreatedBy("vzsl"),
			parquet.WithVersion(parquet.V2_6),
			parquet.WithCompression(compress.Codecs.Zstd),
			parquet.WithRootRepetition(parquet.Repetitions.Required), // else some readers fail
			parquet.WithDictionaryFor("image", false),
			parquet.WithMaxRowGroupLength(predictionRows)),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, fmt.Errorf("start Parquet: %w", err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	text := func(i int) *array.StringBuilder { return b.Field(i).(*array.StringBuilder) }
	float := func(i int) *array.Float32Builder { return b.Field(i).(*array.Float32Builder) }
	rows := 0
	flush := func() error {
		if rows == 0 {
			return nil
		}
		rec := b.NewRecord() // resets the builder: every record is a fresh one
		defer rec.Release()
		rows = 0
		return w.Write(rec)
	}
	add := func(task string, classes []string, predictions []evaluate.Prediction) error {
		for i := range predictions {
			p := &predictions[i]
			text(0).Append(task)
			text(1).Append(p.Image)
			text(2).Append(classes[p.Class])
			text(3).Append(classes[p.Top[0].Class])
			b.Field(4).(*array.BooleanBuilder).Append(p.Correct())
			b.Field(5).(*array.Int32Builder).Append(int32(p.Rank))
			float(6).Append(p.Score)
			for k := range rankedColumns {
				name, score := text(ranks+k), float(ranks+rankedColumns+k)
				if k < len(p.Top) {
					name.Append(classes[p.Top[k].Class])
					score.Append(p.Top[k].Score)
				} else {
					name.AppendNull()
					score.AppendNull()
				}
			}
			if rows++; rows == predictionRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err = add(taskZeroShot, r.Candidates, r.Predictions)
	if err == nil && r.Generalised != nil {
		err = add(taskGeneralised, r.Generalised.Candidates, r.Generalised.Predictions)
	}
	if err == nil {
		err = flush()
	}
	if err != nil {
		return nil, fmt.Errorf("write Parquet rows: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end Parquet: %w", err)
	}
	return out.Bytes(), nil
}

// decodePredictions reads what encodePredictions wrote into r.
func decodePredictions(data []byte, r *evaluate.Result) (err error) {
	defer func() {
		if p := recover(); p != nil { // the library's way to say that pages are damaged
			err = fmt.Errorf("damaged: %v: evaluate the run again", p)
		}
	}()
	table, err := readColumns(data)
	if err != nil {
		return err
	}
	defer table.Release()
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
		return fmt.Errorf("%d images, but %d in %s: evaluate the run again", len(r.Predictions), r.Images, JSONFile)
	}
	return records.Err()
}

// readColumns reads a file whose columns are plain, in this goroutine alone: a panic in one of those that the library's ReadTable starts
// could not be recovered.
func readColumns(data []byte) (arrow.Table, error) {
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := f.NumRows()
	if rows < 0 || rows > 1<<20+mostPerByte*int64(len(data)) {
		return nil, fmt.Errorf("%d bytes cannot hold the %d rows that they name: evaluate the run again", len(data), rows)
	}
	reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	schema, err := reader.Schema()
	if err != nil {
		return nil, err
	}
	if schema.NumFields() != f.MetaData().Schema.NumColumns() {
		return nil, errors.New("it has nested columns: evaluate the run again")
	}
	groups := make([]int, f.NumRowGroups())
	var held int64
	for g := range groups {
		n := f.MetaData().RowGroup(g).NumRows()
		if n < 0 || n > rows-held {
			return nil, fmt.Errorf("row group %d of %d rows, of %d in all: evaluate the run again", g, n, rows)
		}
		groups[g], held = g, held+n
	}
	columns := make([]arrow.Column, 0, schema.NumFields())
	defer func() {
		for i := range columns {
			columns[i].Release()
		}
	}()
	for i := range schema.NumFields() {
		c, err := reader.GetFieldReader(context.Background(), i, map[int]bool{i: true}, groups)
		if err != nil {
			return nil, err
		}
		chunks, err := reader.ReadColumn(groups, c)
		c.Release()
		if err != nil {
			return nil, err
		}
		column := arrow.NewColumn(schema.Field(i), chunks)
		chunks.Release()
		columns = append(columns, *column)
		if column.Len() != int(held) {
			return nil, fmt.Errorf("%d values of %q in %d rows: evaluate the run again", column.Len(), schema.Field(i).Name, held)
		}
	}
	return array.NewTable(schema, columns, held), nil
}

// mostPerByte rows are what a byte of a file of equal rows may hold.
const mostPerByte = 4096

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
		return fmt.Errorf("the column %q is missing or has another type: evaluate the run again", bad)
	}
	for i := range int(rec.NumRows()) {
		t := tasks[task.Value(i)]
		if t == nil {
			return fmt.Errorf("row %d is of the task %q, for which %s has no metrics: evaluate the run again", i, task.Value(i), JSONFile)
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
			return fmt.Errorf("row %d has the class %q, which is not a candidate in %s: evaluate the run again", i, bad, JSONFile)
		}
		*t.predictions = append(*t.predictions, p)
	}
	return nil
}
