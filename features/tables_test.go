package features

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/internal/filetest"
)

// classes makes a table of n classes; every 17th value is missing.
func classes(n, attributes int) *ClassTable {
	t := &ClassTable{Dataset: "toy", Source: "made for a test"}
	for k := range attributes {
		t.Attributes = append(t.Attributes, fmt.Sprintf("has_\"x\"::%d, é", k))
	}
	for i := range n {
		t.Classes = append(t.Classes, fmt.Sprintf("%03d.Class é %d", i+1, i))
		t.WNIDs = append(t.WNIDs, fmt.Sprintf("n%08d", i))
		row := make([]float32, attributes)
		for k := range row {
			row[k] = float32(i) + float32(k)/8
			if (i*attributes+k)%17 == 3 {
				row[k] = float32(math.NaN())
			}
		}
		t.Values = append(t.Values, row)
	}
	return t
}

func TestClassTable(t *testing.T) {
	for name, c := range map[string]*ClassTable{
		"cub": classes(200, 312), "groups": classes(1300, 3), "one": classes(1, 1),
		"no wnids": {Classes: []string{"a", "b"}, Attributes: []string{"x"}, Values: [][]float32{{1}, {2}}},
		"blocks": {Classes: []string{"a"}, Attributes: []string{"x", "y", "z"}, Values: [][]float32{{1, 2, 3}},
			Blocks: []Block{{Name: "own", Width: 2}, {Name: "words", Width: 1}}},
		"texts": {Classes: []string{"a", "b"}, Attributes: []string{"x"}, Values: [][]float32{{1}, {2}}, Texts: []string{"one\ntwo", "three"},
			Blocks: []Block{{Name: "text", Width: 1, Text: &TextSource{Model: TextModel{Name: "m", SHA256: "ab", Width: 1, Scale: 100, Towers: []ImageTower{{"cd", "image_embeds"}}}, Templates: []string{"a {}."}}}}},
		"no attributes": {Classes: []string{"a", "b"}, WNIDs: []string{"n1", ""}},
	} {
		path := filepath.Join(t.TempDir(), "features", "toy", classTableName)
		if err := WriteClassTable(path, c); err != nil {
			t.Fatal(name, err)
		}
		got, err := ReadClassTable(path)
		if err != nil {
			t.Fatal(name, err)
		}
		if d := cmp.Diff(c, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Error(name, d)
		}
	}
}

func TestClassTableErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	for name, c := range map[string]struct {
		change func(*ClassTable)
		says   string
	}{
		"no classes": {func(c *ClassTable) { c.Classes, c.Values, c.WNIDs = nil, nil, nil }, "no classes"},
		"twice":      {func(c *ClassTable) { c.Classes[1] = c.Classes[0] }, "duplicate"},
		"nameless":   {func(c *ClassTable) { c.Classes[1] = "" }, "without a name"},
		"wnids":      {func(c *ClassTable) { c.WNIDs = c.WNIDs[1:] }, "2 WordNet ids for 3"},
		"rows":       {func(c *ClassTable) { c.Values = c.Values[1:] }, "2 rows"},
		"blocks":     {func(c *ClassTable) { c.Blocks = []Block{{Name: "a", Width: 1}} }, "do not add up to 2"},
		"few texts":  {func(c *ClassTable) { c.Texts = []string{"a"} }, "texts of 1 classes"},
		"wide block": {func(c *ClassTable) { c.Blocks = []Block{{Name: "a", Width: 3}, {Name: "b", Width: -1}} }, "do not add up to 2"},
		"short":      {func(c *ClassTable) { c.Values[2] = c.Values[2][1:] }, "1 values for 2"},
	} {
		table := classes(3, 2)
		c.change(table)
		err := WriteClassTable(path, table)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Error(name, err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused table was written")
	}
	_, err := ReadClassTable(path)
	filetest.WantError(t, err, "no class table", path, "attributes")
	if err := WriteSplit(path, &Split{}); err != nil {
		t.Fatal(err)
	}
	_, err = ReadClassTable(path)
	filetest.WantError(t, err, path, "not a class table", "roles/1")
	put(t, filepath.Dir(path), "x.parquet", "PAR1 and nothing more")
	_, err = ReadClassTable(path)
	filetest.WantError(t, err, path)
	_, err = ReadClassTable(filepath.Dir(path))
	filetest.WantError(t, err, "is a folder")
	if err := WriteClassTable(path, classes(300, 20)); err != nil {
		t.Fatal(err)
	}
	cut(t, filepath.Dir(path), "x.parquet", -100)
	_, err = ReadClassTable(path)
	filetest.WantError(t, err, path)
}

