package method

import (
	"errors"
	"math"
	"strings"
	"testing"
)

type example struct {
	Rate  float64   `toml:"rate" range:"(0, 10]" comment:"a rate"`
	Grid  []float64 `toml:"grid" range:"(0, inf)" comment:"grid of a ridge"`
	Top   []float64 `toml:"top" range:"[1, inf) whole"`
	Floor float64   `toml:"floor" range:"[0, 0.5)"`
	Word  string    `toml:"word" range:"one | two"`
	Size  int       `toml:"size" range:"[1, 64]"`
	Seed  uint64    `toml:"seed"`
	On    bool      `toml:"on"`
	Units []int     `toml:"units" range:"[1, 100]"`
	Other string    `toml:"-"`
}

func good() example {
	return example{Rate: 10, Grid: []float64{1, 2.5}, Top: []float64{1, 3}, Word: "two", Size: 64}
}

// TestSettings: what Text writes Set reads; what is not in the range is refused by name, value and range.
func TestSettings(t *testing.T) {
	c := good()
	if all := Settings(&c); len(all) != 9 || all[0].Name != "rate" || all[0].Help != "a rate" || all[8].Name != "units" {
		t.Fatalf("%+v", all)
	}
	if err := Check("own", &c); err != nil {
		t.Error(err)
	}
	for _, x := range []struct{ name, text, want, err string }{
		{"rate", " 0.5 ", "0.5", ""},
		{"rate", "10.01", "10.01", "own setting: rate = 10.01; it must be above 0 and at most 10"},
		{"rate", "0", "0", "above 0 and at most 10"},
		{"rate", "NaN", "NaN", "rate"},
		{"grid", "[0.1, 1,10]", "0.1,1,10", ""},
		{"grid", "", "", "own setting: grid has no values"},
		{"grid", "1,0", "1,0", "grid = 0; it must be positive"},
		{"grid", "1,Inf", "1,+Inf", "grid = +Inf"},
		{"top", "2.5", "2.5", "top = 2.5; it must be a whole number, at least 1"},
		{"top", "0", "0", "top = 0"},
		{"floor", "0.5", "0.5", "at least 0 and below 0.5"},
		{"floor", "0", "0", ""},
		{"word", "one", "one", ""},
		{"word", "three", "three", "word = three; it must be one or two"},
		{"size", "65", "65", "between 1 and 64"},
		{"seed", "18446744073709551615", "18446744073709551615", ""},
		{"on", "true", "true", ""},
		{"units", "", "", ""},
		{"units", "5,101", "5,101", "units = 101"},
	} {
		c := good()
		s, ok := Find(&c, x.name)
		if err := s.Set(x.text); !ok || err != nil || s.Text() != x.want {
			t.Errorf("%s = %q: %q, %v", x.name, x.text, s.Text(), err)
		}
		err := Check("own", &c)
		if x.err == "" && err != nil || x.err != "" && (!errors.Is(err, ErrSetting) || !strings.Contains(err.Error(), x.err)) {
			t.Errorf("%s = %q: %v", x.name, x.text, err)
		}
	}
	for name, text := range map[string]string{"rate": "x", "size": "1.5", "seed": "-1", "on": "maybe", "grid": "1,x", "units": "1.5"} {
		s, _ := Find(&c, name)
		if err := s.Set(text); err == nil || !strings.Contains(err.Error(), "is not a ") {
			t.Errorf("%s = %q: %v", name, text, err)
		}
	}
	if _, ok := Find(&c, "-"); ok {
		t.Error("a field without a name")
	}
	if c.Rate = math.Inf(1); Check("own", &c) == nil {
		t.Error("an infinite rate")
	}
}
