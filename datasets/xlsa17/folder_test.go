package xlsa17

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/datasets"
	"vzsl/datasets/splits"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/filetest"
)

func locs(n ...int) []float64 {
	out := make([]float64, len(n))
	for i, v := range n {
		out[i] = float64(v)
	}
	return out
}

// xlsa17Toy is a folder of 4 classes with 3 images each, the last one unseen: images stand in the file in another order than
// classes do.
func xlsa17Toy() (features, matrices filetest.MAT) {
	classes := []string{"002.B", "003.C+c", "001.A", "004.D"}
	order := []int{2, 0, 3, 1, 0, 1, 2, 3, 0, 1, 2, 3}
	features, matrices = filetest.MAT{}, filetest.MAT{}
	var columns [][]float64
	var labels []float64
	var files []string
	for i, c := range order {
		columns = append(columns, []float64{float64(i), float64(c), 0.5})
		labels = append(labels, float64(c+1))
		files = append(files, fmt.Sprintf("/BS/work/CUB_200_2011//images/%s/i_%02d.jpg", classes[c], i+1))
	}
	features["features"], features["labels"], features["image_files"] = columns, labels, files
	matrices["allclasses_names"] = classes
	matrices["original_att"] = [][]float64{{0, 1}, {2, 3}, {4, -1}, {6, 7}}
	matrices["att"] = [][]float64{{0, 1}, {0.6, 0.8}, {1, -0.2}, {0.6, 0.8}}
	matrices["trainval_loc"] = locs(1, 2, 4, 5, 6, 7)
	matrices["test_seen_loc"] = locs(9, 10, 11)
	matrices["test_unseen_loc"] = locs(3, 8, 12)
	return features, matrices
}

func xlsa17Folder(t testing.TB, features, matrices filetest.MAT) string {
	dir := t.TempDir()
	filetest.WriteMAT(t, filepath.Join(dir, "res101.mat"), features)
	filetest.WriteMAT(t, filepath.Join(dir, "att_splits.mat"), matrices)
	return dir
}

func (x *Folder) labelled() (images []splits.Labelled, classes []string) {
	for _, m := range x.Images {
		images = append(images, splits.Labelled{Image: m.Path, Class: x.Classes[m.Class].Name})
	}
	for _, c := range x.Classes {
		classes = append(classes, c.Name)
	}
	return images, classes
}

func count(r *features.Split) map[features.Role]int {
	n := map[features.Role]int{}
	for _, role := range r.Roles {
		n[role]++
	}
	return n
}

