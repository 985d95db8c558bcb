package workspace

import (
	"slices"
	"strings"
)

// Command is the command line of a stage that works in this folder.
func (w *Workspace) Command(stage string, args ...string) string {
	if w.Dir != "." {
		args = append(slices.Clone(args), "--out", w.Address(w.Dir))
	}
	return CommandLine(stage, args...)
}

// CommandLine is that of a stage, quoted for a shell.
func CommandLine(stage string, args ...string) string {
	words := []string{"vzsl " + stage}
	for _, word := range args {
		words = append(words, Quote(word))
	}
	return strings.Join(words, " ")
}

// Quote quotes a word for the shell where it needs that.
func Quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
