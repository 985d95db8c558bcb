package model

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/internal/filetest"
	"vzsl/onnxfile"
)

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.FromSlash(to), at); err != nil {
		t.Skip(err)
	}
}

// net is a network of one convolution, with operators before it.
func net(producer string, channels int, height, width any, before func(g *onnxfile.Graph, x string) string) string {
	g := onnxfile.New("net", producer, "1")
	x := g.Input("x", "n", channels, height, width)
	if before != nil {
		x = before(g, x)
	}
	w := g.Floats("w", make([]float32, 4*channels), 4, channels, 1, 1)
	c := g.Node("Conv", []string{x, w})
	p := g.Node("GlobalAveragePool", []string{c})
	g.Output("y", g.Node("Flatten", []string{p}), "n", 4)
	return string(g.Encode())
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"nets/vgg19.onnx", "models/model.onnx", "models/dinov2-small/model.onnx", "clip/onnx/model.onnx", "clip/onnx/text_model.onnx", "clip/onnx/vision_model.onnx",
		"two/a.onnx", "two/b.onnx", "weights/model.safetensors", "none/readme.md", "export/resnet50-v1-7/onnx/model_fp16.onnx",
		"hub/models--org--dino/snapshots/abc/onnx/model.onnx", "hub/models--org--dino/refs/main", "hub/models--org--twice/snapshots/a/net.onnx", "hub/models--org--twice/snapshots/b/net.onnx", "quantized/model.onnx", "quantized/model_quantized.onnx"} {
		filetest.Write(t, filepath.Join(dir, f), "abc")
	}
	for _, c := range []struct{ path, file, name, err string }{
		{"nets/vgg19.onnx", "nets/vgg19.onnx", "vgg19", ""},
		{"nets", "nets/vgg19.onnx", "vgg19", ""},
		{"models/model.onnx", "models/model.onnx", "", ""},
		{"models/dinov2-small", "models/dinov2-small/model.onnx", "dinov2-small", ""},
		{"clip", "clip/onnx/vision_model.onnx", "clip", ""},
		{"clip/onnx", "clip/onnx/vision_model.onnx", "clip", ""},
		{"clip/onnx/model.onnx", "clip/onnx/model.onnx", "clip", ""},
		{"quantized", "quantized/model.onnx", "quantized", ""},
		{"export/resnet50-v1-7", "export/resnet50-v1-7/onnx/model_fp16.onnx", "resnet50-v1-7", ""},
		{"hub/models--org--dino", "hub/models--org--dino/snapshots/abc/onnx/model.onnx", "dino", ""},
		{"hub/models--org--dino/snapshots/abc", "hub/models--org--dino/snapshots/abc/onnx/model.onnx", "dino", ""},
		{"hub/models--org--twice/snapshots/b", "hub/models--org--twice/snapshots/b/net.onnx", "twice", ""},
		{"two", "", "", "several networks: name the file of one: a.onnx, b.onnx"},
		{"weights", "", "", "holds weights (model.safetensors) but no ONNX file: export"},
		{"none", "", "", "holds no ONNX file"},
		{"hub/models--org--twice", "", "", "2 snapshots"},
		{"absent", "", "", "no such file"},
	} {
		m, err := Find(filepath.Join(dir, c.path))
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %+v, %v; want an error with %q", c.path, m, err, c.err)
			}
		case err != nil || m.File != filepath.Join(dir, c.file) || m.Name != c.name:
			t.Errorf("%s: %+v, %v", c.path, m, err)
		}
	}
}

const dinov2 = `{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "image_processor_type": "BitImageProcessor", "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": {"shortest_edge": 256}}`
const timm = `{"architecture": "x", "pretrained_cfg": {"input_size": [3, 64, 64], "interpolation": "bicubic", "crop_pct": 1.0, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}`

