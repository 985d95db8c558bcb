package features

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// keyBlocks is the metadata that says what the attributes are joined of.
const keyBlocks = keyPrefix + "blocks"

// ClassTable describes a dataset's classes: row i is label i of the shards.
type ClassTable struct {
	Classes    []string
	WNIDs      []string    // WordNet ids, or nil where the dataset has none
	Attributes []string    // attribute names
	Values     [][]float32 // raw, one row of len(Attributes) per class; NaN = missing
	Dataset    string
	Source     string   // where the values come from
	Blocks     []Block  // the descriptions that the attributes are joined of, in their order; nil where they are one
	Texts      []string // what a block of texts says of each class, a text a line; nil where there is none
}

// Block is one of the descriptions that a class table's attributes are joined of.
type Block struct {
	Name  string      `json:"name"`
	Width int         `json:"width"`          // attributes
	Kind  string      `json:"kind,omitempty"` // one of BlockKinds; "": not known, in tables of before
	Text  *TextSource `json:"text,omitempty"` // where they are vectors of texts
}

// The kinds of descriptions.
const (
	KindAttributes = "attributes" // the dataset's own, or of a table
	KindWords      = "words"      // word vectors of the classes' names
	KindText       = "text"       // vectors that a text encoder gives of names or sentences
)

// TextBlock returns the block of texts, with its first attribute; nil where there is none.
func (t *ClassTable) TextBlock() (b *Block, from int) {
	for i := range t.Blocks {
		if t.Blocks[i].Text != nil {
			return &t.Blocks[i], from
		}
		from += t.Blocks[i].Width
	}
	return nil, 0
}

// parts are the table's blocks; a table of one description without a name of its own is of attributes.
func (t *ClassTable) parts() []Block {
	if t.Blocks != nil {
		return t.Blocks
	}
	return []Block{{Name: t.Source, Width: len(t.Attributes), Kind: KindAttributes}}
}

// Kinds are the kinds of its blocks, the names where the kind is not known.
func (t *ClassTable) Kinds() []string {
	var list []string
	for _, b := range t.parts() {
		list = append(list, cmp.Or(b.Kind, b.Name))
	}
	return list
}

