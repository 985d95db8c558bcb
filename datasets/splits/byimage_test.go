package splits

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/features"
)

// farm has four images of each of four classes.
func farm() (classes []string, images []Labelled) {
	classes = []string{"ant", "bee", "cat", "dog"}
	for _, c := range classes {
		for i := range 4 {
			images = append(images, Labelled{fmt.Sprintf("%s/%d.jpg", c, i), c})
		}
	}
	return classes, images
}

func rolesFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// farmTable writes a row for each image of the farm.
func farmTable(head, separator string, role func(class string, i int) string) string {
	_, images := farm()
	var b strings.Builder
	b.WriteString(head)
	for k, m := range images {
		if r := role(m.Class, k%4); r != "-" {
			b.WriteString(m.Image + separator + r + "\n")
		}
	}
	return b.String()
}

// told is a split in a form to compare: classes and the roles of each class's images, t v s u p . by letter.
func told(r *features.Split) string {
	role := map[string]features.Role{}
	for i, image := range r.Images {
		role[image] = r.Roles[i]
	}
	letter := map[features.Role]string{features.RoleTrain: "t", features.RoleValidation: "v", features.RoleTestSeen: "s", features.RoleTestUnseen: "u", features.RoleShot: "p", "": "."}
	classes, images := farm()
	out := fmt.Sprintf("%v %v %v", r.Seen, r.Validation, r.Unseen)
	for k, m := range images {
		if k%4 == 0 {
			out += " " + classes[k/4][:1]
		}
		out += letter[role[m.Image]]
	}
	if r.LeftOut > 0 {
		out += fmt.Sprintf(" %d left out", r.LeftOut)
	}
	return out
}

