package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"sort"
	"strings"

	"gonum.org/v1/plot/plotter"
)

const (
	maxPanels     = 12
	maxLinePoints = 300
)

// panel is one quantity during training: a line for training data and one for validation data if both were recorded,
// for each phase of the training.
type panel struct {
	Title  string
	Series []series
	SVG    template.HTML
}

type series struct {
	Name    string // "training", "validation"
	Summary string // first, last and extreme value in words
	Dashed  bool
}

// curve has the values of one numeric key in the records of one phase.
type curve struct {
	key   string
	phase string
	x     string // the x axis: one of xKeys, or "record"
	xy    plotter.XYs
}

var (
	xKeys    = []string{"epoch", "step", "iteration"}
	settled  = map[string]bool{"of": true, "gamma": true, "lambda": true} // counts and hyper-parameters, not measurements
	phases   = map[string]string{"weigh": "weights of the descriptions", "choose": "during selection", "refit": "final fit on all seen classes"}
	ofTime   = regexp.MustCompile(`(?i)(^|[_./])(time|wait|seconds|secs?|ms|elapsed|duration|seed|wall)([_./]|$)|_ns$|_s$|_ms$`)
	topN     = regexp.MustCompile(`\btop ?(\d+)\b`)
	sideName = regexp.MustCompile(`(?i)^(train|training|val|valid|validation)[_./]`)
)

// trainingPanels draws every recorded quantity that changes, in the order of first appearance.
func trainingPanels(records []map[string]any) ([]panel, error) {
	curves := curvesOf(records)
	var stems []string
	groups := make(map[string][]curve)
	for _, c := range curves {
		stem := strings.ToLower(sideName.ReplaceAllString(c.key, ""))
		if groups[stem] == nil {
			stems = append(stems, stem)
		}
		groups[stem] = append(groups[stem], c)
	}
	sort.SliceStable(stems, func(i, j int) bool { return weight(stems[i]) < weight(stems[j]) })
	if len(stems) > maxPanels {
		stems = stems[:maxPanels]
	}
	var panels []panel
	for _, stem := range stems {
		p := panel{Title: quantity(stem)}
		group := groups[stem]
		if weight(stem) == 1 && fractions(group) {
			p.Title += ", in percent"
			for _, cv := range group {
				for i := range cv.xy {
					cv.xy[i].Y *= 100
				}
			}
		}
		c := chart{width: 340, height: 200, xLabel: group[0].x}
		sort.SliceStable(group, func(i, j int) bool { return !validation(group[i].key) && validation(group[j].key) })
		for i, cv := range group {
			c.lines = append(c.lines, line{xy: thinned(cv.xy)})
			p.Series = append(p.Series, series{Name: cv.name(), Summary: summary(cv), Dashed: i%2 == 1})
		}
		var err error
		if p.SVG, err = c.svg(); err != nil {
			return nil, err
		}
		panels = append(panels, p)
	}
	return panels, nil
}

// fractions reports whether all values are between 0 and 1.
func fractions(group []curve) bool {
	for _, c := range group {
		for _, p := range c.xy {
			if !(p.Y >= 0 && p.Y <= 1) {
				return false
			}
		}
	}
	return true
}

// name distinguishes the line from the others of its panel.
func (c *curve) name() string {
	var parts []string
	if sideName.MatchString(c.key) {
		side := "training"
		if validation(c.key) {
			side = "validation"
		}
		parts = append(parts, side)
	}
	if c.phase != "" {
		phase := c.phase
		if words, ok := phases[phase]; ok {
			phase = words
		}
		parts = append(parts, phase)
	}
	return strings.Join(parts, ", ")
}

func validation(key string) bool {
	return strings.HasPrefix(strings.ToLower(key), "val")
}

// weight sorts the loss first, then accuracies, then the rest in their order.
func weight(stem string) int {
	switch {
	case stem == "loss":
		return 0
	case strings.Contains(stem, "top1") || strings.Contains(stem, "accuracy") || strings.Contains(stem, "acc"):
		return 1
	}
	return 2
}