// chosen opens the model in a folder and finds its recipe.
func chosen(t *testing.T, path string, o Overrides) (preprocess.Recipe, []Note, error) {
	t.Helper()
	m, err := Find(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := onnx.Open(m.File)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	return m.Recipe(n, o)
}

// TestOrder: each source counts before those behind it.
func TestOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	filetest.Write(t, filepath.Join(dir, "onnx", "model.onnx"), net("pytorch", 3, "h", "w", nil))
	recipe := func(o Overrides) string {
		r, notes, err := chosen(t, dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(notes) == 0 && o.Recipe == "" {
			t.Error("nothing says where the recipe comes from")
		}
		return r.String()
	}
	starts := func(got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s ...", got, want)
		}
	}
	starts(recipe(Overrides{}), "size=224x224 resize=shorter:256 interpolation=bilinear")
	filetest.Write(t, filepath.Join(dir, "open_clip_config.json"), `{"model_cfg": {"vision_cfg": {"image_size": 32}}}`)
	starts(recipe(Overrides{}), "size=32x32 resize=shorter:32 interpolation=bicubic")
	filetest.Write(t, filepath.Join(dir, "config.json"), timm)
	starts(recipe(Overrides{}), "size=64x64 resize=shorter:64 interpolation=bicubic crop=even")
	filetest.Write(t, filepath.Join(dir, "config.json"), `{"model_type": "dinov2"}`)
	starts(recipe(Overrides{}), "size=32x32")
	filetest.Write(t, filepath.Join(dir, "preprocessor_config.json"), dinov2)
	starts(recipe(Overrides{}), "size=224x224 resize=shorter:256 interpolation=bicubic crop=floor")
	starts(recipe(Overrides{Recipe: "siglip"}), "size=224x224 resize=exact:224x224 interpolation=bicubic")
	starts(recipe(Overrides{Recipe: "caffe-32"}), "size=32x32 resize=exact:32x32 interpolation=bilinear")

	// Single flags change the parts that they name.
	for _, c := range []struct {
		o    Overrides
		want string
	}{
		{Overrides{Recipe: "torchvision", Size: "96"}, "size=96x96 resize=shorter:109 "},
		{Overrides{Recipe: "torchvision", Crop: "96"}, "size=96x96 resize=shorter:109 "},
		{Overrides{Recipe: "torchvision", Crop: "0.9"}, "size=224x224 resize=shorter:248 "},
		{Overrides{Recipe: "torchvision", Crop: "1"}, "size=224x224 resize=shorter:224 "},
		{Overrides{Recipe: "torchvision", Resize: "squash"}, "size=224x224 resize=exact:224x224 "},
		{Overrides{Recipe: "torchvision", Resize: "longest", Pad: "1,2,3"}, "size=224x224 resize=longer:224 interpolation=bilinear crop=even pad=1,2,3 "},
		{Overrides{Recipe: "torchvision", Resize: "shorter:300"}, "size=224x224 resize=shorter:300 "},
		{Overrides{Recipe: "torchvision", Resize: "none"}, "size=224x224 resize=none "},
		{Overrides{Recipe: "caffe", Resize: "shorter"}, "size=224x224 resize=shorter:224 "},
		{Overrides{Recipe: "torchvision", Size: "320x96"}, "size=320x96 resize=shorter:365x109 "},
		{Overrides{Size: "518"}, "size=518x518 resize=shorter:592 interpolation=bicubic crop=floor"},
		{Overrides{Interpolation: "lanczos", Rounding: "even"}, "size=224x224 resize=shorter:256 interpolation=lanczos crop=even"},
	} {
		starts(recipe(c.o), c.want)
	}
	for _, c := range []struct {
		o    Overrides
		want string
	}{
		{Overrides{Channels: "bgr"}, "channels=bgr rescale=1/255 mean=0.406,0.456,0.485 std=0.225,0.224,0.229 exif=ignore"},
		{Overrides{Channels: "bgr", Rescale: "1", Mean: "1,2,3", Std: "2"}, "channels=bgr rescale=1 mean=1,2,3 std=2,2,2 exif=ignore"},
		{Overrides{EXIF: "apply"}, "exif=apply"},
	} {
		if got := recipe(c.o); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s, want ... %s", got, c.want)
		}
	}
	for _, c := range []struct {
		o    Overrides
		want string
	}{
		{Overrides{Recipe: "keras"}, `unknown recipe "keras": choose one of torchvision`},
		{Overrides{Recipe: "size=1"}, "is missing"},
		{Overrides{Crop: "centre"}, "--crop centre"}, {Overrides{Crop: "0.01"}, "--crop 0.01"}, {Overrides{Size: "big"}, "--size big"},
		{Overrides{Resize: "wide"}, `unknown resize "wide"`}, {Overrides{Mean: "1,2"}, "mean"}, {Overrides{Channels: "grey"}, "3 channels, the recipe gives grey"},
		{Overrides{EXIF: "yes"}, "apply or ignore"}, {Overrides{Pad: "red"}, "pad"}, {Overrides{Resize: "none", Crop: "0.9"}, "--resize none"},
	} {
		if r, _, err := chosen(t, dir, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, %v; want an error with %q", c.o, r, err, c.want)
		}
	}
	filetest.Write(t, filepath.Join(dir, "shared", "a.onnx"), net("", 3, "h", "w", nil))
	filetest.Write(t, filepath.Join(dir, "shared", "b.onnx"), net("", 3, "h", "w", nil))
	filetest.Write(t, filepath.Join(dir, "shared", "preprocessor_config.json"), dinov2)
	if _, notes, err := chosen(t, filepath.Join(dir, "shared", "a.onnx"), Overrides{}); err != nil || len(notes) != 1 || !notes[0].Warning || !strings.Contains(notes[0].Text, "check that it belongs to this one") {
		t.Errorf("a config beside two networks: %v, %v", notes, err)
	}
	filetest.Write(t, filepath.Join(dir, "preprocessor_config.json"), strings.Replace(dinov2, "{", `{"do_pad": true, `, 1))
	if _, _, err := chosen(t, dir, Overrides{}); !errors.Is(err, ErrUnknownRecipe) || !strings.Contains(err.Error(), "do_pad") || !strings.Contains(err.Error(), "--resize") {
		t.Errorf("a config that asks for padding: %v", err)
	}
}

