package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"vzsl/extract/onnx/load"
)

// TestBadFiles: what is not a network is named for what it is.
func TestBadFiles(t *testing.T) {
	whole, err := os.ReadFile(golden{Name: "vgg_keras"}.path())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "is empty"},
		{"text", []byte("vgg19 weights\n"), "is a text file"},
		{"umlauts", []byte("größere Gewichte"), "is a text file"},
		{"html", []byte("\n<!DOCTYPE html><html><body>404"), "is a web page"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 574677397\n"), "git-LFS pointer"},
		{"zip", []byte("PK\x03\x04archive/data.pkl"), "ZIP archive"},
		{"hdf5", []byte("\x89HDF\r\n\x1a\n"), "HDF5"},
		{"gzip", []byte("\x1f\x8b\x08\x00"), "gzip"},
		{"half", whole[:len(whole)/2], "incomplete"},
		{"zeros", make([]byte, 1000), "cannot be read as an ONNX network"},
		{"other protobuf", protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "\x01 no graph"), "no ONNX graph"},
	} {
		path := filepath.Join(t.TempDir(), "net.onnx")
		write(t, path, tc.data)
		n, err := Open(path)
		if err == nil {
			_ = n.Close()
			t.Errorf("%s: opened", tc.name)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.onnx")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestEveryCut: no prefix of a network opens.
func TestEveryCut(t *testing.T) {
	for _, g := range goldens(t) {
		if g.Name == "vgg_dynamo" {
			continue
		}
		b, err := os.ReadFile(g.path())
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b); i += 1 + i/97 {
			if n, err := parse("net.onnx", b[:i:i]); err == nil {
				_ = n.Close()
				t.Fatalf("%s opens with %d of %d bytes", g.Name, i, len(b))
			}
		}
	}
}

func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	model, data := copyExternal(t, dir)
	const location = "vgg_dynamo.onnx.data"
	path, side := filepath.Join(dir, "vgg_dynamo.onnx"), filepath.Join(dir, location)
	fails := func(name, want string) {
		t.Helper()
		n, err := Open(path)
		if err == nil {
			_ = n.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(side); err != nil {
		t.Fatal(err)
	}
	fails("missing", "file not found; put it beside the model")
	write(t, side, data[:len(data)/2])
	fails("cut", "incomplete")
	write(t, side, nil)
	fails("empty", "incomplete")
	write(t, side, []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"))
	fails("pointer", "git-LFS pointer")
	write(t, side, data)
	for _, to := range []string{"../outside/vgg19.dat", "/etc/vgg_dynamo.data", `..\vgg_dynamo.data__`, "a/../../escaped.data_", `C:\vgg_dynamo.data__`} {
		to = (to + strings.Repeat("_", len(location)))[:len(location)]
		write(t, path, bytes.ReplaceAll(model, []byte(location), []byte(to)))
		fails(to, "outside the model's folder")
	}
	write(t, path, model)
	// A link to a file outside the folder is refused, one inside is followed.
	outside := filepath.Join(t.TempDir(), "weights")
	write(t, outside, data)
	if err := os.Remove(side); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, side); err != nil {
		t.Skip("no symbolic links here")
	}
	fails("link out of the folder", "a symbolic link out of the model's folder")
	if err := os.Remove(side); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "weights"), data)
	if err := os.Symlink("weights", side); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// message builds protobuf messages for networks made in tests.
type message []byte

func (m message) str(n protowire.Number, s string) message { return m.sub(n, message(s)) }

func (m message) sub(n protowire.Number, b message) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), b)
}

func (m message) num(n protowire.Number, v int64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), uint64(v))
}

func (m message) fixed(n protowire.Number, v float32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, n, protowire.Fixed32Type), math.Float32bits(v))
}

func floats(name string, v []float32, dims ...int64) message {
	var m message
	for _, d := range dims {
		m = m.num(1, d)
	}
	var raw []byte
	for _, f := range v {
		raw = protowire.AppendFixed32(raw, math.Float32bits(f))
	}
	return m.num(2, load.TypeFloat).str(8, name).sub(9, raw)
}

func ints(name string, v ...int64) message {
	m := message{}.num(1, int64(len(v))).num(2, load.TypeInt64).str(8, name)
	for _, x := range v {
		m = m.num(7, x)
	}
	return m
}

func op(name string, in, out []string, attrs ...message) message {
	var m message
	for _, s := range in {
		m = m.str(1, s)
	}
	for _, s := range out {
		m = m.str(2, s)
	}
	m = m.str(3, "my_"+out[0]).str(4, name)
	for _, a := range attrs {
		m = m.sub(5, a)
	}
	return m
}

func intsAttr(name string, v ...int64) message {
	m := message{}.str(1, name).num(20, 7)
	for _, x := range v {
		m = m.num(8, x)
	}
	return m
}

