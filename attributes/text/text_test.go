package text

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

func TestReadable(t *testing.T) {
	for class, want := range map[string]string{
		"001.Black_footed_Albatross":     "black footed albatross",
		"024.Red_faced_Cormorant":        "red faced cormorant",
		"grizzly+bear":                   "grizzly bear",
		"a/abbey":                        "abbey",
		"b/bank/outdoor":                 "bank outdoor",
		"tench, Tinca tinca":             "tench",
		"great white shark, white shark": "great white shark",
		"crane (n02012849)":              "crane",
		"tvmonitor":                      "tv monitor",
		"pottedplant":                    "potted plant",
		"GermanShepherd":                 "german shepherd",
		"BMW":                            "BMW",
		"small-red-striped-star-on-sand": "small red striped star on sand",
		"red_circle":                     "red circle",
		"  spaced   out ":                "spaced out",
		"001.":                           "001.",
		"Ruby-throated Hummingbird":      "ruby-throated hummingbird",
		"鳥":                              "鳥",
	} {
		if got := Readable(class); got != want {
			t.Errorf("%q: %q, want %q", class, got, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	got, err := Templates([]string{"birds", "art of {} and {}"})
	if err != nil || !slices.Equal(got, []string{"a photo of a {}, a type of bird.", "art of {} and {}"}) {
		t.Errorf("%q, %v", got, err)
	}
	if got := fill(got, []string{"jay", "crow"}); !slices.Equal(got, []string{
		"a photo of a jay, a type of bird.", "art of jay and jay", "a photo of a crow, a type of bird.", "art of crow and crow",
	}) {
		t.Errorf("%q", got)
	}
	for _, bad := range [][]string{{"a photo"}, {"birds", "a photo of a {}, a type of bird."}} {
		if _, err := Templates(bad); err == nil {
			t.Errorf("%q taken", bad)
		}
	}
	for name, count := range map[string]int{"clip7": 7, "clip80": 80} {
		if got, err := Templates([]string{name}); err != nil || len(got) != count {
			t.Errorf("%s: %d templates, %v", name, len(got), err)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, s string) string { return filetest.Write(t, filepath.Join(dir, name), s) }
	classes := []string{"jay", "crow"}
	table := write("t.csv", "class,text\ncrow,a black bird\njay,\"blue, with a crest\"\njay,it screams\njay,it screams\nowl,it hoots\n")
	d, err := Read(table, classes)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Texts[0], []string{"blue, with a crest", "it screams"}) || !slices.Equal(d.Texts[1], []string{"a black bird"}) || len(d.Notes) != 2 {
		t.Errorf("%+v", d)
	}
	if d, err := Read(table, nil); err != nil || !slices.Equal(d.Classes, []string{"crow", "jay", "owl"}) {
		t.Errorf("%+v, %v", d, err)
	}
	wide := write("w.tsv", "class\tlooks\tsounds\njay\tblue\tit screams\ncrow\tblack\t\n")
	if d, err = Read(wide, classes); err != nil || !slices.Equal(d.Texts[0], []string{"blue", "it screams"}) || !slices.Equal(d.Texts[1], []string{"black"}) {
		t.Errorf("%+v, %v", d, err)
	}
	write("f/jay.txt", "blue\n\nit screams\n")
	write("f/crow.txt", "black\n")
	write("f/README.md", "not a text")
	if d, err = Read(filepath.Join(dir, "f"), classes); err != nil || !slices.Equal(d.Texts[0], []string{"blue", "it screams"}) || !slices.Equal(d.Texts[1], []string{"black"}) {
		t.Errorf("%+v, %v", d, err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"absent":    {filepath.Join(dir, "none.csv"), "no such file"},
		"no header": {write("1.csv", "jay,blue\ncrow,black\n"), "class,text"},
		"no text":   {write("2.csv", "class,text\njay,blue\ncrow,\n"), "no text for 1 of 2 classes: crow"},
		"misspelt":  {write("3.csv", "class,text\njay,blue\ncrows,black\n"), `did you mean "crow" by "crows"`},
		"no class":  {write("4.csv", "class,text\n,blue\n"), "without a class"},
		"empty":     {write("5.csv", "class,text\n"), "has no texts"},
		"long":      {write("6.csv", "class,text\njay,"+strings.Repeat("a", maxText+1)+"\n"), "at most"},
		"folder":    {filepath.Join(dir, "empty"), "has no texts"},
	} {
		if name == "folder" {
			if err := os.Mkdir(c.path, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Read(c.path, classes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// letters encodes a text by how many a, b and c it has.
type letters struct{ asked int }

func (l *letters) Encode(_ context.Context, texts []string, _ func(int, int)) (*Vectors, error) {
	v := &Vectors{Cut: make([]int, len(texts)), Unknown: make([]int, len(texts))}
	for _, s := range texts {
		l.asked++
		v.Rows = append(v.Rows, []float32{float32(strings.Count(s, "a")), float32(strings.Count(s, "b")), float32(strings.Count(s, "c"))})
	}
	if len(texts) > 1 {
		v.Cut[1] = 3
	}
	return v, nil
}

func TestEmbed(t *testing.T) {
	e := &letters{}
	d := &Descriptions{Classes: []string{"x", "y", "z"}, Texts: [][]string{{"aab", "c"}, {"bb"}, {"c", "aab"}}, Source: "t.csv"}
	table, err := Embed(context.Background(), d, []string{"{}", "no {}"}, e, "text", nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.asked != 6 {
		t.Errorf("%d texts encoded, of 6 that differ", e.asked)
	}
	s5 := math.Sqrt(5)
	x := []float64{2 / s5, 1 / s5, 1}
	n := math.Sqrt(x[0]*x[0] + x[1]*x[1] + x[2]*x[2])
	for k, v := range x {
		if math.Abs(float64(table.Values[0][k])-v/n) > 1e-7 {
			t.Errorf("%v, want %v by %v", table.Values[0], x, n)
		}
	}
	if !slices.Equal(table.Values[1], []float32{0, 1, 0}) || !slices.Equal(table.Names, []string{"text_001", "text_002", "text_003"}) {
		t.Errorf("%v %v", table.Values[1], table.Names)
	}
	if len(table.Notes) != 2 || !strings.Contains(table.Notes[0], "1 of 6 texts are longer") || !strings.Contains(table.Notes[1], "z as x") {
		t.Errorf("%q", table.Notes)
	}
	if _, err := Embed(context.Background(), &Descriptions{Classes: []string{"x"}, Texts: [][]string{{"d"}}}, nil, e, "text", nil); err == nil || !strings.Contains(err.Error(), "has the length 0") {
		t.Errorf("%v", err)
	}
}
