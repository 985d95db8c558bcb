// Package usage has the errors of a call that cannot be carried out as it was given: an unknown value of a flag, flags that
// contradict each other. The command line turns them into the exit code of bad usage.
package usage

import (
	"fmt"
	"slices"
	"strings"

	"vzsl/internal/spelling"
)

// Error is a mistake in how a command was called.
type Error struct{ error }

func (e Error) Unwrap() error { return e.error }

// Wrap makes err an Error.
func Wrap(err error) error { return Error{err} }

// Errorf is fmt.Errorf that makes an Error.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// OneOf refuses a flag's value that is not among the allowed ones.
func OneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return Errorf("--%s %q is not known%s; give one of %s", flag, value, DidYouMean(value, allowed), Or(allowed))
}

// FolderName refuses a name that cannot be one folder's.
func FolderName(flag, name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return Errorf("--%s %q: it is used as a folder name, so it must not be empty or contain slashes", flag, name)
	}
	return nil
}

// DidYouMean proposes the known word that a mistyped one is close to. It goes into an error after the word; "" where none is close.
func DidYouMean(word string, known []string) string {
	near := spelling.Close(word, known)
	if near == "" || near == word {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", near)
}
