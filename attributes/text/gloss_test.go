package text

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vzsl/internal/filetest"
)

func TestGlosses(t *testing.T) {
	dir := t.TempDir()
	noun := filetest.Write(t, filepath.Join(dir, "data.noun"), `  1 This software and database is being provided to you, the LICENSEE, by
  2 Princeton University under the following license.
01440764 05 n 02 tench 0 Tinca_tinca 0 002 @ 01439121 n 0000 #m 01440467 n 0000 | freshwater dace-like game fish of Europe and western Asia noted for ability to survive outside water  
02012849 05 n 01 crane 0 001 @ 02007558 n 0000 | large long-necked wading bird of marshes and plains; "a crane stood there"; "many cranes"  
`)
	list := filetest.Write(t, filepath.Join(dir, "gloss.txt"), "n01440764\tfreshwater fish\nn02012849\tlarge bird\n")
	classes, wnids := []string{"crane (n02012849)", "tench, Tinca tinca"}, []string{"n02012849", "n01440764"}
	for _, c := range []struct {
		file string
		want []string
	}{
		{noun, []string{"crane: large long-necked wading bird of marshes and plains", "tench: freshwater dace-like game fish of Europe and western Asia noted for ability to survive outside water"}},
		{list, []string{"crane: large bird", "tench: freshwater fish"}},
	} {
		d, err := Glosses(c.file, classes, wnids)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(d.Texts, [][]string{{c.want[0]}, {c.want[1]}}) {
			t.Errorf("%q", d.Texts)
		}
	}
	for name, c := range map[string]struct {
		file  string
		wnids []string
		want  string
	}{
		"no ids":       {noun, nil, "do not have"},
		"not there":    {noun, []string{"n00000001", "n01440764"}, "no gloss of 1 of 2 classes: crane (n02012849) (n00000001)"},
		"another file": {filetest.Write(t, filepath.Join(dir, "x.csv"), "class,text\na,b\n"), wnids, "has no glosses"},
		"a cut synset": {filetest.Write(t, filepath.Join(dir, "cut"), "01440764 05 n 02 tench 0\n"), wnids, "cut:1: a synset without a gloss"},
		"no lines":     {filetest.Write(t, filepath.Join(dir, "long"), strings.Repeat("x", 1<<17)), wnids, "not a file of glosses"},
		"absent":       {filepath.Join(dir, "none"), wnids, "reading glosses"},
	} {
		if _, err := Glosses(c.file, classes, c.wnids); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
