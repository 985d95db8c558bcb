package attributes

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

// BenchmarkWords looks for 1,000 names among 20,000 words of 300 values, from memory.
func BenchmarkWords(b *testing.B) {
	v := vocabulary{}
	for i := range 20_000 {
		v.words = append(v.words, fmt.Sprintf("word_%07d", i))
		row := make([]float32, 300)
		for k := range row {
			row[k] = float32(i%100)/100 - float32(k)/300
		}
		v.rows = append(v.rows, row)
	}
	var classes []string
	for i := range 1000 {
		classes = append(classes, fmt.Sprintf("word %07d", i*19))
	}
	for name, data := range map[string][]byte{"binary": v.binary(false), "text": v.text(true, " ", "\n"), "binary.gz": zip(v.binary(false))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := readWords(context.Background(), "x.bin", bytes.NewReader(data), int64(len(data)), classes, WordOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
