package datasets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"vzsl/internal/delimited"

	"github.com/google/go-cmp/cmp"

	"vzsl/features/convert"
)

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func wantNotes(t *testing.T, d *Dataset, parts ...string) {
	t.Helper()
	all := strings.Join(slices.Concat(d.Notes, d.Unpictured), "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			t.Errorf("notes %q do not say %q", all, p)
		}
	}
}

// dataDir is the folder with real data.
func dataDir(t testing.TB) string {
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real data in %s (set VZSL_TEST_DATA)", dir)
	}
	return dir
}

func TestOpenErrors(t *testing.T) {
	_, err := Open("mnist", t.TempDir())
	wantError(t, err, `"mnist"`, "cub, flo, folder")
	_, err = Open("cub", filepath.Join(t.TempDir(), "none"))
	wantError(t, err, "none")
	_, err = Open("cub", write(t, filepath.Join(t.TempDir(), "file"), ""))
	wantError(t, err, "is a file")
	_, err = Open("cub", t.TempDir())
	wantError(t, err, "classes.txt", "CUB_200_2011", "https://")
}

// cub makes a miniature of the official layout: ids out of order, a class without images, an image without a file.
func cub(t testing.TB) (top, root string) {
	top = t.TempDir()
	root = filepath.Join(top, "CUB_200_2011")
	write(t, filepath.Join(root, "classes.txt"), "1 001.A\n2 002.B b\n5 005.C\n")
	write(t, filepath.Join(root, "images.txt"), "\ufeff3 005.C/x_1.jpg\r\n1 001.A/x_1.jpg\r\n2 001.A/x 2.jpg\r\n")
	write(t, filepath.Join(root, "image_class_labels.txt"), "1 1\n2 1\n3 5\n")
	write(t, filepath.Join(root, "images", "001.A", "x_1.jpg"), "")
	write(t, filepath.Join(root, "images", "005.C", "x_1.jpg"), "")
	return top, root
}

func TestCUB(t *testing.T) {
	top, root := cub(t)
	for _, dir := range []string{top, root} {
		d, err := Open("cub", dir)
		if err != nil {
			t.Fatal(err)
		}
		want := &Dataset{
			Name: "cub", Root: root, ImageRoot: filepath.Join(root, "images"),
			Classes: []Class{{Name: "001.A", ID: 1}, {Name: "002.B b", ID: 2}, {Name: "005.C", ID: 5}},
			Images:  []Image{{Path: "005.C/x_1.jpg", Class: 2}, {Path: "001.A/x_1.jpg", Class: 0}, {Path: "001.A/x 2.jpg", Class: 0}},
			Notes:   d.Notes, Unpictured: d.Unpictured,
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Error(diff)
		}
		wantNotes(t, d, "1 of the 3 classes have no images", "1 of the 3 images of images.txt have no file", "x 2.jpg")
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
		"label twice":         {"image_class_labels.txt", "1 1\n2 1\n2 1\n", []string{"image_class_labels.txt:3", "twice"}},
		"label short":         {"image_class_labels.txt", "1 1\n2\n", []string{"image_class_labels.txt:2", "found \"2\""}},
		"label long":          {"image_class_labels.txt", "1 1 1\n", []string{"image_class_labels.txt:1"}},
		"label missing":       {"image_class_labels.txt", "1 1\n2 1\n", []string{"images.txt:1", "image id 3", "image_class_labels.txt"}},
		"latin1":              {"classes.txt", "1 caf\xe9\n", []string{"classes.txt:1", "UTF-8"}},
		"utf16":               {"classes.txt", "\xff\xfe1\x00", []string{"UTF-16"}},
	} {
		t.Run(name, func(t *testing.T) {
			top, root := cub(t)
			write(t, filepath.Join(root, c.file), c.text)
			_, err := Open("cub", top)
			wantError(t, err, c.says...)
		})
	}
	for _, file := range []string{"images.txt", "image_class_labels.txt"} {
		top, root := cub(t)
		if err := os.Remove(filepath.Join(root, file)); err != nil {
			t.Fatal(err)
		}
		_, err := Open("cub", top)
		wantError(t, err, file)
	}
}

func TestRealCUB(t *testing.T) {
	dir := filepath.Join(dataDir(t), "cub")
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
	seen, unseen, source, err := StandardSplit("cub", d.ClassNames())
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string][]string{"standard-seen.txt": seen, "standard-unseen.txt": unseen} {
		want, err := ReadKnownClasses(filepath.Join(dir, "splits", file), d.ClassNames())
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
		s, err := ReadSplit(filepath.Join(dir, "splits", "validation"+n+"-seen.txt"), filepath.Join(dir, "splits", "validation"+n+"-unseen.txt"), d.ClassNames(), nil)
		if err != nil || len(s.Seen) != 100 || len(s.Unseen) != 50 {
			t.Error(err, len(s.Seen), len(s.Unseen))
		}
	}
}

