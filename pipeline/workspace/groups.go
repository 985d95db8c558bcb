package workspace

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/evaluate"
	"vzsl/internal/delimited"
	"vzsl/pipeline/usage"
)

// ReadGroups reads groups of classes of a table: a column "class", and every other that does not hold numbers alone is a grouping.
// Every one of the classes must have a row; rows of others count for nothing.
func ReadGroups(path string, classes []string) ([]evaluate.Grouping, error) {
	t, err := delimited.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--groups: %w", err)
	}
	defer t.Close()
	header := t.Header()
	class := slices.IndexFunc(header, func(h string) bool {
		return slices.Contains([]string{"class", "class_name", "name"}, strings.ToLower(h))
	})
	if class < 0 || len(header) < 2 {
		return nil, fmt.Errorf(`%s: its first row is %q; it needs a column "class" and one or more columns of groups, as in class,family,order`, path, strings.Join(header, string(t.Separator())))
	}
	rows := map[string][]string{}
	words := make([]bool, len(header))
	for {
		row, _, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("--groups: %w", err)
		}
		name := norm.NFC.String(strings.TrimSpace(row[class]))
		if _, twice := rows[name]; twice {
			return nil, fmt.Errorf("%s: class %q has two rows", path, name)
		}
		rows[name] = slices.Clone(row)
		for i, v := range row {
			if _, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil && strings.TrimSpace(v) != "" && i != class {
				words[i] = true
			}
		}
	}
	var missing []string
	for _, c := range classes {
		if rows[norm.NFC.String(c)] == nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s: no group of %d of %d classes: %s", path, len(missing), len(classes), usage.FirstOf(missing))
	}
	var groups []evaluate.Grouping
	for i, name := range header {
		if !words[i] {
			continue
		}
		g := evaluate.Grouping{Name: name}
		for _, c := range classes {
			of := strings.TrimSpace(rows[norm.NFC.String(c)][i])
			if of == "" {
				of = "none"
			}
			g.Of = append(g.Of, of)
		}
		groups = append(groups, g)
	}
	if groups == nil {
		return nil, fmt.Errorf("%s: no column of groups: all columns except %q contain only numbers; add a text column", path, header[class])
	}
	return groups, nil
}
