package datasets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/features/convert"
	"vzsl/internal/delimited"
	"vzsl/internal/filetest"
)

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"zebra/2.JPG", "zebra/10.png", "zebra/.hidden.jpg", "zebra/notes.txt", "zebra/old/1.jpg", "ape/a.webp", "loose.jpg", ".git/x.jpg", "empty/.keep"} {
		filetest.Write(t, filepath.Join(dir, f), "")
	}
	d, err := OpenFolder(dir, "", convert.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	images := []Image{{Path: "ape/a.webp", Class: 0}, {Path: "zebra/10.png", Class: 1}, {Path: "zebra/2.JPG", Class: 1}, {Path: "zebra/old/1.jpg", Class: 1}}
	want := &Dataset{Name: "folder", Root: dir, ImageRoot: dir, Classes: []Class{{Name: "ape"}, {Name: "zebra"}}, Images: images, Notes: d.Notes, Unpictured: d.Unpictured}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "1 images are in", "zebra: 1 of its 3 images are in subfolders", "zebra holds 1 files without the extension of an image", "1 folders without images", "left out: empty")

	// A class that is described only joins at the end and leaves the identity of the features alone.
	filetest.Write(t, filepath.Join(dir, ClassFile), "\ufeffclass;x\r\nzebra;0,5\r\n\"bear\";1\r\nape;1\r\n")
	more, err := OpenFolder(dir, "", convert.Choice{})
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
	filetest.Write(t, filepath.Join(dir, ClassFile), "class;x\nzebra;0,5\nyak;1\nbear;1\nempty;1\n")
	if more, err = OpenFolder(dir, "", convert.Choice{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Class{{Name: "ape"}, {Name: "zebra", ID: 1}, {Name: "yak", ID: 2}, {Name: "bear", ID: 3}, {Name: "empty", ID: 4}}, more.Classes); diff != "" {
		t.Error(diff)
	}
	other := filetest.Write(t, filepath.Join(t.TempDir(), "more.csv"), "class,x\nyak,1\n")
	if more, err = OpenFolder(dir, other, convert.Choice{}); err != nil || len(more.Classes) != 3 || more.Classes[2].Name != "yak" {
		t.Error(more, err)
	}

	filetest.Write(t, filepath.Join(dir, "ape", "b.jpg"), "")
	more, err = OpenFolder(dir, "", convert.Choice{})
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
		filetest.Write(t, filepath.Join(dir, f), "")
	}
	filetest.Write(t, filepath.Join(dir, ClassFile), "class,x\nbee,1\nant,1\n")
	d, err := OpenFolder(dir, "", convert.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Class{{Name: "ant", ID: 2}, {Name: "bee", ID: 1}}, d.Classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Image{{Path: "ant/0.png", Class: 0}}, d.Images); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2 folders without images and without a row in a class file are not classes and were left out: empty, notes", "1 of the 2 classes have no images"}, slices.Concat(d.Notes, d.Unpictured)); diff != "" {
		t.Error(diff)
	}
	// A row makes a class of any name.
	filetest.Write(t, filepath.Join(dir, ClassFile), "class,x\nbee,1\nant,1\n__MACOSX,2\n")
	if d, err = OpenFolder(dir, "", convert.Choice{}); err != nil || !slices.Contains(d.ClassNames(), "__MACOSX") || len(d.Images) != 2 {
		t.Error(d, err)
	}
}

// The same name in two Unicode forms, as macOS and everyone else write it, is one class, called in form C; images are found
// under the name on the disk.
func TestUnicodeForms(t *testing.T) {
	const c, decomposed = "\u00e9l\u00e9phant", "e\u0301le\u0301phant"
	dir := t.TempDir()
	filetest.Write(t, filepath.Join(dir, decomposed, "1.jpg"), "")
	filetest.Write(t, filepath.Join(dir, "ant", "1.jpg"), "")
	filetest.Write(t, filepath.Join(dir, ClassFile), "class,x\n"+c+",1\nant,2\n")
	d, err := OpenFolder(dir, "", convert.Choice{})
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
	list := filetest.Write(t, filepath.Join(dir, "l.txt"), decomposed+"\n")
	if got, err := ReadKnownClasses(list, d.ClassNames(), nil); err != nil || got[0] != c {
		t.Error(got, err)
	}
	if got, err := ReadKnownClasses(list, d.ClassNames(), []string{"", ""}); err != nil || got[0] != c {
		t.Error(got, err)
	}
	_, err = ReadClassList(filetest.Write(t, list, c+"\n"+decomposed+"\n"))
	filetest.WantError(t, err, "l.txt:2", "line 1")
	filetest.Write(t, filepath.Join(dir, c, "2.jpg"), "")
	_, err = OpenFolder(dir, "", convert.Choice{})
	filetest.WantError(t, err, "two Unicode forms", `e\u0301`)
}

func TestFolderErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenFolder(dir, "", convert.Choice{})
	filetest.WantError(t, err, "no images", ".jpg")
	filetest.Write(t, filepath.Join(dir, "a.jpg"), "")
	_, err = OpenFolder(dir, "", convert.Choice{})
	filetest.WantError(t, err, "no images")
	filetest.Write(t, filepath.Join(dir, "classes.csv"), "class,wings\nowl,1\n")
	d, err := OpenFolder(dir, "", convert.Choice{})
	if err != nil || len(d.Classes) != 1 || len(d.Images) != 0 {
		t.Errorf("a described class alone: %+v, %v", d, err)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "import features")
	filetest.Write(t, filepath.Join(dir, "train", "ape", "a.jpg"), "") // a folder too many above
	if d, err = OpenFolder(dir, "", convert.Choice{}); err != nil || len(d.Classes) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "import features", "train holds 1 folders and no images directly; a row in classes.csv makes it a class")
	if err := os.Remove(filepath.Join(dir, "classes.csv")); err != nil {
		t.Fatal(err)
	}
	_, err = OpenFolder(dir, "", convert.Choice{})
	filetest.WantError(t, err, "no images", "folder per class", "one folder deeper", "the dataset's folder?")
	filetest.Write(t, filepath.Join(dir, "ape", "a.jpg"), "")
	_, err = OpenFolder(dir, filepath.Join(dir, "none.csv"), convert.Choice{})
	filetest.WantError(t, err, "none.csv")
	filetest.Write(t, filepath.Join(dir, ClassFile), "class,x\nape,1\nape,2\n")
	_, err = OpenFolder(dir, "", convert.Choice{})
	filetest.WantError(t, err, ClassFile, `"ape"`, "row 2", "row 1")
	filetest.Write(t, filepath.Join(dir, ClassFile), "class,x\n,1\n")
	_, err = OpenFolder(dir, "", convert.Choice{})
	filetest.WantError(t, err, ClassFile, "class names", `"class" (empty)`)
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
	p := filetest.Write(t, filepath.Join(dir, "l.txt"), "\ufeff# seen\r\nblue whale\r\n\r\n  grizzly+bear  \r\r\n001.A\nlast")
	got, err := ReadClassList(p)
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := ReadClassList(filetest.Write(t, filepath.Join(dir, "h.txt"), "#\n#1 dad mug\n#\tno\n##\n# no\n#")); err != nil || !cmp.Equal([]string{"#1 dad mug", "##"}, hash) {
		t.Errorf("%q %v", hash, err)
	}
	if diff := cmp.Diff([]string{"blue whale", "grizzly+bear", "001.A", "last"}, got); diff != "" {
		t.Error(diff)
	}
	_, err = ReadClassList(filetest.Write(t, filepath.Join(dir, "e.txt"), "# nothing\n"))
	filetest.WantError(t, err, "e.txt", "has no class names")
	_, err = ReadClassList(filetest.Write(t, filepath.Join(dir, "d.txt"), "a\nb\n\na\n"))
	filetest.WantError(t, err, "d.txt:4", "line 1")
	_, err = ReadClassList(filepath.Join(dir, "none.txt"))
	filetest.WantError(t, err, "none.txt")
	_, err = ReadClassList(filetest.Write(t, filepath.Join(dir, "long.txt"), strings.Repeat("x", delimited.MaxLine+2)))
	filetest.WantError(t, err, "long.txt:1")

	known := []string{"001.Black_footed_Albatross", "099.Ovenbird", "grizzly+bear"}
	for name, near := range map[string]string{
		"001.Black_footed_Albatros":  known[0],
		"Black footed albatross":     known[0],
		"Ovenbird":                   known[1],
		"grizzly bear":               known[2],
		"Grizzly_Bear":               known[2],
		"something else altogether!": "",
	} {
		_, err := ReadKnownClasses(filetest.Write(t, filepath.Join(dir, "u.txt"), "099.Ovenbird\n"+name+"\n"), known, nil)
		if near == "" {
			filetest.WantError(t, err, "u.txt:2", name)
			if strings.Contains(err.Error(), "mean") {
				t.Error(err)
			}
		} else {
			filetest.WantError(t, err, "u.txt:2", name, near)
		}
	}
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
		again, err := ReadClassList(filetest.Write(t, p, strings.Join(names, "\n")))
		// A name may start with a byte order mark only where it does not stand first.
		if err == nil && len(names) > 0 && !strings.HasPrefix(names[0], "\ufeff") && !cmp.Equal(names, again) {
			t.Errorf("%q read again is %q", names, again)
		}
		_, _ = ReadKnownClasses(p, []string{"a", "some longer name", text}, nil)
	})
}
