//go:build linux

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// largestSeed: larger files are not mutated; a change of a few bytes in them hits weights or pixels.
const largestSeed = 300 << 10

// format is a kind of file that is read, and the commands that read it.
type format struct {
	name  string
	seeds [][]byte
	file  string // what the mutated file is called
	batch int    // inputs of one call; 0: 1
	// commands get the mutated files and a folder of this call's own, out; one of them is run.
	commands func(files []string, out string) [][]string
	inside   string // the file takes the place of this one in a copy of the prepared folder, which is out
	plan     bool   // exit code 4 is right
	usage    bool   // it is part of a command line, or a flag is what fixes it: exit code 2 is right
}

// bench is what the commands of the formats need.
type bench struct {
	*world
	base string // a folder with features, runs and a report
	tiny string // a dataset of two images
}

func (c *campaign) bench(ctx context.Context) (*bench, error) {
	w, err := c.world(ctx, 3)
	if err != nil {
		return nil, err
	}
	b := &bench{world: w, base: filepath.Join(c.work, "base"), tiny: filepath.Join(c.work, "tiny")}
	classes, err := filepath.Glob(filepath.Join(w.data, "*", "000.png"))
	if err != nil || len(classes) < 2 {
		return nil, errors.Join(err, fmt.Errorf("%d images in %s", len(classes), w.data))
	}
	for i, file := range classes[:2] {
		if err := os.MkdirAll(filepath.Join(b.tiny, fmt.Sprint("class", i)), 0o755); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(b.tiny, fmt.Sprint("class", i), "1.png"), data, 0o644)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(b.base, 0o755); err != nil {
		return nil, err
	}
	for _, s := range w.stages() {
		switch s.name {
		case "extract", "attributes", "split", "train", "tune", "evaluate", "export", "plan":
			if _, err := c.must(ctx, b.base, append(s.args, "--quiet")...); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// formats are all, with seeds from the prepared folder and from the tests' files in the checkout, where it is there.
func (b *bench) formats(checkout string) ([]format, error) {
	found, err := seedFiles(checkout, b.base, b.data)
	if err != nil {
		return nil, err
	}
	image := filepath.Join(b.data, "large-blue-checked-disc-on-grass", "000.png")
	run := []string{"--run", "demo-demo-eszsl", "--model", b.model, "--out", b.base}
	predictImages := func(files []string, _ string) [][]string {
		return [][]string{append(append([]string{"predict"}, files...), run...)}
	}
	table := func(files []string, out string) [][]string {
		f := files[0]
		return [][]string{
			{"import", f, "--dataset", "demo", "--data", b.data, "--network", "m", "--out", out},
			{"import", f, "--dataset", "demo", "--data", b.data, "--network", "m", "--unlabelled", "--out", out},
			{"attributes", "--csv", f, "--dataset", "demo", "--data", b.data, "--out", out},
			append([]string{"predict", f}, run...),
			append([]string{"predict", image, "--classes", f}, run...),
		}
	}
	extract := func(files []string, out string) [][]string {
		return [][]string{{"extract", "--data", b.tiny, "--dataset", "tiny", "--layout", "folder", "--model", files[0], "--out", out}}
	}
	download := func(files []string, out string) [][]string {
		return [][]string{{"download", "xlsa17-standard", "--from", filepath.Dir(files[0]), "--to", out, "--accept-licence"}}
	}
	words := func(files []string, out string) [][]string {
		return [][]string{{"attributes", "--words", files[0], "--dataset", "demo", "--data", b.data, "--max-unknown", "0.9", "--out", out}}
	}
	all := []format{
		{name: "toml", seeds: [][]byte{[]byte("dataset = \"demo\"\nsplit = \"demo\"\nquiet = true\n[train]\nmethod = \"eszsl\"\nseed = 3\nset = [\"gamma=1\"]\n[extract]\nbatch = 4\n")}, file: "vzsl.toml", usage: true,
			commands: func(files []string, out string) [][]string {
				return [][]string{{"train", "--config", files[0], "--out", b.base, "--run", "absent", "--dataset", "absent"}}
			}},
		{name: "zip", seeds: zips(), file: "standard_split.zip", commands: download},
		{name: "tar", seeds: tars(), file: "standard_split.zip", commands: download},
		{name: "words", seeds: wordVectors(), file: "words.vec", commands: words},
		{name: "texts", seeds: [][]byte{[]byte("class,text\nlarge-blue-checked-disc-on-grass,a large disc\n\"x, y\",\"b \"\"c\"\"\"\n")}, file: "texts.csv", commands: func(files []string, out string) [][]string {
			return [][]string{{"attributes", "--text", files[0], "--text-model", b.pair, "--dataset", "demo", "--data", b.data, "--out", out}}
		}},
		{name: "list", seeds: [][]byte{read(filepath.Join(b.data, "seen.txt"))}, file: "seen.txt", inside: "seen.txt", commands: func(files []string, out string) [][]string {
			return [][]string{{"split", "--dataset", "demo", "--split", "own", "--seen", files[0], "--unseen", filepath.Join(b.data, "unseen.txt"), "--out", out}}
		}},
	}
	for _, ext := range []string{"png", "jpg", "bmp", "tif", "webp", "gif"} {
		all = append(all, format{name: ext, seeds: found["."+ext], file: "image." + ext, batch: 4, commands: predictImages})
	}
	all = append(all, format{name: "onnx", seeds: found[".onnx"], file: "model.onnx", usage: true, commands: extract})
	for _, ext := range []string{"npy", "npz", "mat", "parquet", "arrow", "csv", "tsv", "txt"} {
		all = append(all, format{name: ext, seeds: found["."+ext], file: "table." + ext, commands: table})
	}
	// A model's folder: the mutated file beside the network.
	for _, file := range []string{"tokenizer.json", "config.json"} {
		all = append(all, format{name: file, seeds: [][]byte{read(filepath.Join(b.pair, file))}, file: file, inside: "../pair/" + file, commands: func(files []string, out string) [][]string {
			return [][]string{{"attributes", "--text-model", filepath.Dir(files[0]), "--dataset", "demo", "--data", b.data, "--out", filepath.Join(out, "out")}}
		}})
	}
	all = append(all, format{name: "preprocessor_config.json", file: "preprocessor_config.json", inside: "../pair/preprocessor_config.json", usage: true,
		seeds: [][]byte{[]byte(`{"do_resize": true, "size": {"shortest_edge": 64}, "resample": 3, "do_center_crop": true, "crop_size": {"height": 56, "width": 56}, "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "image_processor_type": "CLIPImageProcessor"}`)},
		commands: func(files []string, out string) [][]string {
			return [][]string{{"extract", "--data", b.tiny, "--dataset", "tiny", "--layout", "folder", "--model", filepath.Dir(files[0]), "--out", filepath.Join(out, "out")}}
		}})
	// What the commands write themselves.
	demoSplit := []string{"--dataset", "demo", "--split", "demo"}
	inside := func(name, file string, commands ...[]string) error {
		path := filepath.Join(b.base, filepath.FromSlash(file))
		if matches, _ := filepath.Glob(path); len(matches) > 0 {
			path = matches[0]
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(b.base, path)
		if err != nil {
			return err
		}
		ofPlan := strings.HasPrefix(file, "plans/")
		all = append(all, format{name: name, seeds: [][]byte{data}, file: filepath.Base(path), plan: ofPlan, usage: ofPlan, inside: filepath.ToSlash(rel), commands: func(_ []string, out string) [][]string {
			var with [][]string
			for _, args := range commands {
				with = append(with, append(slices.Clone(args), "--out", out))
			}
			return with
		}})
		return nil
	}
	one := append([]string{"--network", "demo"}, demoSplit...) // the plan is of features of another network
	train := append([]string{"train", "--method", "eszsl", "--run", "again"}, one...)
	evaluate := append([]string{"evaluate", "--method", "eszsl"}, demoSplit...)
	predict := []string{"predict", image, "--run", "demo-demo-eszsl", "--model", b.model}
	report := []string{"report", "demo-demo-eszsl"}
	verify := func(path string) []string { return []string{"verify", path} }
	return all, errors.Join(
		inside("shard", "features/demo/demo/part-*.parquet", verify("features/demo/demo"), train, evaluate),
		inside("manifest.json", "features/demo/demo/manifest.json", verify("features/demo/demo"), train, evaluate),
		inside("classes.parquet", "features/demo/classes.parquet", train, evaluate, verify("features/demo")),
		inside("split.parquet", "features/demo/splits/demo.parquet", train, evaluate),
		inside("model.safetensors", "runs/demo-demo-eszsl/model.safetensors", evaluate, predict),
		inside("config.toml", "runs/demo-demo-eszsl/config.toml", evaluate, predict, append([]string{"train", "--method", "eszsl"}, one...)),
		inside("report.json", "reports/demo-demo-eszsl/report.json", report),
		inside("predictions.parquet", "reports/demo-demo-eszsl/predictions.parquet", report),
		inside("plan.json", "plans/demo-compare/plan.json", []string{"status", "plans/demo-compare"}, []string{"finish", "plans/demo-compare"}, []string{"compare", "--plan", "plans/demo-compare", "--task", "0/1"}),
		inside("images.parquet", "plans/demo-planned/images.parquet", []string{"status", "plans/demo-planned"}, []string{"extract", "--plan", "plans/demo-planned", "--task", "0/2"}),
		inside("fits.jsonl", "runs/tuned/tuning/fits.jsonl", append([]string{"tune", "--method", "sae", "--trials", "4", "--folds", "3", "--run", "tuned"}, one...)),
	)
}

func read(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err) // the demo has just written it
	}
	return b
}

// seedFiles are the small files of every extension in the folders.
func seedFiles(checkout string, folders ...string) (map[string][][]byte, error) {
	found := map[string][][]byte{}
	add := func(path string) error {
		ext := filepath.Ext(path)
		if ext == ".jpeg" {
			ext = ".jpg"
		}
		if info, err := os.Stat(path); err != nil || info.Size() > largestSeed || info.Size() == 0 || len(found[ext]) >= 200 {
			return err
		}
		b, err := os.ReadFile(path)
		found[ext] = append(found[ext], b)
		return err
	}
	for _, folder := range append(folders, checkout) {
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules" || e.Name() == "fuzz"):
				return filepath.SkipDir
			case e.IsDir() || folder == checkout && !strings.Contains(path, "testdata"):
				return nil
			}
			return add(path)
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// zips are archives with files, folders, names that lead out, and one that unpacks to much more than it has.
func zips() (all [][]byte) {
	for _, names := range [][]string{{"standard_split/a.txt", "standard_split/b/c.txt"}, {"standard_split/../../x"}, {"/etc/x", "a"}} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range names {
			f, err := z.Create(name)
			if err == nil {
				_, err = f.Write(bytes.Repeat([]byte("0"), 1<<16))
			}
			if err != nil {
				panic(err) // into memory
			}
		}
		if err := z.Close(); err != nil {
			panic(err)
		}
		all = append(all, b.Bytes())
	}
	return all
}

func tars() (all [][]byte) {
	for _, h := range []tar.Header{
		{Name: "standard_split/a.txt", Size: 5, Mode: 0o644},
		{Name: "standard_split/link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		{Name: "standard_split/hard", Linkname: "../../x", Typeflag: tar.TypeLink},
		{Name: "standard_split/dev", Typeflag: tar.TypeChar},
		{Name: "../x", Size: 5, Mode: 0o4777},
	} {
		var b bytes.Buffer
		t := tar.NewWriter(&b)
		for _, h := range []tar.Header{{Name: "standard_split/", Typeflag: tar.TypeDir, Mode: 0o755}, h} {
			if err := t.WriteHeader(&h); err != nil {
				panic(err)
			}
			if h.Size > 0 {
				if _, err := t.Write([]byte("12345")); err != nil {
					panic(err)
				}
			}
		}
		if err := t.Close(); err != nil {
			panic(err)
		}
		all = append(all, b.Bytes(), gzipped(b.Bytes()))
	}
	return all
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	if err := errors.Join(err, z.Close()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// wordVectors are the words of the demo's classes as text and as word2vec's binary form.
func wordVectors() [][]byte {
	var text, bin bytes.Buffer
	list := []string{"large", "small", "blue", "red", "green", "checked", "striped", "dotted", "disc", "square", "triangle", "on", "grass", "sand", "water"}
	fmt.Fprintf(&bin, "%d 4\n", len(list))
	for i, w := range list {
		fmt.Fprintf(&text, "%s %d 0.5 -0.25 %g\n", w, i, math.Sqrt(float64(i)))
		bin.WriteString(w + " ")
		for k := range 4 {
			bin.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(i*k))))
		}
		bin.WriteByte('\n')
	}
	return [][]byte{text.Bytes(), bin.Bytes(), gzipped(text.Bytes()), gzipped(bin.Bytes()), append([]byte(fmt.Sprintf("%d 4\n", len(list))), text.Bytes()...)}
}
