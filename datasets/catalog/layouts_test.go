package catalog

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/filetest"
	"vzsl/internal/matfile"
)

func TestAwA2(t *testing.T) {
	top := t.TempDir()
	root := filepath.Join(top, "Animals_with_Attributes2")
	filetest.Write(t, filepath.Join(root, "classes.txt"), "     1\tantelope\n     2\tgrizzly+bear\n     3\tlion\n")
	for _, f := range []string{"grizzly+bear/grizzly+bear_10002.jpg", "grizzly+bear/grizzly+bear_10001.jpg", "antelope/antelope_10001.jpg", "antelope/Thumbs.db", "yeti/1.jpg"} {
		filetest.Write(t, filepath.Join(root, "JPEGImages", filepath.FromSlash(f)), "")
	}
	for _, dir := range []string{top, root} {
		d, err := Open("awa2", dir)
		if err != nil {
			t.Fatal(err)
		}
		want := &datasets.Dataset{
			Name: "awa2", Root: root, ImageRoot: filepath.Join(root, "JPEGImages"),
			Classes: []datasets.Class{{Name: "antelope", ID: 1}, {Name: "grizzly+bear", ID: 2}, {Name: "lion", ID: 3}},
			Images:  []datasets.Image{{Path: "antelope/antelope_10001.jpg", Class: 0}, {Path: "grizzly+bear/grizzly+bear_10001.jpg", Class: 1}, {Path: "grizzly+bear/grizzly+bear_10002.jpg", Class: 1}},
			Notes:   d.Notes, Unpictured: d.Unpictured,
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Error(diff)
		}
		filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "yeti", "1 of the 3 classes have no images")
	}
	d, err := Open("awa1", root)
	if err != nil || len(d.Classes) != 3 || len(d.Images) != 0 {
		t.Error(d, err)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "vzsl import")
	_, err = Open("awa2", t.TempDir())
	filetest.WantError(t, err, "classes.txt", "https://")
	// The images of its own features, whether their images are there or not.
	list := filetest.Write(t, filepath.Join(root, "Features", "ResNet101", "AwA2-filenames.txt"), "antelope_10001.jpg\nantelope_10002.jpg\nlion_10001.jpg\n")
	labels := filetest.Write(t, filepath.Join(root, "Features", "ResNet101", "AwA2-labels.txt"), "1\n1\n3\n")
	if d, err = Open("awa2", root); err != nil {
		t.Fatal(err)
	}
	want := []datasets.Image{{Path: "antelope/antelope_10001.jpg", Class: 0}, {Path: "antelope/antelope_10002.jpg", Class: 0}, {Path: "grizzly+bear/grizzly+bear_10001.jpg", Class: 1}, {Path: "grizzly+bear/grizzly+bear_10002.jpg", Class: 1}, {Path: "lion/lion_10001.jpg", Class: 2}}
	if diff := cmp.Diff(want, d.Images); diff != "" {
		t.Error(diff)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "2 of the 5 images of AwA2-filenames.txt have no file")
	if err := os.RemoveAll(filepath.Join(root, "JPEGImages")); err != nil {
		t.Fatal(err)
	}
	if d, err = Open("awa2", root); err != nil || len(d.Images) != 3 {
		t.Fatal(d, err)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "none of the 3 images of AwA2-filenames.txt has a file")
	filetest.Write(t, labels, "1\n1\n")
	_, err = Open("awa2", root)
	filetest.WantError(t, err, "AwA2-filenames.txt names 3 images", "2 labels")
	filetest.Write(t, labels, "1\n3\n3\n")
	_, err = Open("awa2", root)
	filetest.WantError(t, err, "AwA2-filenames.txt:2", `"antelope_10002.jpg" has the label of class "lion"`)
	filetest.Write(t, labels, "1\n1\n4\n")
	_, err = Open("awa2", root)
	filetest.WantError(t, err, "AwA2-labels.txt:3", "class id 4")
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	if d, err = Open("awa2", root); err != nil || len(d.Images) != 0 || len(d.Classes) != 3 {
		t.Fatal(d, err)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "no images in", "AwA2-data.zip")
}

