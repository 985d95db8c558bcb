package attributes

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vzsl/internal/alloctest"
	"vzsl/internal/filetest"
)

var nan = float32(math.NaN())

func TestReadCSV(t *testing.T) {
	classes := []string{"zebra", "giant panda", "cat, domestic"}
	want := [][]float32{{1, 0.5}, {0, nan}, {-2, 3e-3}}
	for name, text := range map[string]string{
		"plain":         "class,striped,size\nzebra,1,0.5\ngiant panda,0,\n\"cat, domestic\",-2,3e-3\n",
		"order":         "class,striped,size\n\"cat, domestic\",-2,.003\ngiant panda,0,NA\nzebra,1,0.5\n",
		"bom crlf":      "\ufeffclass,striped,size\r\nzebra,1,0.5\r\ngiant panda,0,?\r\n\"cat, domestic\",-2,0.003\r\n",
		"old mac":       "class,striped,size\rzebra,1,0.5\rgiant panda,0,?\r\"cat, domestic\",-2,0.003\r",
		"semicolon":     "class;striped;size\nzebra;1;0,5\ngiant panda;0;NaN\ncat, domestic;-2;0,003\n",
		"tab":           "class\tstriped\tsize\nzebra\t1\t0.5\ngiant panda\t0\t\ncat, domestic\t-2\t0.003",
		"blanks":        "\nclass, striped, size\n\nzebra, 1, 0.5\n , , \n giant panda ,0, n/a\n\"cat, domestic\", -2,0.003\n\n",
		"empty columns": "class,striped,size,,\nzebra,1,0.5,,\ngiant panda,0,,,\n\"cat, domestic\",-2,0.003,,\n",
		"quoted header": "\"Class\",\"striped\",\"size\"\n\"zebra\",\"1\",\"0.5\"\ngiant panda,0,\"\"\n\"cat, domestic\",-2,0.003\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadFile(filetest.Write(t, filepath.Join(t.TempDir(), "a.csv"), text), FileOptions{Classes: classes})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&Table{Names: []string{"striped", "size"}, Classes: classes, Values: want, Source: "a.csv"}, got, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(Table{}, "Notes")); d != "" {
				t.Error(d)
			}
			if got.Missing() != 1 || len(got.Notes) != 2 || !strings.Contains(got.Notes[1], "class names: column") {
				t.Error(got.Missing(), got.Notes)
			}
		})
	}
}

func TestReadCSVExtra(t *testing.T) {
	p := filetest.Write(t, filepath.Join(t.TempDir(), "a.csv"), "class,x\nb,1\na,2\nc,3\n")
	got, err := ReadFile(p, FileOptions{Classes: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Notes) != 3 || !strings.Contains(got.Notes[2], "2 rows") || !strings.Contains(got.Notes[2], "b, c") {
		t.Error(got.Notes)
	}
}

func TestReadCSVErrors(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		says []string
	}{
		"empty":          {"", []string{"a.csv", "is empty"}},
		"no header":      {"zebra,1,2\n", []string{"a.csv", "no rows"}},
		"no class":       {"animal,x\nzebra,1\n", []string{"a.csv", `"class"`, "--class-column", "header missing"}},
		"no attributes":  {"class\nzebra\n", []string{"a.csv", "no attributes"}},
		"twice":          {"class,x,x\nzebra,1,2\n", []string{"two columns", `"x"`}},
		"nameless":       {"class,,x\nzebra,1,2\n", []string{"column 2 has no name"}},
		"word":           {"class,x,y\nzebra,1,2\npanda,3,much\nape,1,1\n", []string{"a.csv:3:9", `"y"`, `"much"`, "--ignore-column"}},
		"infinite":       {"class,x\nzebra,inf\n", []string{"a.csv", `"x"`, `"zebra"`, "infinite"}},
		"too large":      {"class,x\nzebra,1e39\n", []string{"a.csv", `"x"`, `"zebra"`, "beyond float32"}},
		"short":          {"class,x,y\nzebra,1\n", []string{"a.csv:2", "expected 3 fields", "found 2"}},
		"long":           {"class,x\nzebra,1,2\n", []string{"a.csv:2", "expected 2 fields", "found 3"}},
		"twice a class":  {"class,x\nzebra,1\npanda,2\nzebra,1\n", []string{"a.csv", "row 3", `"zebra"`, "row 1"}},
		"nameless class": {"class,x\n,1\nzebra,1\n", []string{"a.csv", "row 1 has no class name"}},
		"missing":        {"class,x\nPanda,1\n", []string{"2 of the dataset's 2 classes", "zebra", `panda (written "Panda" there)`}},
		"quote":          {"class,x\n\"zebra,1\n", []string{"a.csv:"}},
		"latin1":         {"class,x\nz\xe9bra,1\n", []string{"a.csv:2:1", "UTF-8"}},
		"utf16":          {"\xff\xfec\x00", []string{"UTF-16"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadFile(filetest.Write(t, filepath.Join(t.TempDir(), "a.csv"), c.text), FileOptions{Classes: []string{"zebra", "panda"}})
			filetest.WantError(t, err, c.says...)
		})
	}
	_, err := ReadFile(filepath.Join(t.TempDir(), "none.csv"), FileOptions{})
	filetest.WantError(t, err, "none.csv")
	_, err = ReadFile(t.TempDir(), FileOptions{})
	filetest.WantError(t, err, "no tables in")
}

