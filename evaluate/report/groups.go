package report

import (
	"slices"
	"sort"

	"vzsl/evaluate"
)

// groupTable is accuracy by groups of classes.
type groupTable struct {
	Name string
	Long bool
	Rows []groupRow
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
	for _, g := range r.Groups {
		if len(g.Of) != len(r.Candidates) {
			continue
		}
		at := map[string]int{}
		var rows []groupRow
		for c, name := range g.Of {
			i, ok := at[name]
			if !ok {
				i = len(rows)
				at[name] = i
				rows = append(rows, groupRow{Name: name})
			}
			if r.Classes[c].Images > 0 {
				rows[i].Classes++
			}
		}
		class, group := make([]int, len(rows)), make([]int, len(rows))
		other := make([]map[string]int, len(rows))
		for i := range other {
			other[i] = map[string]int{}
		}
		for i := range r.Predictions {
			p := &r.Predictions[i]
			k, to := at[g.Of[p.Class]], g.Of[p.Top[0].Class]
			rows[k].Images++
			if p.Correct() {
				class[k]++
			}
			if to == g.Of[p.Class] {
				group[k]++
			} else {
				other[k][to]++
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
		rows = slices.DeleteFunc(rows, func(row groupRow) bool { return row.Images == 0 })
		sort.SliceStable(rows, func(i, j int) bool { return rows[i].Group > rows[j].Group })
		tables = append(tables, groupTable{Name: g.Name, Long: len(rows) > longTable, Rows: rows})
	}
	return tables
}
