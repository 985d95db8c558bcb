package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]es?|copying|notice|patents)([-.].*)?$`)

// licences are the licences and notices of all that is linked into the binary: those of Go, and of each module those at its
// root and beside the packages that are used.
func licences(env []string) ([]byte, error) {
	listed, err := output(env, "go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", ".")
	if err != nil {
		return nil, err
	}
	root, err := output(nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	files := map[string][]string{}
	if err := collect(files, "Go", root, root); err != nil {
		return nil, err
	}
	for line := range strings.Lines(listed) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 4 {
			continue
		}
		if err := collect(files, f[0]+" "+f[1], f[2], f[3]); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	b.WriteString("vzsl contains the works listed here, under the licences that follow each.\n")
	for _, module := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "\n%s\n%s\n", strings.Repeat("=", 80), module)
		for _, path := range files[module] {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%s\n%s\n\n%s\n", strings.Repeat("-", 80), filepath.Base(path), bytes.TrimSpace(text))
		}
	}
	return b.Bytes(), nil
}

// collect adds the licences from a package's folder up to its module's.
func collect(files map[string][]string, module, root, dir string) error {
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if licenceFile.MatchString(e.Name()) && !slices.Contains(files[module], path) {
				if !e.IsDir() {
					files[module] = append(files[module], path)
					continue
				}
				texts, err := filepath.Glob(filepath.Join(path, "*"))
				if err != nil {
					return err
				}
				for _, t := range texts {
					if !slices.Contains(files[module], t) {
						files[module] = append(files[module], t)
					}
				}
			}
		}
		if dir == root {
			break
		}
		if dir = filepath.Dir(dir); !strings.HasPrefix(dir, root) {
			return errors.New(dir + " is not in " + root)
		}
	}
	if len(files[module]) == 0 { // some say it there
		readme := filepath.Join(root, "README.md")
		if b, err := os.ReadFile(readme); err != nil || !bytes.Contains(bytes.ToLower(b), []byte("licen")) {
			return fmt.Errorf("%s: no licence in %s", module, root)
		}
		files[module] = []string{readme}
	}
	slices.Sort(files[module])
	return nil
}