func matrixGen(missing bool) *rapid.Generator[[][]float32] {
	return rapid.Custom(func(t *rapid.T) [][]float32 {
		n, d := rapid.IntRange(1, 12).Draw(t, "classes"), rapid.IntRange(1, 8).Draw(t, "attributes")
		value := rapid.OneOf(rapid.Float32Range(-1000, 1000), rapid.SampledFrom([]float32{0, 1, -1, 100}))
		rows := make([][]float32, n)
		for i := range rows {
			rows[i] = make([]float32, d)
			for k := range rows[i] {
				rows[i][k] = value.Draw(t, "value")
				if missing && i > 0 && rapid.IntRange(0, 4).Draw(t, "missing") == 0 {
					rows[i][k] = nan
				}
			}
		}
		return rows
	})
}

func length(v []float32) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	return math.Sqrt(s)
}

func TestNormaliserProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		missing := rapid.SampledFrom(MissingPolicies()).Draw(t, "policy")
		rows := matrixGen(missing == MissingClassMean).Draw(t, "rows")
		kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		n, err := Fit(kind, rows, missing)
		if err != nil {
			t.Fatal(err)
		}
		dim := len(rows[0])
		out := make([][]float32, len(rows))
		for i, row := range rows {
			out[i] = make([]float32, n.Width())
			if err := n.Apply(row, out[i]); err != nil {
				t.Fatal(err)
			}
			if n.Views() == 1 {
				inPlace := append([]float32{}, row...)
				if err := n.Apply(inPlace, inPlace); err != nil || !cmp.Equal(inPlace, out[i]) {
					t.Fatalf("in place %v, aside %v", inPlace, out[i])
				}
			}
			for _, v := range out[i] {
				if v != v || math.IsInf(float64(v), 0) {
					t.Fatalf("row %d becomes %v", i, out[i])
				}
			}
			if l := length(out[i]); (kind == L2 || kind == CentreL2 || kind == SqrtCentreL2) && l != 0 && math.Abs(l-1) > 1e-5 {
				t.Fatalf("length %v", l)
			}
		}
		if kind == Standardise {
			for k := range dim {
				mean, square := 0.0, 0.0
				for _, row := range out {
					mean += float64(row[k]) / float64(len(rows))
					square += float64(row[k]) * float64(row[k]) / float64(len(rows))
				}
				if math.Abs(mean) > 1e-4 || (math.Abs(square-1) > 1e-3 && square != 0) {
					t.Fatalf("attribute %d: mean %v, mean square %v", k, mean, square)
				}
			}
		}
		// Stored and read again it is the same to the bit, for other classes too.
		b, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var again Normaliser
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		other := make([]float32, dim)
		for k := range other {
			other[k] = rapid.Float32Range(-1e4, 1e4).Draw(t, "other")
		}
		a, c := make([]float32, n.Width()), make([]float32, n.Width())
		if err := n.Apply(other, a); err != nil {
			t.Fatal(err)
		}
		if err := again.Apply(other, c); err != nil {
			t.Fatal(err)
		}
		for k := range a {
			if math.Float32bits(a[k]) != math.Float32bits(c[k]) {
				t.Fatalf("%v stored becomes %v", a, c)
			}
		}
	})
}

