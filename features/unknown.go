package features

import (
	"fmt"
	"strings"

	"vzsl/internal/spelling"
)

// UnknownClass is the error for a name that is none of known: it names the nearest, or some.
func UnknownClass(name string, known []string) error {
	if near := spelling.Nearest(name, known); near != "" {
		return fmt.Errorf("no class is called %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("no class is called %q; the classes are %s", name, some(known))
}

// some lists the first few of many names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