// network wraps nodes and weights, input x of 1 x 3 x 8 x 8 and output y.
func network(opset int64, parts ...message) message {
	return networkOf(opset, []int64{1, 3, 8, 8}, parts...)
}

// networkOf is network with an input of any shape; dimensions of 0 are open.
func networkOf(opset int64, dims []int64, parts ...message) message {
	return networkWith(opset, dims, []string{"y"}, parts...)
}

// networkOutputs is networkOf with other outputs than y.
func networkOutputs(dims []int64, outputs []string, parts ...message) message {
	return networkWith(13, dims, outputs, parts...)
}

func networkWith(opset int64, dims []int64, outputs []string, parts ...message) message {
	var g message
	for _, p := range parts {
		g = append(g, p...)
	}
	var shape message
	for _, d := range dims {
		if d == 0 {
			shape = shape.sub(1, message{}.str(2, "n"))
			continue
		}
		shape = shape.sub(1, message{}.num(1, d))
	}
	g = g.sub(11, message{}.str(1, "x").sub(2, message{}.sub(1, message{}.num(1, load.TypeFloat).sub(2, shape))))
	for _, o := range outputs {
		g = g.sub(12, message{}.str(1, o))
	}
	return message{}.num(1, 7).sub(8, message{}.num(2, opset)).sub(7, g)
}

func nodeOf(m message) message   { return message{}.sub(1, m) }
func weightOf(m message) message { return message{}.sub(5, m) }

