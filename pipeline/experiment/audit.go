package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vzsl/datasets/splits"
	"vzsl/evaluate"
	"vzsl/features"
	"vzsl/internal/version"
	"vzsl/pipeline/workspace"
	"vzsl/train/settings"
)

// AuditRow is a method on one description of the classes.
type AuditRow struct {
	Row          string             `json:"row"`          // its run below that of the audit
	Descriptions string             `json:"descriptions"` // one of the kinds below
	Control      bool               `json:"control,omitempty"`
	Method       string             `json:"method"`
	Title        string             `json:"title"`
	MeanPerClass *evaluate.Estimate `json:"mean_per_class,omitempty"`
	PerImage     *evaluate.Estimate `json:"per_image,omitempty"`
	Harmonic     *evaluate.Estimate `json:"harmonic,omitempty"` // where the split tests seen classes too, calibrated where that could be
	Validation   float64            `json:"validation"`         // on the validation classes; what the page speaks of is chosen by it
	Weights      map[string]float64 `json:"weights,omitempty"`  // of descriptions side by side
	Error        string             `json:"error,omitempty"`

	result     *evaluate.Result
	validation int // classes
}

// What classes are described by in an audit.
const (
	auditNames      = "names"
	auditAttributes = "attributes"
	auditTexts      = "texts"
	auditBoth       = "attributes and texts"
	auditBothNames  = "attributes and names"
	auditNamed      = "names and texts"
	auditWithheld   = "texts, names withheld"
	auditSwapped    = "texts, names of other classes"
	auditShuffled   = "names of other classes"
)

// AuditDifference is by how much one row is above another on the same images.
type AuditDifference struct {
	Of   string `json:"of"`
	Over string `json:"over"`
	evaluate.Estimate
}

// Audit is audit.json.
type Audit struct {
	Schema      string               `json:"schema"`
	Name        string               `json:"name"`
	Program     string               `json:"program"`
	Dataset     string               `json:"dataset"`
	Network     string               `json:"network"`
	Split       string               `json:"split"`
	TextModel   features.TextModel   `json:"text_model"`
	Templates   []string             `json:"templates,omitempty"` // of names
	Texts       string               `json:"texts,omitempty"`     // their file
	Classes     int                  `json:"classes"`             // unseen
	Images      int                  `json:"images"`              // tested
	Chance      float64              `json:"chance"`
	Rows        []*AuditRow          `json:"rows"`
	Differences []AuditDifference    `json:"differences"`
	Shots       []FewShotPoint       `json:"few_shot,omitempty"`
	Draws       []uint64             `json:"few_shot_seeds,omitempty"`
	ShotImages  int                  `json:"few_shot_images,omitempty"` // tested, with each draw
	Findings    []string             `json:"findings"`
	Notes       []string             `json:"notes"`
	HTML        string               `json:"html,omitempty"`
	of          map[string]*AuditRow // the row that speaks for each description
}

// AuditOptions say what is audited.
type AuditOptions struct {
	Run      workspace.RunRef    // names the folders; its Method is not used
	Texts    workspace.Texts     // the text model, templates for names, and sentences where there are any
	Settings []settings.Settings // a method each, the first one's curve is drawn
	Generic  string              // what stands for a class's name that is withheld
	Shots    []int               // labelled images of each unseen class, ascending, 0 among them; none: no curves
	Pool     int                 // images of each to draw them from
	Draws    int
	Force    bool
	Command  string // that makes the audit again, for the page
}

// Audit measures on the same split what names, attributes and texts of classes are worth, and how many labelled images are worth as
// much, and writes the page.
func (x *Runner) Audit(ctx context.Context, o *AuditOptions) (*Audit, error) {
	name, err := o.Run.NameOfSeveral("audit", []string{o.Settings[0].Method})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(Writable(x.ReportDir(name)), Writable(x.RunDir(name))); err != nil {
		return nil, err
	}
	in, err := x.OpenInputs(ctx, &o.Run)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if err := shotsFit(in, o); err != nil {
		return nil, err
	}
	a := &Audit{Schema: "vzsl.audit/1", Name: name, Program: version.Program(), Dataset: o.Run.Dataset.Name, Network: in.Network, Split: in.Roles.Name,
		Texts: cmp.Or(o.Texts.File, o.Texts.Gloss), of: map[string]*AuditRow{}}
	plan, err := x.planAudit(ctx, a, in, o)
	if err != nil {
		return nil, err
	}
	if err := x.MarkAudit(name); err != nil {
		return nil, err
	}
	if err := x.auditRows(ctx, a, in, o, plan); err != nil {
		return nil, err
	}
	if err := a.compare(); err != nil {
		return nil, err
	}
	if len(o.Shots) > 0 {
		if err := x.auditCurves(ctx, a, in, o, plan); err != nil {
			return nil, err
		}
	}
	a.find()
	return a, x.writeAudit(a, o.Command)
}

// shotsFit refuses more shots than the classes have images for, before anything is trained.
func shotsFit(in *workspace.Inputs, o *AuditOptions) error {
	if len(o.Shots) == 0 {
		return nil
	}
	images := make([]splits.Labelled, in.Features.Rows())
	for i := range images {
		images[i] = splits.Labelled{Image: in.Features.Images()[i], Class: in.Features.Classes()[i]}
	}
	if _, err := splits.AddShots(in.Roles, images, 0, o.Pool, 1); err != nil {
		return fmt.Errorf("--shots %d: %w; --shots 0 omits the curves", o.Shots[len(o.Shots)-1], err)
	}
	return nil
}