// TestOwnNormalisation: a network that normalises its images gets the values that it normalises.
func TestOwnNormalisation(t *testing.T) {
	perChannel := func(g *onnxfile.Graph, name string, v ...float32) string { return g.Floats(name, v, 1, len(v), 1, 1) }
	subDiv := func(mean, std []float32) func(g *onnxfile.Graph, x string) string {
		return func(g *onnxfile.Graph, x string) string {
			return g.Node("Div", []string{g.Node("Sub", []string{x, perChannel(g, "m", mean...)}), perChannel(g, "s", std...)})
		}
	}
	for _, c := range []struct {
		what   string
		before func(g *onnxfile.Graph, x string) string
		want   string // "": nothing is found
	}{
		{"mean and deviation of 0 to 1", subDiv([]float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225}), "channels=rgb rescale=1/255 mean=0,0,0 std=1,1,1"},
		{"of 0 to 255", subDiv([]float32{123.7, 116.3, 103.5}, []float32{58.4, 57.1, 57.4}), "channels=rgb rescale=1 mean=0,0,0 std=1,1,1"},
		{"Caffe's mean, blue first", subDiv([]float32{103.9, 116.8, 123.7}, []float32{1, 1, 1}), "channels=bgr rescale=1 mean=0,0,0 std=1,1,1"},
		{"a division by 255 in front", func(g *onnxfile.Graph, x string) string {
			x = g.Node("Mul", []string{x, g.Floats("k", []float32{1. / 255}, 1)})
			return subDiv([]float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225})(g, x)
		}, "channels=rgb rescale=1 mean=0,0,0 std=1,1,1"},
		{"-1 to 1", func(g *onnxfile.Graph, x string) string {
			return g.Node("Sub", []string{g.Node("Mul", []string{g.Floats("k", []float32{2}), x}), g.Floats("one", []float32{1}, 1)})
		}, "channels=rgb rescale=1/255 mean=0,0,0 std=1,1,1"},
		{"a batch normalisation", func(g *onnxfile.Graph, x string) string {
			v := func(name string, v ...float32) string { return g.Floats(name, v, 3) }
			return g.Node("BatchNormalization", []string{x, v("a", 1, 1, 1), v("b", 0, 0, 0), v("c", 127, 120, 110), v("d", 3600, 3500, 3400)})
		}, "channels=rgb rescale=1 mean=0,0,0 std=1,1,1"},
		{"a batch normalisation of normalised values", func(g *onnxfile.Graph, x string) string {
			v := func(name string, v ...float32) string { return g.Floats(name, v, 3) }
			return g.Node("BatchNormalization", []string{x, v("a", 1, 1, 1), v("b", 0, 0, 0), v("c", 0.01, 0.02, 0.03), v("d", 1, 1.1, 0.9)})
		}, ""},
		{"nothing", nil, ""},
		{"something of each pixel's own", func(g *onnxfile.Graph, x string) string {
			return g.Node("Mul", []string{x, x})
		}, ""},
	} {
		path := filetest.Write(t, filepath.Join(t.TempDir(), "a.onnx"), net("", 3, 8, 8, c.before))
		r, notes, err := chosen(t, path, Overrides{})
		if c.want == "" {
			if !errors.Is(err, ErrUnknownRecipe) || !strings.Contains(err.Error(), "--recipe is needed") {
				t.Errorf("%s: %v, %v", c.what, r, err)
			}
			continue
		}
		if err != nil || !strings.Contains(r.String(), c.want) || len(notes) != 1 || !notes[0].Warning || !strings.Contains(notes[0].Because, "itself normalises") {
			t.Errorf("%s: %v, %v, %v; want %s", c.what, r, notes, err, c.want)
		}
		// Normalised twice, it is said.
		if _, notes, err = chosen(t, path, Overrides{Recipe: "clip"}); err != nil || len(notes) != 1 || !notes[0].Warning {
			t.Errorf("%s, by clip: %v, %v", c.what, notes, err)
		}
	}
}