func TestImageRoles(t *testing.T) {
	byRole := func(c string, i int) string {
		switch {
		case c == "dog":
			return "test_unseen"
		case i == 3:
			return "test_seen"
		}
		return "train"
	}
	for name, c := range map[string]struct {
		file, text   string
		seen, unseen []string
		want         string
	}{
		"table": {file: "r.csv", text: farmTable("image,role\n", ",", byRole), want: "[ant bee cat] [] [dog] attts bttts cttts duuuu"},
		"columns in another order, more of them": {file: "r.tsv", text: "n\tsplit\tpath\n" + strings.Join(func() (rows []string) {
			_, images := farm()
			for k, m := range images {
				rows = append(rows, fmt.Sprintf("%d\t%s\t%s", k, byRole(m.Class, k%4), m.Image))
			}
			return rows
		}(), "\n"), want: "[ant bee cat] [] [dog] attts bttts cttts duuuu"},
		"without a header": {file: "r.csv", text: farmTable("", ",", byRole), want: "[ant bee cat] [] [dog] attts bttts cttts duuuu"},
		"lines":            {file: "r.txt", text: farmTable("", " ", byRole), want: "[ant bee cat] [] [dog] attts bttts cttts duuuu"},
		"test by class": {file: "r.csv", text: farmTable("image,set\n", ",", func(c string, i int) string {
			return map[bool]string{true: "Training", false: "Test"}[c != "dog" && i < 2]
		}), want: "[ant bee cat] [] [dog] attss bttss cttss duuuu"},
		"validation": {file: "r.csv", text: farmTable("image,role\n", ",", func(c string, i int) string {
			return map[string]string{"ant": "val", "dog": "test"}[c] + map[string]string{"bee": "train", "cat": "train"}[c]
		}), want: "[ant bee cat] [ant] [dog] avvvv btttt ctttt duuuu"},
		"some have none":    {file: "r.csv", text: farmTable("image,role\n", ",", func(c string, i int) string { return []string{byRole(c, i), "none", "-", byRole(c, 3)}[i] }), want: "[ant bee cat] [] [dog] at..s bt..s ct..s du..u 8 left out"},
		"a class not in it": {file: "r.csv", text: farmTable("image,role\n", ",", func(c string, i int) string { return map[bool]string{true: "-", false: byRole(c, i)}[c == "bee"] }), want: "[ant cat] [] [dog] attts b.... cttts duuuu"},
		"windows and dots":  {file: "r.csv", text: strings.ReplaceAll(farmTable("image,role\r\n", ",", byRole), "/", `\`), want: "[ant bee cat] [] [dog] attts bttts cttts duuuu"},
		"shots": {file: "r.csv", text: farmTable("image,role\n", ",", func(c string, i int) string {
			return map[bool]string{true: "shot", false: byRole(c, i)}[c == "dog" && i == 0]
		}), want: "[ant bee cat] [] [dog] attts bttts cttts dpuuu"},
		"train and test of all":   {file: "r.csv", text: farmTable("image,role\n", ",", func(_ string, i int) string { return []string{"train", "test"}[i%2] }), seen: []string{"ant", "cat"}, unseen: []string{"bee", "dog"}, want: "[ant cat] [] [bee dog] atsts buuuu ctsts duuuu"},
		"classes and their roles": {file: "r.csv", text: farmTable("image,role\n", ",", byRole), seen: []string{"cat", "ant", "bee"}, unseen: []string{"dog"}, want: "[cat ant bee] [] [dog] attts bttts cttts duuuu"},
	} {
		t.Run(name, func(t *testing.T) {
			classes, images := farm()
			rows, err := ReadImageRoles(rolesFile(t, c.file, c.text))
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(rows) // the table's order is of no account
			r, err := Definition{Name: "own", Seen: c.seen, Unseen: c.unseen}.AssignByImage(rows, classes, images)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(r); got != c.want {
				t.Errorf("%s\nnot %s", got, c.want)
			}
			// What vzsl writes is such a table too.
			path := filepath.Join(t.TempDir(), "again.parquet")
			if err := features.WriteSplit(path, r); err != nil {
				t.Fatal(err)
			}
			if rows, err = ReadImageRoles(path); err != nil {
				t.Fatal(err)
			}
			again, err := Definition{Name: "own", Seen: r.Seen, Unseen: r.Unseen}.AssignByImage(rows, classes, images)
			if err != nil {
				t.Fatal(err)
			}
			if told(again) != told(r) {
				t.Errorf("written and read again %s\nwas %s", told(again), told(r))
			}
		})
	}
}

// TestImageRolesDrawn: without validation in the table, classes are drawn as for lists of classes.
func TestImageRolesDrawn(t *testing.T) {
	classes, images := farm()
	rows, err := ReadImageRoles(rolesFile(t, "r.csv", farmTable("image,role\n", ",", func(c string, i int) string {
		if c == "dog" {
			return "test"
		}
		return []string{"train", "train", "train", "test"}[i]
	})))
	if err != nil {
		t.Fatal(err)
	}
	s := Definition{Name: "own", ValidationClasses: 1, Seed: 3}
	got, err := s.AssignByImage(rows, classes, images)
	if err != nil {
		t.Fatal(err)
	}
	s.Seen, s.Unseen = []string{"ant", "bee", "cat"}, []string{"dog"}
	lists, err := s.Assign(classes, images)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Validation, lists.Validation) || len(got.Validation) != 1 {
		t.Errorf("validation classes %v, of lists %v", got.Validation, lists.Validation)
	}
	held := got.Validation[0][:1]
	if s := told(got); !strings.Contains(s, " "+held+"vvvs") || strings.Count(s, "ttts") != 2 {
		t.Error(s)
	}
}

// TestImageRolesCUB reads CUB's train_test_split.txt with the numbers of images.txt.
func TestImageRolesCUB(t *testing.T) {
	dir := t.TempDir()
	classes, images := farm()
	var names, split strings.Builder
	for k, m := range images {
		fmt.Fprintf(&names, "%d %s\n", k+1, m.Image)
		fmt.Fprintf(&split, "%d %d\n", k+1, []int{1, 0}[k%2])
	}
	path := filepath.Join(dir, "train_test_split.txt")
	for name, text := range map[string]string{path: split.String(), filepath.Join(dir, "images.txt"): names.String()} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := ReadImageRoles(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Definition{Name: "own"}).AssignByImage(rows, classes, images); err == nil || !strings.Contains(err.Error(), "--unseen") {
		t.Errorf("without class lists every class is trained on: %v", err)
	}
	r, err := Definition{Name: "own", Seen: []string{"ant", "bee", "cat"}, Unseen: []string{"dog"}}.AssignByImage(rows, classes, images)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := told(r), "[ant bee cat] [] [dog] atsts btsts ctsts duuuu"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if err := os.Remove(filepath.Join(dir, "images.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadImageRoles(path); err == nil || !strings.Contains(err.Error(), "images.txt") {
		t.Error(err)
	}
}

func TestImageRolesRefused(t *testing.T) {
	classes, images := farm()
	const head = "image,role\n"
	for name, c := range map[string]struct {
		text         string
		seen, unseen []string
		says         []string
	}{
		"no column of roles":    {text: "image,label\nant/0.jpg,3\n", says: []string{"r.csv", `"image", "label"`, `"role"`}},
		"two columns of images": {text: "image,path,role\na,b,train\n", says: []string{`"image"`, `"path"`}},
		"an unknown role":       {text: head + "ant/0.jpg,holdout\n", says: []string{"row 1", `"holdout"`, "test_unseen"}},
		"an image twice":        {text: head + "ant/0.jpg,train\nant/0.jpg,test\n", says: []string{"row 2", "row 1"}},
		"none of the images":    {text: head + "images/ant/0.jpg,train\n", says: []string{`"images/ant/0.jpg"`, `"ant/0.jpg"`}},
		"seen and unseen":       {text: head + "ant/0.jpg,train\nant/1.jpg,test_unseen\n", says: []string{`"ant"`, "ant/0.jpg", "ant/1.jpg"}},
		"train and validation":  {text: head + "ant/0.jpg,train\nant/1.jpg,val\nbee/0.jpg,train\ndog/0.jpg,test\n", says: []string{`"ant"`, "whole classes", "--validation"}},
		"training on unseen":    {text: head + "ant/0.jpg,train\ndog/0.jpg,train\ndog/1.jpg,test_unseen\n", seen: []string{"ant"}, unseen: []string{"dog"}, says: []string{"row 2", `"dog" is unseen`}},
		"nothing to train on":   {text: head + "ant/0.jpg,test_seen\ndog/1.jpg,test_unseen\n", says: []string{"to train on"}},
		"nothing":               {text: head, says: []string{"no rows"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := ReadImageRoles(rolesFile(t, "r.csv", c.text))
			if err == nil {
				_, err = Definition{Name: "own", Seen: c.seen, Unseen: c.unseen}.AssignByImage(rows, classes, images)
			}
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, w := range c.says {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v does not say %q", err, w)
				}
			}
		})
	}
}

func FuzzImageRoles(f *testing.F) {
	f.Add("image,role\nant/0.jpg,train\ndog/0.jpg,test\n")
	f.Add("ant/0.jpg 1\ndog/0.jpg 0\n")
	f.Add("path;set\n\"a\";val\n")
	f.Add("PAR1")
	classes, images := farm()
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadImageRoles(rolesFile(t, "r.csv", text))
		if err != nil {
			return
		}
		if r, err := (Definition{Name: "own"}).AssignByImage(rows, classes, images); err == nil {
			if err := features.WriteSplit(filepath.Join(t.TempDir(), "r.parquet"), r); err != nil {
				t.Error(err)
			}
		}
	})
}
