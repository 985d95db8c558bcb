package features

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"vzsl/internal/filetest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
			Blocks: []Block{{"own", 2}, {"words", 1}}},
		"no attributes": {Classes: []string{"a", "b"}, WNIDs: []string{"n1", ""}},
	} {
		path := filepath.Join(t.TempDir(), "features", "toy", ClassTableName)
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
		"twice":      {func(c *ClassTable) { c.Classes[1] = c.Classes[0] }, "twice"},
		"nameless":   {func(c *ClassTable) { c.Classes[1] = "" }, "without a name"},
		"wnids":      {func(c *ClassTable) { c.WNIDs = c.WNIDs[1:] }, "2 WordNet ids for 3"},
		"rows":       {func(c *ClassTable) { c.Values = c.Values[1:] }, "2 rows"},
		"blocks":     {func(c *ClassTable) { c.Blocks = []Block{{"a", 1}} }, "do not make 2"},
		"wide block": {func(c *ClassTable) { c.Blocks = []Block{{"a", 3}, {"b", -1}} }, "do not make 2"},
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
	if err := WriteRoles(path, &Roles{}); err != nil {
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
	r := &Roles{Name: "standard", Dataset: "toy", Provenance: "Akata et al. 2013; é", Seen: []string{"a", "b, \"c\""}, Validation: []string{"a"}, Unseen: []string{"d"}}
	all := []Role{RoleTrain, RoleValidation, RoleTestSeen, RoleTestUnseen}
	for i := range 70_000 { // more than a row group
		r.Images = append(r.Images, fmt.Sprintf("a/%d.jpg", i))
		r.Roles = append(r.Roles, all[i%4])
	}
	path := filepath.Join(t.TempDir(), "splits", "standard.parquet")
	if err := WriteRoles(path, r); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRoles(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, got); d != "" {
		t.Error(d)
	}
	for says, change := range map[string]func(*Roles){
		"1 images, 0 roles":                   func(r *Roles) { r.Roles = nil },
		`unknown role "test"`:                 func(r *Roles) { r.Roles[0] = "test" },
		`image "i" is there twice`:            func(r *Roles) { r.Images = []string{"i", "i"}; r.Roles = append(r.Roles, RoleTrain) },
		`class "a" is both seen and unseen`:   func(r *Roles) { r.Unseen = []string{"a"} },
		`seen class "a" is there twice`:       func(r *Roles) { r.Seen = []string{"a", "a"} },
		`class "d" is not a seen class`:       func(r *Roles) { r.Validation = []string{"d"} },
		`a image without a name`:              func(r *Roles) { r.Images[0] = "" },
		`validation class "a" is there twice`: func(r *Roles) { r.Validation = []string{"a", "a"} },
		`unseen class "d" is there twice`:     func(r *Roles) { r.Unseen = []string{"d", "d"} },
	} {
		r := &Roles{Seen: []string{"a"}, Unseen: []string{"d"}, Images: []string{"i"}, Roles: []Role{RoleTrain}}
		change(r)
		filetest.WantError(t, WriteRoles(path, r), path, says)
	}
	_, err = ReadRoles(filepath.Join(t.TempDir(), "none.parquet"))
	filetest.WantError(t, err, "none.parquet", "split")
}