func TestSUN(t *testing.T) {
	dir := filetest.Copy(t, "testdata/layouts/sun")
	filetest.Write(t, filepath.Join(dir, "SUNAttributeDB_Images", "images", "a", "abbey", "sun_a1.jpg"), "")
	d, err := Open("sun", dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.ImageRoot != filepath.Join(dir, "SUNAttributeDB", "..", "SUNAttributeDB_Images", "images") {
		t.Error(d.ImageRoot)
	}
	if !slices.Equal(d.ClassNames(), []string{"abbey", "desert/sand", "desert/vegetation", "desert_road"}) {
		t.Error(d.ClassNames())
	}
	if d.Images[3] != (datasets.Image{Path: "d/desert/vegetation/sun_c1.jpg", Class: 2}) || d.Images[5] != (datasets.Image{Path: "d/desert/sand/sun_b2.jpg", Class: 1}) {
		t.Error(d.Images)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "5 of the 6 images of images.mat have no file")
	_, err = Open("sun", t.TempDir())
	filetest.WantError(t, err, "images.mat", "https://")
}

// TestOctave: files of Octave's making read like SciPy's.
func TestOctave(t *testing.T) {
	scipy, err := Open("sun", "testdata/layouts/sun")
	if err != nil {
		t.Fatal(err)
	}
	octave, err := Open("sun", "testdata/layouts/octave/sun")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]any{scipy.Classes, scipy.Images}, []any{octave.Classes, octave.Images}); d != "" {
		t.Error(d)
	}
	if scipy, err = Open("imagenet", "testdata/layouts/imagenet/ILSVRC2012_devkit_t12"); err != nil {
		t.Fatal(err)
	}
	if octave, err = Open("imagenet", "testdata/layouts/octave/imagenet"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(scipy.Classes, octave.Classes); d != "" || len(octave.Classes) != 5 {
		t.Error(d)
	}
}

func TestFLO(t *testing.T) {
	dir := filetest.Copy(t, "testdata/layouts/flo")
	filetest.Write(t, filepath.Join(dir, "jpg", "image_00003.jpg"), "")
	d, err := Open("flo", dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Classes) != 102 || d.Classes[0] != (datasets.Class{Name: "pink primrose", ID: 1}) || d.Classes[76].Name != "passion flower" || d.Classes[101].Name != "blackberry lily" {
		t.Error(d.Classes)
	}
	images := []datasets.Image{{Path: "image_00001.jpg", Class: 76}, {Path: "image_00002.jpg", Class: 76}, {Path: "image_00003.jpg", Class: 0}, {Path: "image_00004.jpg", Class: 101}, {Path: "image_00005.jpg", Class: 0}}
	if diff := cmp.Diff(images, d.Images); diff != "" {
		t.Error(diff)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "99 of the 102 classes have no images", "4 of the 5 images of imagelabels.mat have no file")
	_, err = Open("flo", t.TempDir())
	filetest.WantError(t, err, "no imagelabels.mat", "102flowers.tgz", "https://")
	for _, bad := range []float64{0, 103, 1.5} {
		filetest.WriteMAT(t, filepath.Join(dir, "imagelabels.mat"), filetest.MAT{"labels": []float64{1, bad}})
		_, err = Open("flo", dir)
		filetest.WantError(t, err, "imagelabels.mat", "2")
	}
}

