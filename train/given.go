package train

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/train/method"
)

// given is what a method is given to fit, with what was fitted on the way to it.
type given struct {
	problem    method.Problem
	normaliser *attributes.Normaliser
	classes    []string // of problem.Train
}

// given makes a problem of the seen classes with the classes held left out, which validate; in the few-shot setting they
// also play the unseen ones, whose shots are trained on where nothing validates.
func (p *parts) given(s *Settings, held []string) (*given, error) {
	out := make(map[string]bool, len(held))
	for _, c := range held {
		out[c] = true
	}
	// Attributes are normalised by the seen classes, with images or without; by those held out only once they are
	// trained on.
	var vectors [][]float32
	for _, c := range p.roles.Seen {
		if !out[c] {
			vectors = append(vectors, p.vectors[c])
		}
	}
	n, err := attributes.Fit(s.AttributeNorm, vectors, s.Missing, p.blocks...)
	if err != nil {
		return nil, fmt.Errorf("split %q, seen classes: %w", p.roles.Name, err)
	}
	var train, validation []int
	labels := p.f.Labels()
	for _, rows := range [][]int{p.train, p.validation} {
		for _, r := range rows {
			if out[p.names[labels[r]]] {
				validation = append(validation, r)
			} else {
				train = append(train, r)
			}
		}
	}
	few := p.roles.Unseen
	if p.k > 0 && len(validation) > 0 {
		few = held
		train, validation = p.play(train, validation, s.Seed)
	} else {
		train = append(train, p.shots...)
	}
	d, classes, err := p.data(train, s.FeatureNorm, n.Apply)
	if err != nil {
		return nil, err
	}
	g := &given{problem: method.Problem{Train: *d, Seed: s.Seed}, normaliser: n, classes: classes}
	if p.k > 0 {
		g.problem.Few = make([]bool, len(classes))
		for i, c := range classes {
			g.problem.Few[i] = slices.Contains(few, c)
		}
	}
	if len(validation) > 0 {
		if g.problem.Validation, _, err = p.data(validation, s.FeatureNorm, n.Apply); err != nil {
			return nil, err
		}
	}
	if s.Transductive {
		return g, p.unlabel(g, s, held, validation)
	}
	return g, nil
}

// fillRemedy is what helps where values are missing.
const fillRemedy = "--missing class-mean fills in each attribute's mean over the seen classes; or complete the description"

// complete refuses classes to train on whose descriptions lack values that are not to be filled, and warns of unseen ones, which
// the model will not be able to score.
func (p *parts) complete(s *Settings, table *features.ClassTable, log *slog.Logger) error {
	if s.Missing != attributes.MissingError {
		return nil
	}
	gaps := func(classes []string) []attributes.Gap {
		var rows [][]float32
		for _, c := range classes {
			rows = append(rows, p.vectors[c])
		}
		return attributes.Gaps(table.Attributes, classes, rows)
	}
	need, other := p.roles.Seen, p.roles.Unseen
	if s.Transductive || p.k > 0 {
		need, other = slices.Concat(need, other), nil
	}
	if lacking := gaps(need); lacking != nil {
		err := &attributes.GapsError{Gaps: lacking, Remedy: fillRemedy + " and run 'vzsl attributes' again"}
		if t := (&attributes.Table{Names: table.Attributes, Classes: table.Classes, Values: table.Values}); t.OfAwA() {
			err.Remedy = "run 'vzsl attributes' again, which takes them from lion as the authors of the dataset do; or " + fillRemedy[:strings.Index(fillRemedy, ";")]
		}
		return fmt.Errorf("split %q: %w", p.roles.Name, err)
	}
	if lacking := gaps(other); lacking != nil {
		log.Warn("unseen classes cannot be named by this model, nor the split be evaluated: " + (&attributes.GapsError{Gaps: lacking, Remedy: fillRemedy}).Error())
	}
	return nil
}

// unlabel adds the unlabelled images: those of the unseen classes, or while classes are held out theirs in their place.
func (p *parts) unlabel(g *given, s *Settings, held []string, validation []int) error {
	rows, classes := p.unlabelled, p.roles.Unseen
	if len(held) > 0 {
		rows, classes = validation, held
	}
	u := &method.Unlabelled{Features: &samples{f: p.f, kind: s.FeatureNorm, rows: rows}}
	for _, c := range classes {
		v := make([]float32, len(p.vectors[c]))
		if err := g.normaliser.Apply(p.vectors[c], v); err != nil {
			return fmt.Errorf("class %q: %w", c, err)
		}
		u.Attributes = append(u.Attributes, v)
	}
	g.problem.Unlabelled = u
	return nil
}

// pictured is the number of classes that rows are of.
func (p *parts) pictured(rows []int) int {
	classes := map[int32]bool{}
	for _, r := range rows {
		classes[p.f.Labels()[r]] = true
	}
	return len(classes)
}

// data makes a method's input of rows: their classes in the order of the features' labels, normalised attributes.
func (p *parts) data(rows []int, kind string, apply func(row, dst []float32) error) (*method.Data, []string, error) {
	labels := p.f.Labels()
	index := map[int32]int{}
	present := make([]bool, len(p.names))
	for _, r := range rows {
		present[labels[r]] = true
	}
	d := &method.Data{}
	var classes []string
	for l, ok := range present {
		if !ok {
			continue
		}
		raw := p.vectors[p.names[l]]
		v := make([]float32, len(raw))
		if err := apply(raw, v); err != nil {
			return nil, nil, fmt.Errorf("class %q: %w", p.names[l], err)
		}
		index[int32(l)] = len(d.Attributes)
		d.Attributes = append(d.Attributes, v)
		classes = append(classes, p.names[l])
	}
	s := &samples{f: p.f, kind: kind, rows: rows}
	for _, r := range rows {
		s.labels = append(s.labels, index[labels[r]])
	}
	d.Samples = s
	return d, classes, nil
}