func TestStandardSplitErrors(t *testing.T) {
	_, _, _, err := StandardSplit("flowers", nil)
	wantError(t, err, `"flowers"`, "cub", "seen and unseen")
	_, _, _, err = StandardSplit("cub", []string{"001.A", "002.B"})
	wantError(t, err, "198 of the 200", "003")
	_, _, _, err = StandardSplit("cub", []string{"Albatross"})
	wantError(t, err, "Albatross")
	_, _, _, err = StandardSplit("cub", []string{"001.A", "1.B"})
	wantError(t, err, "001.A", "1.B")
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"zebra/2.JPG", "zebra/10.png", "zebra/.hidden.jpg", "zebra/notes.txt", "zebra/old/1.jpg", "ape/a.webp", "loose.jpg", ".git/x.jpg", "empty/.keep"} {
		write(t, filepath.Join(dir, f), "")
	}
	d, err := Open("folder", dir)
	if err != nil {
		t.Fatal(err)
	}
	images := []Image{{Path: "ape/a.webp", Class: 0}, {Path: "zebra/10.png", Class: 1}, {Path: "zebra/2.JPG", Class: 1}, {Path: "zebra/old/1.jpg", Class: 1}}
	want := &Dataset{Name: "folder", Root: dir, ImageRoot: dir, Classes: []Class{{Name: "ape"}, {Name: "zebra"}}, Images: images, Notes: d.Notes, Unpictured: d.Unpictured}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	wantNotes(t, d, "1 pictures lie in", "zebra: 1 of its 3 pictures lie in folders within it", "zebra holds 1 files that are no pictures", "1 folders without pictures", "left out: empty")

	// A class that is described only joins at the end and leaves the identity of the features alone.
	write(t, filepath.Join(dir, ClassFile), "\ufeffclass;x\r\nzebra;0,5\r\n\"bear\";1\r\nape;1\r\n")
	more, err := Open("folder", dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ape", "zebra", "bear"}, more.ClassNames()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(images, more.Images); diff != "" || more.SHA256() != d.SHA256() {
		t.Error(diff, more.SHA256(), d.SHA256())
	}
	// Classes without images are in the order of the file, so that a row more at its end moves none; numbers are its rows.
	write(t, filepath.Join(dir, ClassFile), "class;x\nzebra;0,5\nyak;1\nbear;1\nempty;1\n")
	if more, err = Open("folder", dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Class{{Name: "ape"}, {Name: "zebra", ID: 1}, {Name: "yak", ID: 2}, {Name: "bear", ID: 3}, {Name: "empty", ID: 4}}, more.Classes); diff != "" {
		t.Error(diff)
	}
	other := write(t, filepath.Join(t.TempDir(), "more.csv"), "class,x\nyak,1\n")
	if more, err = OpenFolder(dir, other, convert.Choice{}); err != nil || len(more.Classes) != 3 || more.Classes[2].Name != "yak" {
		t.Error(more, err)
	}

	write(t, filepath.Join(dir, "ape", "b.jpg"), "")
	more, err = Open("folder", dir)
	if err != nil || more.SHA256() == d.SHA256() {
		t.Error("an image more leaves the identity as it was", err)
	}
}

// What is no class: folders of systems, archives and notes, and empty ones that no row describes.
func TestFoldersThatAreNoClasses(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{
		"ant/0.png", "ant/._0.png", "ant/.DS_Store", "ant/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/ant/._0.png", "__MACOSX/1.png",
		"@eaDir/x.jpg", "#recycle/old.jpg", "notes/readme.md", "lost+found/x", "empty/.keep", "._ant/1.png", "bee/.keep",
	} {
		write(t, filepath.Join(dir, f), "")
	}
	write(t, filepath.Join(dir, ClassFile), "class,x\nbee,1\nant,1\n")
	d, err := Open("folder", dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Class{{Name: "ant", ID: 2}, {Name: "bee", ID: 1}}, d.Classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Image{{Path: "ant/0.png", Class: 0}}, d.Images); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2 folders without pictures that no row of a class file describes are no classes and were left out: empty, notes", "1 of the 2 classes have no images"}, slices.Concat(d.Notes, d.Unpictured)); diff != "" {
		t.Error(diff)
	}
	// A row makes a class of any name.
	write(t, filepath.Join(dir, ClassFile), "class,x\nbee,1\nant,1\n__MACOSX,2\n")
	if d, err = Open("folder", dir); err != nil || !slices.Contains(d.ClassNames(), "__MACOSX") || len(d.Images) != 2 {
		t.Error(d, err)
	}
}

