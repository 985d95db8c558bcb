package runs

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/interop"
)

// A reader of its own, in Python, sees the epochs that were written; their sums hold.
func TestInteropEvents(t *testing.T) {
	lines := []map[string]any{
		{"phase": "choose", "epoch": 1.0, "of": 2.0, "seconds": 0.5, "loss": 12.25, "validation_accuracy": 0.5},
		{"phase": "choose", "epoch": 2.0, "of": 2.0, "seconds": 0.25, "loss": -3.5, "validation_accuracy": 0.75},
	}
	var b bytes.Buffer
	if err := WriteEvents(&b, lines, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	out := interop.Output(t, interop.Python(t, nil, filepath.Join("testdata", "events.py"), path))
	type event struct {
		WallTime float64 `json:"wall_time"`
		Step     int     `json:"step"`
		Version  string  `json:"file_version"`
		Values   map[string]float64
	}
	var got []event
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var e event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	want := []event{
		{WallTime: 1700000000, Version: "brain.Event:2", Values: map[string]float64{}},
		{WallTime: 1700000000.5, Step: 1, Values: map[string]float64{"seconds": 0.5, "loss": 12.25, "validation_accuracy": 0.5}},
		{WallTime: 1700000000.75, Step: 2, Values: map[string]float64{"seconds": 0.25, "loss": -3.5, "validation_accuracy": 0.75}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
