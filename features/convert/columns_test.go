package convert

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// fake is a table of columns without values, but for texts.
type fake struct {
	columns []Column
	texts   map[string][]string
}

func (f *fake) Path() string      { return "t.x" }
func (f *fake) Columns() []Column { return f.columns }
func (f *fake) Texts(columns ...int) (all [][]string, err error) {
	for _, c := range columns {
		all = append(all, f.texts[f.columns[c].Name])
	}
	return all, nil
}
func (f *fake) Values(...int) (Values, error) { return nil, fmt.Errorf("none") }
func (f *fake) SHA256() (string, error)       { return "", nil }
func (f *fake) Close() error                  { return nil }
func (f *fake) add(kind Kind, list ...string) *fake {
	for _, name := range list {
		f.columns = append(f.columns, Column{Name: name, Kind: kind, Type: "T", Rows: 4, Width: 1})
	}
	return f
}

func (f *fake) vectors(list ...string) *fake {
	for _, name := range list {
		f.columns = append(f.columns, Column{Name: name, Kind: Number, Type: "T", Rows: 4, Width: 3, List: true})
	}
	return f
}

func (f *fake) with(name string, texts ...string) *fake {
	if f.texts == nil {
		f.texts = map[string][]string{}
	}
	f.texts[name] = texts
	return f
}

func (f *fake) index(name string) *fake {
	for i := range f.columns {
		if f.columns[i].Name == name {
			f.columns[i].Index = true
		}
	}
	return f
}

func columns() *fake { return &fake{} }

// named are the roles by the names of their columns.
func named(f *fake, a *roles) string {
	of := func(i int) string {
		if i < 0 {
			return "-"
		}
		return f.columns[i].Name
	}
	var list []string
	for _, i := range a.features {
		list = append(list, of(i))
	}
	return strings.Join([]string{of(a.image), of(a.class), of(a.label), strings.Join(list, ",")}, " ")
}

