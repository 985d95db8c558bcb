package features

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"vzsl/internal/custody"
)

// small is a class table, a split and features of a few images.
func small() *Inputs {
	t := &ClassTable{Dataset: "toy", Source: "made", Classes: []string{"ant", "bee", "cat", "dog"}, Attributes: []string{"legs", "wings", "fur"},
		Values: [][]float32{{6, 0, 0}, {6, 4, .5}, {4, 0, 1}, {4, 0, float32(math.NaN())}}}
	r := &Split{Name: "own", Dataset: "toy", Provenance: "made", Seen: []string{"ant", "bee"}, Validation: []string{"bee"}, Unseen: []string{"cat"}, Command: "vzsl split", LeftOut: 1}
	f := &heldRows{source: Source{Dataset: "toy", Network: "n", Layer: "l", Recipe: "r", Dim: 2, ShardRows: 1, Images: 6}}
	for i, class := range []string{"ant", "ant", "bee", "cat", "cat", "dog"} {
		image := fmt.Sprintf("%d.jpg", i)
		f.images, f.classes, f.values = append(f.images, image), append(f.classes, class), append(f.values, []float32{float32(i), 1})
		if role := map[string]Role{"ant": RoleTrain, "bee": RoleValidation, "cat": RoleTestUnseen}[class]; role != "" {
			r.Images, r.Roles = append(r.Images, image), append(r.Roles, role)
		}
	}
	r.Images, r.Roles = append(r.Images, "lost.jpg"), append(r.Roles, RoleTrain)
	return &Inputs{Classes: t, Roles: r, Features: f, Manifest: "some"}
}

type heldRows struct {
	source          Source
	images, classes []string
	values          [][]float32
}

func (r *heldRows) Rows() int                 { return len(r.images) }
func (r *heldRows) Dim() int                  { return r.source.Dim }
func (r *heldRows) Images() []string          { return r.images }
func (r *heldRows) Classes() []string         { return r.classes }
func (r *heldRows) Labels() []int32           { return make([]int32, len(r.images)) }
func (r *heldRows) Feature(row int) []float32 { return r.values[row] }
func (r *heldRows) Source() Source            { return r.source }

func writeRecord(t *testing.T, dir string, r *Record) {
	t.Helper()
	files, err := r.Files()
	if err == nil {
		err = custody.WriteAll(t.Context(), dir, files...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRecord writes a record and reads it again.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	in := small()
	r, err := NewRecord(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	writeRecord(t, dir, r)
	again, err := ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.SHA256() != r.SHA256() || !reflect.DeepEqual(again.Roles, r.Roles) || !reflect.DeepEqual(again.ClassOf, r.ClassOf) ||
		!reflect.DeepEqual(again.Digests, r.Digests) || again.Source != r.Source || again.Manifest != "some" {
		t.Errorf("%+v\nread again\n%+v", r, again)
	}
	if n := len(r.Roles.Images); n != 6 || r.Roles.Images[5] != "lost.jpg" || r.ClassOf[5] != "" {
		t.Errorf("%d images, %q", n, r.Roles.Images)
	}
	// Its split is one like any other.
	if roles, err := ReadSplit(filepath.Join(dir, InputsDir, recordSplitFile)); err != nil || roles.Changed(in.Roles) != nil {
		t.Error(err)
	}
	for _, manifest := range []string{"some", "another"} {
		in.Manifest = manifest
		if c, err := again.Changes(t.Context(), in); err != nil || c != nil {
			t.Errorf("nothing has changed: %v %v", c, err)
		}
	}
	a, err := again.Arrange(in.Features)
	if err != nil || a.Rows() != 5 || !reflect.DeepEqual(a.Labels(), []int32{0, 0, 1, 2, 2}) {
		t.Errorf("%v %v", a, err)
	}
	// Elsewhere values may differ, classes may not.
	f := in.Features.(*heldRows)
	f.values[1] = []float32{9, 9}
	in = &Inputs{Classes: in.Classes, Roles: in.Roles, Features: f, Manifest: "another"}
	if c, err := again.Changes(t.Context(), in); err != nil || len(c) != 1 || c[0].String() != `features: image "1.jpg" has another feature` {
		t.Errorf("%v %v", c, err)
	}
	in.Elsewhere = true
	if c, err := again.Changes(t.Context(), in); err != nil || c != nil {
		t.Errorf("%v %v", c, err)
	}
	f.classes[1] = "bee"
	if c, err := again.Changes(t.Context(), in); err != nil || len(c) != 1 {
		t.Errorf("%v %v", c, err)
	}
	f.source.Layer = "other"
	if c, err := again.Changes(t.Context(), in); err != nil || len(c) != 1 || c[0].String() != "features: layer: l then, other now" {
		t.Errorf("%v %v", c, err)
	}
}

// TestEveryByte flips a bit of every byte (of every fifth, unless VZSL_LONG is set) of a class table and of a split: none is read.
func TestEveryByte(t *testing.T) {
	dir := t.TempDir()
	r, err := NewRecord(context.Background(), small())
	if err != nil {
		t.Fatal(err)
	}
	writeRecord(t, dir, r)
	for name, open := range map[string]func(path string) error{
		recordClassFile: func(path string) error { _, err := ReadClassTable(path); return err },
		recordSplitFile: func(path string) error { _, err := ReadSplit(path); return err },
	} {
		path := filepath.Join(dir, InputsDir, name)
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := open(path); err != nil {
			t.Fatal(err)
		}
		step := 5
		if os.Getenv("VZSL_LONG") != "" {
			step = 1
		}
		for i := 0; i < len(was); i += step {
			changed := append([]byte{}, was...)
			changed[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, changed, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := open(path); err == nil {
				t.Errorf("%s: byte %d of %d changed from %q to %q, and it is read", name, i, len(was), was[i], changed[i])
			}
		}
	}
}

// TestNetworkDifferences: the features of one network are told by its file, those of other programs by names.
func TestNetworkDifferences(t *testing.T) {
	own := Source{Network: "vgg19", NetworkSHA256: "0123456789abcdef", Layer: "fc7", Recipe: "caffe-224", Engine: "native", Dim: 4096}
	foreign := own
	foreign.Engine, foreign.NetworkSHA256 = "import npy", "of the file"
	change := func(s Source, f func(s *Source)) Source { f(&s); return s }
	for _, c := range []struct {
		a, b Source
		n    int
	}{
		{own, own, 0},
		{own, change(own, func(s *Source) { s.Network, s.Engine, s.Program = "copy", "onnxruntime", "x" }), 0},
		{own, change(own, func(s *Source) { s.NetworkSHA256 = "another" }), 1},
		{own, change(own, func(s *Source) { s.Layer, s.Recipe, s.Dim = "a", "b", 1 }), 3},
		{foreign, change(foreign, func(s *Source) { s.NetworkSHA256 = "of another file" }), 0},
		{foreign, change(foreign, func(s *Source) { s.Network = "resnet" }), 1},
		{own, foreign, 0}, {foreign, own, 0},
		{own, change(foreign, func(s *Source) { s.Layer = "" }), 1},
	} {
		if d := c.a.NetworkDifferences(c.b); len(d) != c.n {
			t.Errorf("%+v and %+v: %q", c.a, c.b, d)
		}
	}
}
