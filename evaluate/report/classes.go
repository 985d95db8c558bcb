package report

import (
	"fmt"
	"html/template"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"vzsl/evaluate"
	"vzsl/internal/readable"
)

const (
	longTable     = 60 // with more rows the table scrolls in its own frame
	topConfusions = 12
	maxMatrix     = 1200   // candidates; with more there is no matrix
	maxCells      = 100000 // non-zero cells, about 20 bytes each; with more there is no matrix
	maxCounted    = 6000   // cells with counts, about 200 bytes each
	maxNamed      = 75     // with more columns, the small view has no names
	maxShown      = 4      // contributions shown for a mistake
	maxClassPics  = 400    // sample images on the page, about 4 kB each
	classSamples  = 5      // sample images of a class
)

// classTable is the accuracy of every class that has images, best first.
type classTable struct {
	Rows        []classRow
	Samples     int // sample images of a class, at most
	Long        bool
	TopK        int
	Chance      float64
	Best, Worst string
}

type classRow struct {
	evaluate.Class
	Index         int // of the class among the candidates
	Shown         string
	Samples       []template.URL
	TopKAccuracy  float64
	MistakenFor   string // the class most often predicted in its place
	MistakenTimes int
}

func newClassTable(r *evaluate.Result, shown []string, pics *pictures) classTable {
	t := classTable{Chance: r.Chance, TopK: r.Classes[0].TopK}
	mistakenFor := make(map[int]evaluate.Cell)
	for _, c := range r.Confusion() {
		if c.True != c.Predicted && c.Count > mistakenFor[c.True].Count {
			mistakenFor[c.True] = c
		}
	}
	images := make([][]string, len(r.Classes))
	for i := range r.Predictions {
		p := &r.Predictions[i]
		images[p.Class] = append(images[p.Class], p.Image)
	}
	samples := min(classSamples, maxClassPics/(len(r.Classes)-len(r.WithoutImages)))
	for i, c := range r.Classes {
		if c.Images == 0 {
			continue
		}
		row := classRow{Class: c, Index: i, Shown: shown[i], TopKAccuracy: float64(c.TopKHits) / float64(c.Images)}
		if cell, ok := mistakenFor[i]; ok {
			row.MistakenFor, row.MistakenTimes = shown[cell.Predicted], cell.Count
		}
		for k := range min(samples, len(images[i])) {
			if uri, _, _ := pics.thumbnail(images[i][k*len(images[i])/min(samples, len(images[i]))], 88); uri != "" {
				row.Samples = append(row.Samples, uri)
			}
		}
		t.Samples = max(t.Samples, len(row.Samples))
		t.Rows = append(t.Rows, row)
	}
	sort.SliceStable(t.Rows, func(i, j int) bool { return t.Rows[i].Accuracy > t.Rows[j].Accuracy })
	t.Long = len(t.Rows) > longTable
	t.Best, t.Worst = t.Rows[0].Shown, t.Rows[len(t.Rows)-1].Shown
	return t
}

// matrix is a confusion matrix, of classes or of groups of them: a row for each with images, a column for each candidate, both in the order
// of their names, which in bird and scene datasets puts related classes side by side.
type matrix struct {
	Name          string // of the groups; "": of classes
	Grouping      int    // among the groupings; -1: of classes
	RowOf, ColOf  string // what rows and columns are of, by index, separated by commas
	Rows, Columns []string
	Cells         []cell  // those with at least Least images
	Least         int     // 1, or more where the page would become too large
	Faint         []faint // the others
	Width, Height int     // of the drawing, ten units a cell
	Grid          string
	Numbers       bool   // few enough columns for counts to be legible
	LabelRem      string // room for the longest name
	Big           bool   // too many columns to name them in the small view
}

type cell struct {
	X, Y, Count int
	Right       bool
	Opacity     string
	Dark        bool // the count is on a dark colour
	True        string
	Predicted   string
	Images      int
	CX, CY      string
}

// faint is cells of one colour, without counts.
type faint struct {
	Right   bool
	Opacity string
	D       string // path data
}

// confused is a pair of classes and how often the second was predicted for the first.
type confused struct {
	T, P            int // indices of True and Predicted among the candidates
	True, Predicted string
	Count, Images   int
	Fraction        float64
}

func newMatrix(r *evaluate.Result, shown []string) (*matrix, []confused) {
	cells := r.Confusion()
	var pairs []confused
	for _, c := range cells {
		if c.True != c.Predicted {
			n := r.Classes[c.True].Images
			pairs = append(pairs, confused{c.True, c.Predicted, shown[c.True], shown[c.Predicted], c.Count, n, float64(c.Count) / float64(n)})
		}
	}
	sort.SliceStable(pairs, func(i, j int) bool {
		if pairs[i].Count != pairs[j].Count {
			return pairs[i].Count > pairs[j].Count
		}
		return pairs[i].Fraction > pairs[j].Fraction
	})
	if len(pairs) > topConfusions {
		pairs = pairs[:topConfusions]
	}
	if len(r.Candidates) > maxMatrix || len(cells) > maxCells {
		return nil, pairs
	}

	images := make([]int, len(r.Classes))
	for i, c := range r.Classes {
		images[i] = c.Images
	}
	return drawMatrix(r.Candidates, shown, images, cells), pairs
}

