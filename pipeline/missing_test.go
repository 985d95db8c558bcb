package pipeline

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// described writes descriptions and features of a few images of each class: rows are the lines of classes.csv.
func described(t *testing.T, dir string, rows []string, images int) (classes, table string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("image,class,f0,f1,f2,f3\n")
	for k, row := range rows[1:] {
		name, _, _ := strings.Cut(row, ",")
		for i := range images {
			fmt.Fprintf(&b, "%s/%d.jpg,%s", name, i, name)
			for j := range 4 {
				fmt.Fprintf(&b, ",%.4f", r.Float64()+float64((k*(j+1))%5))
			}
			b.WriteString("\n")
		}
	}
	return filetest.Write(t, filepath.Join(dir, "data", "classes.csv"), strings.Join(rows, "\n")+"\n"), filetest.Write(t, filepath.Join(dir, "f.csv"), b.String())
}

// TestMissingValues: what is missing is named by class and attribute with the flag that helps, in training, in evaluation and where
// images are named; predict and serve have the choice that training has.
func TestMissingValues(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	rows := []string{"class,stripes,hooves,tail", "ant,0,0,10", "bee,90,0,10", "cat,40,0,80", "dog,0,10,70", "elk,10,110,50", "fox,10,0,90", "gnu,20,90,70", "hen,10,,30"}
	_, table := described(t, dir, rows, 4)
	in := func(args ...string) []string { return append(args, "--dataset", "d") }
	done(t, in("import", "csv", table, "--data", "data", "--network", "n")...)
	done(t, in("attributes", "--data", "data")...)
	filetest.Write(t, "seen.txt", "ant\nbee\ncat\ndog\nelk\nfox\n")
	filetest.Write(t, "unseen.txt", "gnu\nhen\n")
	done(t, in("split", "--split", "s", "--seen", "seen.txt", "--unseen", "unseen.txt")...)

	// An unseen class: told at once, and refused where it counts.
	o := vzsl(t, in("train", "--split", "s", "--method", "eszsl")...)
	if o.code != exitDone || !strings.Contains(o.stderr, "hen") || !strings.Contains(o.stderr, "hooves") || !strings.Contains(o.stderr, "--missing class-mean") {
		t.Errorf("train: %d\n%s", o.code, o.stderr)
	}
	refused(t, exitFailed, []string{`class "hen": hooves`, "train the run with --missing class-mean"}, in("evaluate", "--split", "s", "--method", "eszsl")...)
	shards := filepath.Join("features", "d", "n")
	predict := func(args ...string) []string {
		return append(in("predict", shards, "--split", "s", "--method", "eszsl"), args...)
	}
	refused(t, exitFailed, []string{`class "hen": hooves`, "--missing class-mean"}, predict()...)
	refused(t, exitFailed, []string{`class "hen": hooves`, "--missing class-mean"}, in("serve", "--split", "s", "--method", "eszsl")...)
	if r := done(t, predict("--missing", "class-mean")...); r["classes"] != 2.0 {
		t.Errorf("predict: %v", r)
	}
	refused(t, exitUsage, []string{"class-mean"}, predict("--missing", "mean")...)
	// The mean over the seen classes, written out, gives the same answers.
	filetest.Write(t, "filled.csv", "class,stripes,hooves,tail\ngnu,20,90,70\nhen,10,20,30\n")
	filled, empty := done(t, predict("--classes", "filled.csv")...), done(t, predict("--missing", "class-mean")...)
	if a, b := fmt.Sprint(filled["images"]), fmt.Sprint(empty["images"]); a != b {
		t.Errorf("filled by hand %.300s\nby the program %.300s", a, b)
	}
	// And the other way round: trained to fill, asked to refuse.
	done(t, in("train", "--split", "s", "--method", "eszsl", "--missing", "class-mean", "--run", "fills")...)
	done(t, in("evaluate", "--run", "fills")...)
	done(t, in("predict", shards, "--run", "fills")...)
	refused(t, exitFailed, []string{`class "hen": hooves`}, in("predict", shards, "--run", "fills", "--missing", "error")...)

	// A seen class.
	filetest.Write(t, "seen.txt", "ant\nbee\ncat\ndog\nelk\nhen\n")
	filetest.Write(t, "unseen.txt", "gnu\nfox\n")
	done(t, in("split", "--split", "s2", "--seen", "seen.txt", "--unseen", "unseen.txt")...)
	refused(t, exitFailed, []string{`class "hen": hooves`, "--missing class-mean", "vzsl attributes"}, in("train", "--split", "s2", "--method", "eszsl")...)
	refused(t, exitFailed, []string{`class "hen": hooves`, "--missing class-mean"}, in("tune", "--split", "s2", "--method", "eszsl", "--trials", "1", "--folds", "2")...)
	done(t, in("train", "--split", "s2", "--method", "eszsl", "--missing", "class-mean")...)
}

