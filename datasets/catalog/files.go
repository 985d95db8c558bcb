package catalog

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
)

// locate finds the first of the folders that holds a file; "" where none does.
func locate(file string, dirs ...string) (string, error) {
	for _, dir := range dirs {
		if there, err := lookup.Exists(filepath.Join(dir, file)); err != nil {
			return "", err
		} else if there {
			return dir, nil
		}
	}
	return "", nil
}

// idTable is a file of lines "<id> <name>".
type idTable struct {
	ids   []int
	names []string
	lines []int
}

func (t *idTable) read(file, what string) error {
	at := map[int]int{}
	named := map[string]int{}
	err := delimited.Lines(file, func(line int, text string) error {
		idText, name, ok := strings.Cut(text, " ")
		if tab, rest, found := strings.Cut(text, "\t"); found && len(tab) < len(idText) {
			idText, name, ok = tab, rest, true
		}
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return fmt.Errorf("expected \"<%s id> <name>\", found %q", what, text)
		}
		id, err := positive(idText)
		if err != nil {
			return fmt.Errorf("%s id: %w", what, err)
		}
		if was, twice := at[id]; twice {
			return fmt.Errorf("%s id %d is already in line %d", what, id, was)
		}
		if was, twice := named[name]; twice {
			return fmt.Errorf("%s %q is already in line %d", what, name, was)
		}
		at[id], named[name] = line, line
		t.ids, t.names, t.lines = append(t.ids, id), append(t.names, name), append(t.lines, line)
		return nil
	})
	if err != nil {
		return err
	}
	if len(t.ids) == 0 {
		return fmt.Errorf("%s is empty", file)
	}
	return nil
}

func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a whole number above 0", text)
	}
	return n, nil
}
