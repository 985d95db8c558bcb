package report

import (
	"slices"
	"sort"

	"vzsl/evaluate"
)

// groupTable is accuracy by groups of classes.
type groupTable struct {
	Name   string
	Long   bool
	Rows   []groupRow
	Matrix *matrix // nil: of a single group, or too many
}

type groupRow struct {
	Name                         string
	Classes, Images              int
	Class, Group                 float64 // fractions of images whose class and whose group was predicted
	ClassInterval, GroupInterval *evaluate.Interval
	Other                        string // the other group most often predicted
	OtherTimes                   int
}

// newGroups aggregates the results by every grouping; groups without images are left out.
func newGroups(r *evaluate.Result) []groupTable {
	var tables []groupTable
	for n, g := range r.Groups {
		if len(g.Of) != len(r.Candidates) {
			continue
		}
		names, of := groupsOf(&g)
		rows := make([]groupRow, len(names))
		for i, name := range names {
			rows[i].Name = name
		}
		for c, i := range of {
			if r.Classes[c].Images > 0 {
				rows[i].Classes++
			}
		}
		counts := map[[2]int]int{}
		class, group := make([]int, len(rows)), make([]int, len(rows))
		other := make([]map[string]int, len(rows))
		for i := range other {
			other[i] = map[string]int{}
		}
		for i := range r.Predictions {
			p := &r.Predictions[i]
			k, to := of[p.Class], of[p.Top[0].Class]
			counts[[2]int{k, to}]++
			rows[k].Images++
			if p.Correct() {
				class[k]++
			}
			if to == k {
				group[k]++
			} else {
				other[k][names[to]]++
			}
		}
		for k := range rows {
			row := &rows[k]
			if row.Images == 0 {
				continue
			}
			row.Class, row.ClassInterval = evaluate.Share(class[k], row.Images)
			row.Group, row.GroupInterval = evaluate.Share(group[k], row.Images)
			for _, name := range g.Of { // in a fixed order
				if n := other[k][name]; n > row.OtherTimes {
					row.Other, row.OtherTimes = name, n
				}
			}
		}
		m := newGroupMatrix(rows, counts)
		if m != nil {
			m.Name, m.Grouping = g.Name, n
		}
		rows = slices.DeleteFunc(rows, func(row groupRow) bool { return row.Images == 0 })
		sort.SliceStable(rows, func(i, j int) bool { return rows[i].Group > rows[j].Group })
		tables = append(tables, groupTable{Name: g.Name, Long: len(rows) > longTable, Rows: rows, Matrix: m})
	}
	return tables
}

// groupsOf are a grouping's groups, in the order of the classes, and the group of each class.
func groupsOf(g *evaluate.Grouping) (names []string, of []int) {
	at := map[string]int{}
	for _, name := range g.Of {
		i, ok := at[name]
		if !ok {
			i = len(names)
			at[name] = i
			names = append(names, name)
		}
		of = append(of, i)
	}
	return names, of
}

// newGroupMatrix is the confusion matrix between groups, counts by true and predicted group; nil where there is only one, or too many.
func newGroupMatrix(rows []groupRow, counts map[[2]int]int) *matrix {
	if len(rows) < 2 || len(rows) > maxMatrix || len(counts) > maxCells {
		return nil
	}
	names, images := make([]string, len(rows)), make([]int, len(rows))
	for i, row := range rows {
		names[i], images[i] = row.Name, row.Images
	}
	var cells []evaluate.Cell
	for t := range rows {
		for p := range rows {
			if n := counts[[2]int{t, p}]; n > 0 {
				cells = append(cells, evaluate.Cell{True: t, Predicted: p, Count: n})
			}
		}
	}
	return drawMatrix(names, names, images, cells)
}
