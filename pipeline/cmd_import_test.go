package pipeline

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
	"vzsl/internal/matfile"
)

// xlsa17Folder writes a folder of xlsa17: 6 classes of 10 images, whose 8 features follow their class's 4 attributes.
func xlsa17Folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "TOY")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	const n, dim, perClass = 6, 8, 10
	var names, files []string
	var att, features, labels []float64
	for c := range n {
		names = append(names, fmt.Sprintf("class+%d", c))
		for range 4 {
			att = append(att, rng.Float64())
		}
		for i := range perClass {
			files = append(files, fmt.Sprintf("/home/x/images/class+%d/%d.jpg", c, i))
			labels = append(labels, float64(c+1))
			for j := range dim {
				features = append(features, att[4*c+j%4]*float64(j+1)+0.01*rng.Float64())
			}
		}
	}
	var loc [3][]float64
	for i := range n * perClass {
		role := 0
		if i/perClass >= 4 {
			role = 2
		} else if i%perClass >= 8 {
			role = 1
		}
		loc[role] = append(loc[role], float64(i+1))
	}
	column := func(w *matfile.Writer, name string, v []float64) error { return w.Doubles(name, len(v), 1, v) }
	filetest.FillMAT(t, filepath.Join(dir, "res101.mat"), func(w *matfile.Writer) error {
		if err := w.Doubles("features", dim, n*perClass, features); err != nil {
			return err
		}
		if err := w.Texts("image_files", files); err != nil {
			return err
		}
		return column(w, "labels", labels)
	})
	filetest.FillMAT(t, filepath.Join(dir, "att_splits.mat"), func(w *matfile.Writer) error {
		if err := w.Doubles("att", 4, n, att); err != nil {
			return err
		}
		for i, name := range []string{"trainval_loc", "test_seen_loc", "test_unseen_loc"} {
			if err := column(w, name, loc[i]); err != nil {
				return err
			}
		}
		// The leaking kind: class 3 to validate on, test_seen images among them.
		if err := column(w, "train_loc", seq(1, 30)); err != nil {
			return err
		}
		if err := column(w, "val_loc", seq(31, 40)); err != nil {
			return err
		}
		return w.Texts("allclasses_names", names)
	})
	return dir
}

func seq(lo, hi int) (out []float64) {
	for i := lo; i <= hi; i++ {
		out = append(out, float64(i))
	}
	return out
}

