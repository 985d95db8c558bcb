package attributes

import "vzsl/features"

// ClassTable is the table as the stages after it read it: the descriptions of a dataset's classes, in the dataset's order. wnids
// are the classes' WordNet ids, nil where the dataset has none.
func (t *Table) ClassTable(dataset string, wnids []string) *features.ClassTable {
	table := &features.ClassTable{Classes: t.Classes, WNIDs: wnids, Attributes: t.Names, Values: t.Values, Dataset: dataset, Source: t.Source}
	for _, b := range t.Blocks {
		table.Blocks = append(table.Blocks, features.Block{Name: b.Name, Width: b.Width})
	}
	return table
}
