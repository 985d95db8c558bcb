package attributes

import (
	"fmt"
	"math"
	"slices"

	"vzsl/internal/spelling"
)

// Units know in what size the attributes are that a model was trained on, so that descriptions in other units, such as shares for
// percentages, are noticed: a model takes them without a word and names every image wrongly.
//
// A value is held against the mean of the attribute's values that are not zero: the ratio has no unit, and a class that simply
// has few of the attributes is not treated as one in small numbers. The median of a row's ratios tells of a class in other units,
// that of a column's of an attribute.
type Units struct {
	names         []string
	size          []float64  // of each attribute: the mean of |v| where v != 0; 0: unknown
	low, mid, top []float64  // of each attribute: the least, the median and the largest |v| != 0, as ratios
	rows          [2]float64 // the least and the largest median ratio of a row
}

const (
	apart  = 10 // how far a median ratio is from the usual in other units
	beyond = 3  // how far a row's is beyond those of the classes trained on, too
	enough = 5  // values of an attribute that are judged by their median; fewer must all be apart from all trained on
)

// NewUnits learns the sizes from raw rows of the classes trained on, NaN where missing.
func NewUnits(names []string, rows [][]float32) *Units {
	u := &Units{names: names, size: make([]float64, len(names)), low: make([]float64, len(names)), mid: make([]float64, len(names)), top: make([]float64, len(names)), rows: [2]float64{1, 1}}
	for k := range names {
		var column []float64
		sum := 0.0
		for _, row := range rows {
			if v := math.Abs(float64(row[k])); v > 0 { // NaN is not
				column, sum = append(column, v), sum+v
			}
		}
		if m, ok := median(column); ok {
			u.size[k] = sum / float64(len(column))
			u.low[k], u.mid[k], u.top[k] = column[0]/u.size[k], m/u.size[k], column[len(column)-1]/u.size[k]
		}
	}
	for _, row := range rows {
		if m, ok := median(u.ratios(row)); ok {
			u.rows[0], u.rows[1] = min(u.rows[0], m), max(u.rows[1], m)
		}
	}
	return u
}

// ratios are a row's values that are not zero, each by the size of its attribute.
func (u *Units) ratios(row []float32) []float64 {
	var r []float64
	for k, v := range row {
		if v := math.Abs(float64(v)); v > 0 && u.size[k] > 0 {
			r = append(r, v/u.size[k])
		}
	}
	return r
}

// otherRow reports whether the median ratio of a row speaks of another unit.
func (u *Units) otherRow(m float64) bool {
	return m > apart && m > beyond*u.rows[1] || m < 1.0/apart && m < u.rows[0]/beyond
}

// otherColumn reports whether the ratios of an attribute, sorted, with the median m, do. A small value is nothing odd: a class may
// hardly have what all others have; of several it is when all are.
func (u *Units) otherColumn(k int, r []float64, m float64) bool {
	most := r[len(r)-1]
	if len(r) >= enough {
		return m > apart*u.mid[k] && m > u.top[k] || most < u.mid[k]/apart
	}
	return r[0] > apart*u.top[k] || most < u.low[k]/(apart*apart)
}

// Doubts says which classes and attributes of raw rows seem to be in other units; nothing where none does. The rows are in the
// order of the names that the units were made with.
func (u *Units) Doubts(classes []string, rows [][]float32) []string {
	var odd []string
	var all []float64
	for i, row := range rows {
		r := u.ratios(row)
		all = append(all, r...)
		if m, ok := median(r); ok && u.otherRow(m) {
			odd = append(odd, fmt.Sprintf("%s (%s)", classes[i], times(m)))
		}
	}
	if len(odd) == len(rows) && len(rows) > 0 { // then so are the attributes
		m, _ := median(all)
		return []string{fmt.Sprintf("the values are %s as large as those that the model was trained on", times(m))}
	}
	var doubts []string
	if len(odd) > 0 {
		doubts = append(doubts, fmt.Sprintf("the values of %s are of another magnitude than those that the model was trained on: %s", plural(len(odd), "class", "classes"), spelling.First(odd, 8)))
	}
	odd = nil
	for k, name := range u.names {
		var r []float64
		for _, row := range rows {
			if v := math.Abs(float64(row[k])); v > 0 && u.size[k] > 0 {
				r = append(r, v/u.size[k])
			}
		}
		if m, ok := median(r); ok && u.otherColumn(k, r, m) {
			odd = append(odd, fmt.Sprintf("%s (%s)", name, times(m)))
		}
	}
	if len(odd) > 0 {
		doubts = append(doubts, fmt.Sprintf("the values of %s are of another magnitude than those that the model was trained on: %s", plural(len(odd), "attribute", "attributes"), spelling.First(odd, 8)))
	}
	return doubts
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func times(ratio float64) string { return fmt.Sprintf("%.2g times", ratio) }

// median sorts; false: there is none.
func median(v []float64) (float64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2, true
	}
	return v[len(v)/2], true
}
