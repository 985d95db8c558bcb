package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/attributes/text"
	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/problem"
	"vzsl/train/settings"
)

// auditPlan is a row to be measured.
type auditPlan struct {
	descriptions string
	control      bool
	settings     settings.Settings
	classes      *features.ClassTable
}

// row is its name: method and descriptions.
func (p *auditPlan) row() string {
	return strings.NewReplacer(",", "", " ", "-").Replace(p.settings.Method + "-on-" + p.descriptions)
}

// weightOf is the description whose weight a choice is.
func weightOf(choice string) (kind string, ok bool) { return strings.CutPrefix(choice, "weight_") }

// planAudit makes the class tables and lists the rows.
func (x *Runner) planAudit(ctx context.Context, a *Audit, in *workspace.Inputs, o *AuditOptions) ([]auditPlan, error) {
	classes := in.Classes.Classes
	names := text.Names(classes)
	asNames := o.Texts
	asNames.File, asNames.Gloss = "", ""
	e, err := x.OpenTexts(&asNames, true)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	a.TextModel, a.Templates = e.Source, e.Templates
	b := &auditBuilder{x: x, ctx: ctx, in: in, encoder: e}
	tables := map[string]*features.ClassTable{auditNames: b.table(names, e.Templates)}
	swapped := derangement(in, o.Settings[0].Seed)
	tables[auditShuffled] = b.table(&text.Descriptions{Classes: classes, Texts: permuted(names.Texts, swapped), Source: "names of other classes"}, e.Templates)
	said, err := o.Texts.Read(classes, in.Classes.WNIDs)
	if err != nil {
		return nil, err
	}
	if said != nil {
		others := make([]string, len(classes))
		for i, k := range swapped {
			others[i] = classes[k]
		}
		withheld, named := text.Withhold(said, o.Generic)
		a.Notes = append(a.Notes, fmt.Sprintf("%d of the texts contain their class's own name; where it is withheld, %q replaces it. In the row %q a text that does not contain the name is preceded by it.", named, o.Generic, auditNamed))
		tables[auditTexts] = b.table(said, nil)
		tables[auditWithheld] = b.table(withheld, nil)
		tables[auditNamed] = b.table(text.Rename(said, classes), nil)
		tables[auditSwapped] = b.table(text.Rename(said, others), nil)
	}
	if b.err != nil {
		return nil, b.err
	}
	a.Notes = append(a.Notes, b.notes...)
	own, err := in.Classes.Pick(features.KindAttributes)
	if err != nil {
		a.Notes = append(a.Notes, "The class table has no attributes ('vzsl attributes' without --text-model, or with --own): only names and texts are audited.")
		x.Log.Warn("the class table has no attributes: only names and texts are audited", "dataset", a.Dataset)
		own = nil
	}
	with, both := tables[auditTexts], auditBoth
	if with == nil {
		with, both = tables[auditNames], auditBothNames
	}
	if own != nil {
		tables[auditAttributes] = own
		if tables[both], err = beside(own, with); err != nil {
			return nil, err
		}
	}
	return b.rows(a, o, tables, both)
}

// rows lists what is measured on the tables.
func (b *auditBuilder) rows(a *Audit, o *AuditOptions, tables map[string]*features.ClassTable, both string) ([]auditPlan, error) {
	var plan []auditPlan
	reader := o.Settings[0] // of the controls
	if _, err := problem.SharedSpace(b.in.Features.Source(), tables[auditNames]); err == nil {
		if reader, err = settings.Preset("", "clip"); err != nil {
			return nil, err
		}
		for _, kind := range []string{auditNames, auditTexts} {
			if tables[kind] != nil {
				plan = append(plan, auditPlan{kind, false, reader, tables[kind]})
			}
		}
	} else {
		a.Notes = append(a.Notes, "CLIP is omitted: "+err.Error()+".")
		b.x.Log.Warn("CLIP is omitted: " + err.Error())
	}
	for _, kind := range []string{auditNames, auditAttributes, auditTexts, both} {
		for _, s := range o.Settings {
			if s = s.Clone(); tables[kind] != nil {
				if kind == both && len(b.in.Roles.Validation) > 0 && s.Weights == "" {
					s.Weights = settings.WeightsAuto
				}
				plan = append(plan, auditPlan{kind, false, s, tables[kind]})
			}
		}
	}
	for _, kind := range []string{auditNamed, auditWithheld, auditSwapped, auditShuffled} {
		if tables[kind] != nil {
			plan = append(plan, auditPlan{kind, true, reader, tables[kind]})
		}
	}
	return plan, nil
}

// auditBuilder makes class tables of texts; the first error stays.
type auditBuilder struct {
	x       *Runner
	ctx     context.Context
	in      *workspace.Inputs
	encoder *workspace.TextEncoder
	notes   []string
	err     error
}

func (b *auditBuilder) table(d *text.Descriptions, templates []string) *features.ClassTable {
	if b.err != nil {
		return nil
	}
	b.encoder.Templates = templates
	t, err := b.encoder.Describe(b.ctx, d)
	if err != nil {
		b.err = err
		return nil
	}
	for _, n := range t.Notes {
		if n = d.Source + ": " + n; !slices.Contains(b.notes, n) {
			b.notes = append(b.notes, n)
		}
	}
	return t.ClassTable(b.in.Classes.Dataset, b.in.Classes.WNIDs)
}

// beside joins two class tables of the same classes.
func beside(tables ...*features.ClassTable) (*features.ClassTable, error) {
	var parts []*attributes.Table
	for _, t := range tables {
		p := &attributes.Table{Names: t.Attributes, Classes: t.Classes, Values: t.Values, Source: t.Source, Blocks: t.Blocks, Texts: t.Texts}
		if t.Blocks == nil {
			p.Kind = features.KindAttributes
		}
		parts = append(parts, p)
	}
	t, err := attributes.Join(parts...)
	if err != nil {
		return nil, err
	}
	return t.ClassTable(tables[0].Dataset, tables[0].WNIDs), nil
}

// derangement gives each class another of its own side, seen or unseen: in a random order each takes the next one's place.
func derangement(in *workspace.Inputs, seed uint64) []int {
	to := make([]int, len(in.Classes.Classes))
	unseen := map[string]bool{}
	for _, c := range in.Roles.Unseen {
		unseen[c] = true
	}
	for _, side := range []bool{true, false} {
		var of []int
		for i, c := range in.Classes.Classes {
			if unseen[c] == side {
				of = append(of, i)
			}
		}
		rand.New(rand.NewPCG(seed, 0xa0d17)).Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		for k, i := range of {
			to[i] = of[(k+1)%len(of)]
		}
	}
	return to
}

func permuted(texts [][]string, to []int) [][]string {
	out := make([][]string, len(texts))
	for i, k := range to {
		out[i] = texts[k]
	}
	return out
}

// Check refuses options that cannot be.
func (o *AuditOptions) Check() error {
	switch {
	case o.Texts.Model == "":
		return usage.Errorf("--text-model is required: the folder of the text model to audit (for an image-text model, the folder of both networks)")
	case strings.TrimSpace(o.Generic) == "":
		return usage.Errorf("--generic must not be empty: give a word to replace withheld names")
	}
	return o.Texts.Check()
}
