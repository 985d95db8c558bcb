package attributes

import "vzsl/features"

// ClassTable is the table as the stages after it read it: the descriptions of a dataset's classes, in the dataset's order. wnids
// are the classes' WordNet ids, nil where the dataset has none.
func (t *Table) ClassTable(dataset string, wnids []string) *features.ClassTable {
	return &features.ClassTable{Classes: t.Classes, WNIDs: wnids, Attributes: t.Names, Values: t.Values, Dataset: dataset, Source: t.Source,
		Blocks: t.Blocks, Texts: t.Texts}
}