// TestInputs: other networks than square ones of three channels.
func TestInputs(t *testing.T) {
	file := func(s string) string { return filetest.Write(t, filepath.Join(t.TempDir(), "a.onnx"), s) }
	if _, _, err := chosen(t, file(net("pytorch", 4, 8, 8, nil)), Overrides{Recipe: "clip"}); err == nil || !strings.Contains(err.Error(), "4 channels") {
		t.Errorf("four channels: %v", err)
	}
	grey := file(net("pytorch", 1, 28, 28, nil))
	if _, _, err := chosen(t, grey, Overrides{}); !errors.Is(err, ErrUnknownRecipe) || !strings.Contains(err.Error(), "1 channel (grey)") {
		t.Errorf("grey, nothing said: %v", err)
	}
	if _, _, err := chosen(t, grey, Overrides{Recipe: "caffe"}); err == nil || !strings.Contains(err.Error(), "1 channel (grey), the recipe gives 3") {
		t.Errorf("grey by caffe: %v", err)
	}
	if r, _, err := chosen(t, grey, Overrides{Rescale: "1/255", Mean: "0.1307", Std: "0.3081"}); err != nil || !strings.HasSuffix(r.String(), "channels=grey rescale=1/255 mean=0.1307 std=0.3081 exif=ignore") {
		t.Errorf("grey: %v, %v", r, err)
	}
	wide := file(net("pytorch", 3, 128, 64, nil))
	if r, _, err := chosen(t, wide, Overrides{}); err != nil || r.Width != 64 || r.Height != 128 {
		t.Errorf("not square: %v, %v", r, err)
	}
	if _, _, err := chosen(t, wide, Overrides{Size: "64"}); err == nil || !strings.Contains(err.Error(), "fixed at 64 x 128") {
		t.Errorf("another size: %v", err)
	}
	if _, _, err := chosen(t, file(net("pytorch", 3, 128, "w", nil)), Overrides{}); err == nil || !strings.Contains(err.Error(), "one dynamic side") {
		t.Errorf("one side open: %v", err)
	}
	dir := t.TempDir()
	filetest.Write(t, filepath.Join(dir, "net.onnx"), net("", 3, 96, 96, nil))
	filetest.Write(t, filepath.Join(dir, "preprocessor_config.json"), dinov2)
	if _, _, err := chosen(t, dir, Overrides{}); err == nil || !strings.Contains(err.Error(), "makes images of 224 x 224, the network's input is 96 x 96") {
		t.Errorf("another size in its config: %v", err)
	}
	if r, _, err := chosen(t, dir, Overrides{Size: "96"}); err != nil || r.ResizeW != 109 || r.Width != 96 {
		t.Errorf("another size in its config, and it is said: %v, %v", r, err)
	}
	if _, _, err := chosen(t, file(net("", 3, 8, 8, nil)), Overrides{Mean: "0", Std: "1"}); err != nil {
		t.Errorf("the flags say all that matters: %v", err)
	}
}

// TestLinks: config files are read where the model's own link leads, and nowhere else outside its folder.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	blobs, snapshot := filepath.Join(dir, "models--org--net", "blobs"), filepath.Join(dir, "models--org--net", "snapshots", "abc")
	filetest.Write(t, filepath.Join(blobs, "111"), net("", 3, "h", "w", nil))
	filetest.Write(t, filepath.Join(blobs, "222"), dinov2)
	link(t, "../../../blobs/111", filepath.Join(snapshot, "onnx", "model.onnx"))
	link(t, "../../blobs/222", filepath.Join(snapshot, "preprocessor_config.json"))
	r, _, err := chosen(t, snapshot, Overrides{})
	if err != nil || r.ResizeW != 256 {
		t.Errorf("a snapshot: %v, %v", r, err)
	}
	filetest.Write(t, filepath.Join(dir, "elsewhere.json"), dinov2)
	if err := os.Remove(filepath.Join(snapshot, "preprocessor_config.json")); err != nil {
		t.Fatal(err)
	}
	link(t, "../../../elsewhere.json", filepath.Join(snapshot, "preprocessor_config.json"))
	if _, _, err := chosen(t, snapshot, Overrides{}); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a link elsewhere: %v", err)
	}
}