// TestAwAFeatures: what is imported of AwA's text files is what NumPy reads.
func TestAwAFeatures(t *testing.T) {
	golden := filetest.JSON[struct {
		AwA struct{ Features map[string][]float32 }
	}](t, "testdata/layouts/golden.json")
	d, err := Open("awa1", "testdata/layouts/awa")
	if err != nil || !slices.Equal(d.ClassNames(), []string{"antelope", "grizzly+bear", "killer+whale", "lion"}) {
		t.Fatal(d, err)
	}
	out := t.TempDir()
	m, err := convert.Run(context.Background(), convert.Import{Files: []string{"testdata/layouts/awa/Features/vgg19"}, Known: convert.Known{Classes: d.Classes}, Dataset: "awa1", Network: "vgg19", Out: out})
	if err != nil || m.Rows != len(golden.AwA.Features) {
		t.Fatal(m, err)
	}
	c, err := features.OpenCache(context.Background(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for r := range c.Rows() {
		want := golden.AwA.Features[strings.TrimSuffix(c.Images()[r], ".jpg")+".txt"]
		class, _, _ := strings.Cut(c.Images()[r], "/")
		if !slices.Equal(c.Feature(r), want) || c.Classes()[r] != class || d.Classes[c.Labels()[r]].Name != class {
			t.Errorf("%s of %s, label %d: %v, NumPy reads %v", c.Images()[r], c.Classes()[r], c.Labels()[r], c.Feature(r), want)
		}
	}
}

func TestImageNet(t *testing.T) {
	dir := filetest.Copy(t, "testdata/layouts/imagenet")
	for _, f := range []string{"ILSVRC2012_img_train/n01440764/n01440764_2.JPEG", "ILSVRC2012_img_train/n01440764/n01440764_1.JPEG", "val/n01440764/v.JPEG",
		"ILSVRC2012_img_train/n03126707/n03126707_1.JPEG", "2010/train/n07730406/n07730406_1.JPEG", "ILSVRC2012_img_train/n99999999/x.JPEG",
		"#recycle/train/n01440764/old.JPEG", "ILSVRC2012_img_train/n01440764/._n01440764_1.JPEG"} {
		filetest.Write(t, filepath.Join(dir, filepath.FromSlash(f)), "")
	}
	d, err := Open("imagenet", dir)
	if err != nil {
		t.Fatal(err)
	}
	// By wnid; the hypernyms are no classes; two cranes; garlic and truffle of 2010 alone.
	want := []datasets.Class{
		{Name: "tench, Tinca tinca", WNID: "n01440764", ID: 5}, {Name: "crane (n02012849)", WNID: "n02012849", ID: 3}, {Name: "English setter", WNID: "n02100735", ID: 2},
		{Name: "kit fox, Vulpes macrotis", WNID: "n02119789", ID: 1}, {Name: "crane (n03126707)", WNID: "n03126707", ID: 4}, {Name: "garlic", WNID: "n07730406", ID: 0}, {Name: "truffle, earthnut", WNID: "n13040303", ID: 0},
		{Name: "n99999999", WNID: "n99999999", ID: 0},
	}
	if diff := cmp.Diff(want, d.Classes); diff != "" {
		t.Error(diff)
	}
	images := []datasets.Image{{Path: "ILSVRC2012_img_train/n01440764/n01440764_1.JPEG", Class: 0}, {Path: "ILSVRC2012_img_train/n01440764/n01440764_2.JPEG", Class: 0},
		{Path: "ILSVRC2012_img_train/n03126707/n03126707_1.JPEG", Class: 4}, {Path: "2010/train/n07730406/n07730406_1.JPEG", Class: 5}, {Path: "ILSVRC2012_img_train/n99999999/x.JPEG", Class: 7}}
	if diff := cmp.Diff(images, d.Images); diff != "" {
		t.Error(diff)
	}
	filetest.WantNotes(t, slices.Concat(d.Notes, d.Unpictured), "1 classes have no name", "1 classes have several folders", "4 of the 8 classes have no images")

	// Names from a list.
	own := t.TempDir()
	filetest.Write(t, filepath.Join(own, "train", "n01440764", "1.JPEG"), "")
	filetest.Write(t, filepath.Join(own, "LOC_synset_mapping.txt"), "n01440764 tench, Tinca tinca\nn01443537\tgoldfish, Carassius auratus\n")
	if d, err = Open("imagenet", own); err != nil || !slices.Equal(d.ClassNames(), []string{"tench, Tinca tinca", "goldfish, Carassius auratus"}) {
		t.Error(d, err)
	}
	filetest.Write(t, filepath.Join(own, "LOC_synset_mapping.txt"), "tench\n")
	_, err = Open("imagenet", own)
	filetest.WantError(t, err, "LOC_synset_mapping.txt:1", "<wnid> <words>")
	_, err = Open("imagenet", t.TempDir())
	filetest.WantError(t, err, "meta.mat", "https://")
	own = t.TempDir()
	filetest.WriteMAT(t, filepath.Join(own, "data", "meta.mat"), filetest.MAT{"synsets": []float64{1, 2}})
	_, err = Open("imagenet", own)
	filetest.WantError(t, err, "meta.mat", "not the struct")
}

// TestPublishedSplits: the classes of the real files make splits of the published sizes.
func TestPublishedSplits(t *testing.T) {
	data := filetest.Data(t)
	for _, c := range []struct {
		dataset, name, folder string
		seen, unseen          int
		has                   string
	}{
		{"awa1", "standard", "AWA1", 40, 10, "giant+panda"},
		{"awa2", "standard", "AWA2", 40, 10, "seal"},
		{"sun", "standard", "SUN", 707, 10, "shoe_shop"},
		{"sun", "645-72", "SUN", 645, 72, "airlock"},
		{"apy", "standard", "APY", 20, 12, "centaur"},
		{"cub", "standard", "CUB", 150, 50, "001.Black_footed_Albatross"},
	} {
		f, err := matfile.Open(filepath.Join(data, "xlsa17", c.folder, "att_splits.mat"))
		if err != nil {
			t.Fatal(err)
		}
		a, err := f.Read("allclasses_names")
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		classes, err := a.Texts()
		if err != nil {
			t.Fatal(err)
		}
		seen, unseen, source, err := PublishedSplit(c.name, c.dataset, classes, nil)
		if err != nil || len(seen) != c.seen || len(unseen) != c.unseen || !slices.Contains(unseen, c.has) || len(source) < 20 {
			t.Errorf("%s %s: %d %d %v %s", c.dataset, c.name, len(seen), len(unseen), err, source)
		}
		if c.name == "645-72" {
			list, err := datasets.ReadClassList(filepath.Join(data, "xlsa17", "SUN", "testclasses.txt"))
			if err != nil || !slices.Equal(slices.Sorted(slices.Values(list)), slices.Sorted(slices.Values(unseen))) {
				t.Error(err, list, unseen)
			}
		}
		if c.dataset == "awa1" {
			list, err := datasets.ReadClassList(filepath.Join(data, "awa", "testclasses.txt"))
			if err != nil || !slices.Equal(slices.Sorted(slices.Values(list)), slices.Sorted(slices.Values(unseen))) {
				t.Error(err, list, unseen)
			}
		}
		_, _, _, err = PublishedSplit(c.name, c.dataset, classes[1:], nil)
		if err == nil {
			t.Errorf("%s %s of one class less", c.dataset, c.name)
		}
	}
}

func TestImageNetStandard(t *testing.T) {
	wnids := strings.Fields(ilsvrc2012)
	classes := slices.Clone(wnids)
	for i := range 360 {
		w := "n9" + strings.Repeat("0", 4) + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
		classes, wnids = append(classes, "unseen "+w), append(wnids, w)
	}
	seen, unseen, _, err := PublishedSplit("standard", "imagenet", classes, wnids)
	if err != nil || len(seen) != 1000 || len(unseen) != 360 || unseen[0] != "unseen n90000000" {
		t.Error(len(seen), len(unseen), err)
	}
	_, _, _, err = PublishedSplit("standard", "imagenet", classes[:1300], wnids[:1300])
	filetest.WantError(t, err, "1000 classes of ILSVRC2012 and 300 others", "development kits")
	_, _, _, err = PublishedSplit("standard", "imagenet", classes, nil)
	filetest.WantError(t, err, "no wnids")
}

func TestOpenErrors(t *testing.T) {
	_, err := Open("mnist", t.TempDir())
	filetest.WantError(t, err, `"mnist"`, "cub, flo, folder")
	_, err = Open("cub", filepath.Join(t.TempDir(), "none"))
	filetest.WantError(t, err, "none")
	_, err = Open("cub", filetest.Write(t, filepath.Join(t.TempDir(), "file"), ""))
	filetest.WantError(t, err, "is a file")
	_, err = Open("cub", t.TempDir())
	filetest.WantError(t, err, "classes.txt", "CUB_200_2011", "https://")
}