// auditRows trains and measures every row of the plan. A row that fails has its error in it.
func (x *Runner) auditRows(ctx context.Context, a *Audit, in *workspace.Inputs, o *AuditOptions, plan []auditPlan) error {
	var failed []error
	for i, p := range plan {
		row := &AuditRow{Row: p.row(), Descriptions: p.descriptions, Control: p.control, Method: p.settings.Method, Title: settings.Title(p.settings.Method)}
		a.Rows = append(a.Rows, row)
		of := *in
		of.Classes = p.classes
		r, t, err := x.fitAndScore(ctx, a.Name+"/"+row.Row, &of, p.settings, o.Force, false)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			x.Log.Warn("a row failed, the others continue", "row", row.Row, "error", err)
			row.Error = err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", row.Row, err))
			continue
		}
		a.Classes, a.Images, a.Chance = len(r.Candidates), r.Images, r.Chance
		row.result, row.MeanPerClass, row.PerImage, row.Validation, row.validation = r, &r.Top1.MeanPerClass, &r.Top1.PerImage, t.Accuracy, t.ValidationClasses
		if g := r.Generalised; g != nil {
			row.Harmonic = &g.Plain.H
			if g.Calibrated != nil {
				row.Harmonic = &g.Calibrated.H
			}
		}
		for k, w := range t.Choice {
			if kind, ok := weightOf(k); ok {
				if row.Weights == nil {
					row.Weights = map[string]float64{}
				}
				row.Weights[kind] = w
			}
		}
		x.Log.Info("audited", "row", row.Row, "top-1", Points(row.MeanPerClass.Value)+"%", "done", fmt.Sprintf("%d/%d", i+1, len(plan)))
	}
	if len(failed) == len(plan) {
		return fmt.Errorf("nothing could be measured; the first row failed with: %w", failed[0])
	}
	// Chosen by the validation classes; of equal ones, and where nothing validates, the first.
	for _, row := range a.Rows {
		if was := a.of[row.Descriptions]; row.Error == "" && (was == nil || row.validation > 0 && row.Validation > was.Validation) {
			a.of[row.Descriptions] = row
		}
	}
	return nil
}

// auditPairs are the descriptions whose difference is told, the second over the first.
var auditPairs = [][2]string{
	{auditNames, auditAttributes}, {auditNames, auditTexts}, {auditTexts, auditAttributes}, {auditAttributes, auditBoth}, {auditTexts, auditBoth}, {auditAttributes, auditBothNames},
	{auditNames, auditNamed}, {auditNamed, auditWithheld}, {auditNamed, auditSwapped}, {auditWithheld, auditSwapped}, {auditNames, auditShuffled},
}

// compare measures the differences between descriptions.
func (a *Audit) compare() error {
	for _, p := range auditPairs {
		over, of := a.of[p[0]], a.of[p[1]]
		if over == nil || of == nil {
			continue
		}
		d, err := evaluate.Difference(over.result, of.result)
		if err != nil {
			return err
		}
		a.Differences = append(a.Differences, AuditDifference{of.Row, over.Row, d})
	}
	return nil
}

// difference is that of two descriptions' rows; nil: there is none.
func (a *Audit) difference(over, of string) *AuditDifference {
	for i, d := range a.Differences {
		if o, p := a.of[over], a.of[of]; o != nil && p != nil && d.Of == p.Row && d.Over == o.Row {
			return &a.Differences[i]
		}
	}
	return nil
}

// auditCurves draws accuracy against shots: logistic regression on the images alone, and the rows that speak for names and for the
// best other description there is.
func (x *Runner) auditCurves(ctx context.Context, a *Audit, in *workspace.Inputs, o *AuditOptions, plan []auditPlan) error {
	c := curves{shots: o.Shots, pool: o.Pool, draws: o.Draws, seed: o.Settings[0].Seed, force: o.Force, tag: fmt.Sprintf("-pool%d", o.Pool)}
	add := func(descriptions string, s settings.Settings, classes *features.ClassTable, row string) {
		c.lines = append(c.lines, curve{s, descriptions, classes, func(k int) string { return fmt.Sprintf("%s/%s-shots%d", a.Name, row, k) }})
	}
	for _, kind := range []string{auditNames, auditTexts, auditAttributes} {
		row := a.of[kind]
		if row == nil {
			continue
		}
		p := plan[slices.Index(a.Rows, row)]
		add(kind, p.settings, p.classes, row.Row)
	}
	alone, err := settings.Preset("", "logistic")
	if err != nil {
		return err
	}
	alone.Missing = o.Settings[0].Missing
	add("", alone, plan[0].classes, "images-alone") // it reads no class's vector
	drawn, err := x.curves(ctx, in, &c)
	if err != nil {
		return fmt.Errorf("few-shot curves: %w", err)
	}
	a.Shots, a.Draws, a.ShotImages = drawn.points, drawn.seeds, drawn.images
	return nil
}