// TestBatchOfTheFile: a network written for four images at once gives a plan for one.
func TestBatchOfTheFile(t *testing.T) {
	gemm := []message{
		nodeOf(op("Reshape", []string{"x", "s"}, []string{"flat"})),
		nodeOf(op("MatMul", []string{"flat", "w"}, []string{"y"})),
		weightOf(floats("w", make([]float32, 192*5), 192, 5)),
	}
	for _, shape := range []message{ints("s", 4, 192), ints("s", 4, -1), ints("s", -1, 192), ints("s", 0, -1)} {
		n, err := parse("net.onnx", networkOf(13, []int64{4, 3, 8, 8}, append(gemm, weightOf(shape))...))
		if err != nil {
			t.Fatal(err)
		}
		l, err := n.Layer("")
		if err != nil || l.Dim != 5 {
			t.Errorf("layer %+v, %v", l, err)
			continue
		}
		p, err := n.Plan(l.Tensor, 8, 8)
		if err != nil {
			t.Fatal(err)
		}
		if d := p.Values[p.Output].Dims; len(d) != 2 || d[0] != 1 || d[1] != 5 {
			t.Errorf("output %v", d)
		}
	}
	// The batch split otherwise would give other results with other numbers of images.
	n, err := parse("net.onnx", networkOf(13, []int64{4, 3, 8, 8}, append(gemm, weightOf(ints("s", 2, 2, 192)))...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Layer(""); err == nil || !strings.Contains(err.Error(), "mixes the images") {
		t.Errorf("a batch split in two: %v", err)
	}
}

// TestOpenInput: where the file leaves the sizes open, the first convolution tells the channels, and
// the plan takes the size asked for.
func TestOpenInput(t *testing.T) {
	n, err := parse("net.onnx", networkOf(13, []int64{0, 0, 0, 0},
		nodeOf(op("Conv", []string{"x", "w"}, []string{"c"})), nodeOf(op("GlobalAveragePool", []string{"c"}, []string{"y"})),
		weightOf(floats("w", make([]float32, 5*3*9), 5, 3, 3, 3))))
	if err != nil {
		t.Fatal(err)
	}
	if in := n.Input(); in != (load.Input{Name: "x", Channels: 3}) {
		t.Errorf("input %+v", in)
	}
	if l, err := n.Layer(""); err != nil || l.Dim != 5 {
		t.Errorf("layer %+v, %v", l, err)
	}
	for _, size := range []int{3, 20} {
		if p, err := n.Plan("c", size, size+1); err != nil || p.Values[p.Output].Len() != 5*(size-2)*(size-1) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	if _, err := n.Plan("c", 2, 2); err == nil || !strings.Contains(err.Error(), "too small") {
		t.Errorf("images of 2 x 2: %v", err)
	}
	if _, err := n.Plan("c", 1<<20, 8); err == nil {
		t.Error("images of any size are planned for")
	}
}

// TestUnusable: networks that cannot be run say which operator prevents it, and what to do.
func TestUnusable(t *testing.T) {
	w := weightOf(floats("w", make([]float32, 2*3*3*3), 2, 3, 3, 3))
	for _, tc := range []struct {
		name  string
		net   message
		wants []string
	}{
		{"operator", network(13, nodeOf(op("Unique", []string{"x"}, []string{"y"}))), []string{`Unique "my_y"`, "--layer"}},
		{"domain", network(13, nodeOf(op("Conv", []string{"x", "w"}, []string{"y"}).str(7, "com.microsoft")), w), []string{"com.microsoft", "my_y"}},
		{"quantised", network(13, nodeOf(op("QLinearConv", []string{"x"}, []string{"y"}))), []string{"quantised", "float32 version"}},
		{"weights computed", network(13, nodeOf(op("Conv", []string{"x", "x"}, []string{"y"}))), []string{"depends on the image, a constant is required"}},
		{"weights of another shape", network(13, nodeOf(op("Conv", []string{"x", "w2"}, []string{"y"})), weightOf(floats("w2", make([]float32, 2*4*9), 2, 4, 3, 3))), []string{"do not match 3 channels"}},
		{"kernel too large", network(13, nodeOf(op("Conv", []string{"x", "w"}, []string{"y"}, intsAttr("dilations", 9, 9))), w), []string{"too small"}},
		{"padding out of range", network(13, nodeOf(op("Conv", []string{"x", "w"}, []string{"y"}, intsAttr("pads", 1<<40, 0, 0, 0))), w), []string{"out of range"}},
		{"huge result", network(13, nodeOf(op("Conv", []string{"x", "w"}, []string{"y"}, intsAttr("pads", 1<<19, 1<<19, 1<<18, 1<<18))), w), []string{"too large"}},
		{"batch mixed", networkOf(13, []int64{2, 3, 8, 8}, nodeOf(op("Reshape", []string{"x", "s"}, []string{"y"})), weightOf(ints("s", 3, 128))), []string{"mixes the images"}},
		{"batch moved", networkOf(13, []int64{2, 3, 8, 8}, nodeOf(op("Transpose", []string{"x"}, []string{"y"}, intsAttr("perm", 1, 0, 2, 3)))), []string{"moves the batch axis"}},
		{"batch added up", networkOf(13, []int64{2, 3, 8, 8}, nodeOf(op("ReduceSum", []string{"x", "s"}, []string{"y"})), weightOf(ints("s", 0))), []string{"mixes the images"}},
		{"batch told apart", networkOf(13, []int64{2, 3, 8, 8}, nodeOf(op("Add", []string{"x", "s"}, []string{"y"})), weightOf(floats("s", []float32{1, 2}, 2, 1, 1, 1))), []string{"differs between the images"}},
		{"reshape", network(13, nodeOf(op("Reshape", []string{"x", "s"}, []string{"y"})), weightOf(ints("s", 1, 7, -1))), []string{"cannot reshape"}},
		{"missing argument", network(13, nodeOf(op("Relu", []string{"z"}, []string{"y"}))), []string{"not the output of any operator"}},
		{"cycle", network(13, nodeOf(op("Add", []string{"x", "y"}, []string{"z"})), nodeOf(op("Relu", []string{"z"}, []string{"y"}))), []string{"depends on its own output"}},
		{"made twice", network(13, nodeOf(op("Relu", []string{"x"}, []string{"y"})), nodeOf(op("Relu", []string{"x"}, []string{"y"}))), []string{"duplicate output"}},
		{"constant output", network(13, nodeOf(op("Identity", []string{"w"}, []string{"y"})), w), []string{"does not depend on the image"}},
		{"if", network(13, nodeOf(op("If", []string{"x"}, []string{"y"}, message{}.str(1, "then_branch").num(20, 5).sub(6, nil)))), []string{"control flow"}},
		{"sequence of weights", network(13, nodeOf(op("Conv", []string{"x", "w", "", "w"}, []string{"y"})), nodeOf(op("Conv", []string{"q", "w"}, []string{"r"})), weightOf(floats("w", nil, 0, 3, 3, 3))), []string{"do not match"}},
	} {
		n, err := parse("net.onnx", tc.net)
		if err == nil {
			_, err = n.Layer("")
		}
		if err == nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		for _, want := range append(tc.wants, "net.onnx") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in: %v", tc.name, want, err)
			}
		}
	}
}

// weightIn reads the values of a TensorProto in a network.
func weightIn(m message) ([]float32, error) {
	n, err := parse("net.onnx", network(13, nodeOf(op("Relu", []string{"x"}, []string{"y"})), weightOf(m.str(8, "w"))))
	if err != nil {
		return nil, err
	}
	return n.file.Tensors["w"].Float32s()
}

// TestTensorEncodings: weights in every encoding a writer may choose read the same.
func TestTensorEncodings(t *testing.T) {
	v := []float32{1, -2.5, 0.375}
	var packed, doubles, halves []byte
	one := message{}.num(1, 3).num(2, load.TypeFloat)
	bits := message{}.num(1, 3).num(2, load.TypeFloat16)
	for _, f := range v {
		packed = protowire.AppendFixed32(packed, math.Float32bits(f))
		doubles = protowire.AppendFixed64(doubles, math.Float64bits(float64(f)))
		one = protowire.AppendFixed32(protowire.AppendTag(one, 4, protowire.Fixed32Type), math.Float32bits(f))
	}
	for _, h := range []uint16{0x3c00, 0xc100, 0x3600} {
		halves = append(halves, byte(h), byte(h>>8))
		bits = bits.num(5, int64(h))
	}
	bf := []byte{0x80, 0x3f, 0x20, 0xc0, 0xc0, 0x3e}
	for name, m := range map[string]message{
		"raw":                 floats("", v, 3),
		"float_data packed":   message{}.num(1, 3).num(2, load.TypeFloat).sub(4, packed),
		"float_data split":    message{}.num(1, 3).num(2, load.TypeFloat).sub(4, packed[:4]).sub(4, packed[4:]),
		"float_data by one":   one,
		"double_data":         message{}.num(1, 3).num(2, load.TypeDouble).sub(10, doubles),
		"raw doubles":         message{}.num(1, 3).num(2, load.TypeDouble).sub(9, doubles),
		"raw halves":          message{}.num(1, 3).num(2, load.TypeFloat16).sub(9, halves),
		"halves in integers":  bits,
		"raw bfloat16":        message{}.num(1, 3).num(2, load.TypeBfloat16).sub(9, bf),
		"dimensions, packed":  message{}.sub(1, message{3}).num(2, load.TypeFloat).sub(9, packed),
		"raw, off alignment":  message{}.num(1, 3).num(2, load.TypeFloat).str(8, "n").sub(9, packed),
		"raw, off alignment2": message{}.num(1, 3).num(2, load.TypeFloat).str(8, "nm").sub(9, packed),
	} {
		got, err := weightIn(m)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, m := range map[string]message{
		"too few":    floats("", v[:2], 3),
		"too many":   floats("", v, 2),
		"negative":   floats("", v, -3),
		"overflow":   floats("", v, 1<<39, 1<<39),
		"segmented":  floats("", v, 3).sub(3, message{}.num(1, 0)),
		"no integer": message{}.num(1, 2).num(2, load.TypeInt64).num(7, 1),
	} {
		if _, err := weightIn(m); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// TestHalf checks the conversion of binary16 at its corners.
func TestHalf(t *testing.T) {
	half := func(h uint16) float64 {
		v, err := weightIn(message{}.num(1, 1).num(2, load.TypeFloat16).sub(9, []byte{byte(h), byte(h >> 8)}))
		if err != nil {
			t.Fatal(err)
		}
		return float64(v[0])
	}
	for h, want := range map[uint16]float64{0: 0, 1: 0x1p-24, 0x03ff: 0x1.ff8p-15, 0x0400: 0x1p-14, 0x7bff: 65504, 0xfbff: -65504, 0x7c00: math.Inf(1), 0x3555: 0x1.554p-2} {
		if got := half(h); got != want {
			t.Errorf("%04x: %v, want %v", h, got, want)
		}
	}
	if v := half(0x7e00); v == v {
		t.Error("a NaN became a number")
	}
}

// FuzzNetwork: whatever the bytes, reading, finding the layer and planning end in a result or an
// error, without allocating more than the bytes can account for.
func FuzzNetwork(f *testing.F) {
	for _, g := range goldens(f) {
		b, err := os.ReadFile(g.path())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(network(13, nodeOf(op("Conv", []string{"x", "w"}, []string{"y"}, intsAttr("pads", 1, 1, 1, 1))), weightOf(floats("w", make([]float32, 54), 2, 3, 3, 3)))))
	f.Add([]byte(network(6, nodeOf(op("Add", []string{"x", "b"}, []string{"y"}, message{}.str(1, "broadcast").num(3, 1).num(20, 2))), weightOf(floats("b", make([]float32, 3), 3)))))
	dir := f.TempDir()
	copyExternal(f, dir)
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parse(filepath.Join(dir, "net.onnx"), data)
		if err != nil {
			return
		}
		defer n.Close()
		n.Recipe()
		for _, name := range []string{"", n.file.Output, "fc6"} {
			l, err := n.Layer(name)
			if err != nil {
				continue
			}
			in := n.Input()
			h, w := in.Height, in.Width
			if h == 0 || w == 0 {
				h, w = 16, 16
			}
			p, err := n.Plan(l.Tensor, h, w)
			if err != nil {
				continue
			}
			for _, s := range p.Steps {
				for _, v := range append([]int{s.Out}, s.In...) {
					if size := p.Values[v].Len(); size < 1 || size > load.MaxValue {
						t.Fatalf("%s: a value of %v", s.Node, p.Values[v].Dims)
					}
				}
			}
		}
	})
}