// The same name in two Unicode forms, as macOS and everyone else write it, is one class, called in form C; pictures are found
// under the name on the disk.
func TestUnicodeForms(t *testing.T) {
	const c, decomposed = "\u00e9l\u00e9phant", "e\u0301le\u0301phant"
	dir := t.TempDir()
	write(t, filepath.Join(dir, decomposed, "1.jpg"), "")
	write(t, filepath.Join(dir, "ant", "1.jpg"), "")
	write(t, filepath.Join(dir, ClassFile), "class,x\n"+c+",1\nant,2\n")
	d, err := Open("folder", dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Class{{Name: "ant", ID: 2}, {Name: c, ID: 1}}, d.Classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Image{{Path: "ant/1.jpg", Class: 0}, {Path: decomposed + "/1.jpg", Class: 1}}, d.Images); diff != "" {
		t.Error(diff)
	}
	for _, m := range d.Images {
		if _, err := os.Stat(filepath.Join(d.ImageRoot, m.Path)); err != nil {
			t.Error(err)
		}
	}
	list := write(t, filepath.Join(dir, "l.txt"), decomposed+"\n")
	if got, err := ReadKnownClasses(list, d.ClassNames()); err != nil || got[0] != c {
		t.Error(got, err)
	}
	if s, err := ReadSplit(list, write(t, filepath.Join(dir, "u.txt"), "ant\n"), d.ClassNames(), []string{"", ""}); err != nil || s.Seen[0] != c {
		t.Error(s, err)
	}
	_, err = ReadClassList(write(t, list, c+"\n"+decomposed+"\n"))
	wantError(t, err, "l.txt:2", "line 1")
	write(t, filepath.Join(dir, c, "2.jpg"), "")
	_, err = Open("folder", dir)
	wantError(t, err, "two Unicode forms", `e\u0301`)
}

func TestFolderErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Open("folder", dir)
	wantError(t, err, "no images", ".jpg")
	write(t, filepath.Join(dir, "a.jpg"), "")
	_, err = Open("folder", dir)
	wantError(t, err, "no images")
	write(t, filepath.Join(dir, "classes.csv"), "class,wings\nowl,1\n")
	d, err := Open("folder", dir)
	if err != nil || len(d.Classes) != 1 || len(d.Images) != 0 {
		t.Errorf("a described class alone: %+v, %v", d, err)
	}
	wantNotes(t, d, "to be imported")
	write(t, filepath.Join(dir, "train", "ape", "a.jpg"), "") // a folder too many above
	if d, err = Open("folder", dir); err != nil || len(d.Classes) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	wantNotes(t, d, "to be imported", "train holds 1 folders and no pictures of its own; a row in classes.csv makes it a class")
	if err := os.Remove(filepath.Join(dir, "classes.csv")); err != nil {
		t.Fatal(err)
	}
	_, err = Open("folder", dir)
	wantError(t, err, "no images", "folder per class", "one folder deeper", "the dataset's folder?")
	write(t, filepath.Join(dir, "ape", "a.jpg"), "")
	_, err = OpenFolder(dir, filepath.Join(dir, "none.csv"), convert.Choice{})
	wantError(t, err, "none.csv")
	write(t, filepath.Join(dir, ClassFile), "class,x\nape,1\nape,2\n")
	_, err = Open("folder", dir)
	wantError(t, err, ClassFile, `"ape"`, "row 2", "row 1")
	write(t, filepath.Join(dir, ClassFile), "class,x\n,1\n")
	_, err = Open("folder", dir)
	wantError(t, err, ClassFile, "class names", `"class" (empty)`)
}

func TestSHA256(t *testing.T) {
	base := func() *Dataset {
		return &Dataset{Name: "x", Classes: []Class{{Name: "a"}, {Name: "b"}}, Images: []Image{{Path: "a/1", Class: 0}, {Path: "b/1", Class: 1}}}
	}
	was := base().SHA256()
	for name, change := range map[string]func(*Dataset){
		"class name": func(d *Dataset) { d.Classes[0].Name = "c" },
		"label":      func(d *Dataset) { d.Images[0].Class = 1 },
		"path":       func(d *Dataset) { d.Images[0].Path = "a/2" },
		"order":      func(d *Dataset) { d.Images[0], d.Images[1] = d.Images[1], d.Images[0] },
		"labels moved": func(d *Dataset) {
			d.Classes = append([]Class{{Name: "0"}}, d.Classes...)
			d.Images[0].Class++
			d.Images[1].Class++
		},
	} {
		d := base()
		change(d)
		if d.SHA256() == was {
			t.Errorf("%s: the same identity", name)
		}
	}
	d := base()
	d.Name, d.Root, d.Notes = "y", "elsewhere", []string{"n"}
	d.Classes = append(d.Classes, Class{Name: "c"})
	if d.SHA256() != was {
		t.Error("another place or a class more changes the identity")
	}
}