func TestXLSA17(t *testing.T) {
	content, matrices := xlsa17Toy()
	dir := xlsa17Folder(t, content, matrices)
	x, err := Open(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if x.Images[2] != (datasets.Image{Path: "004.D/i_03.jpg", Class: 3}) || x.Classes[1] != (datasets.Class{Name: "003.C+c", ID: 2}) {
		t.Errorf("%+v %+v", x.Images, x.Classes)
	}
	images, classes := x.labelled()
	s := splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}
	r, err := x.Split(s, 0, classes, images)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[features.Role]int{"train": 4, "validation": 2, "test_seen": 3, "test_unseen": 3}, count(r)); d != "" {
		t.Error(d)
	}
	if !slices.Equal(r.Unseen, []string{"004.D"}) || !strings.Contains(r.Provenance, "no train_loc and val_loc") || !strings.Contains(r.Provenance, "drawn with seed 1") {
		t.Error(r.Unseen, r.Provenance)
	}

	// Shards in the order of another class list: labels follow it.
	slices.Sort(classes)
	o := convert.Import{Dataset: "toy", Network: "res101", Out: filepath.Join(t.TempDir(), "out"), ShardRows: 5}
	for _, c := range classes {
		o.Known.Classes = append(o.Known.Classes, datasets.Class{Name: c})
	}
	for range 2 { // the second run finds the first one's work
		m, err := x.Import(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if m.Rows != 12 || len(m.Parts) != 3 || m.Source.Dim != 3 {
			t.Errorf("%+v", m)
		}
		if err := os.Remove(filepath.Join(o.Out, "part-00001-of-00003.parquet")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Import(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	c, err := features.OpenCache(context.Background(), o.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, m := range x.Images {
		want := []float32{float32(i), float32(m.Class), 0.5}
		if c.Images()[i] != m.Path || c.Classes()[i] != x.Classes[m.Class].Name || classes[c.Labels()[i]] != c.Classes()[i] || !slices.Equal(c.Feature(i), want) {
			t.Errorf("row %d: %s %s %d %v", i, c.Images()[i], c.Classes()[i], c.Labels()[i], c.Feature(i))
		}
	}

	// allclasses.txt in another order than allclasses_names rules the labels.
	if _, err := Dataset(dir); err != nil {
		t.Error(err)
	}
	filetest.Write(t, filepath.Join(dir, "allclasses.txt"), "001.A\n002.B\n003.C+c\n004.D\n")
	_, err = Open(dir, "", "")
	filetest.WantError(t, err, "labels do not fit the images' folders", "001.A")
}

// TestXLSA17Flavours: the three kinds of train_loc and val_loc.
func TestXLSA17Flavours(t *testing.T) {
	for name, c := range map[string]struct {
		train, val []float64
		fold       int
		lists      map[string]string
		validation []string
		says       []string
	}{
		"absent, drawn":        {nil, nil, 0, nil, nil, []string{"no train_loc", "drawn"}},
		"absent, listed":       {nil, nil, 0, map[string]string{"valclasses1": "002.B\n"}, []string{"002.B"}, []string{"valclasses1.txt"}},
		"clean":                {locs(1, 7, 4, 6), locs(2, 5), 0, nil, []string{"002.B"}, []string{"clean", "val_loc"}},
		"clean, other fold":    {locs(1, 7, 4, 6), locs(2, 5), 2, map[string]string{"valclasses2": "001.A\n"}, []string{"001.A"}, []string{"valclasses2.txt"}},
		"leaking":              {locs(1, 7, 4, 6, 10, 11), locs(2, 5, 9), 0, nil, []string{"002.B"}, []string{"leak", "3 of their 9 images", "repaired"}},
		"sharing classes":      {locs(1, 2, 4, 6), locs(5, 7), 0, nil, nil, []string{"share classes", "drawn"}},
		"unseen by list alone": {nil, nil, 0, map[string]string{"testclasses": "001.A\n"}, nil, []string{"testclasses.txt does not name"}},
	} {
		t.Run(name, func(t *testing.T) {
			content, matrices := xlsa17Toy()
			if c.train != nil {
				matrices["train_loc"], matrices["val_loc"] = c.train, c.val
			}
			dir := xlsa17Folder(t, content, matrices)
			for n, text := range c.lists {
				filetest.Write(t, filepath.Join(dir, n+".txt"), text)
			}
			x, err := Open(dir, "", "")
			if err != nil {
				t.Fatal(err)
			}
			images, classes := x.labelled()
			r, err := x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, c.fold, classes, images)
			if err != nil {
				t.Fatal(err)
			}
			if c.validation != nil && !slices.Equal(r.Validation, c.validation) {
				t.Error(r.Validation)
			}
			for _, s := range c.says {
				if !strings.Contains(r.Provenance, s) {
					t.Errorf("%q does not say %q", r.Provenance, s)
				}
			}
			// Whatever the flavour, no image that is tested on is trained or tuned on.
			if d := cmp.Diff(map[features.Role]int{"train": 4, "validation": 2, "test_seen": 3, "test_unseen": 3}, count(r)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestXLSA17Errors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(features, matrices filetest.MAT)
		files  map[string]string
		fold   int
		says   []string
	}{
		"labels from 0":    {func(f, _ filetest.MAT) { f["labels"].([]float64)[0] = 0 }, nil, 0, []string{"res101.mat", "label 1 is 0", "from 1"}},
		"label too large":  {func(f, _ filetest.MAT) { f["labels"].([]float64)[3] = 9 }, nil, 0, []string{"label 4 is 9", "4 classes"}},
		"label half":       {func(f, _ filetest.MAT) { f["labels"].([]float64)[3] = 1.5 }, nil, 0, []string{"labels", "whole numbers"}},
		"no labels":        {func(f, _ filetest.MAT) { delete(f, "labels") }, nil, 0, []string{"res101.mat", `"labels"`, "features"}},
		"labels too few":   {func(f, _ filetest.MAT) { f["labels"] = locs(1, 2) }, nil, 0, []string{"2 labels, 12 image_files"}},
		"wrong label":      {func(f, _ filetest.MAT) { f["labels"].([]float64)[0] = 1 }, nil, 0, []string{"1 of the 12 labels", "001.A/i_01.jpg has the label of 002.B"}},
		"places from 0":    {func(_, s filetest.MAT) { s["trainval_loc"] = locs(0, 1, 2) }, nil, 0, []string{"att_splits.mat", "trainval_loc", "from 1"}},
		"place too large":  {func(_, s filetest.MAT) { s["trainval_loc"] = locs(1, 13) }, nil, 0, []string{"trainval_loc holds 13", "12 images"}},
		"place twice":      {func(_, s filetest.MAT) { s["trainval_loc"] = locs(1, 1) }, nil, 0, []string{"holds 1 twice"}},
		"overlap":          {func(_, s filetest.MAT) { s["test_seen_loc"] = locs(1, 9) }, nil, 0, []string{"001.A/i_01.jpg", "trainval_loc and in test_seen_loc"}},
		"seen class":       {func(_, s filetest.MAT) { s["test_unseen_loc"] = locs(3, 9) }, nil, 0, []string{"image 9", "test_seen_loc and in test_unseen_loc"}},
		"unseen not seen":  {func(_, s filetest.MAT) { s["test_unseen_loc"], s["test_seen_loc"] = locs(3, 9), locs(10) }, nil, 0, []string{`"002.B"`, "not unseen"}},
		"seen not trained": {func(_, s filetest.MAT) { s["trainval_loc"] = locs(1, 2, 5, 7) }, nil, 0, []string{`"003.C+c"`, "not seen"}},
		"no trainval":      {func(_, s filetest.MAT) { delete(s, "trainval_loc") }, nil, 0, []string{"no trainval_loc"}},
		"val of no trainval": {func(_, s filetest.MAT) { s["train_loc"], s["val_loc"] = locs(1), locs(3) }, nil, 0,
			[]string{"image 3", "not in trainval_loc or test_seen_loc"}},
		"other classes":    {func(filetest.MAT, filetest.MAT) {}, map[string]string{"allclasses.txt": "001.A\n002.B\n003.C+c\n004.E\n"}, 0, []string{"allclasses.txt", "004.E", "004.D"}},
		"unknown in list":  {func(filetest.MAT, filetest.MAT) {}, map[string]string{"valclasses1.txt": "Nobody\n"}, 1, []string{"valclasses1.txt:1", "Nobody"}},
		"no such fold":     {func(filetest.MAT, filetest.MAT) {}, nil, 3, []string{"valclasses3.txt"}},
		"unseen validated": {func(filetest.MAT, filetest.MAT) {}, map[string]string{"valclasses1.txt": "004.D\n"}, 1, []string{"valclasses1.txt", `"004.D"`, "not a seen class"}},
	} {
		t.Run(name, func(t *testing.T) {
			features, matrices := xlsa17Toy()
			c.change(features, matrices)
			dir := xlsa17Folder(t, features, matrices)
			for n, text := range c.files {
				filetest.Write(t, filepath.Join(dir, n), text)
			}
			x, err := Open(dir, "", "")
			if err == nil {
				images, classes := x.labelled()
				_, err = x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, c.fold, classes, images)
			}
			filetest.WantError(t, err, append(c.says, dir)...)
		})
	}
	_, err := Open(t.TempDir(), "", "")
	filetest.WantError(t, err, "att_splits.mat is missing", "https://")
}

// TestXLSA17BesideOthers: files of the dataset itself in the folder, called like xlsa17's or nearly so, change nothing.
func TestXLSA17BesideOthers(t *testing.T) {
	features, matrices := xlsa17Toy()
	dir := xlsa17Folder(t, features, matrices)
	for name, text := range map[string]string{
		"classes.txt": "1 002.B\n2 003.C+c\n", "trainvalclasses.txt": "1 002.B\n", "trainclasses.txt": "Nobody\n", "trainclasses1.txt": "Nobody\n",
		"images.txt": "1 a.jpg\n", "myclasses-old.txt": "x\n", "valclasses2.txt": "1 002.B\n", "testclasses.txt": "Nobody\n",
	} {
		filetest.Write(t, filepath.Join(dir, name), text)
	}
	x, err := Open(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	images, classes := x.labelled()
	r, err := x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, 0, classes, images)
	if err != nil || !slices.Equal(r.Unseen, []string{"004.D"}) || !strings.Contains(r.Provenance, "testclasses.txt is not a list of these classes") {
		t.Error(r, err)
	}
	filetest.Write(t, filepath.Join(dir, "testclasses.txt"), "002.B\n") // of the dataset's own split
	if r, err = x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, 0, classes, images); err != nil || !strings.Contains(r.Provenance, "does not name the classes of test_unseen_loc") {
		t.Error(r, err)
	}
}

// TestXLSA17Folders: the longest end of an image's folder that is a class is its class's.
func TestXLSA17Folders(t *testing.T) {
	x := &Folder{Classes: []datasets.Class{{Name: "sand"}, {Name: "desert/sand"}, {Name: "\u00e9t\u00e9"}}}
	for image, class := range map[string]int{"a/desert/sand/1.jpg": 1, "desert/sand/1.jpg": 1, "a/sand/1.jpg": 0, "e\u0301te\u0301/1.jpg": 2} {
		for k := range x.Classes {
			if err := x.folders([]string{image}, []int{k}); (err == nil) != (k == class) {
				t.Errorf("%s of class %d: %v", image, k, err)
			}
		}
	}
}

// TestXLSA17Unnamed: FLO's file names no classes; with the dataset itself at hand they are those of the same images.
func TestXLSA17Unnamed(t *testing.T) {
	features, matrices := xlsa17Toy()
	delete(matrices, "allclasses_names")
	dir := xlsa17Folder(t, features, matrices)
	x, err := Open(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if x.Classes[3].Name != "class 004" || !strings.Contains(strings.Join(x.Notes, "\n"), "named by their numbers") {
		t.Error(x.Classes, x.Notes)
	}
	var images []splits.Labelled
	classes := []string{"D", "A", "B", "C"}
	for _, m := range x.Images {
		images = append(images, splits.Labelled{Image: m.Path, Class: []string{"B", "C", "A", "D"}[m.Class]})
	}
	r, err := x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, 0, classes, images)
	if err != nil || !slices.Equal(r.Unseen, []string{"D"}) || len(r.Seen) != 3 {
		t.Fatal(r, err)
	}
	if x, err = Open(dir, "", ""); err != nil {
		t.Fatal(err)
	}
	images[4].Class = "D"
	_, err = x.Split(splits.Definition{Name: "proposed", Dataset: "toy", ValidationFraction: 0.2, Seed: 1}, 0, classes, images)
	filetest.WantError(t, err, `"D"`, "different datasets", dir)
}

func TestShortNames(t *testing.T) {
	for _, c := range []struct {
		files, want []string
		repeated    int
	}{
		{[]string{"/a/images/x/1.jpg", "/b/Images/y/2.jpg"}, []string{"x/1.jpg", "y/2.jpg"}, 0},
		{[]string{`C:\data\AwA2\\JPEGImages\ox\1.jpg`, `C:\data\AwA2\JPEGImages\cow\2.jpg`}, []string{"ox/1.jpg", "cow/2.jpg"}, 0},
		{[]string{"/data/jpg/image_1.jpg", "/data/jpg/image_2.jpg"}, []string{"image_1.jpg", "image_2.jpg"}, 0},
		{[]string{"a/1.jpg", "b/1.jpg"}, []string{"a/1.jpg", "b/1.jpg"}, 0},
		{[]string{"/voc/v/1.jpg", "/voc/v/1.jpg", "/voc/w/1.jpg"}, []string{"v/1.jpg", "v/1.jpg#2", "w/1.jpg"}, 1},
		{[]string{"../x/1.jpg", "/etc/2"}, []string{"x/1.jpg", "etc/2"}, 0},
	} {
		got, repeated := shortNames(c.files)
		if !slices.Equal(got, c.want) || repeated != c.repeated {
			t.Errorf("%q: %q %d", c.files, got, repeated)
		}
	}
}

// TestXLSA17Real: the published splits, with features and labels made up to fit them.
func TestXLSA17Real(t *testing.T) {
	data := filetest.Data(t)
	for _, c := range []struct {
		dir, matrices                   string
		classes, trainval, seen, unseen int
		leaked, validation, trainImages int // of the seen classes' images those to train on
		says                            string
	}{
		{"xlsa17/AWA1", "", 50, 19832, 4958, 5685, 0, 13, 13460, "clean"},
		{"xlsa17/AWA2", "", 50, 23527, 5882, 7913, 0, 13, 0, "valclasses1.txt"},
		{"xlsa17/AWA2", "binaryAtt_splits.mat", 50, 23527, 5882, 7913, 5882, 13, 0, "leak"},
		{"xlsa17/CUB", "", 200, 7057, 1764, 2967, 0, 50, 0, "valclasses1.txt"},
		{"xlsa17/SUN", "", 717, 10320, 2580, 1440, 0, 65, 0, "valclasses1.txt"},
		{"xlsa17/APY", "", 32, 5932, 1483, 7924, 0, 5, 0, "valclasses1.txt"},
		{"xlsa17-variant/AWA1", "", 50, 19832, 4958, 5685, 4958, 13, 13460, "leak"},
		{"xlsa17-variant/AWA2", "", 50, 23527, 5882, 7913, 5882, 13, 16187, "leak"},
		{"xlsa17-variant/SUN", "", 717, 10320, 2580, 1440, 2580, 65, 0, "leak"},
		{"xlsa17-variant/CUB", "sent_splits.mat", 200, 7057, 1764, 2967, 1764, 50, 0, "leak"},
		{"xlsa17-variant/FLO", "", 102, 5631, 1403, 1155, 1403, 20, 0, "leak"},
	} {
		t.Run(strings.ReplaceAll(c.dir+"/"+c.matrices, "/", "_"), func(t *testing.T) {
			dir := filepath.Join(data, filepath.FromSlash(c.dir))
			bare, err := Open(dir, filepath.Join(t.TempDir(), "none.mat"), c.matrices)
			if err != nil {
				t.Fatal(err)
			}
			if len(bare.Classes) != c.classes {
				t.Errorf("%d classes", len(bare.Classes))
			}
			x, err := Open(dir, madeUp(t, bare, c.validation), c.matrices)
			if err != nil {
				t.Fatal(err)
			}
			images, classes := x.labelled()
			r, err := x.Split(splits.Definition{Name: "proposed", Dataset: "x", ValidationFraction: 0.2, Seed: 1}, 0, classes, images)
			if err != nil {
				t.Fatal(err)
			}
			n := count(r)
			if n["train"]+n["validation"] != c.trainval || n["test_seen"] != c.seen || n["test_unseen"] != c.unseen {
				t.Error(n)
			}
			if c.trainImages > 0 && n["train"] != c.trainImages {
				t.Errorf("%d images to train on, not %d", n["train"], c.trainImages)
			}
			if len(r.Validation) != c.validation || !strings.Contains(r.Provenance, c.says) || strings.Contains(r.Provenance, "does not name") {
				t.Error(len(r.Validation), r.Provenance)
			}
			if c.leaked > 0 && !strings.Contains(r.Provenance, fmt.Sprintf("leak: %d of their", c.leaked)) {
				t.Error(r.Provenance)
			}
		})
	}
}

// madeUp writes features and labels that fit a folder's splits.
func madeUp(t *testing.T, x *Folder, validation int) string {
	unseen, val := map[string]bool{}, map[string]bool{}
	for name, in := range map[string]map[string]bool{"testclasses": unseen, "valclasses1": val} {
		list, err := x.list(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			in[c] = true
		}
	}
	if len(unseen) == 0 {
		for i, c := range x.Classes {
			switch {
			case i%5 == 4:
				unseen[c.Name] = true
			case len(val) < validation:
				val[c.Name] = true
			}
		}
	}
	var groups [3][]float64 // to train on, to validate on, unseen
	for i, c := range x.Classes {
		switch {
		case unseen[c.Name]:
			groups[2] = append(groups[2], float64(i+1))
		case val[c.Name]:
			groups[1] = append(groups[1], float64(i+1))
		default:
			groups[0] = append(groups[0], float64(i+1))
		}
	}
	n := 0
	group := map[int]int{}
	for _, name := range []string{"trainval_loc", "test_seen_loc", "test_unseen_loc", "val_loc", "train_loc"} {
		for _, i := range x.locs[name] {
			n = max(n, i+1)
			switch name {
			case "val_loc":
				group[i] = 1
			case "test_unseen_loc":
				group[i] = 2
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	labels := make([]float64, n)
	used := [3]int{}
	for i := range labels {
		g := group[i]
		seen := groups[g]
		if g == 0 && x.locs["val_loc"] == nil { // any seen class
			seen = slices.Concat(groups[0], groups[1])
		}
		// In turn, now and then twice the same.
		if labels[i] = seen[used[g]%len(seen)]; rng.IntN(2) == 0 {
			used[g]++
		}
	}
	features := make([][]float64, n)
	for i := range features {
		features[i] = []float64{float64(i), 1}
	}
	return filetest.WriteMAT(t, filepath.Join(t.TempDir(), "res101.mat"), filetest.MAT{"features": features, "labels": labels})
}
