package tuning

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"vzsl/internal/custody"
)

// table writes every fit of the search as Parquet: trial, fold, the searched settings as JSON, the choice best on this
// fold alone as JSON, its accuracy (0..1), seconds, error.
func (t *tuning) table() (custody.File, error) {
	var keys []fitKey
	for k := range t.fits {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b fitKey) int {
		if a.trial != b.trial {
			return a.trial - b.trial
		}
		return a.fold - b.fold
	})
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "trial", Type: arrow.PrimitiveTypes.Int32},
		{Name: "fold", Type: arrow.PrimitiveTypes.Int32},
		{Name: "settings", Type: arrow.BinaryTypes.String},
		{Name: "choice", Type: arrow.BinaryTypes.String},
		{Name: "accuracy", Type: arrow.PrimitiveTypes.Float64},
		{Name: "seconds", Type: arrow.PrimitiveTypes.Float64},
		{Name: "error", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, k := range keys {
		f := t.fits[k]
		searched, err := values(&t.settings[k.trial], t.space)
		if err != nil {
			return custody.File{}, err
		}
		settings, err := json.Marshal(searched)
		if err != nil {
			return custody.File{}, err
		}
		best := FitPoint{}
		for _, p := range f.Points {
			if best.Choice == nil || p.Accuracy > best.Accuracy {
				best = p
			}
		}
		choice, err := json.Marshal(best.Choice)
		if err != nil {
			return custody.File{}, err
		}
		b.Field(0).(*array.Int32Builder).Append(int32(k.trial))
		b.Field(1).(*array.Int32Builder).Append(int32(k.fold))
		b.Field(2).(*array.StringBuilder).Append(string(settings))
		b.Field(3).(*array.StringBuilder).Append(string(choice))
		b.Field(4).(*array.Float64Builder).Append(best.Accuracy)
		b.Field(5).(*array.Float64Builder).Append(f.Seconds)
		b.Field(6).(*array.StringBuilder).Append(f.Failed)
	}
	record := b.NewRecord()
	return custody.File{Name: TrialsFile, Write: func(w io.WriteSeeker) error {
		defer record.Release()
		// The library closes what it writes to where that can be closed; the file must still be synced then.
		pw, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w},
			parquet.NewWriterProperties(parquet.WithCreatedBy("vzsl"), parquet.WithRootRepetition(parquet.Repetitions.Required)),
			pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			return fmt.Errorf("start Parquet: %w", err)
		}
		if err := pw.Write(record); err != nil {
			return fmt.Errorf("write Parquet rows: %w", err)
		}
		return pw.Close()
	}}, nil
}
