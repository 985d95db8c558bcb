package plda

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// TestGolden compares all settings with testdata/plda.py, which takes every step the long way.
func TestGolden(t *testing.T) {
	var g struct {
		Attributes [][]float32            `json:"attributes"`
		Seen       int                    `json:"seen"`
		X          [][]float32            `json:"x"`
		Labels     []int                  `json:"labels"`
		Test       [][]float32            `json:"test"`
		Shots      map[string][][]float32 `json:"shots"`
		Evidence   [][]float64            `json:"evidence"`
		Settings   map[string]float64     `json:"settings"`
		Zero       [][]float64            `json:"zero_shot"`
		Few        [][]float64            `json:"few_shot"`
		All        [][]float64            `json:"generalised"`
		None       golden                 `json:"none"`
		Estimated  golden                 `json:"estimated"`
		FewEM      golden                 `json:"few_estimated"`
	}
	b, err := os.ReadFile(filepath.Join("testdata", "plda.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	train := &samples{x: slices.Clone(g.X), labels: slices.Clone(g.Labels)}
	few := make([]bool, len(g.Attributes))
	for name, x := range g.Shots {
		c, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		few[c] = true
		for _, row := range x {
			train.x, train.labels = append(train.x, row), append(train.labels, c)
		}
	}
	c := Default()
	c.ImagesShrink, c.Ridge, c.ImagesFloor = []float64{g.Settings["shrink"]}, []float64{g.Settings["ridge"]}, []float64{g.Settings["floor"]}
	c.ShotsFloor = c.ImagesFloor
	c.ShotWeight, c.EMWeight, c.EMTemperature, c.PriorCount, c.EMRounds = g.Settings["weight"], g.Settings["weight"], g.Settings["temperature"], g.Settings["count"], int(g.Settings["rounds"])
	test, unseen := &samples{x: g.Test}, g.Attributes[g.Seen:]
	problem := &method.Problem{Train: method.Data{Samples: train, Attributes: g.Attributes}, Few: few}
	fit := func(p *method.Problem) *Model {
		t.Helper()
		o, err := c.Fit(t.Context(), p, &method.Session{})
		if err != nil {
			t.Fatal(err)
		}
		f := &safetensors.File{Tensors: o.Model.Tensors()}
		m, err := c.Load(f)
		if err != nil {
			t.Fatal(err)
		}
		return m.(*Model)
	}
	score := func(m *Model, classes [][]float32) []float64 {
		t.Helper()
		l, err := m.LogScores(test.joined(), test.Len(), classes)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	m := fit(problem)
	near(t, "few-shot", score(m, unseen), slices.Concat(g.Few...), 1e-5)
	zero := m.WithoutImages()
	near(t, "zero-shot", score(zero, unseen), slices.Concat(g.Zero...), 1e-5)
	near(t, "generalised", score(zero, g.Attributes), slices.Concat(g.All...), 1e-5)
	u := &method.Unlabelled{Features: test, Attributes: unseen}
	for _, x := range []struct {
		name, prior string
		from        *Model
		evidence    Evidence
		want        golden
	}{
		{"no prior", priorNone, zero, Evidence{}, g.None},
		{"estimated", priorEstimated, zero, Evidence{Scores: slices.Concat(g.Evidence...), Weight: g.Settings["evidence_weight"]}, g.Estimated},
		{"shots and unlabelled images", priorEstimated, m, Evidence{}, g.FewEM},
	} {
		c.ClassPrior = x.prior
		got, err := x.from.Transduce(t.Context(), u, &c, x.evidence)
		if err != nil {
			t.Fatal(err)
		}
		near(t, x.name, score(got.Model, unseen), slices.Concat(x.want.Scores...), 1e-5)
		q := make([]float64, len(got.Responsibilities))
		for i, v := range got.Responsibilities {
			q[i] = float64(v)
		}
		near(t, x.name+": probabilities", q, slices.Concat(x.want.Q...), 1e-5)
	}
}

type golden struct {
	Scores [][]float64 `json:"scores"`
	Q      [][]float64 `json:"q"`
}
