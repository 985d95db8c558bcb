package pipeline

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"vzsl/features"
	"vzsl/internal/filetest"
	"vzsl/train/safetensors"
)

// TestExportModel: every format of a run is written, named, and not overwritten unasked.
func TestExportModel(t *testing.T) {
	out, _, _ := demoRun(t)
	to := t.TempDir()
	for format, name := range map[string]string{"onnx": "m.onnx", "safetensors": "m.safetensors", "tensorboard": "curves"} {
		args := []string{"export", "--run", "demo-demo-vzsl", "--out", out, "--format", format, "--to", filepath.Join(to, name)}
		files := done(t, args...)["files"].([]any)
		want := 1
		if format == "tensorboard" { // two fits
			want = 2
		}
		if len(files) != want {
			t.Errorf("%s: %v", format, files)
		}
		for _, f := range files {
			if st, err := os.Stat(f.(string)); err != nil || st.Size() < 100 {
				t.Errorf("%s: %v", format, err)
			}
		}
		if again := done(t, args...)["files"].([]any); !reflect.DeepEqual(again, files) { // it is there
			t.Errorf("%s again: %v", format, again)
		}
		was := filetest.Read(t, files[0].(string))
		filetest.Write(t, files[0].(string), "something else")
		refused(t, exitFailed, []string{name, "--force"}, args...)
		done(t, append(args, "--force")...)
		if !bytes.Equal(filetest.Read(t, files[0].(string)), was) {
			t.Errorf("%s: --force did not replace it", format)
		}
	}
	f, err := safetensors.Read(filepath.Join(to, "m.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Get("attributes.mean"); !ok || f.Metadata["vzsl.recipe"] == "" {
		t.Errorf("%v", f.Metadata)
	}
	refused(t, exitUsage, []string{"onnx", "arrow", "tensorboard"}, "export", "--run", "demo-demo-vzsl", "--out", out)
	refused(t, exitFailed, []string{"no such run"}, "export", "--run", "other", "--out", out, "--format", "onnx")
	refused(t, exitUsage, []string{"--network"}, "export", "--dataset", "demo", "--network", "x", "--out", out, "--format", "npy")
}

// TestExportFeatures: exported features, taken in again, are the same to the bit.
func TestExportFeatures(t *testing.T) {
	out, data, _ := demoRun(t)
	to := t.TempDir()
	want := rowsOf(t, filepath.Join(out, "features", "demo", "demo"))
	export := func(format, name string) string {
		path := filepath.Join(to, name)
		done(t, "export", "--dataset", "demo", "--out", out, "--format", format, "--to", path)
		return path
	}
	npy := export("npy", "arrays")
	again := filepath.Join(to, "again")
	in := func(args ...string) []string {
		return append(args, "--dataset", "demo", "--data", data, "--out", again)
	}
	done(t, in("import", "npy", filepath.Join(npy, "features.npy"), "--labels", filepath.Join(npy, "labels.npy"), "--label-names", filepath.Join(npy, "classes.txt"),
		"--images", filepath.Join(npy, "images.txt"))...)
	done(t, in("import", "csv", export("csv", "table.csv"), "--label-kind", "name")...)
	for _, network := range []string{"features", "table"} {
		got := rowsOf(t, filepath.Join(again, "features", "demo", network))
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, not %d", network, len(got), len(want))
		}
		for image, w := range want {
			if got[image] != w {
				t.Fatalf("%s: %s is not as it was", network, image)
			}
		}
	}
	if l := strings.Split(string(filetest.Read(t, filepath.Join(npy, "classes.txt"))), "\n"); len(l) != 61 {
		t.Errorf("%d lines of classes", len(l))
	}

	// Imported features do not tell which network made them: whoever knows may name it, and gets the same answers.
	_, _, model := demoRun(t)
	picture := filepath.Join(data, lines(t, filepath.Join(data, "unseen.txt"))[2], "000.png")
	done(t, in("attributes")...)
	split := in("--network", "features", "--split", "demo", "--method", "eszsl")
	done(t, "split", "--dataset", "demo", "--out", again, "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	split = slices.DeleteFunc(split, func(s string) bool { return s == "--data" || s == data })
	done(t, append([]string{"train"}, split...)...)
	run := []string{"predict", picture, "--run", "demo-demo-eszsl", "--out", again}
	refused(t, exitUsage, []string{"imported", "--model"}, run...)
	refused(t, exitUsage, []string{"--recipe"}, append(run, "--model", model)...)
	got := predictJSON(t, exitDone, append(run[1:], "--model", model, "--recipe", "torchvision-56")...)
	alike(t, got.Images[0], predictJSON(t, exitDone, picture, "--run", "demo-demo-eszsl", "--out", out, "--model", model).Images[0])

	f, err := os.Open(export("arrow", "f.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rows := 0
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		list := rec.Column(3).(*array.FixedSizeList)
		values := list.ListValues().(*array.Float32).Float32Values()
		for k := range int(rec.NumRows()) {
			x := values[k*128 : k*128+128]
			if row(rec.Column(1).ValueStr(k), x) != want[rec.Column(0).ValueStr(k)] {
				t.Fatalf("row %d is not as it was", rows)
			}
			rows++
		}
	}
	if rows != len(want) {
		t.Errorf("%d rows, not %d", rows, len(want))
	}
}

// rowsOf are the rows of a folder of shards by image, as text that tells them apart to the bit.
func rowsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	c, err := features.OpenCache(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := map[string]string{}
	for i, image := range c.Images() {
		all[image] = row(c.Classes()[i], c.Feature(i))
	}
	return all
}

func row(class string, x []float32) string {
	b := []byte(class)
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return string(b)
}
