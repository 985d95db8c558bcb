package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinkedModels: the model and its data are symbolic links as the tools lay them out that keep large files aside.
func TestLinkedModels(t *testing.T) {
	source := t.TempDir()
	model, data := copyExternal(t, source)
	const net, location = "vgg_dynamo.onnx", "vgg_dynamo.onnx.data"
	for _, c := range []struct {
		what                string
		model, data         string // where they lie
		modelLink, dataLink string // links to them; "": none
		want                string // of the error
		open                string // the path that is opened; "": the model's link
	}{
		{what: "the hub's cache", model: "blobs/111", data: "blobs/222", modelLink: "snapshots/abc/onnx/" + net, dataLink: "snapshots/abc/onnx/" + location},
		{what: "git-annex", model: ".git/annex/objects/aa/K1/K1", data: ".git/annex/objects/bb/K2/K2", modelLink: "m/" + net, dataLink: "m/" + location},
		{what: "DVC", model: ".dvc/cache/files/md5/aa/1", data: ".dvc/cache/files/md5/bb/2", modelLink: "m/" + net, dataLink: "m/" + location},
		{what: "Nix", model: "nix/store/h-net/" + net, data: "nix/store/g-data/" + location, modelLink: "m/" + net, dataLink: "m/" + location},
		{what: "Bazel's runfiles", model: "bazel-out/k8/" + net, data: "bazel-out/k8/" + location, modelLink: "x.runfiles/" + net, dataLink: "x.runfiles/" + location},
		{what: "a link to the model alone", model: "far/" + net, data: "far/" + location, modelLink: "m/link.onnx"},
		{what: "data elsewhere", model: "far/" + net, data: "farther/" + location, modelLink: "m/" + net, dataLink: "m/" + location, want: "a symbolic link out of the model's folder"},
		{what: "only the data a link", model: "m/" + net, data: "far/" + location, dataLink: "m/" + location, open: "m/" + net, want: "a symbolic link out of the model's folder"},
		{what: "data that are gone", model: "blobs/111", data: "other/222", modelLink: "s/a/" + net, dataLink: "s/a/" + location, want: "missing"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				return path
			}
			write(t, at(c.model), model)
			if c.want != "missing" {
				write(t, at(c.data), data)
			}
			for target, link := range map[string]string{c.model: c.modelLink, c.data: c.dataLink} {
				if link == "" {
					continue
				}
				to, err := filepath.Rel(filepath.Dir(at(link)), filepath.Join(dir, filepath.FromSlash(target)))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(to, at(link)); err != nil {
					t.Skip(err)
				}
			}
			name := c.open
			if name == "" {
				name = c.modelLink
			}
			n, err := Open(at(name))
			if err == nil {
				_ = n.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
