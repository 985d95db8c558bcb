package matfile

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vzsl/internal/alloctest"
)

// dumped is an array as testdata/dump.py prints what SciPy read.
type dumped struct {
	Class   string
	Dims    []int
	Re, Im  []string
	Text    []string
	Fields  []string
	Cells   []dumped
	Rows    []int
	Columns []int
}

// number reads a value of dump.py: hexadecimal floats, decimal whole numbers.
func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sameNumbers(t *testing.T, at string, a *Array, got []float64, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, SciPy reads %d", at, len(got), len(want))
		return
	}
	exact, _ := a.Int64s()
	for i, w := range want {
		v := number(t, w)
		if math.Float64bits(got[i]) != math.Float64bits(v) && !(got[i] != got[i] && v != v) {
			t.Errorf("%s: value %d is %v, SciPy reads %v", at, i, got[i], v)
			return
		}
		if n, err := strconv.ParseInt(w, 10, 64); err == nil && exact != nil && exact[i] != n {
			t.Errorf("%s: value %d is %d, SciPy reads %d", at, i, exact[i], n)
		}
	}
}

// same compares an array with what SciPy read.
func same(t *testing.T, at string, a *Array, want dumped) {
	t.Helper()
	switch want.Class {
	case "char":
		rows, err := a.rows()
		if err != nil {
			t.Errorf("%s: %v", at, err)
		}
		for i := range rows {
			rows[i] = strings.TrimRight(rows[i], " ")
		}
		for i := range want.Text {
			want.Text[i] = strings.TrimRight(want.Text[i], " ")
		}
		if len(rows) == 0 && cmp.Equal(want.Text, []string{""}) {
			return
		}
		if d := cmp.Diff(want.Text, rows); d != "" && len(rows)+len(want.Text) > 0 {
			t.Errorf("%s: %s", at, d)
		}
		return
	case "cell":
		if a.Class != Cell || len(a.Cells) != len(want.Cells) {
			t.Errorf("%s: a %s with %d cells, SciPy reads %d", at, a.is(), len(a.Cells), len(want.Cells))
			return
		}
		for i, w := range want.Cells {
			same(t, fmt.Sprintf("%s{%d}", at, i), a.Cells[i], w)
		}
	case "struct":
		if d := cmp.Diff(want.Fields, a.Fields); d != "" {
			t.Errorf("%s: %s", at, d)
			return
		}
		for i, w := range want.Cells {
			k := i % len(a.Fields)
			same(t, fmt.Sprintf("%s.%s", at, a.Fields[k]), a.Field(i/len(a.Fields), a.Fields[k]), w)
		}
	case "sparse":
		rows, columns := a.nonzeros()
		if !slices.Equal(rows, want.Rows) || !slices.Equal(columns, want.Columns) {
			t.Errorf("%s: nonzeros at %v %v, SciPy reads %v %v", at, rows, columns, want.Rows, want.Columns)
		}
		sameNumbers(t, at, a, a.real(), want.Re)
		sameNumbers(t, at, a, a.imaginary(), want.Im)
	default:
		// SciPy gives whole doubles the type that they are stored in, and [] for an empty cell's array.
		if got := a.Class.String(); got != want.Class && a.Class != Double {
			t.Errorf("%s: class %s, SciPy reads %s", at, got, want.Class)
		}
		if a == empty {
			return
		}
		sameNumbers(t, at, a, a.real(), want.Re)
		sameNumbers(t, at, a, a.imaginary(), want.Im)
	}
	if d := cmp.Diff(want.Dims, a.Dims); d != "" {
		t.Errorf("%s: %s", at, d)
	}
}

func sameFile(t *testing.T, path string, golden []byte) {
	t.Helper()
	var want map[string]dumped
	if err := json.Unmarshal(golden, &want); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]dumped{}
	for name, w := range want {
		withFields(all, name, w)
	}
	for name, w := range all {
		a, err := f.Read(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if a.Name != name || !f.Has(name) {
			t.Errorf("%s is called %s, there: %v", name, a.Name, f.Has(name))
		}
		same(t, filepath.Base(path)+" "+name, a, w)
		sameStream(t, f, a)
	}
	for _, v := range f.Variables() {
		if _, ok := all[v.Name]; !ok && v.Name != "umlaut" {
			t.Errorf("%s: SciPy does not read %s", path, v.Name)
		}
		delete(all, v.Name)
	}
	if len(all) > 0 {
		t.Errorf("%s: not listed: %v", path, all)
	}
}

