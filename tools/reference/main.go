// Command reference writes what is generated from the commands and methods themselves: the pages docs/commands/*.md and
// docs/methods.md (-docs), the man pages and the shells' completions (-share). `make docs` and `make install` call it.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	docs := flag.String("docs", "", "`folder` to write the pages commands/*.md and methods.md to")
	share := flag.String("share", "", "`folder` to write man pages and completions to, laid out as /usr/share is")
	source := flag.String("source", ".", "`folder` of the module, whose doc comments describe the methods")
	flag.Parse()
	if err := run(*docs, *share, *source); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(docs, share, source string) error {
	if docs != "" {
		files, err := pages(source)
		if err != nil {
			return err
		}
		// Pages of commands that are no more.
		if err := os.RemoveAll(filepath.Join(docs, "commands")); err != nil {
			return err
		}
		if err := write(docs, files); err != nil {
			return err
		}
	}
	if share != "" {
		files, err := shared()
		if err != nil {
			return err
		}
		return write(share, files)
	}
	return nil
}

// pages are the pages of docs/ by their names there.
func pages(source string) (map[string][]byte, error) {
	files, err := commandPages()
	if err != nil {
		return nil, err
	}
	files["methods.md"], err = methodsPage(source)
	return files, err
}

func write(dir string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
