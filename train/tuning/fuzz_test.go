package tuning

import (
	"bytes"
	"testing"

	"vzsl/train/method"
)

// FuzzJournal: a line of a search's journal is one that was written after the lines before it, or it is refused.
func FuzzJournal(f *testing.F) {
	var w tuning
	var lines [][]byte
	for i := range 2 {
		line, err := w.encode(&Fit{Trial: i, Fold: 1, Points: []FitPoint{{Choice: method.Choice{"gamma": 0.5}, Accuracy: 0.25}}, Seconds: 1, Elapsed: 2})
		if err != nil {
			f.Fatal(err)
		}
		lines = append(lines, line)
	}
	f.Add(lines[0], lines[1])
	f.Add(lines[1], lines[0])
	f.Add([]byte(`{"trial":0,"fold":0,"points":null,"seconds":1}`), lines[1])
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var r tuning
		if _, err := r.read(first); err != nil {
			return
		}
		if f, err := r.read(second); err == nil && f.SHA256 != "" {
			for i := range second {
				flipped := bytes.Clone(second)
				flipped[i] ^= 1
				again := tuning{summed: r.summed}
				_, _ = again.read(first)
				if _, err := again.read(flipped); err == nil {
					t.Fatalf("%q is taken for %q", flipped, second)
				}
			}
		}
	})
}
