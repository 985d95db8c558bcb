package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/filetest"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		say  string
	}{
		{[]string{"frobnicate"}, "unknown command"},
		{[]string{"extract", "--frobnicate"}, "unknown flag: --frobnicate"},
		{[]string{"extract", "somewhere"}, "takes no arguments"},
		{[]string{"extract", "--engine", "steam"}, "native, gorgonia or onnxruntime"},
		{[]string{"extract", "--ort-provider", "steam"}, "tensorrt"},
		{[]string{"extract", "--batch", "-1"}, "--batch"},
		{[]string{"extract", "--batch", "many"}, "--batch"},
		{[]string{"extract", "--dataset", "../elsewhere"}, "folder"},
		{[]string{"train", "--method", "magic"}, "vzsl"},
		{[]string{"train", "--preset", "magic"}, "paper"},
		{[]string{"train", "--set", "margin=1.5"}, "margin"},
		{[]string{"train", "--set", "hidden=10,x"}, "--set hidden=10,x: setting hidden: \"10,x\" is not a list"},
		{[]string{"split", "--seen", "f"}, "--unseen"},
		{[]string{"import", "npy"}, "arg"},
		{[]string{"import", "csv"}, "arg"},
	} {
		o := vzsl(t, append(c.args, "--out", t.TempDir(), "--model", os.DevNull)[:len(c.args)+2]...)
		if o.code != exitUsage || !strings.Contains(o.stderr, c.say) || !strings.Contains(o.stderr, "--help") {
			t.Errorf("vzsl %v: exit code %d\n%s", c.args, o.code, o.stderr)
		}
		if o.stdout != "" {
			t.Errorf("vzsl %v wrote to standard output: %s", c.args, o.stdout)
		}
	}
}

// TestRefusals: each bad input is refused with an error that names it and says what to do.
func TestRefusals(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	network, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	in := func(args ...string) []string { return append(args, "--dataset", "demo", "--out", out) }

	// Nothing there yet.
	refused(t, exitFailed, []string{"hdf5", "no such file"}, in("import", "hdf5")...)
	refused(t, exitFailed, []string{"models/vgg19.onnx", "onnx"}, in("extract", "--data", data)...)
	refused(t, exitFailed, []string{"data/cub", "caltech"}, "extract", "--model", model, "--out", out)
	refused(t, exitFailed, []string{"classes.parquet", "vzsl attributes"}, in("split", "--split", "x", "--seen", "a", "--unseen", "b")...)
	refused(t, exitFailed, []string{"no features", "vzsl extract"}, in("train")...)
	refused(t, exitFailed, []string{"demo-standard-vzsl", "vzsl train"}, in("evaluate")...)
	refused(t, exitFailed, []string{"nothing to verify"}, "verify", dir)

	// The network.
	cut := filetest.Write(t, filepath.Join(dir, "cut.onnx"), string(network[:len(network)/2]))
	refused(t, exitFailed, []string{"cut.onnx"}, in("extract", "--data", data, "--model", cut)...)
	page := filetest.Write(t, filepath.Join(dir, "page.onnx"), "<!DOCTYPE html><html>404</html>")
	refused(t, exitFailed, []string{"page.onnx"}, in("extract", "--data", data, "--model", page)...)
	refused(t, exitFailed, []string{"pool9", "relu7"}, in("extract", "--data", data, "--model", model, "--layer", "pool9")...)
	refused(t, exitUsage, []string{"sepia", "torchvision"}, in("extract", "--data", data, "--model", model, "--recipe", "sepia")...)
	refused(t, exitUsage, []string{"--size", "56"}, in("extract", "--data", data, "--model", model, "--size", "224")...)

	// The images.
	empty := filepath.Join(dir, "empty")
	if err := os.MkdirAll(filepath.Join(empty, "class"), 0o755); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"empty"}, in("extract", "--data", empty, "--model", model)...)
	broken := filepath.Join(dir, "broken")
	filetest.Write(t, filepath.Join(broken, "class", "a.jpg"), "no image")
	refused(t, exitFailed, []string{"class/a.jpg"}, in("extract", "--data", broken, "--model", model)...)

	// Where the features go.
	file := filetest.Write(t, filepath.Join(dir, "file"), "")
	refused(t, exitFailed, []string{file}, "extract", "--dataset", "demo", "--data", data, "--model", model, "--out", file)
	done(t, in("extract", "--data", data, "--model", model)...)
	refused(t, exitFailed, []string{"layer", "fc6", "relu7", "--force"}, in("extract", "--data", data, "--model", model, "--layer", "fc6")...)
	refused(t, exitFailed, []string{"recipe", "now size=56x56 resize=exact:56x56", "channels=bgr", "--force"}, in("extract", "--data", data, "--model", model, "--recipe", "caffe")...)
	done(t, in("extract", "--data", data, "--model", model, "--layer", "fc6", "--force")...)
	done(t, in("extract", "--data", data, "--model", model, "--force")...)

	// Class descriptions and lists.
	table, err := os.ReadFile(filepath.Join(data, "classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(table), "\n")
	gone := strings.SplitN(lines[3], ",", 2)[0]
	short := filetest.Write(t, filepath.Join(dir, "short.csv"), strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""))
	refused(t, exitFailed, []string{"short.csv", gone}, in("attributes", "--data", data, "--csv", short)...)
	words := filetest.Write(t, filepath.Join(dir, "words.csv"), strings.Replace(string(table), ",1,", ",one,", 1))
	refused(t, exitFailed, []string{"words.csv:", "one"}, in("attributes", "--data", data, "--csv", words)...)
	done(t, in("attributes", "--data", data)...)
	seen, unseen := filepath.Join(data, "seen.txt"), filepath.Join(data, "unseen.txt")
	stranger := filetest.Write(t, filepath.Join(dir, "stranger.txt"), "green-swan\n")
	refused(t, exitFailed, []string{"stranger.txt:1", "green-swan"}, in("split", "--split", "x", "--seen", seen, "--unseen", stranger)...)
	refused(t, exitFailed, []string{"both"}, in("split", "--split", "x", "--seen", seen, "--unseen", seen)...)
	refused(t, exitFailed, []string{"nowhere.txt"}, in("split", "--split", "x", "--seen", seen, "--unseen", "nowhere.txt")...)
	refused(t, exitUsage, []string{"--seen"}, in("split", "--split", "x")...)
	refused(t, exitFailed, []string{"standard", "demo"}, in("split", "--split", "standard")...)
	refused(t, exitFailed, []string{"vzsl split"}, in("train", "--split", "x")...)
	done(t, in("split", "--split", "x", "--seen", seen, "--unseen", unseen)...)
}

