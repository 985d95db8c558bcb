package inspect

import (
	"errors"
	"fmt"

	"vzsl/datasets/catalog"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// attributes reads the class descriptions.
func (x *inspection) attributes() {
	found := x.found
	table, err := x.ds.OwnDescription(x.set)
	if bare := (workspace.UndescribedError{}); errors.As(err, &bare) {
		x.bare = true
		found.missing("class descriptions: the dataset has none of its own; word vectors of the names can be used")
		return
	}
	if err != nil {
		found.problem("class descriptions: %v", err)
		x.broken = true
		return
	}
	if err := workspace.Settle(table, x.ds.Missing); err != nil {
		found.problem("class descriptions: %v", err)
	}
	x.own = table
	found.Attributes = len(table.Names)
	found.there("%d attributes per class (%s)", found.Attributes, table.Source)
	found.Notes = append(found.Notes, table.Notes...)
	if p := catalog.Lookup(x.ds.Name).Counts; p.Attributes > 0 && p.Attributes != found.Attributes && x.ds.ClassFile == "" {
		found.problem("%d attributes; %s has %d as published", found.Attributes, x.ds.Name, p.Attributes)
	}
	var without, some []string
	for i, row := range table.Values {
		n := 0
		for _, v := range row {
			if v != v {
				n++
			}
		}
		switch {
		case n == len(row):
			without = append(without, table.Classes[i])
		case n > 0:
			some = append(some, fmt.Sprintf("%s (%d)", table.Classes[i], n))
		}
	}
	if len(without) > 0 {
		found.problem("%d classes have no attributes: %s", len(without), usage.FirstOf(without))
	}
	if len(some) > 0 {
		found.Notes = append(found.Notes, fmt.Sprintf("%d values are missing, for classes %s: train with --missing class-mean", table.Missing(), usage.FirstOf(some)))
	}
}