func TestResolveFeatures(t *testing.T) {
	for name, c := range map[string]struct {
		table  *fake
		choice Choice
		want   string // image, class, label, features
		says   []string
	}{
		"vectors":                {columns().add(Text, "image", "class").vectors("feature"), Choice{}, "image class - feature", nil},
		"number and name":        {columns().add(Text, "path", "class_name").add(Integer, "label").vectors("emb"), Choice{}, "path class_name label emb", nil},
		"scalars beside":         {columns().add(Text, "path", "caption").add(Number, "similarity").add(Integer, "width").vectors("emb"), Choice{}, "path - - emb", []string{`left out: "caption", "similarity", "width"`}},
		"flat":                   {columns().add(Text, "image", "class").add(Number, "f0", "f1").add(Integer, "f2"), Choice{}, "image class - f0,f1,f2", nil},
		"flat, own names":        {columns().add(Text, "image", "class").add(Number, "red", "green"), Choice{}, "image class - red,green", nil},
		"flat, numbers":          {columns().add(Text, "class").add(Number, "0", "1", "2"), Choice{}, "- class - 0,1,2", nil},
		"label beside":           {columns().add(Text, "image", "class").add(Integer, "label").add(Number, "f0", "f1"), Choice{}, "image class label f0,f1", nil},
		"row numbers":            {columns().add(Integer, "id").add(Text, "class").add(Number, "f0", "f1").with("id", "1", "2", "3", "4"), Choice{}, "- class - f0,f1", []string{`left out: "id" (it numbers the rows)`}},
		"index of numbers":       {columns().add(Integer, "").add(Text, "class").add(Number, "f0", "f1").index(""), Choice{}, "- class - f0,f1", []string{"index of a data frame"}},
		"index of names":         {columns().add(Text, "").add(Number, "f0", "f1").index(""), Choice{}, " - - f0,f1", nil},
		"pattern":                {columns().add(Text, "class").add(Number, "f0", "f1", "score"), Choice{Features: []string{"f*"}}, "- class - f0,f1", []string{`left out: "score"`}},
		"ignored":                {columns().add(Text, "class").add(Number, "f0", "f1", "score"), Choice{Ignore: []string{"s*"}}, "- class - f0,f1", nil},
		"two vectors, named":     {columns().vectors("fc6", "fc7"), Choice{Features: []string{"fc7"}}, "- - - fc7", nil},
		"two vectors, one usual": {columns().vectors("other", "features"), Choice{}, "- - - features", []string{`left out: "other"`}},
		"class of numbers":       {columns().add(Integer, "class").vectors("x"), Choice{}, "- - class x", nil},
		"explicit columns":       {columns().add(Text, "a", "b").add(Integer, "c").vectors("x"), Choice{Image: "a", Class: "b", Label: "c"}, "a b c x", nil},
		"image numbers":          {columns().add(Integer, "id").add(Text, "class").vectors("x"), Choice{Image: "id"}, "id class - x", nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := resolveFeatures(c.table, c.choice)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, named(c.table, a)); d != "" {
				t.Error(d)
			}
			for _, s := range c.says {
				if !strings.Contains(strings.Join(a.said, "\n"), s) {
					t.Errorf("%q does not say %q", a.said, s)
				}
			}
		})
	}
	why := columns().add(Text, "class", "f0").add(Number, "f1", "f2")
	why.columns[1].Why = "t.x:7 holds \"abc\", the others numbers"
	other := columns().add(Other, "image").vectors("x")
	other.columns[0].Why = "bytes"
	unread := columns().add(Other, "feature").add(Integer, "label")
	unread.columns[0].Why = "a row is a list of 2 lists"
	for name, c := range map[string]struct {
		table  *fake
		choice Choice
		says   []string
	}{
		"two classes":       {columns().add(Text, "class", "category").vectors("x"), Choice{}, []string{`"class", "category"`, "--class-column", "--ignore-column"}},
		"two images":        {columns().add(Text, "image", "path").vectors("x"), Choice{}, []string{"--image-column"}},
		"two labels":        {columns().add(Integer, "label", "class_id").vectors("x"), Choice{}, []string{"--label-column"}},
		"two vectors":       {columns().vectors("fc6", "fc7"), Choice{}, []string{"2 columns of vectors", "--feature-column"}},
		"score":             {columns().add(Text, "class").add(Number, "f0", "f1", "score"), Choice{}, []string{`"score" holds numbers beside the features`, "--ignore-column", "'f[0-9]*'"}},
		"unlike the others": {columns().add(Text, "class").add(Number, "f0", "f1", "brightness"), Choice{}, []string{`"brightness"`}},
		"id":                {columns().add(Text, "class").add(Integer, "id").add(Number, "red").with("id", "7", "3", "1", "2"), Choice{}, []string{`"id"`}},
		"text among":        {why, Choice{}, []string{`"f0"`, "t.x:7", "--ignore-column"}},
		"text in a row":     {columns().add(Number, "f0", "f1").add(Text, "f2"), Choice{}, []string{`"f2" holds text`}},
		"no such column":    {columns().add(Text, "image").vectors("x"), Choice{Class: "kind"}, []string{`"kind"`, "--class-column", `"image", "x"`}},
		"no such feature":   {columns().vectors("x"), Choice{Features: []string{"y*"}}, []string{`"y*"`, "--feature-column"}},
		"no such ignored":   {columns().vectors("x"), Choice{Ignore: []string{"y"}}, []string{`"y"`, "--ignore-column"}},
		"wrong kind":        {columns().add(Text, "image").vectors("x"), Choice{Class: "x"}, []string{`"x"`, "cannot be the class names"}},
		"image unreadable":  {other, Choice{}, []string{`"image"`, "bytes", "--ignore-column"}},
		"unreadable":        {unread, Choice{}, []string{`"feature"`, "2 lists"}},
		"nothing":           {columns().add(Text, "image", "class"), Choice{}, []string{"no features"}},
		"twice":             {columns().add(Number, "f0", "f0"), Choice{}, []string{"two columns", `"f0"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolveFeatures(c.table, c.choice)
			filetest.WantError(t, err, append(c.says, "t.x")...)
		})
	}
}

func TestResolveDescriptions(t *testing.T) {
	f := columns().add(Integer, "").add(Text, "class", "note").add(Number, "size").add(Bool, "wings").index("")
	class, attributes, said, err := ResolveDescriptions(f, Choice{})
	if err != nil || class != 1 || !cmp.Equal(attributes, []int{3, 4}) || !strings.Contains(strings.Join(said, "\n"), `left out: "note"`) {
		t.Error(class, attributes, said, err)
	}
	_, _, _, err = ResolveDescriptions(columns().add(Text, "class").add(Integer, "id").add(Number, "size").with("id", "5", "6", "9", "1"), Choice{})
	filetest.WantError(t, err, `"id"`, "--ignore-column", "--attribute-column")
	class, attributes, _, err = ResolveDescriptions(columns().add(Text, "name").add(Integer, "label").add(Number, "x").with("label", "0", "1", "2", "3"), Choice{})
	if err != nil || class != 0 || !cmp.Equal(attributes, []int{2}) {
		t.Error(class, attributes, err)
	}
}

func TestAboutColumns(t *testing.T) {
	a := aboutColumns(`{"index_columns": ["key", {"kind": "range"}], "columns": []}`,
		`{"info": {"features": {"label": {"names": ["ant", "bee"], "_type": "ClassLabel"}, "x": {"dtype": "int64", "_type": "Value"}}}}`)
	if !a.index("key") || !a.index("__index_level_0__") || a.index("x") || !cmp.Equal(a.names["label"], []string{"ant", "bee"}) || a.names["x"] != nil {
		t.Errorf("%+v", a)
	}
	if a = aboutColumns("no json", ""); a.index("x") || len(a.names) > 0 {
		t.Errorf("%+v", a)
	}
}

var toyKnown = Known{
	Classes: []features.Class{{Name: "zebra", ID: 1}, {Name: "ant", ID: 2, WNID: "n001"}, {Name: "\u00e9l\u00e9phant", ID: 3}},
	Images:  []features.Image{{Path: "ant/7.jpg", Class: 1}, {Path: "x/y/8.jpg", Class: 0}},
}

func TestLabels(t *testing.T) {
	row := func(s ...string) []string { return s }
	images := row("row-0", "row-1", "row-2")
	for name, c := range map[string]struct {
		kind                   string
		images, names, numbers []string
		want                   []int
		says                   string // of an error, or of what was taken
	}{
		"names":                {"", images, row("ant", "zebra", "ant"), nil, []int{1, 0, 1}, ""},
		"wnid, other form":     {"", images, row("n001", "e\u0301le\u0301phant", "ant"), nil, []int{1, 2, 1}, ""},
		"unknown":              {"", images, row("ant", "zebu", "ant"), nil, nil, `did you mean "zebra"`},
		"none":                 {"", images, row("ant", "", "ant"), nil, nil, "row 1 (from 0) has no class"},
		"from 1":               {"", images, nil, row("1", "3", "2"), []int{0, 2, 1}, "from 1"},
		"from 0":               {"", images, nil, row("0", "1", "2"), []int{0, 1, 2}, "from 0"},
		"savetxt":              {"", images, nil, row("1.000000000000000000e+00", "3.0", "2"), []int{0, 2, 1}, ""},
		"doubtful":             {"", images, nil, row("1", "2", "1"), nil, "--label-kind"},
		"doubtful, told":       {"index", images, nil, row("1", "2", "1"), []int{1, 2, 1}, ""},
		"doubtful, by images":  {"", row("ant/1.jpg", "b", "c"), nil, row("1", "2", "1"), []int{1, 2, 1}, "from 0"},
		"neither":              {"", images, nil, row("0", "3", "1"), nil, "no class has the number"},
		"beyond":               {"", images, nil, row("1", "9", "1"), nil, "no class has the number 9"},
		"missing":              {"", images, nil, row("1", "", "1"), nil, "row 1"},
		"by folder":            {"", row("ant/1.jpg", "zebra/2.jpg", "a/b/ant/3.jpg"), nil, nil, []int{1, 0, 1}, ""},
		"by folder of a wnid":  {"", row("train/n001/1.jpg", "zebra/2.jpg", "zebra/3.jpg"), nil, nil, []int{1, 0, 0}, ""},
		"by the dataset":       {"", row("ant/7.jpg", "x/y/8.jpg", "zebra/3.jpg"), nil, nil, []int{1, 0, 0}, ""},
		"by the file's name":   {"", row("ant_1.jpg", "zebra_10002.jpg", "n001_26.JPEG"), nil, nil, []int{1, 0, 1}, ""},
		"no labels":            {"", images, nil, nil, []int{-1, -1, -1}, "not labelled"},
		"some without":         {"", row("ant/1.jpg", "b", "c"), nil, nil, nil, "--unlabelled"},
		"strange folder":       {"", row("cow/1.jpg", "cow/2.jpg", "cow/3.jpg"), nil, nil, nil, "no folder in its name is a class"},
		"against the folder":   {"", row("ant/1.jpg", "b", "c"), row("zebra", "ant", "ant"), nil, nil, `ant/1.jpg is labelled "zebra" but belongs to "ant"`},
		"number and folder":    {"", row("ant/1.jpg", "b", "c"), nil, row("1", "3", "2"), nil, "contradict"},
		"names and numbers":    {"", images, row("ant", "zebra", "ant"), row("2", "1", "2"), []int{1, 0, 1}, "agree with the class names"},
		"names against number": {"", images, row("ant", "zebra", "ant"), row("1", "2", "1"), nil, "--ignore-column"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLabeller(toyKnown, c.kind)
			var got []int
			var err error
			if c.names == nil && c.numbers == nil {
				got, err = l.fromImages(c.images)
			} else {
				got, err = l.labelled(c.images, c.names, c.numbers, "names.x", "numbers.x")
			}
			if c.want == nil {
				filetest.WantError(t, err, c.says)
				return
			}
			if err != nil || !cmp.Equal(c.want, got) || !strings.Contains(strings.Join(l.said, "\n"), c.says) {
				t.Error(got, l.said, err)
			}
		})
	}
	// Folders without a class file are in nobody's order.
	l := newLabeller(Known{Classes: []features.Class{{Name: "a"}, {Name: "b"}}}, "")
	_, err := l.labelled(images, nil, row("0", "1", "0"), "", "numbers.x")
	filetest.WantError(t, err, "--label-names", "classes.csv")
	if got, err := l.labelled(images, row("a", "b", "a"), row("9", "4", "9"), "names.x", "numbers.x"); err != nil || !cmp.Equal(got, []int{0, 1, 0}) {
		t.Error(got, err)
	}
	_, err = l.labelled(images, row("a", "b", "a"), row("9", "4", "4"), "names.x", "numbers.x")
	filetest.WantError(t, err, "--ignore-column")
	// Classes that are called by numbers.
	l = newLabeller(Known{Classes: []features.Class{{Name: "1", ID: 1}, {Name: "0", ID: 2}}}, "")
	_, err = l.labelled(images, nil, row("0", "1", "0"), "", "numbers.x")
	filetest.WantError(t, err, "class names or class numbers")
	l.kind = LabelName
	if got, err := l.labelled(images, row("0", "1", "0"), nil, "names.x", ""); err != nil || !cmp.Equal(got, []int{1, 0, 1}) {
		t.Error(got, err)
	}
}

func TestOwnImages(t *testing.T) {
	l := newLabeller(toyKnown, "")
	if got := l.ownImages([]string{"/home/u/ant/7.jpg", `C:\data\x\y\8.jpg`, "else.jpg"}); !cmp.Equal(got, []string{"ant/7.jpg", "x/y/8.jpg", "else.jpg"}) {
		t.Error(got)
	}
	if got := l.ownImages([]string{"8.jpg", "7.jpg"}); !cmp.Equal(got, []string{"x/y/8.jpg", "ant/7.jpg"}) {
		t.Error(got)
	}
	if got := l.ownImages([]string{"8.jpg", "9.jpg"}); !cmp.Equal(got, []string{"8.jpg", "9.jpg"}) {
		t.Error(got)
	}
}

// Several files are one table; their labels follow each other too.
func TestSeveralFiles(t *testing.T) {
	o := toyImport(t)
	o.Files = []string{"testdata/c_f4.npy", "testdata/fortran_f8.npy"}
	o.Labels = []string{"testdata/labels_i8.npy", "testdata/labels_text.npy"}
	_, err := Run(context.Background(), o)
	filetest.WantError(t, err, "labels_i8.npy", `there is no class "3"`)
	o.Labels[1] = "testdata/labels_u1.npy"
	m, err := Run(context.Background(), o)
	if err != nil || m.Rows != 14 {
		t.Fatal(m, err)
	}
	c, err := features.OpenCache(context.Background(), o.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for r := range 14 {
		if c.Feature(r)[2] != want(r%7, 2) || c.Labels()[r] != []int32{2, 0, 1, 1, 2, 0, 0}[r%7] {
			t.Fatal(r, c.Feature(r), c.Labels()[r])
		}
	}
	// As many labels as values: rows of a NumPy matrix are images all the same.
	five := filetest.Write(t, t.TempDir()+"/five.txt", "1\n1\n2\n2\n3\n")
	turned := o
	turned.Labels, turned.Out = []string{five}, t.TempDir()
	_, err = Run(context.Background(), turned)
	filetest.WantError(t, err, "5 labels for 14 rows", "transposed")
	o.Files[1] = "testdata/kinds/numpy_f4-f.npy"
	_, err = Run(context.Background(), o)
	filetest.WantError(t, err, "numpy_f4-f.npy", "3 values in a row", "5")
}
