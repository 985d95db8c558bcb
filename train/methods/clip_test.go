package methods

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"vzsl/attributes/text"
	"vzsl/train/method"
)

// given is an encoder that knows the vectors of some texts.
type given map[string][]float32

func (g given) Encode(_ context.Context, texts []string, _ func(int, int)) (*text.Vectors, error) {
	v := &text.Vectors{Cut: make([]int, len(texts)), Unknown: make([]int, len(texts))}
	for _, s := range texts {
		v.Rows = append(v.Rows, g[s])
	}
	return v, nil
}

// TestCLIP compares class vectors, scores and probabilities with NumPy's, of the published protocol (testdata/clip.py).
func TestCLIP(t *testing.T) {
	b, err := os.ReadFile("testdata/clip.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Images        [][]float32
		Texts         [][][]float32
		Classes       [][]float64
		Logits        [][]float64
		Probabilities [][]float64
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	e, d := given{}, &text.Descriptions{}
	for c, prompts := range want.Texts {
		d.Classes = append(d.Classes, fmt.Sprint(c))
		d.Texts = append(d.Texts, nil)
		for i, v := range prompts {
			s := fmt.Sprintf("%d, %d", c, i)
			e[s], d.Texts[c] = v, append(d.Texts[c], s)
		}
	}
	table, err := text.Embed(context.Background(), d, nil, e, "text", nil)
	if err != nil {
		t.Fatal(err)
	}
	close := func(what string, got float32, want, within float64) {
		t.Helper()
		if !(math.Abs(float64(got)-want) < within) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	for c, row := range want.Classes {
		for k, w := range row {
			close("class vector", table.Values[c][k], w, 1e-6)
		}
	}
	x := &rows{X: want.Images, Y: make([]int, len(want.Images))}
	clip := defaultCLIP()
	o, back := fitted(t, &clip, &method.Problem{Train: method.Data{Samples: x, Attributes: table.Values}})
	for _, m := range []method.Model{o.Model, back} {
		got, err := m.Score(slices.Concat(want.Images...), len(want.Images), table.Values)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range want.Probabilities {
			sum := 0.0
			for c := range row {
				sum += math.Exp(float64(got[i*len(row)+c]) - want.Logits[i][0])
			}
			for c, w := range row {
				close("score", got[i*len(row)+c], want.Logits[i][c], 1e-4)
				close("probability", float32(math.Exp(float64(got[i*len(row)+c])-want.Logits[i][0])/sum), w, 1e-5)
			}
		}
	}
}

// TestCLIPLearns: images of a class at once or one after another are the same, and the text counts for prior of them.
func TestCLIPLearns(t *testing.T) {
	m := &clipModel{dim: 2, scale: 10, prior: 2}
	classes := [][]float32{{1, 0}, {0, 1}}
	both, err := m.Learn(classes[0], []float32{0, 3, 5, 0}, 2)
	if err != nil {
		t.Fatal(err)
	}
	one, err := m.Learn(classes[0], []float32{0, 3}, 1)
	if err != nil {
		t.Fatal(err)
	}
	two, err := one.(method.Learner).Learn(classes[0], []float32{5, 0}, 1)
	if err != nil {
		t.Fatal(err)
	}
	// 2 (1, 0) + (0, 1) + (1, 0) = (3, 1)
	for _, l := range []method.Model{both, two} {
		s, err := l.Score([]float32{7, 0}, 1, classes)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(s[0])-10*3/math.Sqrt(10)) > 1e-5 || s[1] != 0 {
			t.Errorf("%v", s)
		}
	}
	if s, err := m.Score([]float32{7, 0}, 1, classes); err != nil || s[0] != 10 {
		t.Errorf("the model itself has learned: %v, %v", s, err)
	}
}

func TestCLIPRefused(t *testing.T) {
	x := &rows{X: [][]float32{{1, 2, 3}}, Y: []int{0}}
	clip := defaultCLIP()
	_, err := clip.Fit(context.Background(), &method.Problem{Train: method.Data{Samples: x, Attributes: [][]float32{{1, 2}}}}, &method.Session{})
	if err == nil || !strings.Contains(err.Error(), "are not in the same embedding space") {
		t.Error(err)
	}
	c := defaultCLIP()
	c.SetScale(42)
	if c.SetScale(7); c.Scale != 42 {
		t.Errorf("scale %v", c.Scale)
	}
}
