package convert

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/features"
	"vzsl/internal/alloctest"
	"vzsl/internal/filetest"
)

// want is the matrix of testdata/make_npy.py.
func want(i, j int) float32 { return float32(i)*100 + float32(j)*0.5 - 3 }

func TestReadNPY(t *testing.T) {
	for _, name := range []string{"c_f4", "c_f8", "big_f4", "big_f8", "fortran_f4", "fortran_f8", "pooled_f4", "v2_f4", "v3_f4"} {
		a, err := openNPY(filepath.Join("testdata", name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		rows, columns, _, err := a.matrix()
		if err != nil || rows != 7 || columns != 5 || a.fortran != strings.HasPrefix(name, "fortran") {
			t.Fatal(name, rows, columns, err)
		}
		for _, r := range [][2]int{{0, 7}, {2, 3}, {3, 7}, {6, 7}} {
			got := make([]float32, (r[1]-r[0])*columns)
			if err := a.readRows(rows, columns, r[0], r[1], got); err != nil {
				t.Fatal(err)
			}
			for k, v := range got {
				if v != want(r[0]+k/columns, k%columns) {
					t.Fatalf("%s rows %v: value %d is %v", name, r, k, v)
				}
			}
		}
		a.close()
	}
}

var toyClasses = []features.Class{{Name: "a", ID: 1}, {Name: "b", ID: 2}, {Name: "c", ID: 3}}

func npyImport(t testing.TB) Import {
	dir := t.TempDir()
	return Import{
		Files: []string{"testdata/c_f4.npy"}, Labels: []string{"testdata/labels_i8.npy"}, Images: []string{filetest.Write(t, filepath.Join(dir, "images.txt"), "0\n1\n2\n3\n4\n5\n6\n")},
		Known: Known{Classes: toyClasses}, Dataset: "toy", Network: "net", Layer: "fc7", Program: "test", Out: filepath.Join(dir, "out"), ShardRows: 3,
	}
}

func TestImportNPY(t *testing.T) {
	text := func(lines ...string) string {
		return filetest.Write(t, filepath.Join(t.TempDir(), "lines.txt"), strings.Join(lines, "\n")+"\n")
	}
	classes := []string{"c", "a", "b", "b", "c", "a", "a"}
	for name, change := range map[string]func(*Import){
		"plain":           func(*Import) {},
		"names":           func(o *Import) { o.Labels = []string{text(classes...)} },
		"names npy":       func(o *Import) { o.Labels = []string{"testdata/labels_text.npy"} },
		"numbers in text": func(o *Import) { o.Labels = []string{text("3", "1", "2", "2", "3", "1", "1")} },
		"places":          func(o *Import) { o.Labels = []string{text("2", "0", "1", "1", "2", "0", "0")} },
		"column":          func(o *Import) { o.Labels = []string{"testdata/labels_column.npy"} },
		"own numbers": func(o *Import) {
			o.Known.Classes = []features.Class{{Name: "b", ID: 2}, {Name: "c", ID: 3}, {Name: "a", ID: 1}}
		},
		"folders": func(o *Import) {
			o.Labels, o.Images = nil, []string{text("c/0", "a/1", "b/2", "b/3", "c/4", "a/5", "a/6")}
		},
		"image names npy":   func(o *Import) { o.Images = []string{"testdata/names_u.npy"} },
		"image names bytes": func(o *Import) { o.Images = []string{"testdata/names_s.npy"} },
		"no image names":    func(o *Import) { o.Images = nil },
		"fortran":           func(o *Import) { o.Files = []string{"testdata/fortran_f8.npy"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := npyImport(t)
			change(&o)
			m, err := Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if m.Rows != 7 || !m.Complete || len(m.Parts) != 3 || m.Source.Dim != 5 || len(m.Source.NetworkSHA256) != 64 {
				t.Errorf("%+v", m)
			}
			c, err := features.OpenCache(context.Background(), o.Out, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for i := range 7 {
				class := c.Classes()[i]
				if class != classes[i] || o.Known.Classes[c.Labels()[i]].Name != class {
					t.Errorf("row %d: class %q, label %d", i, class, c.Labels()[i])
				}
				for j, v := range c.Feature(i) {
					if v != want(i, j) {
						t.Fatalf("row %d: %v", i, c.Feature(i))
					}
				}
			}
			switch name {
			case "image names npy":
				if c.Images()[3] != "é3.jpg" {
					t.Error(c.Images())
				}
			case "image names bytes":
				if c.Images()[3] != "i3.jpg" {
					t.Error(c.Images())
				}
			}
		})
	}
	for _, kind := range []string{"i1", "i2", "i4", "i8", "u1", "u2", "u8", "f4", "f8", "big_u4", "big_i8"} {
		got, err := readList("testdata/labels_"+kind+".npy", "", nil)
		if err != nil || !cmp.Equal(got, []string{"3", "1", "2", "2", "3", "1", "1"}) {
			t.Error(kind, got, err)
		}
	}
}

// Rows that cannot be features are left out and listed, the others stay what they are.
func TestImportNPYSkips(t *testing.T) {
	o := npyImport(t)
	o.Files = []string{"testdata/bad_f8.npy"}
	m, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows != 5 || m.Skipped != 2 {
		t.Errorf("%+v", m)
	}
	b, err := os.ReadFile(filepath.Join(o.Out, "skipped.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("image,reason\n2,row 2 of the features: value 3 is missing or not a number\n5,row 5 of the features: value 0 is not a finite float32\n", string(b)); d != "" {
		t.Error(d)
	}
	c, err := features.OpenCache(context.Background(), o.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for r, i := range []int{0, 1, 3, 4, 6} {
		if c.Images()[r] != fmt.Sprint(i) || c.Feature(r)[1] != want(i, 1) {
			t.Error(r, c.Images()[r], c.Feature(r))
		}
	}
}

func TestImportNPYErrors(t *testing.T) {
	file := func(name, text string) string { return filetest.Write(t, filepath.Join(t.TempDir(), name), text) }
	cut := func(n int) string {
		b, err := os.ReadFile("testdata/c_f4.npy")
		if err != nil {
			t.Fatal(err)
		}
		if n < 0 {
			return file("more.npy", string(b)+"xx")
		}
		return file("cut.npy", string(b[:n]))
	}
	for name, c := range map[string]struct {
		change func(*Import)
		says   []string
	}{
		"no file":          {func(o *Import) { o.Files = []string{"none.npy"} }, []string{"none.npy"}},
		"folder":           {func(o *Import) { o.Files = []string{"testdata"} }, []string{"several formats"}},
		"no npy":           {func(o *Import) { o.Files = []string{file("x.npy", "1 2 3 4 5 6 7 8")} }, []string{"x.npy", "is text"}},
		"empty":            {func(o *Import) { o.Files = []string{file("x.npy", "")} }, []string{"x.npy", "is empty"}},
		"cut header":       {func(o *Import) { o.Files = []string{cut(60)} }, []string{"cut.npy", "header ends early"}},
		"cut":              {func(o *Import) { o.Files = []string{cut(200)} }, []string{"cut.npy", "200 bytes", "268", "truncated"}},
		"more":             {func(o *Import) { o.Files = []string{cut(-1)} }, []string{"more.npy", "270 bytes", "268"}},
		"integer features": {func(o *Import) { o.Files = []string{"testdata/labels_i8.npy"} }, []string{"labels_i8", "a list", "matrix"}},
		"text features":    {func(o *Import) { o.Files = []string{"testdata/names_u.npy"} }, []string{"no features"}},
		"label kind":       {func(o *Import) { o.Kind = "word" }, []string{`"word"`, "id, index, name"}},
		"labels from 0":    {func(o *Import) { o.Labels = []string{file("l.txt", "0\n1\n2\n0\n0\n0\n0\n")}; o.Kind = LabelID }, []string{"l.txt", "row 0", "number 0 counted from 1"}},
		"labels from 1":    {func(o *Import) { o.Kind = LabelIndex }, []string{"row 0", "number 3 counted from 0"}},
		"labels too few":   {func(o *Import) { o.Labels = []string{file("l.txt", "1\n2\n")} }, []string{"l.txt", "2 labels for 7 rows"}},
		"transposed":       {func(o *Import) { o.Labels = []string{file("l.txt", "1\n2\n1\n1\n1\n")} }, []string{"5 labels for 7 rows", "transposed"}},
		"label text":       {func(o *Import) { o.Labels = []string{file("l.txt", "1\n\nx\n1\n1\n1\n1\n1\n")}; o.Kind = LabelID }, []string{"l.txt", "row 1", `"x"`}},
		"label fraction":   {func(o *Import) { o.Labels = []string{"testdata/labels_half.npy"} }, []string{"labels_half.npy", "row 0", `"3.5"`}},
		"label matrix":     {func(o *Import) { o.Labels = []string{"testdata/c_f4.npy"} }, []string{"shape [7 5]", "list"}},
		"numbers as names": {func(o *Import) { o.Kind = LabelName }, []string{`there is no class "3"`}},
		"unknown name":     {func(o *Import) { o.Labels = []string{file("l.txt", "a\na\na\na\na\na\nd\n")} }, []string{"l.txt", "row 6", `"d"`}},
		"no folder": {func(o *Import) {
			o.Labels, o.Images = nil, []string{file("i.txt", "z/1\nz/2\nz/3\nz/4\nz/5\nz/6\nz/7\n")}
		}, []string{"row 0", "no folder in its name is a class", "--unlabelled"}},
		"images too many": {func(o *Import) { o.Images = []string{file("i.txt", "1\n2\n3\n4\n5\n6\n7\n8\n")} }, []string{"i.txt", "8 image names for 7 rows"}},
		"image twice":     {func(o *Import) { o.Images = []string{file("i.txt", "1\n2\n3\n4\n5\n6\n1\n")} }, []string{`"1"`, "duplicate"}},
		"no classes":      {func(o *Import) { o.Known.Classes = nil }, []string{"no class names"}},
		"out is a file":   {func(o *Import) { o.Out = file("out", "") }, []string{"out is a file"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := npyImport(t)
			c.change(&o)
			_, err := Run(context.Background(), o)
			filetest.WantError(t, err, c.says...)
		})
	}
	// Other features of the same shape in the same folder are noticed.
	o := npyImport(t)
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	o.Files = []string{"testdata/bad_f8.npy"}
	_, err := Run(context.Background(), o)
	filetest.WantError(t, err, "network sha256", "--force")
	o.Force = true
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Out += "2"
	_, err = Run(ctx, o)
	filetest.WantError(t, err, "canceled")
}

func FuzzNPYHeader(f *testing.F) {
	for _, name := range []string{"c_f4", "fortran_f8", "labels_text", "v2_f4", "v3_f4", "pooled_f4", "labels_u1"} {
		b, err := os.ReadFile("testdata/" + name + ".npy")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	header := func(s string) []byte {
		return append([]byte("\x93NUMPY\x01\x00"+string([]byte{byte(len(s)), byte(len(s) >> 8)})), s...)
	}
	f.Add(header("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647, 4), }"))
	f.Add(header("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': ()}"))
	f.Add(header("{'shape': (3L,), 'fortran_order': True, \"descr\": '|S0'}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := readNPYHeader(bytes.NewReader(b)); err == nil && (h.elements() < 0 || h.item < 1 || h.data > int64(len(b))) {
			t.Errorf("%+v", h)
		}
		alloctest.AtMost(t, maxNPYHeader+1<<16+64*len(b), func() {
			a, err := npyFrom("x.npy", bytes.NewReader(b), int64(len(b)))
			if err != nil {
				return
			}
			_, _ = a.texts()
			if rows, columns, _, err := a.matrix(); err == nil && a.columnKind().numeric() {
				if err := a.readRows(rows, columns, rows/2, rows, make([]float32, (rows-rows/2)*columns)); err != nil {
					t.Error(err)
				}
			}
		})
	})
}
