package attributes

import (
	"fmt"
	"slices"
	"strings"

	"vzsl/internal/spelling"
)

// Gap is what the description of a class lacks.
type Gap struct {
	Class      string // "" where there is no question which
	Attributes []string
}

func (g Gap) String() string {
	if g.Class == "" {
		return spelling.First(g.Attributes, 8)
	}
	return fmt.Sprintf("class %q: %s", g.Class, spelling.First(g.Attributes, 8))
}

// Gaps lists the values that are missing (NaN), class by class; names are those of the attributes.
func Gaps(names, classes []string, rows [][]float32) []Gap {
	var gaps []Gap
	for c, row := range rows {
		var lacking []string
		for k, v := range row {
			if v != v {
				lacking = append(lacking, names[k])
			}
		}
		if lacking != nil {
			gaps = append(gaps, Gap{classes[c], lacking})
		}
	}
	return gaps
}

// GapsError: values are missing where they must be given or filled.
type GapsError struct {
	Gaps   []Gap
	Remedy string
}

func (e *GapsError) Error() string {
	const most = 4
	said := make([]string, 0, most+1)
	for i, g := range e.Gaps {
		if i == most {
			said = append(said, fmt.Sprintf("and %d more classes", len(e.Gaps)-most))
			break
		}
		said = append(said, g.String())
	}
	return fmt.Sprintf("attribute values are missing (%s): %s", strings.Join(said, "; "), e.Remedy)
}

// AwA's four missing values: antelope's colours, the first attributes of its list. The authors' own code takes lion's.
const (
	awaLacking, awaLike = "antelope", "lion"
	awaAttributes       = 85
	awaColours          = 4
)

// OfAwA reports whether all that is missing are the four values that Animals with Attributes, 1 and 2, lacks as it is published.
func (t *Table) OfAwA() bool {
	gaps := Gaps(t.Names, t.Classes, t.Values)
	return len(t.Names) == awaAttributes && len(gaps) == 1 && gaps[0].Class == awaLacking &&
		slices.Equal(gaps[0].Attributes, t.Names[:awaColours]) && slices.Contains(t.Classes, awaLike)
}

// FillAwA fills the four values that Animals with Attributes lacks as its authors' own code does, with lion's. Notes say so.
func (t *Table) FillAwA() error { return t.FillFrom(awaLacking, awaLike) }

// FillFrom gives the missing values of one class those of another, as the authors of Animals with Attributes do in their own
// code: antelope's from lion. Notes say so.
func (t *Table) FillFrom(class, other string) error {
	to, from := slices.Index(t.Classes, class), slices.Index(t.Classes, other)
	if to < 0 || from < 0 {
		return fmt.Errorf("missing values of class %q cannot be taken from %q: both must be among the classes", class, other)
	}
	n := 0
	var filled []string
	for i, v := range t.Values[to] {
		if v != v {
			t.Values[to][i] = t.Values[from][i]
			filled = append(filled, t.Names[i])
			n++
		}
	}
	if n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d missing values of %s (%s) were taken from %s, as in the authors' code; --missing keep leaves them missing", n, class, spelling.First(filled, 8), other))
		t.Source += fmt.Sprintf("; %d missing values of %s taken from %s", n, class, other)
	}
	return nil
}
