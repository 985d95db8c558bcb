package inspect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vzsl/features"
)

func (x *inspection) table() string {
	var more []string
	if _, err := os.Stat(x.w.ClassTableFile(x.ds.Name)); x.broken && err != nil {
		x.found.missing("the class table %s", x.w.ClassTableFile(x.ds.Name))
		return x.repair("correct the class descriptions")
	}
	switch vectors := filepath.Join("data", "glove", "glove.6B.300d.txt"); {
	case x.ds.ClassFile != "":
		more = []string{"--csv", x.ds.ClassFile}
	case x.bare:
		more = []string{"--words", vectors}
		if _, err := os.Stat(x.w.ClassTableFile(x.ds.Name)); err == nil {
			break
		}
		if _, err := os.Stat(vectors); err != nil {
			x.found.missing("word vectors in data/glove; any others can be used: vzsl attributes --words FILE")
			return "vzsl download glove"
		}
	}
	path := x.w.ClassTableFile(x.ds.Name)
	t, err := features.ReadClassTable(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		x.found.problem("%v", err)
		fallthrough
	case err != nil:
		x.found.missing("the class table %s", path)
		return x.command("attributes", true, more...)
	}
	have := map[string]bool{}
	for _, n := range t.Classes {
		have[n] = true
	}
	for _, n := range x.set.Classes {
		if !have[n.Name] {
			x.found.problem("%s: class %q is missing, the table is of another list of classes: run attributes again", path, n.Name)
			return x.command("attributes", true, more...)
		}
	}
	if older := x.olderTable(t); older != nil {
		x.found.problem("%s is of an older description of the classes; %s: run attributes again", path, older)
		return x.command("attributes", true, more...)
	}
	x.found.there("%s: %d attributes (%s)", path, len(t.Attributes), t.Source)
	return ""
}

// olderTable says in what the class table differs from the description that it was read from; nil: in nothing, or it was made of
// another one. Values that are missing in the description may have been filled in.
func (x *inspection) olderTable(t *features.ClassTable) *features.Change {
	if x.own == nil || x.own.Source != t.Source {
		return nil
	}
	now := &features.ClassTable{Classes: x.own.Classes, Attributes: x.own.Names}
	row := map[string][]float32{}
	if same, err := t.SelectAttributes(now.Attributes); err == nil {
		for i, class := range same.Classes {
			row[class] = same.Values[i]
		}
	}
	for i, class := range now.Classes {
		values := slices.Clone(x.own.Values[i])
		for j, was := range row[class] {
			if values[j] != values[j] {
				values[j] = was
			}
		}
		now.Values = append(now.Values, values)
	}
	return t.Changed(now)
}