// TestXLSA17 goes from a folder of xlsa17 to a report that says what was repaired.
func TestXLSA17(t *testing.T) {
	filetest.Slow(t)
	dir, out := xlsa17Folder(t), t.TempDir()
	r := done(t, "import", "xlsa17", dir, "--out", out, "--shard-rows", "25")
	if r["dataset"] != "toy" || r["images"] != 60.0 || r["dim"] != 8.0 || r["shards"] != 3.0 {
		t.Errorf("import: %v", r)
	}
	roles, err := features.ReadSplit(r["split"].(string))
	if err != nil {
		t.Fatal(err)
	}
	n := map[features.Role]int{}
	for _, role := range roles.Roles {
		n[role]++
	}
	if n["train"] != 24 || n["validation"] != 8 || n["test_seen"] != 8 || n["test_unseen"] != 20 || !strings.Contains(roles.Provenance, "repaired") {
		t.Errorf("%v %s", n, roles.Provenance)
	}
	done(t, "import", "xlsa17", dir, "--out", out, "--shard-rows", "25")
	done(t, "train", "--dataset", "toy", "--split", "proposed", "--method", "eszsl", "--out", out)
	r = done(t, "evaluate", "--dataset", "toy", "--split", "proposed", "--method", "eszsl", "--out", out)
	if r["images"] != 20.0 || r["generalised"] == nil {
		t.Errorf("evaluate: %v", r)
	}
	page, err := os.ReadFile(r["html"].(string))
	if err != nil || !strings.Contains(string(page), "leak: 8 of their 40 images") {
		t.Errorf("the report does not say that the split was repaired: %v", err)
	}
	// The split alone, for features that are there: the same roles.
	if r = done(t, "split", "--dataset", "toy", "--xlsa17", dir, "--split", "again", "--out", out); r["unseen_classes"] != 2.0 || r["validation_classes"] != 1.0 {
		t.Errorf("split: %v", r)
	}
	again, err := features.ReadSplit(r["file"].(string))
	if err != nil || !slices.Equal(again.Roles, roles.Roles) || !slices.Equal(again.Images, roles.Images) {
		t.Errorf("split again: %v", err)
	}
	if o := vzsl(t, "split", "--dataset", "toy", "--random", "3", "--unseen-classes", "2", "--out", out); o.code != exitDone || strings.Count(o.stdout, "4 seen classes") != 3 {
		t.Errorf("split --random: %d %s%s", o.code, o.stdout, o.stderr)
	}
	for _, name := range []string{"random-1", "random-3"} {
		if r, err := features.ReadSplit(filepath.Join(out, "features", "toy", "splits", name+".parquet")); err != nil || len(r.Unseen) != 2 {
			t.Error(r, err)
		}
	}
	// Out again: the same dataset, and published code runs on it.
	r = done(t, "export", "--format", "xlsa17", "--dataset", "toy", "--split", "proposed", "--out", out)
	exported := r["folder"].(string)
	done(t, "export", "--format", "xlsa17", "--dataset", "toy", "--split", "proposed", "--out", out) // it is there already, and the same
	refused(t, exitFailed, []string{"att_splits.mat", "--force"}, "export", "--format", "xlsa17", "--dataset", "toy", "--split", "random-1", "--out", out, "--to", exported)
	refused(t, exitUsage, []string{"xlsa17"}, "export", "--dataset", "toy", "--format", "matlab", "--out", out)
	back := t.TempDir()
	r = done(t, "import", "xlsa17", exported, "--dataset", "toy", "--out", back)
	if r["images"] != 60.0 || r["dim"] != 8.0 {
		t.Errorf("exported and imported: %v", r)
	}
	same, err := features.ReadSplit(r["split"].(string))
	if err != nil || !slices.Equal(same.Roles, roles.Roles) || !slices.Equal(same.Images, roles.Images) || !strings.Contains(same.Provenance, "clean") {
		t.Errorf("%v, %v", same, err)
	}
	runPublished(t, exported)

	refused(t, exitUsage, []string{"--unseen-classes"}, "split", "--dataset", "toy", "--random", "3", "--out", out)
	refused(t, exitUsage, []string{"--xlsa17"}, "split", "--dataset", "toy", "--split", "proposed", "--out", out)
	refused(t, exitUsage, []string{"give only one"}, "split", "--dataset", "toy", "--random", "3", "--xlsa17", dir, "--out", out)
	refused(t, exitFailed, []string{"50 unseen classes", "6 with images"}, "split", "--dataset", "toy", "--random", "1", "--unseen-classes", "50", "--out", out)

	// The same features by the general ways, with the classes of the folder.
	mat := filepath.Join(dir, "res101.mat")
	r = done(t, "import", "mat", mat, "--dataset", "toy", "--layout", "xlsa17", "--data", dir, "--network", "again", "--out", out)
	if r["images"] != 60.0 || r["dim"] != 8.0 {
		t.Errorf("import mat: %v", r)
	}

	table := filetest.Write(t, filepath.Join(t.TempDir(), "features.csv"), "image,class,x0,x1\na,class+1,1,2\nb,class+0,3,4\n")
	in := []string{"--dataset", "toy", "--layout", "xlsa17", "--data", dir, "--out", out}
	if r = done(t, append([]string{"import", "csv", table}, in...)...); r["images"] != 2.0 || r["dim"] != 2.0 {
		t.Errorf("import csv: %v", r)
	}
	// Shards are Parquet files too.
	if r = done(t, append([]string{"import", "parquet", filepath.Join(out, "features", "toy", "res101"), "--network", "third"}, in...)...); r["images"] != 60.0 || r["dim"] != 8.0 {
		t.Errorf("import parquet: %v", r)
	}
	text := t.TempDir()
	filetest.Write(t, filepath.Join(text, "class+5", "1.txt"), "1 2 3\n")
	if r = done(t, append([]string{"import", "text", text, "--network", "text"}, in...)...); r["images"] != 1.0 || r["dim"] != 3.0 {
		t.Errorf("import text: %v", r)
	}

	refused(t, exitUsage, []string{"--attributes"}, "import", "xlsa17", dir, "--out", out, "--attributes", "words")
	refused(t, exitFailed, []string{"valclasses2.txt"}, "import", "xlsa17", dir, "--out", out, "--fold", "2")
	refused(t, exitFailed, []string{"att_splits.mat", "https://"}, "import", "xlsa17", t.TempDir(), "--out", out)
	refused(t, exitFailed, []string{"Spelling", "features"}, "import", "mat", mat, "--variable", "Spelling", "--dataset", "toy", "--layout", "xlsa17", "--data", dir, "--out", out)
	refused(t, exitFailed, []string{"--force"}, "import", "xlsa17", dir, "--out", out, "--shard-rows", "30")
}

