package safetensors

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vzsl/internal/alloctest"
	"vzsl/internal/filetest"
	"vzsl/internal/interop"
)

func encode(t testing.TB, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := &File{Metadata: rapid.MapOfN(rapid.StringN(1, 8, -1), rapid.String(), 1, 4).Draw(r, "metadata")}
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z.0-9]{1,12}`), 0, 6, rapid.ID[string]).Draw(r, "names")
		for _, n := range names {
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(r, "shape")
			count, _ := elements(shape)
			x := Tensor{Name: n, Shape: shape}
			if rapid.Bool().Draw(r, "wide") {
				x.F64 = rapid.SliceOfN(rapid.Float64Range(-1e300, 1e300), count, count).Draw(r, "values")
			} else {
				x.F32 = rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), count, count).Draw(r, "values")
			}
			f.Tensors = append(f.Tensors, x)
		}
		var b, reversed bytes.Buffer
		if err := Encode(&b, f); err != nil {
			r.Fatal(err)
		}
		turned := &File{Metadata: f.Metadata}
		for _, x := range f.Tensors {
			turned.Tensors = append([]Tensor{x}, turned.Tensors...)
		}
		if err := Encode(&reversed, turned); err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), reversed.Bytes()) {
			r.Fatal("the order of the tensors changes the bytes")
		}
		got, err := Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			r.Fatal(err)
		}
		if d := cmp.Diff(f.Metadata, got.Metadata); d != "" || len(got.Tensors) != len(f.Tensors) {
			r.Fatalf("metadata %s, %d tensors", d, len(got.Tensors))
		}
		for _, x := range f.Tensors {
			y, ok := got.Get(x.Name)
			if !ok || !cmp.Equal(x.F32, y.F32) || !cmp.Equal(x.F64, y.F64) || !cmp.Equal(append([]int{}, x.Shape...), append([]int{}, y.Shape...)) {
				r.Fatalf("%q: wrote %v, read %v", x.Name, x, y)
			}
		}
	})
}

func TestEncodeRefuses(t *testing.T) {
	for name, f := range map[string]*File{
		"count":    {Tensors: []Tensor{{Name: "a", Shape: []int{2}, F32: []float32{1}}}},
		"negative": {Tensors: []Tensor{{Name: "a", Shape: []int{-1}, F32: []float32{}}}},
		"twice":    {Tensors: []Tensor{{Name: "a", F32: []float32{1}}, {Name: "a", F32: []float32{1}}}},
		"both":     {Tensors: []Tensor{{Name: "a", F32: []float32{1}, F64: []float64{1}}}},
		"reserved": {Tensors: []Tensor{{Name: metadataKey, F32: []float32{1}}}},
	} {
		if err := Encode(&bytes.Buffer{}, f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDamage(t *testing.T) {
	whole := encode(t, &File{Metadata: map[string]string{"k": "v"}, Tensors: []Tensor{{Name: "a", Shape: []int{2, 2}, F32: []float32{1, 2, 3, 4}}}})
	for cut := range whole {
		if _, err := Decode(bytes.NewReader(whole[:cut]), int64(cut)); !errors.Is(err, errFormat) {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
	}
	longer := append(bytes.Clone(whole), 0)
	if _, err := Decode(bytes.NewReader(longer), int64(len(longer))); !errors.Is(err, errFormat) {
		t.Fatalf("a byte too many: %v", err)
	}
}

// TestInteropPython reads a file with a few lines of Python that know only the format's description.
func TestInteropPython(t *testing.T) {
	var b bytes.Buffer
	if err := Encode(&b, &File{Metadata: map[string]string{"k": "ü"}, Tensors: []Tensor{
		{Name: "b", Shape: []int{3}, F32: []float32{1, 2.5, -3}}, {Name: "a", Shape: []int{1, 2}, F64: []float64{0.1, 1e200}}}}); err != nil {
		t.Fatal(err)
	}
	path := filetest.Write(t, filepath.Join(t.TempDir(), "x.safetensors"), b.String())
	out := interop.Output(t, interop.Python(t, nil, "-c", `
import json,struct,sys
d=open(sys.argv[1],"rb").read(); n=struct.unpack("<Q",d[:8])[0]; h=json.loads(d[8:8+n]); m=h.pop("__metadata__")
print(json.dumps(m)," ".join(k+str(v["shape"])+str(list(struct.unpack("<%d%s"%((v["data_offsets"][1]-v["data_offsets"][0])//{"F32":4,"F64":8}[v["dtype"]],{"F32":"f","F64":"d"}[v["dtype"]]),d[8+n+v["data_offsets"][0]:8+n+v["data_offsets"][1]]))) for k,v in sorted(h.items())))`, path))
	want := `{"k": "\u00fc"} a[1, 2][0.1, 1e+200] b[3][1.0, 2.5, -3.0]` + "\n"
	if string(out) != want {
		t.Fatalf("%s", out)
	}
}

func TestReadNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, []byte("hello, this is text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); !errors.Is(err, errFormat) || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, &File{Metadata: map[string]string{"k": "v"}, Tensors: []Tensor{{Name: "a", Shape: []int{2}, F32: []float32{1, 2}}, {Name: "b", F64: []float64{1}}}}))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got *File
		var err error
		alloctest.AtMost(t, 1<<20+256*len(b), func() { got, err = Decode(bytes.NewReader(b), int64(len(b))) })
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Encode(&again, got); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