// quantity returns the heading of a panel.
func quantity(stem string) string {
	s := strings.NewReplacer("_", " ", ".", " ", "/", " ").Replace(stem)
	s = topN.ReplaceAllString(s, "top-$1")
	for from, to := range map[string]string{"kl": "KL divergence", "recon": "reconstruction", "lr": "learning rate", "grad norm": "gradient norm"} {
		if s == from {
			s = to
		}
	}
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func curvesOf(records []map[string]any) []curve {
	type id struct{ key, phase string }
	type point struct {
		record int
		y      float64
	}
	var order []id
	points := make(map[id][]point)
	flat := make([]map[string]float64, len(records))
	for i, r := range records {
		flat[i] = map[string]float64{}
		flatten("", r, flat[i])
		var keys []string
		for k := range flat[i] {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		phase, _ := r["phase"].(string)
		for _, key := range keys {
			k := id{key, phase}
			if points[k] == nil {
				order = append(order, k)
			}
			points[k] = append(points[k], point{i, flat[i][key]})
		}
	}
	isX := func(k string) bool {
		for _, x := range xKeys {
			if k == x {
				return true
			}
		}
		return false
	}
	var curves []curve
	for _, k := range order {
		ps := points[k]
		if isX(k.key) || settled[k.key] || ofTime.MatchString(k.key) || len(ps) < 2 {
			continue
		}
		c := curve{key: k.key, phase: k.phase, x: "record"}
		changes := false
		for i, p := range ps {
			c.xy = append(c.xy, plotter.XY{X: float64(i + 1), Y: p.y})
			changes = changes || p.y != ps[0].y
		}
		if !changes {
			continue
		}
		for _, x := range xKeys {
			increasing := true
			last := math.Inf(-1)
			xs := make([]float64, len(ps))
			for i, p := range ps {
				v, ok := flat[p.record][x]
				if !ok || v <= last {
					increasing = false
					break
				}
				xs[i], last = v, v
			}
			if increasing {
				for i := range xs {
					c.xy[i].X = xs[i]
				}
				c.x = x
				// A grid search numbers its points as epochs but has no loss that decreases.
				if x == "epoch" && isTrial(flat[ps[0].record]) {
					c.x = "trial"
				}
				break
			}
		}
		curves = append(curves, c)
	}
	return curves
}

func isTrial(record map[string]float64) bool {
	coefficients := false
	for k := range record {
		if strings.Contains(k, "loss") {
			return false
		}
		coefficients = coefficients || settled[k] && k != "of"
	}
	return coefficients
}

// flatten collects the finite numbers of a record; nested ones are named "outer.inner".
func flatten(prefix string, record map[string]any, into map[string]float64) {
	for k, v := range record {
		k = prefix + k
		var f float64
		switch v := v.(type) {
		case map[string]any:
			flatten(k+".", v, into)
			continue
		case float64:
			f = v
		case float32:
			f = float64(v)
		case int:
			f = float64(v)
		case int64:
			f = float64(v)
		case json.Number:
			var err error
			if f, err = v.Float64(); err != nil {
				continue
			}
		default:
			continue
		}
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			into[k] = f
		}
	}
}

func thinned(xy plotter.XYs) plotter.XYs {
	if len(xy) <= maxLinePoints {
		return xy
	}
	out := make(plotter.XYs, maxLinePoints)
	for i := range out {
		out[i] = xy[i*(len(xy)-1)/(maxLinePoints-1)]
	}
	return out
}

// summary describes the line in words.
func summary(c curve) string {
	xy := c.xy
	lo, hi := xy[0], xy[0]
	for _, p := range xy {
		if p.Y < lo.Y {
			lo = p
		}
		if p.Y > hi.Y {
			hi = p
		}
	}
	first, last := xy[0], xy[len(xy)-1]
	s := fmt.Sprintf("%s to %s", short(first.Y), short(last.Y))
	switch {
	case last.Y < first.Y && lo != last:
		s += fmt.Sprintf(", lowest %s at %s %s", short(lo.Y), c.x, short(lo.X))
	case last.Y >= first.Y && hi != last:
		s += fmt.Sprintf(", highest %s at %s %s", short(hi.Y), c.x, short(hi.X))
	}
	return s
}

func short(v float64) string {
	return strings.Replace(fmt.Sprintf("%.4g", v), "-", "−", 1)
}
