package attributes

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vzsl/features"
	"vzsl/internal/filetest"
)

func TestJoin(t *testing.T) {
	classes := []string{"a", "b"}
	own := &Table{Names: []string{"x", "y"}, Classes: classes, Values: [][]float32{{1, 2}, {3, nan}}, Source: "own.csv", Notes: []string{"n"}}
	words := &Table{Names: []string{"w_001"}, Classes: classes, Values: [][]float32{{5}, {6}}, Source: "w.bin", Kind: features.KindWords}
	got, err := Join(own, words)
	if err != nil {
		t.Fatal(err)
	}
	want := &Table{Names: []string{"x", "y", "w_001"}, Classes: classes, Values: [][]float32{{1, 2, 5}, {3, nan, 6}},
		Source: "own.csv + w.bin", Notes: []string{"n"}, Blocks: []Block{{Name: "own.csv", Width: 2}, {Name: "w.bin", Width: 1, Kind: features.KindWords}}}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	if again, err := Join(got); err != nil || again != got {
		t.Error("a table alone is not itself")
	}
	three, err := Join(got, &Table{Names: []string{"z"}, Classes: classes, Values: [][]float32{{7}, {8}}, Source: "z.csv"})
	if err != nil || len(three.Blocks) != 3 {
		t.Error(three, err)
	}
	if d := cmp.Diff([]float32{1, 2}, own.Values[0]); d != "" {
		t.Error("joining changed its source", d)
	}
	_, err = Join(own, own)
	filetest.WantError(t, err, `"x"`, "own.csv")
	_, err = Join(own, &Table{Names: []string{"z"}, Classes: []string{"b", "a"}, Values: [][]float32{{7}, {8}}, Source: "z.csv"})
	filetest.WantError(t, err, "own.csv and z.csv", "different classes")
}

// A joined vector is normalised as its parts are, each scaled by 1/sqrt(number of blocks).
func TestBlocksProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		missing := rapid.SampledFrom(MissingPolicies()).Draw(t, "missing")
		count, classes := rapid.IntRange(1, 4).Draw(t, "blocks"), rapid.IntRange(2, 6).Draw(t, "classes")
		parts := make([][][]float32, count)
		rows := make([][]float32, classes)
		var widths []int
		for b := range parts {
			w := rapid.IntRange(1, 5).Draw(t, "width")
			scale := rapid.Float32Range(0.01, 1000).Draw(t, "scale")
			widths = append(widths, w)
			parts[b] = make([][]float32, classes)
			for c := range classes {
				for range w {
					v := scale * rapid.Float32Range(-1, 1).Draw(t, "v")
					if c > 0 && missing == MissingClassMean && rapid.IntRange(0, 5).Draw(t, "gone") == 0 {
						v = nan
					}
					parts[b][c] = append(parts[b][c], v)
				}
				rows[c] = append(rows[c], parts[b][c]...)
			}
		}
		whole, err := Fit(kind, rows, missing, widths...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		var again Normaliser
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		share := 1.0
		if kind == L2 || kind == CentreL2 || kind == SqrtCentreL2 || kind == BothCentreL2 {
			share = 1 / math.Sqrt(float64(count))
		}
		for c, row := range rows {
			got, stored := make([]float32, whole.Width()), make([]float32, whole.Width())
			if err := whole.Apply(row, got); err != nil {
				t.Fatal(err)
			}
			if err := again.Apply(row, stored); err != nil || !cmp.Equal(got, stored) {
				t.Fatalf("stored and read again: %v, not %v", stored, got)
			}
			at := 0
			for i, w := range widths {
				part, err := Fit(kind, parts[i], missing)
				if err != nil {
					t.Fatal(err)
				}
				want := make([]float32, part.Width())
				if err := part.Apply(parts[i][c], want); err != nil {
					t.Fatal(err)
				}
				for k, v := range want {
					place := at + k%w + k/w*len(row) // views come one after the other
					if d := math.Abs(float64(got[place]) - float64(v)*share); d > 1e-6*math.Max(1, math.Abs(float64(v))) {
						t.Fatalf("%s, block %d of %v: %v, not %v x %v", kind, i, widths, got, want, share)
					}
				}
				at += w
			}
		}
	})
}

func TestBlocksErrors(t *testing.T) {
	rows := [][]float32{{1, 2, 3}}
	for _, blocks := range [][]int{{1, 1}, {2, 2}, {3, 0}, {-1, 4}} {
		_, err := Fit(L2, rows, "", blocks...)
		filetest.WantError(t, err, "blocks", "3")
	}
	var n Normaliser
	for _, text := range []string{
		`{"kind":"l2","missing":"error","dim":3,"blocks":[1,1]}`,
		`{"kind":"l2","missing":"error","dim":3,"blocks":[9223372036854775807,9223372036854775807,5]}`,
	} {
		filetest.WantError(t, json.Unmarshal([]byte(text), &n), "blocks")
	}
	// A model from before blocks existed.
	if err := json.Unmarshal([]byte(`{"kind":"l2","missing":"error","dim":3}`), &n); err != nil {
		t.Error(err)
	}
}
