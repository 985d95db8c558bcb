// Package model finds a network as people have it, a file, a folder or a snapshot in the Hugging Face hub's cache, and what
// is known of how its images are prepared.
package model

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"vzsl/extract/onnx/load"
)

// Model is a network on the disk.
type Model struct {
	File string // the ONNX file
	Root string // the model's folder; nothing outside is read but what its links lead to
	Name string // what its features are called: the repository's or the file's name; "" where neither says anything
	Why  string // how File was chosen; "" where it was named itself
}

// kind is what a network takes: where exporters put such networks, below a model's own folder, and the files to take where there
// are several, in this order. A model of images and texts has its part for each alone beside the whole.
type kind struct{ folders, preferred []string }

var (
	pictures = kind{[]string{"", "onnx", "visual"}, []string{"vision_model.onnx", "visual.onnx", "image_encoder.onnx", "model.onnx"}}
	texts    = kind{[]string{"", "onnx", "textual"}, []string{"text_model.onnx", "textual.onnx", "text_encoder.onnx", "model.onnx"}}
)

// Find finds the network at path: an ONNX file, or the folder of a model.
func Find(path string) (*Model, error) { return pictures.find(path) }

// FindText is Find for the network of a model that takes texts.
func FindText(path string) (*Model, error) { return texts.find(path) }

func (k kind) find(path string) (*Model, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		root := filepath.Dir(path)
		if slices.Contains(k.folders[1:], filepath.Base(root)) {
			root = filepath.Dir(root)
		}
		return &Model{File: path, Root: root, Name: nameOf(path)}, nil
	}
	root, why, err := snapshot(path)
	if err != nil {
		return nil, err
	}
	file, all, err := k.pick(root)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		why += fmt.Sprintf("of %s: %s", strings.Join(all, ", "), filepath.ToSlash(strings.TrimPrefix(file, root+string(filepath.Separator))))
	} else {
		why += "the only ONNX file of the folder"
	}
	return &Model{File: file, Root: root, Name: nameOf(file), Why: why}, nil
}

// snapshot goes from a repository in the hub's cache to the snapshot that is checked out; other folders stay.
func snapshot(folder string) (root, why string, err error) {
	entries, err := os.ReadDir(filepath.Join(folder, "snapshots"))
	if errors.Is(err, fs.ErrNotExist) {
		return folder, "", nil
	}
	if err != nil {
		return "", "", err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if b, err := os.ReadFile(filepath.Join(folder, "refs", "main")); err == nil && slices.Contains(names, strings.TrimSpace(string(b))) {
		names = []string{strings.TrimSpace(string(b))}
	}
	if len(names) != 1 {
		return "", "", fmt.Errorf("%s holds %d snapshots and no reference to the main one: name the folder of one, or a file in it", folder, len(names))
	}
	return filepath.Join(folder, "snapshots", names[0]), "snapshot " + names[0] + ", ", nil
}

// pick chooses the network in a model's folder; all are the ones there are.
func (k kind) pick(root string) (file string, all []string, err error) {
	have := map[string]bool{}
	for _, folder := range k.folders {
		entries, err := os.ReadDir(filepath.Join(root, folder))
		if folder != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		for _, e := range entries {
			if strings.EqualFold(filepath.Ext(e.Name()), ".onnx") && !strings.HasPrefix(e.Name(), ".") {
				name := filepath.ToSlash(filepath.Join(folder, e.Name()))
				have[name] = true
				all = append(all, name)
			}
		}
	}
	if len(all) == 1 {
		return filepath.Join(root, filepath.FromSlash(all[0])), all, nil
	}
	for _, name := range k.preferred {
		for _, folder := range k.folders {
			if at := filepath.ToSlash(filepath.Join(folder, name)); have[at] {
				return filepath.Join(root, filepath.FromSlash(at)), all, nil
			}
		}
	}
	if len(all) > 1 {
		return "", nil, fmt.Errorf("%s holds several networks: name the file of one: %s", root, strings.Join(all, ", "))
	}
	for _, weights := range []string{"model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors.index.json", "tf_model.h5", "saved_model.pb"} {
		if _, err := os.Stat(filepath.Join(root, weights)); err == nil {
			return "", nil, fmt.Errorf("%s holds weights (%s) but no ONNX file: export the network, with 'optimum-cli export onnx --model %s OUT' or torch.onnx.export", root, weights, root)
		}
	}
	return "", nil, fmt.Errorf("%s holds no ONNX file", root)
}

// generic are names that say nothing of the network.
var generic = regexp.MustCompile(`(?i)^((vision_|text_)?model([_-](fp16|fp32|bf16|int8|uint8|q4|q4f16|bnb4|quantized|optimized|o[1-4]))*|visual|textual|image_encoder|vision_encoder|encoder|network|onnx|models?|weights|export(ed)?|out(put)?|main|snapshots|[0-9a-f]{40})$`)

// nameOf is the network's name: that of its repository in the hub's cache, else the file's, else that of the nearest folder
// that says something.
func nameOf(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		abs = file
	}
	parts := strings.Split(filepath.ToSlash(abs), "/")
	for i := len(parts) - 2; i > 0; i-- {
		if parts[i] == "snapshots" {
			if words := strings.Split(parts[i-1], "--"); len(words) > 1 && words[0] == "models" {
				return words[len(words)-1]
			}
		}
	}
	base := filepath.Base(file)
	if name := strings.TrimSuffix(base, filepath.Ext(base)); !generic.MatchString(name) {
		return name
	}
	for i := len(parts) - 2; i > 0; i-- {
		switch name := parts[i]; {
		case strings.EqualFold(name, "models"): // a folder of networks, not one's own
			return ""
		case name != "" && !generic.MatchString(name):
			return name
		}
	}
	return ""
}

// shared reports whether the network lies among others that have names of their own: what lies beside it may be another's.
func (m *Model) shared() bool {
	if generic.MatchString(strings.TrimSuffix(filepath.Base(m.File), filepath.Ext(m.File))) {
		return false
	}
	others, err := filepath.Glob(filepath.Join(filepath.Dir(m.File), "*.onnx"))
	return err == nil && len(others) > 1
}

// Read reads a file of the model's folder, or beside the network, and says which; fs.ErrNotExist where there is none.
func (m *Model) Read(name string) (b []byte, path string, err error) { return m.read(name) }

// read reads a file of the model's folder, or beside the network; fs.ErrNotExist where there is none.
func (m *Model) read(name string) ([]byte, string, error) {
	places := []string{m.Root}
	if dir := filepath.Dir(m.File); dir != m.Root {
		places = append([]string{dir}, places...)
	}
	for _, dir := range places {
		f, err := load.OpenBeside(dir, m.File, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		path := filepath.Join(dir, name)
		if err != nil {
			return nil, path, fmt.Errorf("%s: %w", path, err)
		}
		defer f.Close()
		const most = 4 << 20
		b, err := io.ReadAll(io.LimitReader(f, most))
		return b, path, err
	}
	return nil, "", fs.ErrNotExist
}