// TestAwAMissing: the four values that AwA lacks are taken from lion as its authors' code does, and a note says so, with the
// folder as it is handed round and as xlsa17 has it; then training needs no flag.
func TestAwAMissing(t *testing.T) {
	data, err := filepath.Abs(filepath.Join("..", "..", "shared", "data", "awa"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil {
		t.Skip("the data of Animals with Attributes are not there")
	}
	t.Chdir(t.TempDir())
	list, err := os.ReadFile(filepath.Join(data, "classes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	rows := []string{""}
	for _, f := range strings.Fields(string(list)) {
		if f[0] > '9' {
			rows = append(rows, f)
		}
	}
	_, table := described(t, ".", rows, 2)
	in := func(args ...string) []string { return append(args, "--dataset", "awa1") }
	done(t, in("import", "csv", table, "--data", data, "--network", "n")...)
	for _, c := range []struct {
		flags   []string
		missing int
		note    bool
	}{{nil, 0, true}, {[]string{"--missing", "copy"}, 0, true}, {[]string{"--missing", "keep"}, 4, false}, {[]string{"--matrix", "binary"}, 0, false}} {
		o := vzsl(t, append(in("attributes", "--data", data), c.flags...)...)
		if !strings.Contains(o.stdout, fmt.Sprintf(" %d values missing", c.missing)) || strings.Contains(o.stderr, "black, white, blue, brown") != c.note {
			t.Errorf("attributes %v: %s%s", c.flags, o.stdout, o.stderr)
		}
	}
	done(t, in("split")...)
	done(t, in("attributes", "--data", data, "--missing", "keep")...)
	refused(t, exitFailed, []string{`class "antelope": black, white, blue, brown`, "vzsl attributes", "--missing class-mean"}, in("train", "--method", "eszsl")...)
	done(t, in("attributes", "--data", data)...)
	done(t, in("train", "--method", "eszsl")...)
	classes, err := features.ReadClassTable(filepath.Join("features", "awa1", "classes.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	of := map[string][]float32{}
	for i, c := range classes.Classes {
		of[c] = classes.Values[i]
	}
	for k := range 4 {
		if of["antelope"][k] != of["lion"][k] {
			t.Errorf("%s of antelope %v, of lion %v", classes.Attributes[k], of["antelope"][k], of["lion"][k])
		}
	}
	if o := vzsl(t, "check", "awa1", data); !strings.Contains(o.stdout, "taken from lion") || strings.Contains(o.stdout, "values are missing") {
		t.Errorf("check:\n%s", o.stdout)
	}
}

// TestOtherUnits: descriptions in other units than those trained on are pointed at, row by row and attribute by attribute.
func TestOtherUnits(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	rows := []string{"class,stripes,hooves,tail,weight", "ant,0,20,10,1", "bee,90,2,10,1", "cat,40,3,80,4000", "dog,5,10,70,20000", "elk,10,100,50,300000", "fox,10,4,90,7000", "gnu,20,90,70,200000"}
	_, table := described(t, dir, rows, 4)
	in := func(args ...string) []string { return append(args, "--dataset", "d") }
	done(t, in("import", "csv", table, "--data", "data", "--network", "n")...)
	done(t, in("attributes", "--data", "data")...)
	filetest.Write(t, "seen.txt", "ant\nbee\ncat\ndog\nelk\nfox\n")
	filetest.Write(t, "unseen.txt", "gnu\n")
	done(t, in("split", "--split", "s", "--seen", "seen.txt", "--unseen", "unseen.txt")...)
	done(t, in("train", "--split", "s", "--method", "eszsl")...)
	for text, say := range map[string]string{
		"gnu,20,90,70,200000\nhen,10,3,30,2000":                                 "",
		"gnu,20,90,70,200000\nhen,0.1,0.03,0.3,20":                              "1 class",
		"gnu,0.2,0.9,0.7,2000\nhen,0.1,0.03,0.3,20":                             "the values are",
		"gnu,20,90,7000,200000\nhen,10,3,3000,2000":                             "tail",
		"gnu,20,90,70,200000\nhen,10,3,30,2000\nibis,10,3,3000,2000\n":          "",
		"a,20,9,70,3e9\nb,10,3,30,2e9\nc,10,3,40,2e9\nd,4,3,1,9e9\ne,1,9,1,9e9": "weight",
	} {
		filetest.Write(t, "new.csv", rows[0]+"\n"+text+"\n")
		o := vzsl(t, in("predict", filepath.Join("features", "d", "n"), "--split", "s", "--method", "eszsl", "--classes", "new.csv")...)
		if o.code != exitDone || strings.Contains(o.stderr, "same unit") != (say != "") || !strings.Contains(o.stderr, say) {
			t.Errorf("%q: exit code %d, not %q\n%s", text, o.code, say, o.stderr)
		}
	}
}

// TestMissingThroughXLSA17: missing values, negative ones and a real -1 come back from an exported folder of xlsa17 as they were.
func TestMissingThroughXLSA17(t *testing.T) {
	for name, values := range map[string][]string{
		"none":                {"0.5,1", "0.3,5", "2,3", "1,1", "2,2"},
		"missing":             {"0.5,1", "0.3,", "2,3", ",1", "2,2"},
		"missing beside":      {"-0.5,1", "0.3,", "-2,3", "1,1", "2,2"},
		"missing beside -1":   {"-1,1", "0.3,", "2,3", "1,1", "2,2"},
		"real -1":             {"-1,1", "0.3,5", "2,3", "1,-1", "2,2"},
		"real -1 beside":      {"-1,1", "-0.3,5", "2,3", "1,-1", "2,2"},
		"negative, none is 1": {"-2,1", "-0.3,5", "2,3", "1,-4", "2,2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			rows := []string{"class,a,b"}
			for i, v := range values {
				rows = append(rows, fmt.Sprintf("k%d,%s", i, v))
			}
			_, table := described(t, ".", rows, 4)
			done(t, "import", "csv", table, "--dataset", "d", "--data", "data", "--network", "n")
			done(t, "attributes", "--dataset", "d", "--data", "data")
			done(t, "split", "--dataset", "d", "--random", "1", "--unseen-classes", "2", "--test-seen", "0.25")
			o := vzsl(t, "export", "--format", "xlsa17", "--dataset", "d", "--split", "random-1", "--to", "x")
			if o.code != exitDone {
				t.Errorf("export: %d\n%s", o.code, o.stderr)
			}
			done(t, "import", "xlsa17", "x", "--dataset", "again")
			was, err := features.ReadClassTable(filepath.Join("features", "d", "classes.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			is, err := features.ReadClassTable(filepath.Join("features", "again", "classes.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			for i, class := range was.Classes {
				for j, row := range is.Classes {
					if row == class && fmt.Sprint(was.Values[i]) != fmt.Sprint(is.Values[j]) {
						t.Errorf("%s: %v, before %v", class, is.Values[j], was.Values[i])
					}
				}
			}
		})
	}
}
