package datasets

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/features"
	"vzsl/internal/delimited"
)

// listed is a class name and the line it stands in.
type listed struct {
	name string
	line int
}

// ReadClassList reads class names, one per line, in Unicode's normal form C. Blank lines and comments are left out: a comment is a
// # alone or followed by a blank, since a name may begin with it. A duplicate name is an error.
func ReadClassList(path string) ([]string, error) {
	list, err := readClassList(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.name
	}
	return names, nil
}

// ReadKnownClasses is ReadClassList for names that must be among known. Where classes have wnids, nil if not, these may stand
// for the names. The error for a name that is not known has its line and the nearest known name.
func ReadKnownClasses(path string, known, wnids []string) ([]string, error) {
	list, err := readClassList(path)
	if err != nil {
		return nil, err
	}
	named := make(map[string]string, len(known)+len(wnids))
	for i, w := range wnids {
		if w != "" {
			named[w] = known[i]
		}
	}
	for _, k := range known {
		named[norm.NFC.String(k)] = k
	}
	lines := make(map[string]int, len(list))
	names := make([]string, len(list))
	for i, l := range list {
		name, ok := named[l.name]
		if !ok {
			return nil, fmt.Errorf("%s:%d: %w", path, l.line, features.UnknownClass(l.name, known))
		}
		if was, twice := lines[name]; twice {
			return nil, fmt.Errorf("%s:%d: class %q is already in line %d", path, l.line, name, was)
		}
		lines[name], names[i] = l.line, name
	}
	return names, nil
}

// IsComment reports whether a line of a class list is a comment: a # alone or followed by a blank.
func IsComment(line string) bool {
	return line == "#" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "#\t")
}

func readClassList(path string) ([]listed, error) {
	var list []listed
	lines := map[string]int{}
	err := delimited.Lines(path, func(line int, text string) error {
		if IsComment(text) {
			return nil
		}
		text = norm.NFC.String(text)
		if was, twice := lines[text]; twice {
			return fmt.Errorf("class %q is already in line %d", text, was)
		}
		lines[text] = line
		list = append(list, listed{text, line})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no class names; expected one per line", path)
	}
	return list, nil
}