// runPublished runs published code on a folder, where there is SciPy.
func runPublished(t *testing.T, dir string) {
	t.Helper()
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import scipy").Run() != nil {
		t.Log("no Python with SciPy: the exported folder was not tried with published code")
		return
	}
	b, err := exec.Command(python, "-B", filepath.Join("..", "datasets", "xlsa17", "testdata", "published.py"), dir).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, b)
	}
	if top1, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64); err != nil || top1 < 0.5 {
		t.Errorf("published code names %s of the unseen classes' images", b)
	}
}

// TestAwA: features in text files, attributes with missing values, and what is said where the classes are not AwA's.
func TestAwA(t *testing.T) {
	data, out := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"classes.txt":                        "     1\tantelope\n     2\tlion\n",
		"predicates.txt":                     "     1\tblack\n     2\twhite\n",
		"predicate-matrix-continuous.txt":    "  -1.00  12.00\n 39.25   1.39\n",
		"predicate-matrix-binary.txt":        "0 1\n1 0\n",
		"Features/vgg19/antelope/a_0001.txt": "1 2 3\n",
		"Features/vgg19/lion/l_0001.txt":     "4\n5\n6\n",
	} {
		filetest.Write(t, filepath.Join(data, filepath.FromSlash(name)), text)
	}
	in := []string{"--dataset", "awa1", "--data", data, "--out", out}
	if r := done(t, append([]string{"import", "text", filepath.Join(data, "Features", "vgg19")}, in...)...); r["images"] != 2.0 || r["folder"] != filepath.Join(out, "features", "awa1", "vgg19") {
		t.Errorf("import text: %v", r)
	}
	for _, c := range []struct {
		flags   []string
		missing float64
		value   float32
	}{{nil, 1, 0}, {[]string{"--missing", "copy"}, 0, 39.25}, {[]string{"--matrix", "binary"}, 0, 0}} {
		r := done(t, append(append([]string{"attributes"}, in...), c.flags...)...)
		if r["missing"] != c.missing || r["classes"] != 2.0 || r["attributes"] != 2.0 {
			t.Errorf("attributes %v: %v", c.flags, r)
		}
		table, err := features.ReadClassTable(r["file"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if v := table.Values[0][0]; c.missing == 0 && v != c.value {
			t.Errorf("attributes %v: %v", c.flags, v)
		}
	}
	refused(t, exitFailed, []string{`class "antelope": black`, "--missing copy"}, append([]string{"attributes", "--missing", "error"}, in...)...)
	refused(t, exitUsage, []string{"--matrix"}, append([]string{"attributes", "--matrix", "words"}, in...)...)
	refused(t, exitFailed, []string{"10 unseen classes are missing", "chimpanzee"}, "split", "--dataset", "awa1", "--out", out)
	refused(t, exitUsage, []string{"645-72"}, "split", "--dataset", "awa1", "--layout", "sun", "--split", "72", "--out", out)
}

// TestProposedByList: the proposed split for features of one's own needs no res101.mat where the images' names are known from a list
// in its order; the split is the one that res101.mat gives.
func TestProposedByList(t *testing.T) {
	folder := xlsa17Folder(t)
	mat := filepath.Join(folder, "res101.mat")
	t.Chdir(t.TempDir())
	var list strings.Builder
	for i := range 60 {
		fmt.Fprintf(&list, "/home/x/images/class+%d/%d.jpg\n", i/10, i%10)
	}
	filetest.Write(t, "list.txt", list.String())
	in := func(args ...string) []string { return append(args, "--dataset", "x") }
	done(t, in("import", mat, "--layout", "xlsa17", "--data", folder, "--network", "own")...)
	done(t, in("attributes", "--layout", "xlsa17", "--data", folder)...)
	whole := done(t, in("split", "--xlsa17", folder, "--split", "whole")...)
	refused(t, exitFailed, []string{"not needed"}, in("split", "--xlsa17", folder, "--images", "list.txt")...)
	if err := os.Remove(mat); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{"res101.mat", "--images"}, in("split", "--xlsa17", folder)...)
	listed := done(t, in("split", "--xlsa17", folder, "--images", "list.txt")...)
	want, is := fmt.Sprint(whole["images"]), fmt.Sprint(listed["images"])
	if is != want || !strings.Contains(is, "test_unseen:20") {
		t.Errorf("by the list %s, by res101.mat %s", is, want)
	}
}
