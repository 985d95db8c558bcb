package problem

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/train/method"
	"vzsl/train/settings"
)

// Problem is what a method is fitted to, with what was fitted on the way to it.
type Problem struct {
	method.Problem
	Normaliser *attributes.Normaliser
	Classes    []string // of Train
}

// Build makes a problem of the seen classes with the classes held left out, which validate; in the few-shot setting they
// also play the unseen ones, whose shots are trained on where nothing validates.
func (p *Builder) Build(s *settings.Settings, held []string) (*Problem, error) {
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
	if shares, err := s.Shares(max(1, len(p.blocks))); err != nil {
		return nil, err
	} else if shares != nil {
		if err := n.Weigh(shares); err != nil {
			return nil, err
		}
	}
	var train, validation []int
	labels := p.f.Labels()
	for _, rows := range [][]int{p.Train, p.Validation} {
		for _, r := range rows {
			if out[p.names[labels[r]]] {
				validation = append(validation, r)
			} else {
				train = append(train, r)
			}
		}
	}
	few := p.roles.Unseen
	if p.MostShots > 0 && len(validation) > 0 {
		few = held
		train, validation = p.Play(train, validation, s.Seed)
	} else {
		train = append(train, p.Shots...)
	}
	d, classes, err := p.data(train, s.FeatureNorm, n)
	if err != nil {
		return nil, err
	}
	g := &Problem{Problem: method.Problem{Train: *d, Seed: s.Seed, Views: n.Views()}, Normaliser: n, Classes: classes}
	if p.MostShots > 0 {
		g.Few = make([]bool, len(classes))
		for i, c := range classes {
			g.Few[i] = slices.Contains(few, c)
		}
	}
	if len(validation) > 0 {
		if g.Validation, _, err = p.data(validation, s.FeatureNorm, n); err != nil {
			return nil, err
		}
	}
	if s.Transductive {
		return g, p.unlabel(g, s, held, validation)
	}
	return g, nil
}

// FillRemedy is what helps where values are missing.
const FillRemedy = "--missing class-mean fills in each attribute's mean over the seen classes; or complete the description"

// Complete refuses classes to train on whose descriptions lack values that are not to be filled, and warns of unseen ones, which
// the model will not be able to score. It refuses class vectors that do not lie in the features' space where the method wants that.
func (p *Builder) Complete(s *settings.Settings, table *features.ClassTable, log *slog.Logger) error {
	if err := p.aligned(s, table); err != nil {
		return err
	}
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
	if s.Transductive || p.MostShots > 0 {
		need, other = slices.Concat(need, other), nil
	}
	if lacking := gaps(need); lacking != nil {
		err := &attributes.GapsError{Gaps: lacking, Remedy: FillRemedy + " and run 'vzsl attributes' again"}
		if t := (&attributes.Table{Names: table.Attributes, Classes: table.Classes, Values: table.Values}); t.OfAwA() {
			err.Remedy = "run 'vzsl attributes' again, which copies them from lion as the authors of the dataset do; or " + FillRemedy[:strings.Index(FillRemedy, ";")]
		}
		return fmt.Errorf("split %q: %w", p.roles.Name, err)
	}
	if lacking := gaps(other); lacking != nil {
		log.Warn("this model cannot classify unseen classes, and the split cannot be evaluated: " + (&attributes.GapsError{Gaps: lacking, Remedy: FillRemedy}).Error())
	}
	return nil
}

// unlabel adds the unlabelled images: those of the unseen classes, or while classes are held out theirs in their place.
func (p *Builder) unlabel(g *Problem, s *settings.Settings, held []string, validation []int) error {
	rows, classes := p.Unlabelled, p.roles.Unseen
	if len(held) > 0 {
		rows, classes = validation, held
	}
	u := &method.Unlabelled{Features: &samples{f: p.f, kind: s.FeatureNorm, rows: rows}}
	for _, c := range classes {
		v := make([]float32, g.Normaliser.Width())
		if err := g.Normaliser.Apply(p.vectors[c], v); err != nil {
			return fmt.Errorf("class %q: %w", c, err)
		}
		u.Attributes = append(u.Attributes, v)
	}
	g.Unlabelled = u
	return nil
}

// Pictured is the number of classes that rows are of.
func (p *Builder) Pictured(rows []int) int {
	classes := map[int32]bool{}
	for _, r := range rows {
		classes[p.f.Labels()[r]] = true
	}
	return len(classes)
}

// data makes a method's input of rows: their classes in the order of the features' labels, normalised attributes.
func (p *Builder) data(rows []int, kind string, n *attributes.Normaliser) (*method.Data, []string, error) {
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
		v := make([]float32, n.Width())
		if err := n.Apply(p.vectors[p.names[l]], v); err != nil {
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

// Folds cuts the seen classes that have images into n parts of nearly one size.
func (p *Builder) Folds(n int, seed uint64) ([][]string, error) {
	labels := p.f.Labels()
	has := map[string]bool{}
	for _, rows := range [][]int{p.Train, p.Validation} {
		for _, r := range rows {
			has[p.names[labels[r]]] = true
		}
	}
	var classes []string
	for c := range has {
		classes = append(classes, c)
	}
	slices.Sort(classes)
	if len(classes) < 2*n {
		return nil, fmt.Errorf("%d seen classes with images cannot be divided into %d folds of at least two: use fewer folds", len(classes), n)
	}
	r := rand.New(rand.NewPCG(seed, 0xf01d))
	r.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
	folds := make([][]string, n)
	for i, c := range classes {
		folds[i%n] = append(folds[i%n], c)
	}
	return folds, nil
}

// HoldOut takes a share of each class's images out of the training data. A class keeps at least one.
func (g *Problem) HoldOut(share float64, seed uint64) *method.Data {
	all := g.Train.Samples.(*samples)
	byClass := make([][]int, len(g.Train.Attributes))
	for i, l := range all.labels {
		byClass[l] = append(byClass[l], i)
	}
	out := make([]bool, len(all.labels))
	r := rand.New(rand.NewPCG(seed, 0x5ee7))
	for _, of := range byClass {
		r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		for _, i := range of[:int(share*float64(len(of)))] {
			out[i] = true
		}
	}
	parts := [2]*samples{{f: all.f, kind: all.kind}, {f: all.f, kind: all.kind}}
	for i, o := range out {
		to := parts[0]
		if o {
			to = parts[1]
		}
		to.rows, to.labels = append(to.rows, all.rows[i]), append(to.labels, all.labels[i])
	}
	g.Train.Samples = parts[0]
	return &method.Data{Samples: parts[1], Attributes: g.Train.Attributes}
}
