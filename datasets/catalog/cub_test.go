package catalog

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/splits"
	"vzsl/internal/filetest"
)

// cubToy makes a miniature of the official layout: ids out of order, a class without images, an image without a file.
func cubToy(t testing.TB) (top, root string) {
	top = t.TempDir()
	root = filepath.Join(top, "CUB_200_2011")
	filetest.Write(t, filepath.Join(root, "classes.txt"), "1 001.A\n2 002.B b\n5 005.C\n")
	filetest.Write(t, filepath.Join(root, "images.txt"), "\ufeff3 005.C/x_1.jpg\r\n1 001.A/x_1.jpg\r\n2 001.A/x 2.jpg\r\n")
	filetest.Write(t, filepath.Join(root, "image_class_labels.txt"), "1 1\n2 1\n3 5\n")
	filetest.Write(t, filepath.Join(root, "images", "001.A", "x_1.jpg"), "")
	filetest.Write(t, filepath.Join(root, "images", "005.C", "x_1.jpg"), "")
	return top, root
}

func TestCUB(t *testing.T) {
	top, root := cubToy(t)
	for _, dir := range []string{top, root} {
		d, err := Open("cub", dir)
		if err != nil {
			t.Fatal(err)
		}
		want := &datasets.Dataset{
			Name: "cub", Root: root, ImageRoot: filepath.Join(root, "images"),
			Classes: []datasets.Class{{Name: "001.A", ID: 1}, {Name: "002.B b", ID: 2}, {Name: "005.C", ID: 5}},
			Images:  []datasets.Image{{Path: "005.C/x_1.jpg", Class: 2}, {Path: "001.A/x_1.jpg", Class: 0}, {Path: "001.A/x 2.jpg", Class: 0}},
			Notes:   d.Notes, Unpictured: d.Unpictured,
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Error(diff)
		}
		filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "1 of the 3 classes have no images", "1 of the 3 images of images.txt have no file", "x 2.jpg")
		if diff := cmp.Diff([]string{"001.A", "002.B b", "005.C"}, d.ClassNames()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCUBErrors(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		says       []string
	}{
		"class without name":  {"classes.txt", "1 001.A\n2\n", []string{"classes.txt:2", "<class id> <name>"}},
		"class id":            {"classes.txt", "1 001.A\nx B\n", []string{"classes.txt:2", `"x"`}},
		"class id zero":       {"classes.txt", "0 001.A\n", []string{"classes.txt:1", `"0"`}},
		"class id twice":      {"classes.txt", "1 001.A\n\n1 B\n", []string{"classes.txt:3", "line 1"}},
		"class name twice":    {"classes.txt", "1 A\n2 A\n", []string{"classes.txt:2", `"A"`, "line 1"}},
		"no classes":          {"classes.txt", "\n", []string{"classes.txt", "empty"}},
		"class of no class":   {"classes.txt", "1 001.A\n2 002.B\n", []string{"image_class_labels.txt:3", "class id 5"}},
		"image twice":         {"images.txt", "1 a.jpg\n2 a.jpg\n3 c.jpg", []string{"images.txt:2", `"a.jpg"`}},
		"image without label": {"images.txt", "1 a.jpg\n2 b.jpg\n3 c.jpg\n4 d.jpg\n", []string{"images.txt:4", "image id 4"}},
		"image outside":       {"images.txt", "1 ../a.jpg\n2 b.jpg\n3 c.jpg\n", []string{"images.txt:1", "../a.jpg"}},
		"image absolute":      {"images.txt", "1 /a.jpg\n2 b.jpg\n3 c.jpg\n", []string{"images.txt:1", "/a.jpg"}},
		"label of no image":   {"image_class_labels.txt", "1 1\n2 1\n3 5\n9 1\n", []string{"image_class_labels.txt:4", "image id 9"}},
		"label twice":         {"image_class_labels.txt", "1 1\n2 1\n2 1\n", []string{"image_class_labels.txt:3", "duplicate"}},
		"label short":         {"image_class_labels.txt", "1 1\n2\n", []string{"image_class_labels.txt:2", "found \"2\""}},
		"label long":          {"image_class_labels.txt", "1 1 1\n", []string{"image_class_labels.txt:1"}},
		"label missing":       {"image_class_labels.txt", "1 1\n2 1\n", []string{"images.txt:1", "image id 3", "image_class_labels.txt"}},
		"latin1":              {"classes.txt", "1 caf\xe9\n", []string{"classes.txt:1", "UTF-8"}},
		"utf16":               {"classes.txt", "\xff\xfe1\x00", []string{"UTF-16"}},
	} {
		t.Run(name, func(t *testing.T) {
			top, root := cubToy(t)
			filetest.Write(t, filepath.Join(root, c.file), c.text)
			_, err := Open("cub", top)
			filetest.WantError(t, err, c.says...)
		})
	}
	for _, file := range []string{"images.txt", "image_class_labels.txt"} {
		top, root := cubToy(t)
		if err := os.Remove(filepath.Join(root, file)); err != nil {
			t.Fatal(err)
		}
		_, err := Open("cub", top)
		filetest.WantError(t, err, file)
	}
}

func TestRealCUB(t *testing.T) {
	dir := filepath.Join(filetest.Data(t), "cub")
	d, err := Open("cub", dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Classes) != 200 || len(d.Images) != 4544 {
		t.Errorf("%d classes, %d images", len(d.Classes), len(d.Images))
	}
	if diff := cmp.Diff([]string{"123 of the 200 classes have no images"}, d.Unpictured); diff != "" {
		t.Error(diff)
	}
	seen, unseen, source, err := PublishedSplit("standard", "cub", d.ClassNames(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string][]string{"standard-seen.txt": seen, "standard-unseen.txt": unseen} {
		want, err := datasets.ReadKnownClasses(filepath.Join(dir, "splits", file), d.ClassNames(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
	if !strings.Contains(source, "Akata") {
		t.Error(source)
	}
	for _, n := range []string{"1", "2", "3"} {
		s, err := splits.ReadLists(filepath.Join(dir, "splits", "validation"+n+"-seen.txt"), filepath.Join(dir, "splits", "validation"+n+"-unseen.txt"), d.ClassNames(), nil)
		if err != nil || len(s.Seen) != 100 || len(s.Unseen) != 50 {
			t.Error(err, len(s.Seen), len(s.Unseen))
		}
	}
}

func TestStandardSplitErrors(t *testing.T) {
	_, _, _, err := PublishedSplit("standard", "flowers", nil, nil)
	filetest.WantError(t, err, `"flowers"`, "cub", "seen and unseen")
	_, _, _, err = PublishedSplit("standard", "cub", []string{"001.A", "002.B"}, nil)
	filetest.WantError(t, err, "198 of the 200", "003")
	_, _, _, err = PublishedSplit("standard", "cub", []string{"Albatross"}, nil)
	filetest.WantError(t, err, "Albatross")
	_, _, _, err = PublishedSplit("standard", "cub", []string{"001.A", "1.B"}, nil)
	filetest.WantError(t, err, "001.A", "1.B")
}

func FuzzCUB(f *testing.F) {
	f.Add("1 001.A\n2 002.B\n", "1 001.A/x.jpg\n", "1 1\n")
	f.Add("1\t001.A\r\n", "7 a b.jpg", "7\t1")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, classes, images, labels string) {
		filetest.Write(t, filepath.Join(dir, "classes.txt"), classes)
		filetest.Write(t, filepath.Join(dir, "images.txt"), images)
		filetest.Write(t, filepath.Join(dir, "image_class_labels.txt"), labels)
		d, err := Open("cub", dir)
		if err != nil {
			return
		}
		for _, m := range d.Images {
			if m.Class < 0 || m.Class >= len(d.Classes) || !filepath.IsLocal(filepath.FromSlash(m.Path)) {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestCUBBoxes(t *testing.T) {
	_, root := cubToy(t) // image ids 3, 1, 2
	d, err := Open("cub", root)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "bounding_boxes.txt")
	_, err = cubBoxes(d)
	filetest.WantError(t, err, "no bounding_boxes.txt in "+root)
	filetest.Write(t, file, "1 60.0 27.0 325.0 304.0\n2 1 2 3 4\n3 0.5 0 7.25 8\n")
	boxes, err := cubBoxes(d)
	want := []datasets.Box{{X: 0.5, W: 7.25, H: 8}, {X: 60, Y: 27, W: 325, H: 304}, {X: 1, Y: 2, W: 3, H: 4}}
	if err != nil || !slices.Equal(boxes, want) {
		t.Error(boxes, err)
	}
	if a, b := datasets.BoxesSHA256(want), datasets.BoxesSHA256(want[:2]); len(a) != 64 || a == b {
		t.Error(a, b)
	}
	for text, say := range map[string]string{
		"1 1 2 3 4\n2 1 2 3 4\n": "image id 3 (005.C/x_1.jpg) has no line",
		"1 1 2 3 4\n1 1 2 3 4\n": "txt:2: image id 1 is already in line 1",
		"1 1 2 3\n":              "txt:1: expected",
		"9 1 2 3 4\n":            "txt:1: image id 9 is not in images.txt",
		"1 1 2 0 4\n":            "txt:1: a box of 0 x 4",
		"1 1 NaN 3 4\n":          `txt:1: "NaN"`,
		"1 1 2 x 4\n":            `txt:1: "x"`,
		"0 1 2 3 4\n":            "image id",
	} {
		filetest.Write(t, file, text)
		_, err := cubBoxes(d)
		filetest.WantError(t, err, "bounding_boxes", say)
	}
}

// cubFolder makes a miniature of the official layout, attributes.txt in the folder named by where.
func cubFolder(t testing.TB, where string) string {
	top := t.TempDir()
	root := filepath.Join(top, "CUB_200_2011")
	filetest.Write(t, filepath.Join(root, "classes.txt"), "1 001.A\n2 002.B\n3 003.C\n")
	filetest.Write(t, filepath.Join(root, "attributes", cubMatrix), "1.5 2\n3  4.25\n0 100\n")
	if where != "-" {
		filetest.Write(t, filepath.Join(top, where, "attributes.txt"), "1 has_bill_shape::curved_(up_or_down)\n2 has_wing_color::blue\n")
	}
	return top
}

func TestReadCUB(t *testing.T) {
	for _, where := range []string{"", "CUB_200_2011", "CUB_200_2011/attributes", "-"} {
		for _, below := range []string{"", "CUB_200_2011"} {
			top := cubFolder(t, where)
			got, err := describeCUB(filepath.Join(top, below), []string{"003.C", "001.A"}, "")
			if err != nil {
				t.Fatal(err)
			}
			names := []string{"has_bill_shape::curved_(up_or_down)", "has_wing_color::blue"}
			if where == "-" {
				names = []string{"attribute_001", "attribute_002"}
			}
			if d := cmp.Diff(names, got.Names); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([][]float32{{0, 100}, {1.5, 2}}, got.Values); d != "" {
				t.Error(d)
			}
			if len(got.Notes) == 0 {
				t.Error("the row left out is not said")
			}
		}
	}
}

func TestReadCUBErrors(t *testing.T) {
	const m = "CUB_200_2011/attributes/" + cubMatrix
	for name, c := range map[string]struct {
		file, text string
		says       []string
	}{
		"missing row": {m, "1 2\n3 4\n", []string{cubMatrix, "expected 3 rows", "found 2"}},
		"a row more":  {m, "1 2\n3 4\n5 6\n7 8\n", []string{cubMatrix + ":4", "expected 3 rows", "found more"}},
		"short row":   {m, "1 2\n3\n5 6\n", []string{cubMatrix + ":2", "expected 2 values, found 1"}},
		"word":        {m, "1 2\n3 x\n5 6\n", []string{cubMatrix + ":2", `attribute "has_wing_color::blue" of class "002.B"`, `"x"`}},
		"not finite":  {m, "1 2\n3 nan\n5 6\n", []string{cubMatrix + ":2", `"nan"`}},
		"empty":       {m, "", []string{"expected 3 rows", "found 0"}},
		"names":       {"attributes.txt", "1 a\n3 b\n", []string{"attributes.txt:2", "expected number 2"}},
		"one name":    {"attributes.txt", "1 a\n", []string{cubMatrix + ":1", "expected 1 values, found 2"}},
		"classes":     {"CUB_200_2011/classes.txt", "1 001.A\n2 002.B\n3 003.D\n", []string{"003.C"}},
	} {
		t.Run(name, func(t *testing.T) {
			top := cubFolder(t, "")
			filetest.Write(t, filepath.Join(top, c.file), c.text)
			_, err := describeCUB(top, []string{"001.A", "002.B", "003.C"}, "")
			filetest.WantError(t, err, c.says...)
		})
	}
	_, err := describeCUB(t.TempDir(), nil, "")
	filetest.WantError(t, err, cubMatrix, "https://")
}

// The expected numbers are those of numpy.loadtxt: the sum and the value [8,100].
func TestRealCUBAttributes(t *testing.T) {
	dir := filepath.Join(filetest.Data(t), "cub")
	order, err := attributes.ReadNames(filepath.Join(dir, "CUB_200_2011", "classes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "CUB_200_2011")} {
		got, err := describeCUB(d, order, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Values) != 200 || len(got.Names) != 312 || len(got.Notes) != 0 || got.Missing() != 0 {
			t.Fatalf("%d x %d, notes %v", len(got.Values), len(got.Names), got.Notes)
		}
		sum := 0.0
		for _, row := range got.Values {
			for _, v := range row {
				sum += float64(v)
			}
		}
		if want := 710593.7467; math.Abs(sum-want) > 0.01 {
			t.Errorf("sum %v, numpy %v", sum, want)
		}
		if got.Values[8][100] != 30.7142857143 || got.Names[0] != "has_bill_shape::curved_(up_or_down)" {
			t.Error(got.Values[8][100], got.Names[0])
		}
	}
}