func TestNormaliserByHand(t *testing.T) {
	rows := [][]float32{{1, 5, 2}, {3, 5, nan}, {5, 5, 4}}
	for kind, want := range map[string][]float32{
		None:        {7, 6, 3},
		L2:          {7 / float32(math.Sqrt(94)), 6 / float32(math.Sqrt(94)), 3 / float32(math.Sqrt(94))},
		Standardise: {4 / float32(math.Sqrt(8./3)), 0, 0}, // means 3, 5, 3; the second is constant
		CentreL2:    {4 / float32(math.Sqrt(17)), 1 / float32(math.Sqrt(17)), 0},
		SqrtCentreL2: func() []float32 {
			root := math.Sqrt
			x, y := root(7)-(1+root(3)+root(5))/3, root(6)-root(5)
			z := root(3) - (root(2)+root(3)+2)/3 // filled before the root is taken
			length := root(x*x + y*y + z*z)
			return []float32{float32(x / length), float32(y / length), float32(z / length)}
		}(),
	} {
		n, err := Fit(kind, rows, MissingClassMean)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 3)
		if err := n.Apply([]float32{7, 6, nan}, got); err != nil { // the missing one becomes (2+4)/2
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-6, 0)); d != "" {
			t.Error(kind, d)
		}
	}
	both, err := Fit(BothCentreL2, rows, MissingClassMean)
	if err != nil {
		t.Fatal(err)
	}
	joined := make([]float32, both.Width())
	if err := both.Apply([]float32{7, 6, 3}, joined); err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{CentreL2, SqrtCentreL2} {
		n, err := Fit(kind, rows, MissingClassMean)
		if err != nil {
			t.Fatal(err)
		}
		part := make([]float32, 3)
		if err := n.Apply([]float32{7, 6, 3}, part); err != nil || !cmp.Equal(part, joined[3*i:3*i+3]) {
			t.Errorf("%s: %v, within %s %v (%v)", kind, part, BothCentreL2, joined[3*i:3*i+3], err)
		}
	}
}

// TestSignedRoot: values below zero keep their sign under sqrt-centre-l2.
func TestSignedRoot(t *testing.T) {
	n, err := Fit(SqrtCentreL2, [][]float32{{-4, 1}, {4, 1}}, "")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 2)
	if err := n.Apply([]float32{-9, 1}, got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{-1, 0}, got); d != "" {
		t.Error(d)
	}
}

