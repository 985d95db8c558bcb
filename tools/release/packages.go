package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// nfpm packs deb and rpm files. 2.45 and later want a module that the Go module proxy does not serve.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.0"

// packages writes a Debian and an RPM package of the files of a Linux archive, laid out below /usr, and returns their names. The same
// files, version and time give the same bytes.
func packages(to, work, version, arch string, entries []entry, at time.Time) ([]string, error) {
	if devel, ok := strings.CutPrefix(version, "devel-"); ok {
		version = "0.0.0~devel." + devel // a version that sorts before every release
	}
	root := filepath.Join(work, "packages-"+arch)
	for _, e := range entries {
		file := filepath.Join(root, filepath.FromSlash(installed(e.name)))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, e.data, e.mode); err != nil {
			return nil, err
		}
	}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{ // YAML takes JSON
		"name": "vzsl", "arch": arch, "platform": "linux", "version": version, "version_schema": "none",
		"section": "science", "maintainer": "the vzsl developers", "license": "Apache-2.0", "mtime": at.Format(time.RFC3339),
		"description": "Zero-shot image classification\nRecognises classes without training images from their descriptions: extraction of features with\nONNX networks, training, evaluation, prediction.",
		"contents":    []any{map[string]any{"src": root, "dst": "/", "type": "tree"}},
		"rpm":         map[string]any{"buildhost": "localhost"},
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(work, "nfpm-"+arch+".json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	var names []string
	for _, kind := range []string{"deb", "rpm"} {
		name := fmt.Sprintf("vzsl-%s-linux-%s.%s", version, arch, kind)
		env := []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", at.Unix())}
		if _, err := output(env, "go", "run", nfpm, "package", "--config", file, "--packager", kind, "--target", filepath.Join(to, name)); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// installed is the place of an archive's file in an installed system, below /.
func installed(name string) string {
	_, name, _ = strings.Cut(name, "/") // the archive's one folder
	switch {
	case name == "vzsl":
		return "usr/bin/vzsl"
	case name == "LICENSE":
		return "usr/share/doc/vzsl/copyright"
	case strings.HasPrefix(name, "share/"):
		return "usr/" + name
	default:
		return path.Join("usr/share/doc/vzsl", name)
	}
}
