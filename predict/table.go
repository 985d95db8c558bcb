package predict

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// ImagePrediction is an image with its prediction, or with the error that prevented one.
type ImagePrediction struct {
	Image string `json:"image"`
	*Prediction
	Error   string  `json:"error,omitempty"`
	Damaged string  `json:"damaged,omitempty"` // what of the file is damaged or missing, and was decoded as libjpeg does
	Label   *string `json:"label,omitempty"`   // the class that a user assigned; "": none of the classes
	ID      string  `json:"id,omitempty"`      // identifies the image's bytes on a server that keeps its feature
}

// ranks is the largest number of classes listed for any image.
func ranks(all []ImagePrediction) int {
	n := 0
	for _, x := range all {
		if x.Prediction != nil {
			n = max(n, len(x.Top))
		}
	}
	return n
}

// labelled reports whether any image has a label.
func labelled(all []ImagePrediction) bool {
	return slices.ContainsFunc(all, func(x ImagePrediction) bool { return x.Label != nil })
}

// damaged reports whether any image's file is damaged.
func damaged(all []ImagePrediction) bool {
	return slices.ContainsFunc(all, func(x ImagePrediction) bool { return x.Damaged != "" })
}

// WriteCSV writes one row per image: image, predicted (empty: rejected), probability, then top1, probability1, score1
// and so on, label and damaged if any image has one, and error, empty if there is none.
func WriteCSV(w io.Writer, all []ImagePrediction) error {
	c := csv.NewWriter(w)
	n := ranks(all)
	row := []string{"image", "predicted", "probability"}
	for k := range n {
		row = append(row, fmt.Sprintf("top%d", k+1), fmt.Sprintf("probability%d", k+1), fmt.Sprintf("score%d", k+1))
	}
	last := len(row)
	labels := labelled(all)
	if labels {
		row = append(row, "label")
	}
	damage := damaged(all)
	if damage {
		row = append(row, "damaged")
	}
	row = append(row, "error")
	_ = c.Write(row) // errors are reported by Flush
	for _, x := range all {
		row = append(row[:0], x.Image)
		if x.Prediction != nil {
			row = append(row, x.Class, number(x.Probability, 64))
			for _, t := range x.Top {
				row = append(row, t.Class, number(t.Probability, 64), number(float64(t.Score), 32))
			}
		}
		for len(row) < last {
			row = append(row, "")
		}
		if labels {
			label := ""
			if x.Label != nil {
				label = *x.Label
			}
			row = append(row, label)
		}
		if damage {
			row = append(row, x.Damaged)
		}
		_ = c.Write(append(row, x.Error))
	}
	c.Flush()
	return c.Error()
}

func number(x float64, bits int) string { return strconv.FormatFloat(x, 'g', -1, bits) }

// WriteParquet writes the same columns as Parquet, with null instead of empty cells.
func WriteParquet(w io.Writer, all []ImagePrediction) error {
	const group = 1 << 16
	text := func(name string) arrow.Field {
		return arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}
	}
	fields := []arrow.Field{
		{Name: "image", Type: arrow.BinaryTypes.String}, text("predicted"),
		{Name: "probability", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}
	n := ranks(all)
	for k := range n {
		fields = append(fields, text(fmt.Sprintf("top%d", k+1)),
			arrow.Field{Name: fmt.Sprintf("probability%d", k+1), Type: arrow.PrimitiveTypes.Float64, Nullable: true},
			arrow.Field{Name: fmt.Sprintf("score%d", k+1), Type: arrow.PrimitiveTypes.Float32, Nullable: true})
	}
	labels := labelled(all)
	if labels {
		fields = append(fields, text("label"))
	}
	damage := damaged(all)
	if damage {
		fields = append(fields, text("damaged"))
	}
	fields = append(fields, text("error"))
	md := arrow.NewMetadata([]string{"vzsl.schema"}, []string{"answers/1"})
	schema := arrow.NewSchema(fields, &md)
	pw, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(
		parquet.WithCreatedBy("vzsl"), parquet.WithVersion(parquet.V2_6), parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithRootRepetition(parquet.Repetitions.Required), parquet.WithDictionaryFor("image", false),
		parquet.WithMaxRowGroupLength(group)), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return fmt.Errorf("start Parquet: %w", err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for lo := 0; lo < len(all); lo += group {
		for _, x := range all[lo:min(lo+group, len(all))] {
			at := 0
			add := func(v any) {
				f := b.Field(at)
				at++
				switch v := v.(type) {
				case string:
					f.(*array.StringBuilder).Append(v)
				case float64:
					f.(*array.Float64Builder).Append(v)
				case float32:
					f.(*array.Float32Builder).Append(v)
				default:
					f.AppendNull()
				}
			}
			orNull := func(s string) any {
				if s == "" {
					return nil
				}
				return s
			}
			add(x.Image)
			var top []Candidate
			if x.Prediction != nil {
				add(orNull(x.Class))
				add(x.Probability)
				top = x.Top
			} else {
				add(nil)
				add(nil)
			}
			for k := range n {
				if k < len(top) {
					add(top[k].Class)
					add(top[k].Probability)
					add(top[k].Score)
				} else {
					add(nil)
					add(nil)
					add(nil)
				}
			}
			if labels && x.Label != nil {
				add(*x.Label)
			} else if labels {
				add(nil)
			}
			if damage {
				add(orNull(x.Damaged))
			}
			add(orNull(x.Error))
		}
		rec := b.NewRecord() // resets the builder: every record is a fresh one
		err := pw.Write(rec)
		rec.Release()
		if err != nil {
			return fmt.Errorf("write Parquet rows: %w", err)
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("end Parquet: %w", err)
	}
	return nil
}