func TestNormaliserErrors(t *testing.T) {
	_, err := Fit("softmax", [][]float32{{1}}, "")
	filetest.WantError(t, err, "softmax", "centre-l2")
	_, err = Fit(None, [][]float32{{1}}, "guess")
	filetest.WantError(t, err, "guess", "class-mean")
	_, err = Fit(None, nil, "")
	filetest.WantError(t, err, "no classes")
	_, err = Fit(None, [][]float32{{}}, "")
	filetest.WantError(t, err, "no attributes")
	_, err = Fit(None, [][]float32{{1, 2}, {1}}, "")
	filetest.WantError(t, err, "class 1")
	_, err = Fit(None, [][]float32{{1, 2}, {1, nan}}, "")
	filetest.WantError(t, err, "class 1", "attribute 1", "missing", "class-mean")
	_, err = Fit(L2, [][]float32{{1, nan}, {1, nan}}, MissingClassMean)
	filetest.WantError(t, err, "attribute 1 has no value")
	_, err = Fit(L2, [][]float32{{float32(math.Inf(1))}}, MissingClassMean)
	filetest.WantError(t, err, "Inf")
	n, err := Fit(L2, [][]float32{{1, 2}}, "")
	if err != nil {
		t.Fatal(err)
	}
	filetest.WantError(t, n.Apply([]float32{1}, make([]float32, 1)), "1 attributes", "2")
	filetest.WantError(t, n.Apply([]float32{1, nan}, make([]float32, 2)), "missing")
	for _, s := range []string{`{}`, `[]`, `{"kind":"l2","missing":"error","dim":0}`, `{"kind":"standardise","missing":"error","dim":2,"mean":[1,2]}`,
		`{"kind":"centre-l2","missing":"class-mean","dim":1,"mean":[1]}`, `{"kind":"standardise","missing":"error","dim":1,"mean":[1],"scale":[-1]}`} {
		if err := json.Unmarshal([]byte(s), new(Normaliser)); err == nil {
			t.Errorf("%s was accepted", s)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	for _, s := range []string{"class,x\na,1\n", "\ufeffclass;x\r\na;0,5\r\n", "class\tx\na\t?\n", "\"class\",\"x\ny\"\n\"a\",1", "class,x,,\na,1,,\n", ",class,x\n0,a,40%\n"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		var got *Table
		var err error
		path := filetest.Write(t, filepath.Join(dir, "f.csv"), text)
		alloctest.AtMost(t, 1<<20+400*len(text), func() { got, err = ReadFile(path, FileOptions{Classes: []string{"a"}}) })
		if err != nil {
			if !strings.Contains(err.Error(), "f.csv") {
				t.Errorf("%q does not name the file", err)
			}
			return
		}
		if len(got.Values) != 1 || len(got.Values[0]) != len(got.Names) {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzReadMatrix(f *testing.F) {
	f.Add("1 2\n3 4\n", "1 a\n2 b\n")
	f.Add("\ufeff1\t2\r\n3 4e5", "1 a\r\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, names string) {
		file := filepath.Join(dir, "m.txt")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if m, err := ReadMatrix(file, []string{"a", "b"}, nil); err == nil && (len(m) != 2 || len(m[0]) != len(m[1])) {
			t.Error(m)
		}
		if err := os.WriteFile(file, []byte(names), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _ = ReadNames(file)
	})
}

func ExampleFit() {
	n, _ := Fit(Standardise, [][]float32{{0, 10}, {2, 10}}, MissingError)
	out := make([]float32, 2)
	_ = n.Apply([]float32{3, 50}, out)
	fmt.Println(out)
	// Output: [2 0]
}

// The same names in Unicode's form D, as macOS writes them, find their classes and attributes.
func TestUnicodeForms(t *testing.T) {
	const class, attribute = "e\u0301le\u0301phant", "tre\u0300s grand"
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte("class,"+attribute+"\n"+class+",1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{"\u00e9l\u00e9phant", class} {
		a, err := ReadFile(path, FileOptions{Classes: []string{asked}})
		if err != nil {
			t.Fatal(err)
		}
		if a.Classes[0] != "\u00e9l\u00e9phant" || a.Names[0] != "tr\u00e8s grand" || a.Values[0][0] != 1 {
			t.Errorf("%+q, %+q: %v", a.Classes, a.Names, a.Values)
		}
	}
	if err := os.WriteFile(path, []byte("class,x\n"+class+",1\n\u00e9l\u00e9phant,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path, FileOptions{}); err == nil || !strings.Contains(err.Error(), "two Unicode forms") {
		t.Error(err)
	}
}

// An attribute may be called like xlsa17's matrices.
func TestAttributeCalledAtt(t *testing.T) {
	path := filetest.Write(t, filepath.Join(t.TempDir(), "a.csv"), "class,att,original_att\nant,1,2\n")
	got, err := ReadFile(path, FileOptions{})
	if err != nil || got.Values[0][0] != 1 || got.Values[0][1] != 2 || got.Names[0] != "att" {
		t.Error(got, err)
	}
}