// drawMatrix draws the counts of cells, of things with names by which they are sorted, and so many images.
func drawMatrix(names, shown []string, images []int, cells []evaluate.Cell) *matrix {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return names[order[i]] < names[order[j]] })
	m := &matrix{Grouping: -1, Numbers: len(order) <= 30, Big: len(order) > maxNamed}
	column, row := make([]int, len(order)), make([]int, len(order))
	var rowOf, colOf []string
	for _, c := range order {
		column[c] = len(m.Columns)
		m.Columns, colOf = append(m.Columns, shown[c]), append(colOf, strconv.Itoa(c))
		if images[c] > 0 {
			row[c] = len(m.Rows)
			m.Rows, rowOf = append(m.Rows, shown[c]), append(rowOf, strconv.Itoa(c))
		}
	}
	m.RowOf, m.ColOf = strings.Join(rowOf, ","), strings.Join(colOf, ",")
	longest := 0
	for _, c := range m.Rows {
		longest = max(longest, utf8.RuneCountInString(c))
	}
	m.LabelRem = strconv.FormatFloat(1+0.48*float64(max(longest, 9)), 'f', 1, 64)
	m.Width, m.Height = 10*len(m.Columns), 10*len(m.Rows)
	for x := 1; x < len(m.Columns); x++ {
		m.Grid += "M" + strconv.Itoa(10*x) + " 0v" + strconv.Itoa(m.Height)
	}
	for y := 1; y < len(m.Rows); y++ {
		m.Grid += "M0 " + strconv.Itoa(10*y) + "h" + strconv.Itoa(m.Width)
	}
	m.Least = leastCounted(cells)
	faints := make(map[faint]*strings.Builder)
	var colours []faint
	for _, c := range cells {
		n := images[c.True]
		fraction := float64(c.Count) / float64(n)
		// The square root makes small fractions visible: most confusions are small.
		opacity := 0.08 + 0.92*math.Sqrt(fraction)
		x, y := 10*column[c.Predicted], 10*row[c.True]
		if c.Count < m.Least {
			colour := faint{Right: c.True == c.Predicted, Opacity: strconv.FormatFloat(opacity, 'f', 2, 64)}
			if faints[colour] == nil {
				faints[colour] = &strings.Builder{}
				colours = append(colours, colour)
			}
			fmt.Fprintf(faints[colour], "M%d %dh10v10h-10z", x, y)
			continue
		}
		m.Cells = append(m.Cells, cell{
			X: x, Y: y, Count: c.Count, Images: n,
			Right:   c.True == c.Predicted,
			Opacity: strconv.FormatFloat(opacity, 'f', 2, 64),
			Dark:    opacity > 0.6,
			True:    shown[c.True], Predicted: shown[c.Predicted],
			CX: strconv.Itoa(x + 5), CY: strconv.FormatFloat(float64(y)+6.6, 'f', 1, 64),
		})
	}
	for _, colour := range colours {
		colour.D = faints[colour].String()
		m.Faint = append(m.Faint, colour)
	}
	return m
}

// leastCounted is the smallest count that at most maxCounted cells reach.
func leastCounted(cells []evaluate.Cell) int {
	for least := 1; ; least++ {
		n := 0
		for _, c := range cells {
			if c.Count >= least {
				n++
			}
		}
		if n <= maxCounted {
			return least
		}
	}
}

// mistakes are the images with the largest difference between the scores of the predicted and the true class.
type mistakes struct {
	All           int // number of all mistakes
	Pictures      bool
	Contributions bool // some mistakes have contributions
	Shown         []mistake
}

type mistake struct {
	Image           string
	True, Predicted string
	Rank            int
	Gap             string
	Picture         template.URL
	Width, Height   int
	Other           template.URL // an image of the predicted class
	Contributions   []contribution
}

// contribution is an attribute that contributed to the wrong class: in normalised values, it is present in the image
// and has a higher value in that class, or it is absent and has a lower one.
type contribution struct {
	Attribute       string
	Absent          bool
	Predicted, True string // raw values of the attribute
}

func newMistakes(r *evaluate.Result, shown []string, pics *pictures) mistakes {
	wrong, all := r.ConfidentMistakes()
	m := mistakes{All: all}
	sample := make(map[int]string)
	for i := range r.Predictions {
		if p := &r.Predictions[i]; sample[p.Class] == "" {
			sample[p.Class] = p.Image
		}
	}
	contributions := make(map[string][]evaluate.Contribution)
	for _, e := range r.Mistakes {
		contributions[e.Image] = e.Contributions
	}
	for _, p := range wrong {
		predicted := p.Top[0].Class
		v := mistake{Image: p.Image, True: shown[p.Class], Predicted: shown[predicted], Rank: p.Rank, Gap: short(p.Gap())}
		v.Picture, v.Width, v.Height = pics.thumbnail(p.Image, 320)
		if v.Picture != "" {
			m.Pictures = true
			if s := sample[predicted]; s != "" {
				v.Other, _, _ = pics.thumbnail(s, 96)
			}
		}
		for _, d := range contributions[p.Image] {
			if len(v.Contributions) == maxShown {
				break
			}
			if wordDimension.MatchString(d.Attribute) {
				continue
			}
			m.Contributions = true
			v.Contributions = append(v.Contributions, contribution{readable.Attribute(d.Attribute).String(), d.Estimate < 0, valueText(d.Predicted), valueText(d.True)})
		}
		m.Shown = append(m.Shown, v)
	}
	return m
}

func valueText(v *float32) string {
	if v == nil {
		return "?"
	}
	format, digits := byte('g'), 2
	if math.Abs(float64(*v)) >= 10 {
		format, digits = 'f', 0
	}
	return strings.Replace(strconv.FormatFloat(float64(*v), format, digits, 32), "-", "−", 1)
}
