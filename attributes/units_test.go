package attributes

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/internal/filetest"
)

// percentages are rows such as datasets have them: many zeros, few large values, each class with a handful of its own.
func percentages(seed uint64, classes, attributes int) (names []string, rows [][]float32) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range classes {
		row := make([]float32, attributes)
		for k := range row {
			if r.Float64() < 0.4 {
				row[k] = float32(math.Round(10000*r.Float64()*r.Float64()) / 100)
			}
		}
		row[r.IntN(attributes)] = 100
		rows = append(rows, row)
		names = append(names, "class-"+string(rune('a'+len(names)%26))+string(rune('a'+len(names)/26)))
	}
	return names, rows
}

func columns(n int) (names []string) {
	for k := range n {
		names = append(names, "a"+string(rune('0'+k/10))+string(rune('0'+k%10)))
	}
	return names
}

func scaled(row []float32, by float64) []float32 {
	out := slices.Clone(row)
	for k := range out {
		out[k] = float32(float64(out[k]) * by)
	}
	return out
}

func TestUnits(t *testing.T) {
	names, rows := percentages(1, 60, 40)
	u := NewUnits(columns(40), rows[:40])
	// Other classes in the same units, one or many: no doubt.
	if d := u.Doubts(names[40:], rows[40:]); d != nil {
		t.Errorf("the same units: %q", d)
	}
	for i := 40; i < 60; i++ {
		if d := u.Doubts(names[i:i+1], rows[i:i+1]); d != nil {
			t.Errorf("%s alone in the same units: %q", names[i], d)
		}
	}
	// All of it, one row, one column, up and down.
	for _, by := range []float64{100, 0.01, 1000, 0.001} {
		var all [][]float32
		for _, row := range rows[40:] {
			all = append(all, scaled(row, by))
		}
		if d := u.Doubts(names[40:], all); len(d) != 1 || !strings.Contains(d[0], "the values are ") {
			t.Errorf("all times %g: %q", by, d)
		}
		one := slices.Clone(rows[40:])
		one[3] = scaled(one[3], by)
		if d := u.Doubts(names[40:], one); len(d) != 1 || !strings.Contains(d[0], "1 class ") || !strings.Contains(d[0], names[43]) {
			t.Errorf("one row times %g: %q", by, d)
		}
		if d := u.Doubts(names[43:44], one[3:4]); len(d) != 1 {
			t.Errorf("one row alone times %g: %q", by, d)
		}
	}
	for _, by := range []float64{1000, 100, 0.01, 0.001} {
		column := make([][]float32, 0, 20)
		for _, row := range rows[40:] {
			row = slices.Clone(row)
			row[7] *= float32(by)
			column = append(column, row)
		}
		if d := u.Doubts(names[40:], column); len(d) != 1 || !strings.Contains(d[0], "1 attribute ") || !strings.Contains(d[0], "a07") {
			t.Errorf("one column times %g: %q", by, d)
		}
	}
	// A measure that all classes have, in grams and in kilograms.
	weights := func(by float64, n int) (rows [][]float32) {
		r := rand.New(rand.NewPCG(3, 3))
		for range n {
			rows = append(rows, []float32{float32(by * (100 + 4900*r.Float64())), 1, float32(r.IntN(2))})
		}
		return rows
	}
	u = NewUnits([]string{"weight", "alive", "stripes"}, weights(1, 30))
	for _, n := range []int{5, 9} {
		if d := u.Doubts(names[:n], weights(0.001, n)); len(d) != 1 || !strings.Contains(d[0], "weight") {
			t.Errorf("%d in kilograms: %q", n, d)
		}
		if d := u.Doubts(names[:n], weights(1, n)); d != nil {
			t.Errorf("%d in grams: %q", n, d)
		}
	}
	if d := u.Doubts(names[:1], [][]float32{{0.02, 1, 0}}); len(d) != 1 || !strings.Contains(d[0], "weight") {
		t.Errorf("one in kilograms: %q", d)
	}
	// Zeros and missing values say nothing; nor does what was never seen.
	u = NewUnits([]string{"x", "y"}, [][]float32{{1, 0}, {0, 0}, {1, float32(math.NaN())}})
	if d := u.Doubts([]string{"a", "b"}, [][]float32{{0, 50}, {float32(math.NaN()), 0}}); d != nil {
		t.Errorf("zeros: %q", d)
	}
	if d := u.Doubts(nil, nil); d != nil {
		t.Errorf("no rows: %q", d)
	}
}

// TestUnitsOfAwA: no class of the real table is doubted when the others are what was trained on; each is in other units.
func TestUnitsOfAwA(t *testing.T) {
	dir := filepath.Join(filetest.Data(t), "awa")
	names, err := ReadNames(filepath.Join(dir, "predicates.txt"))
	if err != nil {
		t.Fatal(err)
	}
	order, err := ReadNames(filepath.Join(dir, "classes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, which := range []string{"continuous", "binary"} {
		values, err := ReadMatrix(filepath.Join(dir, "predicate-matrix-"+which+".txt"), order, names)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range values {
			for i, v := range row {
				if v == -1 {
					row[i] = nan
				}
			}
		}
		table := &Table{Names: names, Values: values}
		for i, class := range order {
			rest := slices.Delete(slices.Clone(table.Values), i, i+1)
			u := NewUnits(table.Names, rest)
			if d := u.Doubts([]string{class}, table.Values[i:i+1]); d != nil {
				t.Errorf("%s: %q", class, d)
			}
			if d := u.Doubts([]string{class}, [][]float32{scaled(table.Values[i], 0.01)}); len(d) == 0 {
				t.Errorf("%s of the %s matrix as shares is not doubted", class, which)
			}
		}
		// As splits do: ten of the fifty are new.
		for range 200 {
			var old, new [][]float32
			var names []string
			for n, i := range r.Perm(len(order)) {
				if n < 40 {
					old = append(old, table.Values[i])
				} else {
					names, new = append(names, order[i]), append(new, table.Values[i])
				}
			}
			if d := NewUnits(table.Names, old).Doubts(names, new); d != nil {
				t.Errorf("%s: %q", names, d)
			}
		}
	}
}
