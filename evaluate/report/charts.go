package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"sort"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The plotting library writes colours into the SVG. These are placeholders, which paint replaces by the page's CSS
// variables: a chart then follows the light or dark setting.
var (
	inkColor  = color.RGBA{0x11, 0x11, 0x11, 0xff}
	ruleColor = color.RGBA{0x22, 0x22, 0x22, 0xff}
	lineColor = [2]color.RGBA{{0x33, 0x33, 0x33, 0xff}, {0x44, 0x44, 0x44, 0xff}}

	paint = strings.NewReplacer(
		"#111111", "var(--muted)",
		"#222222", "var(--rule)",
		"#333333", "var(--good)",
		"#444444", "var(--bad)",
	)
)

// line is a series of a chart. The second series of a chart is dashed too: lines must not be distinguished by colour
// alone.
type line struct {
	xy    plotter.XYs
	marks plotter.XYs // points drawn as dots
	name  string      // written at the end of the line
	bars  errorBars   // intervals
}

type errorBars struct {
	plotter.XYs
	plotter.YErrors
}

const fontSize = 12

// dashes, together with two colours, tell more than two lines apart.
var dashes = [][]vg.Length{nil, {vg.Points(5), vg.Points(3)}, {vg.Points(1.5), vg.Points(3)}, {vg.Points(9), vg.Points(3), vg.Points(2), vg.Points(3)}}

type chart struct {
	lines          []line
	xLabel, yLabel string
	width, height  float64
	unit           bool     // both axes run from 0 to 100 %
	positions      []string // names of x = 0, 1, ...; nil: x is a number
}

// svg draws the chart without a fixed size: it fills its place in the page.
func (c *chart) svg() (template.HTML, error) {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color = ruleColor, ruleColor
		a.Tick.Length = 0
		a.Padding = vg.Points(4)
		a.Label.TextStyle.Color, a.Tick.Label.Color = inkColor, inkColor
		a.Label.TextStyle.Font, a.Tick.Label.Font = sans(fontSize), sans(fontSize)
		a.Tick.Marker = fewTicks{}
	}
	p.X.Label.Text, p.Y.Label.Text = c.xLabel, c.yLabel
	p.Y.Width = 0
	if c.unit {
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
		p.X.Tick.Marker, p.Y.Tick.Marker = percentTicks{}, percentTicks{}
	}
	if c.positions != nil {
		p.X.Tick.Marker = named(c.positions)
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Horizontal.Width = ruleColor, vg.Points(0.75)
	grid.Vertical.Width = 0
	p.Add(grid)
	for i, l := range c.lines {
		drawn, err := plotter.NewLine(l.xy)
		if err != nil {
			return "", fmt.Errorf("chart of %s: %w", c.yLabel, err)
		}
		drawn.Color, drawn.Width = lineColor[i%2], vg.Points(1.75)
		drawn.Dashes = dashes[i%len(dashes)]
		p.Add(drawn)
		if err := l.drawBars(p, drawn.Color); err != nil {
			return "", fmt.Errorf("chart of %s: %w", c.yLabel, err)
		}
		if len(l.marks) > 0 {
			dots, err := plotter.NewScatter(l.marks)
			if err != nil {
				return "", fmt.Errorf("chart of %s: %w", c.yLabel, err)
			}
			dots.GlyphStyle = draw.GlyphStyle{Color: lineColor[1], Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
			p.Add(dots)
		}
	}
	if err := c.writeNames(p); err != nil {
		return "", fmt.Errorf("chart of %s: %w", c.yLabel, err)
	}
	canvas := vgsvg.New(vg.Points(c.width), vg.Points(c.height))
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("chart of %s: %w", c.yLabel, err)
	}
	s := b.String()
	start := strings.Index(s, "<svg")
	open := strings.Index(s[start:], ">") + start + 1
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %g %g" aria-hidden="true" focusable="false">%s`, c.width, c.height, paint.Replace(s[open:]))), nil
}

func (l *line) drawBars(p *plot.Plot, ink color.Color) error {
	if len(l.bars.XYs) == 0 {
		return nil
	}
	bars, err := plotter.NewYErrorBars(l.bars)
	if err != nil {
		return err
	}
	bars.Color, bars.Width, bars.CapWidth = ink, vg.Points(1), vg.Points(5)
	p.Add(bars)
	return nil
}

// writeNames writes each line's name at its end, moved up where two would overlap, and makes room for them.
func (c *chart) writeNames(p *plot.Plot) error {
	var ends plotter.XYLabels
	longest := 0
	for _, l := range c.lines {
		if l.name != "" && len(l.xy) > 0 {
			ends.XYs, ends.Labels = append(ends.XYs, l.xy[len(l.xy)-1]), append(ends.Labels, l.name)
			longest = max(longest, utf8.RuneCountInString(l.name))
		}
	}
	if longest == 0 {
		return nil
	}
	room := min(0.5, (float64(longest)*0.55*fontSize+10)/c.width)
	p.X.Max += (p.X.Max - p.X.Min) * room / (1 - room)
	sort.Sort(byHeight(ends))
	line := 1.2 * fontSize / (0.8 * c.height) * (p.Y.Max - p.Y.Min)
	for i := 1; i < len(ends.XYs); i++ {
		ends.XYs[i].Y = max(ends.XYs[i].Y, ends.XYs[i-1].Y+line)
	}
	names, err := plotter.NewLabels(ends)
	if err != nil {
		return err
	}
	for i := range names.TextStyle {
		names.TextStyle[i].Color, names.TextStyle[i].Font, names.TextStyle[i].YAlign = inkColor, sans(fontSize), draw.YCenter
	}
	names.Offset.X = vg.Points(7)
	p.Add(names)
	return nil
}

// byHeight sorts labels by height, the lowest first.
type byHeight plotter.XYLabels

func (b byHeight) Len() int           { return len(b.XYs) }
func (b byHeight) Less(i, j int) bool { return b.XYs[i].Y < b.XYs[j].Y }
func (b byHeight) Swap(i, j int) {
	b.XYs[i], b.XYs[j] = b.XYs[j], b.XYs[i]
	b.Labels[i], b.Labels[j] = b.Labels[j], b.Labels[i]
}

// named places ticks at 0, 1, ... and labels them with these names.
type named []string

func (n named) Ticks(float64, float64) []plot.Tick {
	var ticks []plot.Tick
	for i, name := range n {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
	}
	return ticks
}

func sans(points float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: font.Length(points)}
}

// fewTicks places two to six ticks at multiples of 1, 2 or 5 times a power of ten.
type fewTicks struct{}

func (fewTicks) Ticks(lo, hi float64) []plot.Tick {
	if !(hi > lo) {
		return []plot.Tick{{Value: lo, Label: short(lo)}}
	}
	step := math.Pow(10, math.Floor(math.Log10(hi-lo)))
	for _, f := range []float64{0.2, 0.5, 1, 2} {
		if (hi-lo)/(step*f) <= 5 {
			step *= f
			break
		}
	}
	var ticks []plot.Tick
	first := math.Ceil(lo/step - 1e-9)
	for i := range 7 {
		v := (first + float64(i)) * step
		if v > hi+1e-9*step {
			break
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
	}
	return ticks
}

type percentTicks struct{}

func (percentTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for p := 0; p <= 100; p += 25 {
		ticks = append(ticks, plot.Tick{Value: float64(p) / 100, Label: fmt.Sprint(p)})
	}
	return ticks
}
