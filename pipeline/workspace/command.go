package workspace

import (
	"slices"
	"strings"
	"vzsl/pipeline/usage"
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
		words = append(words, usage.Quote(word))
	}
	return strings.Join(words, " ")
}
