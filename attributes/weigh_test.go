package attributes

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

// TestWeigh: a block's share is its part of the squared length, under every normalisation that brings vectors to length 1; equal
// shares change no bit; the weights are stored.
func TestWeigh(t *testing.T) {
	rows := [][]float32{{1, 2, 3, 100, 7}, {4, 1, 0, -50, 2}, {2, 2, 5, 25, 1}}
	fit := func(kind string, shares ...float64) *Normaliser {
		n, err := Fit(kind, rows, "", 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		if shares != nil {
			if err := n.Weigh(shares); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	apply := func(n *Normaliser) []float32 {
		v := make([]float32, n.Width())
		if err := n.Apply(rows[0], v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, kind := range Kinds() {
		if plain, equal := apply(fit(kind)), apply(fit(kind, 0.5, 0.5)); !reflect.DeepEqual(plain, equal) {
			t.Errorf("%s: equal weights give %v, none %v", kind, equal, plain)
		}
		n := fit(kind, 0.8, 0.2)
		v, plain := apply(n), apply(fit(kind))
		for view := range n.Views() {
			squares := [2]float64{}
			for k := range 5 {
				x := float64(v[view*5+k])
				squares[k/3] += x * x
				if want := float64(plain[view*5+k]) * math.Sqrt(2*[]float64{0.8, 0.2}[k/3]); math.Abs(x-want) > 1e-5*max(1, math.Abs(want)) {
					t.Errorf("%s: value %d is %v, want %v", kind, k, x, want)
				}
			}
			if kind != None && kind != Standardise && (math.Abs(squares[0]-0.8) > 1e-6 || math.Abs(squares[1]-0.2) > 1e-6) {
				t.Errorf("%s: squared lengths %v", kind, squares)
			}
		}
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var stored Normaliser
		if err := json.Unmarshal(text, &stored); err != nil || !reflect.DeepEqual(apply(&stored), v) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, bad := range [][]float64{{1}, {0.5, 0.6}, {-0.5, 1.5}, {math.NaN(), 1}} {
		if n := fit(L2); n.Weigh(bad) == nil {
			t.Errorf("weights %v pass", bad)
		}
	}
	if err := json.Unmarshal([]byte(`{"kind":"l2","missing":"error","dim":2,"blocks":[1,1],"shares":[1]}`), new(Normaliser)); err == nil {
		t.Error("one weight of two blocks passes")
	}
}