// Pick returns the table with some of its blocks alone, which are asked for by their kinds or names with a + between them, as in
// attributes+text. They keep the table's order.
func (t *ClassTable) Pick(asked string) (*ClassTable, error) {
	blocks := t.parts()
	keep := make([]bool, len(blocks))
	for _, a := range strings.Split(asked, "+") {
		found := false
		for i, b := range blocks {
			if a != "" && (b.Kind == a || b.Name == a) {
				keep[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("the class table of %s has no description %q: it has %s ('vzsl attributes' writes it; --own keeps the dataset's own attributes too)", t.Dataset, a, strings.Join(t.Kinds(), " and "))
		}
	}
	return t.blocks(keep), nil
}

// Narrow returns the table with those blocks alone whose attributes another table has. Where that has a part of a block, or nothing
// of the table, the table stays as it is: they differ in other ways.
func (t *ClassTable) Narrow(other *ClassTable) *ClassTable {
	has := make(map[string]bool, len(other.Attributes))
	for _, n := range other.Attributes {
		has[n] = true
	}
	blocks := t.parts()
	keep := make([]bool, len(blocks))
	from := 0
	for i, b := range blocks {
		for k := from; k < from+b.Width; k++ {
			if k > from && has[t.Attributes[k]] != keep[i] {
				return t
			}
			keep[i] = has[t.Attributes[k]]
		}
		from += b.Width
	}
	if !slices.Contains(keep, true) {
		return t
	}
	return t.blocks(keep)
}

// blocks returns the table with the blocks that are kept.
func (t *ClassTable) blocks(keep []bool) *ClassTable {
	if !slices.Contains(keep, false) {
		return t
	}
	out := *t
	out.Blocks, out.Attributes, out.Texts = nil, nil, nil
	out.Values = make([][]float32, len(t.Values))
	var sources []string
	from := 0
	for i, b := range t.parts() {
		if to := from + b.Width; keep[i] {
			out.Blocks = append(out.Blocks, b)
			out.Attributes = append(out.Attributes, t.Attributes[from:to]...)
			for c, row := range t.Values {
				out.Values[c] = append(out.Values[c], row[from:to]...)
			}
			if b.Text != nil {
				out.Texts = t.Texts
			}
			sources = append(sources, b.Name)
		}
		from += b.Width
	}
	out.Source = strings.Join(sources, " + ")
	return &out
}

// BlockWidths are the widths of the blocks, none where the attributes are one description.
func (t *ClassTable) BlockWidths() []int {
	var w []int
	for _, b := range t.Blocks {
		w = append(w, b.Width)
	}
	return w
}

func (t *ClassTable) check() error {
	if len(t.Classes) == 0 {
		return fmt.Errorf("no classes")
	}
	if t.WNIDs != nil && len(t.WNIDs) != len(t.Classes) {
		return fmt.Errorf("%d WordNet ids for %d classes", len(t.WNIDs), len(t.Classes))
	}
	if len(t.Attributes) > 0 && len(t.Values) != len(t.Classes) {
		return fmt.Errorf("%d rows of attributes for %d classes", len(t.Values), len(t.Classes))
	}
	if len(t.Attributes) > maxDim {
		return fmt.Errorf("%d attributes; at most %d", len(t.Attributes), maxDim)
	}
	for i, row := range t.Values {
		if len(row) != len(t.Attributes) {
			return fmt.Errorf("class %q has %d values for %d attributes", t.Classes[i], len(row), len(t.Attributes))
		}
	}
	if t.Texts != nil && len(t.Texts) != len(t.Classes) {
		return fmt.Errorf("texts of %d classes, of %d", len(t.Texts), len(t.Classes))
	}
	if t.Blocks != nil {
		rest := len(t.Attributes)
		for _, b := range t.Blocks {
			if b.Width < 1 || b.Width > rest {
				return fmt.Errorf("blocks %v do not add up to %d attributes", t.Blocks, len(t.Attributes))
			}
			rest -= b.Width
		}
		if rest != 0 {
			return fmt.Errorf("blocks %v do not add up to %d attributes", t.Blocks, len(t.Attributes))
		}
	}
	return unique("class", t.Classes)
}

func unique(what string, names []string) error {
	seen := make(map[string]struct{}, len(names))
	for _, n := range names {
		if n == "" {
			return fmt.Errorf("a %s without a name", what)
		}
		if _, twice := seen[n]; twice {
			return fmt.Errorf("duplicate %s %q", what, n)
		}
		seen[n] = struct{}{}
	}
	return nil
}

// WriteClassTable writes a class table as Parquet: label int32, class, wnid and text where there are any, attributes
// FixedSizeList<float32, A>.
func WriteClassTable(path string, t *ClassTable) error {
	data, err := t.encode()
	if err != nil {
		return fmt.Errorf("class table %s: %w", path, err)
	}
	return writeTable(path, data)
}

func (t *ClassTable) encode() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var kv metadata
	kv.add(keySchema, schemaClass)
	kv.add(keyPrefix+"dataset", t.Dataset)
	kv.add(keyPrefix+"source", t.Source)
	kv.add(keyPrefix+"missing", "NaN")
	kv.addJSON(keyPrefix+"attributes", append([]string{}, t.Attributes...))
	if t.Blocks != nil {
		kv.addJSON(keyBlocks, t.Blocks)
	}
	labels := make([]int32, len(t.Classes))
	for i := range labels {
		labels[i] = int32(i)
	}
	columns := []column{{name: columnLabel, num: labels}, {name: columnClass, text: t.Classes}}
	if t.WNIDs != nil {
		columns = append(columns, column{name: columnWNID, text: t.WNIDs})
	}
	if t.Texts != nil {
		columns = append(columns, column{name: columnText, text: t.Texts})
	}
	if a := len(t.Attributes); a > 0 {
		flat := make([]float32, 0, a*len(t.Classes))
		for _, row := range t.Values {
			flat = append(flat, row...)
		}
		columns = append(columns, column{name: columnAttr, vectors: flat, width: a})
	}
	return encodeTable(len(t.Classes), groupRows, columns, kv)
}

// ReadClassTable reads and checks a class table.
func ReadClassTable(path string) (*ClassTable, error) {
	f, err := openWhole(path)
	if err != nil {
		if absent(err) {
			return nil, fmt.Errorf("no class table: %w (run attributes first)", err)
		}
		return nil, fmt.Errorf("class table: %w", err)
	}
	defer f.close()
	return f.classTable()
}

func (f *table) classTable() (*ClassTable, error) {
	if err := f.expect(schemaClass, "a class table"); err != nil {
		return nil, err
	}
	t := &ClassTable{}
	t.Dataset, _ = f.meta(keyPrefix + "dataset")
	t.Source, _ = f.meta(keyPrefix + "source")
	if err := f.metaJSON(keyPrefix+"attributes", &t.Attributes); err != nil {
		return nil, err
	}
	if _, ok := f.meta(keyBlocks); ok {
		if err := f.metaJSON(keyBlocks, &t.Blocks); err != nil {
			return nil, err
		}
	}
	if len(t.Attributes) > maxDim {
		return nil, fmt.Errorf("%s: %d attributes", f.path, len(t.Attributes))
	}
	var buf vectorBuffer
	for g := range f.groups() {
		labels, err := integers[int32](f, g, columnLabel)
		if err != nil {
			return nil, err
		}
		for i, l := range labels {
			if want := len(t.Classes) + i; int(l) != want {
				return nil, fmt.Errorf("%s: row %d has label %d", f.path, want, l)
			}
		}
		classes, err := f.strings(g, columnClass)
		if err != nil {
			return nil, err
		}
		t.Classes = append(t.Classes, classes...)
		if f.leaf(columnWNID) >= 0 {
			wnids, err := f.strings(g, columnWNID)
			if err != nil {
				return nil, err
			}
			t.WNIDs = append(t.WNIDs, wnids...)
		}
		if f.leaf(columnText) >= 0 {
			texts, err := f.strings(g, columnText)
			if err != nil {
				return nil, err
			}
			t.Texts = append(t.Texts, texts...)
		}
		if a := len(t.Attributes); a > 0 {
			if err := f.vectors(g, columnAttr, a, &buf); err != nil {
				return nil, err
			}
			flat := append([]float32{}, buf.values...)
			for ; len(flat) > 0; flat = flat[a:] {
				t.Values = append(t.Values, flat[:a:a])
			}
		}
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return t, nil
}
