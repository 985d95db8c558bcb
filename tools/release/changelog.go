package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/wholefile"
)

// kinds are those of Keep a Changelog, in its order.
var kinds = []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

const (
	changeFiles = "changes" // a file of list items for each topic: "- Fixed: what users see."
	changelog   = "CHANGELOG.md"
	head        = "# Changes\n\nWhat users see, by version. A change that is not released yet has a file in `changes/`.\n"
)

// readChanges returns the items of all change files by kind, files by name, items in their order.
func readChanges(dir string) (map[string][]string, []string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(files)
	items := map[string][]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		kind := ""
		for n, line := range strings.Split(string(b), "\n") {
			text, first := strings.CutPrefix(line, "- ")
			switch {
			case strings.TrimSpace(line) == "":
			case first:
				k, what, ok := strings.Cut(text, ": ")
				if !ok || !slices.Contains(kinds, k) || strings.TrimSpace(what) == "" {
					return nil, nil, fmt.Errorf("%s:%d: expected \"- KIND: what users see\", with KIND one of %s", file, n+1, strings.Join(kinds, ", "))
				}
				kind = k
				items[kind] = append(items[kind], "- "+what)
			case strings.HasPrefix(line, "  ") && kind != "": // a further line of the item
				items[kind][len(items[kind])-1] += "\n" + line
			default:
				return nil, nil, fmt.Errorf("%s:%d: expected an item (\"- KIND: ...\") or its continuation, indented by two spaces", file, n+1)
			}
		}
	}
	return items, files, nil
}

// section is a version's part of the changelog.
func section(version, date string, items map[string][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s (%s)\n", version, date)
	for _, k := range kinds {
		if len(items[k]) > 0 {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", k, strings.Join(items[k], "\n"))
		}
	}
	return b.String()
}

// fold moves the items of all change files into a new version of CHANGELOG.md, above the earlier ones, and removes the files.
func fold(root, version, date string) error {
	items, files, err := readChanges(filepath.Join(root, changeFiles))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no changes to release", changeFiles)
	}
	path := filepath.Join(root, changelog)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	earlier := strings.TrimPrefix(string(old), head)
	if strings.Contains(earlier, "\n## "+version+" (") {
		return fmt.Errorf("%s already has version %s", changelog, version)
	}
	if err := wholefile.Bytes(path, []byte(head+section(version, date, items)+earlier)); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}