// withFields adds what SciPy read, and the fields of single structs as variables of their own.
func withFields(all map[string]dumped, name string, w dumped) {
	all[name] = w
	if w.Class == "struct" && cmp.Equal(w.Dims, []int{1, 1}) {
		for i, field := range w.Fields {
			withFields(all, name+"."+field, w.Cells[i])
		}
	}
}

// sameStream: a stream gives what Read gives, in pieces of any size.
func sameStream(t *testing.T, f *File, a *Array) {
	t.Helper()
	s, err := f.Stream(a.Name)
	if a.Complex || a.Class < Sparse {
		if err == nil {
			t.Errorf("%s %s: a stream of a %s", f.path, a.Name, a.is())
		}
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	want := make([]float32, a.Len())
	if rows, columns := a.nonzeros(); a.Class == Sparse {
		for i, v := range a.real() {
			want[columns[i]*a.Dims[0]+rows[i]] = float32(v)
		}
	} else {
		for i, v := range a.real() {
			want[i] = float32(v)
		}
	}
	var got []float32
	for n := 1; s.Left() > 0; n++ {
		piece := make([]float32, min(int64(n), s.Left()))
		if err := s.Read(piece); err != nil {
			t.Error(err)
			return
		}
		got = append(got, piece...)
	}
	if len(got) != len(want) {
		t.Errorf("%s %s: a stream of %d values, not %d", f.path, a.Name, len(got), len(want))
		return
	}
	for i, w := range want {
		if math.Float32bits(w) != math.Float32bits(got[i]) && w == w {
			t.Errorf("%s %s: value %d of the stream is %v, not %v", f.path, a.Name, i, got[i], w)
			return
		}
	}
	if err := s.Read(make([]float32, 1)); err == nil {
		t.Errorf("%s %s: a value after the last", f.path, a.Name)
	}
}

// TestSciPy compares with what SciPy reads in files of every kind of array.
func TestSciPy(t *testing.T) {
	for name, of := range map[string]string{
		"plain": "plain", "compressed": "compressed", "bigendian": "bigendian", "littleendian": "littleendian",
		"structs": "structs", "structs-compressed": "structs", "octave": "octave", "octave-v6": "octave",
	} {
		golden, err := os.ReadFile(filepath.Join("testdata", of+".json"))
		if err != nil {
			t.Fatal(err)
		}
		sameFile(t, filepath.Join("testdata", name+".mat"), golden)
	}
}

// TestOctaveLogical: a sparse logical array of GNU Octave, which claims to be one of uint8 (testdata/make_octave.m).
func TestOctaveLogical(t *testing.T) {
	for _, name := range []string{"octave-logical", "octave-logical-v6"} {
		f, err := Open(filepath.Join("testdata", name+".mat"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		some := []float64{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1}
		for variable, want := range map[string][]float64{
			"some": some, "t.some": some, "one": {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, "all_of_them": {1, 1, 1, 1, 1, 1},
		} {
			a, err := f.Read(variable)
			if err != nil {
				t.Error(err)
				continue
			}
			if got, err := a.Float64s(); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v %v, not %v", variable, got, err, want)
			}
			sameStream(t, f, a)
		}
	}
}

// TestSparseNumbers: a sparse array gives the numbers of a full one; one that would not fit in memory is refused.
func TestSparseNumbers(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "structs.mat"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string][]float64{
		"logical": {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1}, "single": {0, 0, 3, 1.5, 0, 0, 0, 0, 0, 0, -2, 4}, "whole": {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"coo": {0, 0, 3, 1.5, 0, 0, 0, 0, 0, 0, -2, 4}, "s.attributes": {0, 0, 3, 1.5, 0, 0, 0, 0, 0, 0, -2, 4},
	} {
		a, err := f.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Float64s()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
		whole, err := a.Int64s()
		if bad := slices.Contains(want, 1.5); (err != nil) != bad {
			t.Errorf("%s: %v %v", name, whole, err)
		}
		for i, v := range whole {
			if float64(v) != want[i] {
				t.Errorf("%s: %v", name, whole)
			}
		}
	}
	a, err := f.Read("whole")
	if err != nil {
		t.Fatal(err)
	}
	a.Dims = []int{1 << 20, 1 << 20}
	if _, err := a.Float64s(); err == nil || !strings.Contains(err.Error(), "too many for memory") {
		t.Error(err)
	}
}

// TestRefused: what cannot be read is answered with what to do about it in the program that wrote it.
func TestRefused(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "refused.mat"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, c := range map[string]struct{ numbers, texts []string }{
		"words":        {[]string{"string array", "y = cellstr(words)", "-v7"}, []string{"cellstr(words)"}},
		"holder.words": {[]string{"string array"}, []string{"y = cellstr(holder.words)"}},
		"t":            {[]string{"table array", "y = table2struct(t, 'ToScalar', true)", "y.column"}, nil},
		"m":            {[]string{"containers.Map", "y = values(m)"}, nil},
		"other":        {[]string{"mine.Class array", "MATLAB alone"}, []string{"MATLAB alone"}},
		"j":            {[]string{"opaque array", "MATLAB alone"}, nil},
		"f":            {[]string{"function handle"}, []string{"function handle"}},
		"old":          {[]string{"class inline", "y = struct(old)"}, nil},
		"many":         {[]string{"[1 3] struct array", "y = [many.field]"}, []string{"y = {many.field}"}},
		"holder":       {[]string{"struct array", "holder.field"}, []string{"holder.field"}},
		"complex":      {[]string{"complex double", "y = abs(complex)"}, nil},
		"cells":        {[]string{"[1 2] cell array", "y = cell2mat(cells)"}, []string{"cell 1 of 2: a [1 1] double array; expected text"}},
	} {
		a, err := f.Read(name)
		if err != nil {
			t.Error(err)
			continue
		}
		_, float := a.Float64s()
		_, whole := a.Int64s()
		_, stream := f.Stream(name)
		for _, err := range []error{float, whole, stream} {
			for _, s := range append(c.numbers, "expected") {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("%s: %v does not say %q", name, err, s)
				}
			}
		}
		_, err = a.Texts()
		for _, s := range append(c.texts, "expected") {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v does not say %q", name, err, s)
			}
		}
	}
	if _, err := f.Read("many.x"); err == nil || !strings.Contains(err.Error(), `"many.x"`) || !strings.Contains(err.Error(), "holder.x") {
		t.Error(err)
	}
	_, err = Open(filepath.Join("testdata", "v4.mat"))
	if err == nil || !strings.Contains(err.Error(), "MATLAB 4") {
		t.Error(err)
	}
}

// TestFieldStreams: a field behind others is streamed without them, and a damaged byte anywhere in its struct is seen.
func TestFieldStreams(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "structs-compressed.mat"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte, name string) ([]float32, error) {
		f, err := New("x.mat", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return nil, err
		}
		s, err := f.Stream(name)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		v := make([]float32, s.Left())
		return v, s.Read(v)
	}
	v, err := read(b, "s.last")
	if err != nil || len(v) != 3000 || v[1] != 10 || v[2999] != 2999 {
		t.Error(len(v), err)
	}
	f, err := New("x.mat", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.find("s")
	if err != nil {
		t.Fatal(err)
	}
	b[s.from+s.size-2] ^= 1 // the checksum
	for _, name := range []string{"s.features", "s.last"} {
		if _, err := read(b, name); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// scipy runs a script of testdata, or skips the test where there is no SciPy.
func scipy(t *testing.T, args ...string) []byte {
	t.Helper()
	for _, python := range []string{os.Getenv("VZSL_PYTHON"), "/usr/bin/python3", "python3"} {
		if python == "" || exec.Command(python, "-c", "import scipy").Run() != nil {
			continue
		}
		var said bytes.Buffer
		cmd := exec.Command(python, append([]string{"-B"}, args...)...)
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, said.Bytes())
		}
		return out
	}
	t.Skip("no Python with SciPy here (VZSL_PYTHON names one)")
	return nil
}

// realFiles are the published splits.
func realFiles(t *testing.T) []string {
	t.Helper()
	data := os.Getenv("VZSL_TEST_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	files, err := filepath.Glob(filepath.Join(data, "xlsa17*", "*", "*.mat"))
	if err != nil || len(files) == 0 {
		t.Skipf("no real data in %s (set VZSL_TEST_DATA)", data)
	}
	return files
}

// TestRealDigests compares every variable of the published splits with the digest that testdata/digest.py makes of SciPy's reading.
func TestRealDigests(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "real.json"))
	if err != nil {
		t.Fatal(err)
	}
	var digests map[string]map[string][2]any
	if err := json.Unmarshal(b, &digests); err != nil {
		t.Fatal(err)
	}
	for _, path := range realFiles(t) {
		parts := strings.Split(filepath.ToSlash(path), "/")
		name := strings.Join(parts[len(parts)-3:], "/")
		want, known := digests[name]
		f, err := Open(path)
		if err != nil || !known {
			t.Errorf("%s: in real.json %v, %v", name, known, err)
			continue
		}
		defer f.Close()
		if len(f.Variables()) != len(want) {
			t.Errorf("%s: %d variables, SciPy reads %d", name, len(f.Variables()), len(want))
		}
		for variable, w := range want {
			a, err := f.Read(variable)
			if err != nil {
				t.Error(err)
				continue
			}
			h := sha256.New()
			if texts, err := a.Texts(); err == nil {
				for _, s := range texts {
					fmt.Fprintln(h, s)
				}
			} else {
				_ = binary.Write(h, binary.LittleEndian, a.real())
			}
			if got := fmt.Sprint(a.Dims, hex.EncodeToString(h.Sum(nil))); got != fmt.Sprint(w[0], w[1]) {
				t.Errorf("%s %s: %s, SciPy reads %v", name, variable, got, w)
			}
		}
	}
}