// TestSettingsFile: a flag goes before the command's table, that before the top of the file.
func TestSettingsFile(t *testing.T) {
	data, model := demoData(t)
	dir := t.TempDir()
	t.Chdir(dir)
	filetest.Write(t, "vzsl.toml", `
dataset = "demo"
data = "`+data+`"
shard-rows = 50
[extract]
model = "`+model+`"
shard-rows = 100
[train]
hidden = [16, 8]
`)
	// Of 360 images, split in two wherever more hash alike than a shard may hold.
	if r := done(t, "extract"); r["shards"] != 6.0 || r["folder"] != filepath.Join("features", "demo", "demo") {
		t.Errorf("from the file: %v", r)
	}
	if r := done(t, "extract", "--shard-rows", "200", "--out", "other"); r["shards"] != 3.0 {
		t.Errorf("a flag does not go before the file: %v", r)
	}
	for text, say := range map[string]string{
		"dateset = 'x'":            "dateset",
		"[extract]\nmdoel = 'x'":   "mdoel",
		"[extrac]\nmodel = 'x'":    "[extrac]",
		"[extract\n":               "bad.toml:1",
		"[extract]\nbatch = 'two'": "extract.batch",
		"[train]\nepochs = {a=1}":  "train.epochs",
	} {
		o := vzsl(t, "extract", "--config", filetest.Write(t, "bad.toml", text))
		if strings.HasPrefix(text, "[train]") { // of another command: only its name is looked at
			continue
		}
		if o.code == exitDone || !strings.Contains(o.stderr, "bad.toml") || !strings.Contains(o.stderr, say) {
			t.Errorf("%q: exit code %d, %s", text, o.code, o.stderr)
		}
	}
	refused(t, exitUsage, []string{"nowhere.toml"}, "extract", "--config", "nowhere.toml")
}
