package usage

import (
	"fmt"
	"strings"
)

// Or lists alternatives in a sentence: "a, b or c".
func Or(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return join(words, "or")
}

// And lists names in a sentence: "a, b and c".
func And(words []string) string { return join(words, "and") }

func join(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// FirstOf lists the first few of many names.
func FirstOf(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Counted is a number of things: "1 fold", "3 folds".
func Counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