// TestRealFiles compares every value of the published splits with SciPy's.
func TestRealFiles(t *testing.T) {
	files := realFiles(t)
	lines := bytes.Split(scipy(t, append([]string{filepath.Join("testdata", "dump.py")}, files...)...), []byte("\n"))
	for i, f := range files {
		sameFile(t, f, lines[i])
	}
}

func TestTexts(t *testing.T) {
	for _, name := range []string{"bigendian", "littleendian"} {
		f, err := Open(filepath.Join("testdata", name+".mat"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		a, err := f.Read("umlaut")
		if err != nil {
			t.Fatal(err)
		}
		if s, err := a.Text(); err != nil || s != "bär 中🐻" {
			t.Errorf("%q %v", s, err)
		}
		a, err = f.Read("cells")
		if err != nil {
			t.Fatal(err)
		}
		if s, err := a.Texts(); err != nil || !slices.Equal(s, []string{"abc", ""}) {
			t.Errorf("%q %v", s, err)
		}
		if _, err := f.Read("nothing"); err == nil || !strings.Contains(err.Error(), `"nothing"`) || !strings.Contains(err.Error(), "double, bytes") {
			t.Errorf("%v", err)
		}
		for _, wrong := range []string{"complex", "record", "cells"} {
			a, err := f.Read(wrong)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Float64s(); err == nil {
				t.Errorf("%s as numbers", wrong)
			}
			if _, err := a.Texts(); err == nil && wrong != "cells" {
				t.Errorf("%s as texts", wrong)
			}
		}
	}
}

// TestVersions: what is not read is answered with how to convert it.
func TestVersions(t *testing.T) {
	hdf := append([]byte("MATLAB 7.3 MAT-file, Platform: GLNXA64"+strings.Repeat(" ", 474)), hdf5Magic...)
	v4 := append([]byte{0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'x', 0}, make([]byte, 200)...)
	for name, c := range map[string]struct {
		b    []byte
		says []string
	}{
		"7.3":      {hdf, []string{"7.3", "load('dir/x.mat'); save('dir/x-v7.mat', '-struct', 's', '-v7')", "mat73.loadmat(r'dir/x.mat')", "numpy.save(r'dir/x.npy', h5py.File(r'dir/x.mat')"}},
		"hdf5":     {[]byte(hdf5Magic), []string{"HDF5", "octave --eval", "save('-v7', 'dir/x-v7.mat', '-struct', 's')", "h5py"}},
		"4":        {v4, []string{"MATLAB 4", "matlab -batch", "octave --eval", "s.loadmat(r'dir/x.mat')"}},
		"octave":   {[]byte("# Created by Octave 7.3.0, Sat Nov 28"), []string{"GNU Octave's own format", "octave --eval \"s = load('dir/x.mat')"}},
		"octave b": {[]byte("Octave-1-L\x00\x01"), []string{"GNU Octave's own format"}},
		"gzip":     {[]byte("\x1f\x8b\x08\x00"), []string{"gunzip"}},
		"empty":    {nil, []string{"empty"}},
		"text":     {[]byte(strings.Repeat("  1.5e+00 2\n", 100)), []string{"not a MATLAB file but text", ".txt"}},
		"binary":   {[]byte(strings.Repeat("hello\x01", 100)), []string{"not a MATLAB file: no byte order mark"}},
		"short":    {[]byte("MATLAB 5.0\x00"), []string{"not a MATLAB file"}},
		"cut tag":  {append(slices.Clone(plain(t)[:128]), 14, 0, 0, 0, 1), []string{"byte 128", "truncated"}},
		"cut data": {plain(t)[:140], []string{"byte 128", "truncated"}},
	} {
		_, err := New("dir/x.mat", bytes.NewReader(c.b), int64(len(c.b)))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, s := range append(c.says, "dir/x.mat") {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
	}
}

func plain(t testing.TB) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", "plain.mat"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDamaged: a flipped byte in a compressed variable is seen when it is read, and not before.
func TestDamaged(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "compressed.mat"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := New("x.mat", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	v := whole.vars[0]
	b[v.from+v.size-2] ^= 1 // the checksum
	f, err := New("x.mat", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(v.Name); err == nil || !strings.Contains(err.Error(), v.Name) || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
	s, err := f.Stream(v.Name)
	if err == nil {
		err = s.Read(make([]float32, s.Left()))
	}
	if err == nil {
		t.Error("a damaged variable is streamed")
	}
	if _, err := f.Read(whole.vars[1].Name); err != nil {
		t.Error(err)
	}
}

// TestWriter: what is written reads back here, and in SciPy.
func TestWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.mat")
	names := []string{"001.Black_footed_Albatross", "grizzly+bear", "", "bär 🐻"}
	write := func(path string, rows, columns int, values []float64, names []string) {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w, err := NewWriter(f, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Doubles("m", rows, columns, values); err != nil {
			t.Fatal(err)
		}
		if err := w.Texts("names", names); err != nil {
			t.Fatal(err)
		}
		if err := w.Doubles("last", 1, 1, []float64{3}); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(0, 5).Draw(t, "rows"), rapid.IntRange(0, 5).Draw(t, "columns")
		values := rapid.SliceOfN(rapid.Float64(), rows*columns, rows*columns).Draw(t, "values")
		names := rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "names")
		write(path, rows, columns, values, names)
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, err := f.Read("m")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Float64s(); err != nil || !slices.Equal(got, values) || !slices.Equal(m.Dims, []int{rows, columns}) {
			t.Fatalf("%v %v", got, err)
		}
		a, err := f.Read("names")
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Texts()
		if err != nil || !slices.Equal(got, names) {
			t.Fatalf("%q %v, not %q", got, err, names)
		}
	})
	write(path, 2, 3, []float64{1, 2, 3, 4, 5.5, math.Inf(1)}, names[:3])
	sameFile(t, path, scipy(t, filepath.Join("testdata", "dump.py"), path))
	w, err := NewWriter(discard{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Columns("big", 1<<15, 1<<15, nil); err == nil || !strings.Contains(err.Error(), "2^32") {
		t.Error(err)
	}
}

type discard struct{ io.Writer }

func (discard) Write(p []byte) (int, error)         { return len(p), nil }
func (discard) Seek(at int64, _ int) (int64, error) { return at, nil }

// FuzzFile: no bytes make the reader panic or hang.
func FuzzFile(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.mat"))
	if err != nil || len(files) < 8 {
		f.Fatal(files, err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m *File
		var err error
		alloctest.AtMost(t, 1<<17+most*len(b)+inflater*(1+len(b)/16), func() { m, err = New("x.mat", bytes.NewReader(b), int64(len(b))) })
		if err != nil {
			return
		}
		alloctest.AtMost(t, 1<<18+most*len(b)+inflated(b, m)*most+(inflater+1<<17)*(1+len(b)/16), func() { m.flattened() })
		for i := range m.all {
			v := &m.all[i]
			if v.err != nil {
				continue
			}
			// What is really there: a compressed variable inflated.
			there := int(v.size)
			if v.compressed {
				if z, err := zlib.NewReader(bytes.NewReader(b[v.from : v.from+v.size])); err == nil {
					n, _ := io.Copy(io.Discard, z)
					there += int(n)
				}
			}
			alloctest.AtMost(t, inflater+most*there, func() {
				if a, err := m.Read(v.Name); err == nil {
					use(a)
				}
			})
			if v.Class == Sparse {
				there *= most // read whole
			}
			alloctest.AtMost(t, inflater+1<<19+there, func() { stream(m, v.Name) })
		}
	})
}

// inflated is how many bytes the compressed variables hold.
func inflated(b []byte, m *File) (n int) {
	for _, v := range m.vars {
		if z, err := zlib.NewReader(bytes.NewReader(b[v.from : v.from+v.size])); v.compressed && err == nil {
			k, _ := io.Copy(io.Discard, z)
			n += int(k)
		}
	}
	return n
}

// What reading may allocate: so many times the bytes that are there, and for each compressed variable what zlib needs.
const (
	most     = 64
	inflater = 1 << 17
)

// stream reads the beginning of a variable.
func stream(m *File, name string) {
	s, err := m.Stream(name)
	if err != nil {
		return
	}
	defer s.Close()
	buf := make([]float32, 100)
	for range 100 {
		if s.Read(buf[:min(int64(len(buf)), s.Left())]) != nil || s.Left() == 0 {
			break
		}
	}
}

func use(a *Array) {
	if a.Class != Sparse || a.Len() < 128 { // a sparse one takes what its zeros take, see TestSparseNumbers
		_, _ = a.Float64s()
		_, _ = a.Int64s()
	}
	_, _ = a.Texts()
	_, _ = a.Text()
	a.imaginary()
	a.nonzeros()
	for _, c := range append(a.Cells, a.fields...) {
		use(c)
	}
}

// TestClaims: headers that ask for far more than there is cost nothing.
func TestClaims(t *testing.T) {
	b := plain(t)
	for at := 128; at < len(b)-4; at += 4 {
		for _, v := range []uint32{0x7fffffff, 0x10000000, 0xffffffff, 0x00ffffff} {
			c := slices.Clone(b)
			c[at], c[at+1], c[at+2], c[at+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
			alloctest.AtMost(t, 100*len(b), func() {
				m, err := New("x.mat", bytes.NewReader(c), int64(len(c)))
				if err != nil {
					return
				}
				for _, v := range m.Variables() {
					if a, err := m.Read(v.Name); err == nil {
						use(a)
					}
				}
			})
		}
	}
}

// imaginary is the imaginary part of a complex array; nil where it is real.
func (a *Array) imaginary() []float64 {
	if !a.Complex {
		return nil
	}
	return a.im.float64s(a.order)
}

// real is the real part of a numeric array, of the nonzeros of a sparse one.
func (a *Array) real() []float64 { return a.re.float64s(a.order) }

// nonzeros are the places of the nonzeros of a sparse array, rows and columns from 0; real and imaginary are their values.
func (a *Array) nonzeros() (rows, columns []int) {
	if a.Class != Sparse {
		return nil, nil
	}
	for j := range a.Dims[1] {
		for k := a.jc.integer(a.order, j); k < a.jc.integer(a.order, j+1); k++ {
			rows, columns = append(rows, int(a.ir.integer(a.order, int(k)))), append(columns, j)
		}
	}
	return rows, columns
}