func TestRoles(t *testing.T) {
	r := &Split{Name: "standard", Dataset: "toy", Provenance: "Akata et al. 2013; é", Seen: []string{"a", "b, \"c\""}, Validation: []string{"a"}, Unseen: []string{"d"}}
	all := []Role{RoleTrain, RoleValidation, RoleTestSeen, RoleTestUnseen}
	for i := range 70_000 { // more than a row group
		r.Images = append(r.Images, fmt.Sprintf("a/%d.jpg", i))
		r.Roles = append(r.Roles, all[i%4])
	}
	path := filepath.Join(t.TempDir(), "splits", "standard.parquet")
	if err := WriteSplit(path, r); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSplit(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, got); d != "" {
		t.Error(d)
	}
	for says, change := range map[string]func(*Split){
		"1 images, 0 roles":                 func(r *Split) { r.Roles = nil },
		`unknown role "test"`:               func(r *Split) { r.Roles[0] = "test" },
		`duplicate image "i"`:               func(r *Split) { r.Images = []string{"i", "i"}; r.Roles = append(r.Roles, RoleTrain) },
		`class "a" is both seen and unseen`: func(r *Split) { r.Unseen = []string{"a"} },
		`duplicate seen class "a"`:          func(r *Split) { r.Seen = []string{"a", "a"} },
		`class "d" is not a seen class`:     func(r *Split) { r.Validation = []string{"d"} },
		`a image without a name`:            func(r *Split) { r.Images[0] = "" },
		`duplicate validation class "a"`:    func(r *Split) { r.Validation = []string{"a", "a"} },
		`duplicate unseen class "d"`:        func(r *Split) { r.Unseen = []string{"d", "d"} },
	} {
		r := &Split{Seen: []string{"a"}, Unseen: []string{"d"}, Images: []string{"i"}, Roles: []Role{RoleTrain}}
		change(r)
		filetest.WantError(t, WriteSplit(path, r), path, says)
	}
	_, err = ReadSplit(filepath.Join(t.TempDir(), "none.parquet"))
	filetest.WantError(t, err, "none.parquet", "split")
}

func TestPickAndNarrow(t *testing.T) {
	text := &TextSource{Model: TextModel{SHA256: "ab"}}
	full := &ClassTable{Dataset: "birds", Classes: []string{"a", "b"}, Attributes: []string{"x", "y", "t1", "t2", "w"}, Values: [][]float32{{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}},
		Texts: []string{"one", "two"}, Source: "c.csv + names + w.bin",
		Blocks: []Block{{Name: "c.csv", Width: 2, Kind: KindAttributes}, {Name: "names", Width: 2, Kind: KindText, Text: text}, {Name: "w.bin", Width: 1, Kind: KindWords}}}
	got, err := full.Pick("text+attributes")
	want := &ClassTable{Dataset: "birds", Classes: full.Classes, Attributes: []string{"x", "y", "t1", "t2"}, Values: [][]float32{{1, 2, 3, 4}, {6, 7, 8, 9}},
		Texts: full.Texts, Source: "c.csv + names", Blocks: full.Blocks[:2]}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Error(err, cmp.Diff(want, got))
	}
	words, err := full.Pick("w.bin")
	if err != nil || words.Texts != nil || len(words.Attributes) != 1 || words.Values[1][0] != 10 {
		t.Error(words, err)
	}
	if again := full.Narrow(got); cmp.Diff(got, again) != "" {
		t.Error(cmp.Diff(got, again))
	}
	if same, err := full.Pick("attributes+text+words"); err != nil || same != full {
		t.Error("all of a table is not itself", err)
	}
	for _, other := range [][]string{{"x"}, {"z"}, {"x", "y", "t1"}} {
		if n := full.Narrow(&ClassTable{Attributes: other}); n != full {
			t.Errorf("narrowed to %v: %v", other, n.Attributes)
		}
	}
	if _, err := full.Pick("attributes+sentences"); err == nil || !strings.Contains(err.Error(), "attributes and text and words") {
		t.Error(err)
	}
	plain := &ClassTable{Classes: []string{"a"}, Attributes: []string{"x"}, Values: [][]float32{{1}}}
	if p, err := plain.Pick("attributes"); err != nil || p != plain {
		t.Error(err)
	}
	if b, from := full.TextBlock(); b == nil || from != 2 || b.Text != text {
		t.Error(b, from)
	}
}