func TestClassList(t *testing.T) {
	dir := t.TempDir()
	p := write(t, filepath.Join(dir, "l.txt"), "\ufeff# seen\r\nblue whale\r\n\r\n  grizzly+bear  \r\r\n001.A\nlast")
	got, err := ReadClassList(p)
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := ReadClassList(write(t, filepath.Join(dir, "h.txt"), "#\n#1 dad mug\n#\tno\n##\n# no\n#")); err != nil || !cmp.Equal([]string{"#1 dad mug", "##"}, hash) {
		t.Errorf("%q %v", hash, err)
	}
	if diff := cmp.Diff([]string{"blue whale", "grizzly+bear", "001.A", "last"}, got); diff != "" {
		t.Error(diff)
	}
	_, err = ReadClassList(write(t, filepath.Join(dir, "e.txt"), "# nothing\n"))
	wantError(t, err, "e.txt", "names no class")
	_, err = ReadClassList(write(t, filepath.Join(dir, "d.txt"), "a\nb\n\na\n"))
	wantError(t, err, "d.txt:4", "line 1")
	_, err = ReadClassList(filepath.Join(dir, "none.txt"))
	wantError(t, err, "none.txt")
	_, err = ReadClassList(write(t, filepath.Join(dir, "long.txt"), strings.Repeat("x", delimited.MaxLine+2)))
	wantError(t, err, "long.txt:1")

	known := []string{"001.Black_footed_Albatross", "099.Ovenbird", "grizzly+bear"}
	for name, near := range map[string]string{
		"001.Black_footed_Albatros":  known[0],
		"Black footed albatross":     known[0],
		"Ovenbird":                   known[1],
		"grizzly bear":               known[2],
		"Grizzly_Bear":               known[2],
		"something else altogether!": "",
	} {
		_, err := ReadKnownClasses(write(t, filepath.Join(dir, "u.txt"), "099.Ovenbird\n"+name+"\n"), known)
		if near == "" {
			wantError(t, err, "u.txt:2", name)
			if strings.Contains(err.Error(), "mean") {
				t.Error(err)
			}
		} else {
			wantError(t, err, "u.txt:2", name, near)
		}
	}
}

func TestReadSplit(t *testing.T) {
	dir := t.TempDir()
	seen, unseen := write(t, filepath.Join(dir, "s.txt"), "a\nb\nc\n"), write(t, filepath.Join(dir, "u.txt"), "d\n")
	s, err := ReadSplit(seen, unseen, []string{"a", "b", "c", "d"}, nil)
	if err != nil || !strings.Contains(s.Provenance, "s.txt and u.txt") {
		t.Error(s, err)
	}
	write(t, unseen, "d\nb\na\n")
	_, err = ReadSplit(seen, unseen, []string{"a", "b", "c", "d"}, nil)
	wantError(t, err, "2 classes are in both", "s.txt", "u.txt", "b, a")
	_, err = ReadSplit(seen, unseen, []string{"a", "b", "c"}, nil)
	wantError(t, err, "u.txt:1", `"d"`)
}

func FuzzClassList(f *testing.F) {
	f.Add("a\nb\r\n# c\n\ufeffd\r\re")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		p := filepath.Join(dir, "l.txt")
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		names, err := ReadClassList(p)
		if err != nil {
			if !strings.Contains(err.Error(), "l.txt") {
				t.Error(err)
			}
			return
		}
		again, err := ReadClassList(write(t, p, strings.Join(names, "\n")))
		// A name may start with a byte order mark only where it does not stand first.
		if err == nil && len(names) > 0 && !strings.HasPrefix(names[0], "\ufeff") && !cmp.Equal(names, again) {
			t.Errorf("%q read again is %q", names, again)
		}
		_, _ = ReadKnownClasses(p, []string{"a", "some longer name", text})
	})
}

func FuzzCUB(f *testing.F) {
	f.Add("1 001.A\n2 002.B\n", "1 001.A/x.jpg\n", "1 1\n")
	f.Add("1\t001.A\r\n", "7 a b.jpg", "7\t1")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, classes, images, labels string) {
		write(t, filepath.Join(dir, "classes.txt"), classes)
		write(t, filepath.Join(dir, "images.txt"), images)
		write(t, filepath.Join(dir, "image_class_labels.txt"), labels)
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
