package features

import (
	"fmt"

	"vzsl/internal/spelling"
)

// UnknownClass is the error for a name that is none of known: it names the nearest, or some.
func UnknownClass(name string, known []string) error {
	if near := spelling.Nearest(name, known); near != "" {
		return fmt.Errorf("there is no class %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("there is no class %q; the classes are %s", name, spelling.First(known, 5))
}
