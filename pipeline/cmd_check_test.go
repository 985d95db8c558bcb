package pipeline

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vzsl/internal/filetest"
	"vzsl/internal/matfile"
	"vzsl/pipeline/inspect"
)

// checked runs check, which must end with a code, and returns what it found.
func checked(t *testing.T, code int, args ...string) inspect.Findings {
	t.Helper()
	o := vzsl(t, append([]string{"check", "--json", "-q"}, args...)...)
	if o.code != code {
		t.Errorf("vzsl check %v: exit code %d, not %d\n%s%s", args, o.code, code, o.stdout, o.stderr)
	}
	var c inspect.Findings
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil {
		t.Fatalf("vzsl check %v: %v\n%s%s", args, err, o.stdout, o.stderr)
	}
	if c.Next == "" {
		t.Errorf("vzsl check %v: no next step", args)
	}
	return c
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// follow does nothing but run the commands that check ends with, from an unpacked folder to a report, and returns their names.
// What would be downloaded is written by have.
func follow(t *testing.T, dataset string, have map[string]func()) string {
	t.Helper()
	var steps []string
	look := []string{"check", dataset}
	for range 12 {
		o := vzsl(t, append(look, "--json", "-q")...)
		var c inspect.Findings
		if err := json.Unmarshal([]byte(o.stdout), &c); err != nil {
			t.Fatalf("%v: exit code %d, %v\n%s%s", look, o.code, err, o.stdout, o.stderr)
		}
		words := strings.Fields(c.Next)
		if leads := words[1] == "download" || words[1] == "check"; o.code != exitDone && o.code != exitSkipped && !leads {
			t.Fatalf("%v: exit code %d\n%s%s", look, o.code, o.stdout, o.stderr)
		}
		if words[0] != "vzsl" {
			steps = append(steps, words[0])
			break
		}
		steps = append(steps, words[1])
		switch words[1] {
		case "download":
			have[words[2]]()
			continue
		case "check":
			look = words[1:]
			continue
		case "train":
			words = append(words, "--method", "eszsl", "--missing", "class-mean")
		}
		if o := vzsl(t, append(words[1:], "-q")...); o.code != exitDone {
			t.Fatalf("%s: exit code %d\n%s", c.Next, o.code, o.stderr)
		}
	}
	o := vzsl(t, look...)
	if lines := strings.Count(o.stdout, "\n"); lines > 24 || !strings.Contains(o.stdout, "report.html") || strings.Contains(o.stdout, "another list") {
		t.Errorf("%d lines\n%s", lines, o.stdout)
	}
	return strings.Join(steps, " ")
}

// TestCheckLeads: from each layout's folder to a report by the commands that check names.
func TestCheckLeads(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	drawn, err := filepath.Glob(filepath.Join(data, "*", "000.png"))
	if err != nil || len(drawn) < 5 {
		t.Fatal(err)
	}
	have := map[string]func(){"vgg19": func() {
		b, err := os.ReadFile(model)
		if err != nil {
			t.Fatal(err)
		}
		filetest.Write(t, filepath.Join("models", "demo.onnx"), string(b))
	}}
	flowerNames, err := os.ReadFile(filepath.Join("..", "datasets", "catalog", "flowers102.txt"))
	if err != nil {
		t.Fatal(err)
	}
	flowerWords := wordVectors(string(flowerNames))
	animals := []string{"antelope", "grizzly+bear", "killer+whale", "beaver", "zebra"}
	lists := func(dir string, names []string) {
		filetest.Write(t, filepath.Join(dir, "seen.txt"), strings.Join(names[:4], "\n"))
		filetest.Write(t, filepath.Join(dir, "unseen.txt"), names[4]+"\n")
	}
	awa := func(dir string) {
		var classes strings.Builder
		for i, a := range animals {
			fmt.Fprintf(&classes, "%8d\t%s\n", i+1, a)
		}
		filetest.Write(t, filepath.Join(dir, "classes.txt"), classes.String())
		filetest.Write(t, filepath.Join(dir, "predicates.txt"), "       1\tblack\n       2\twhite\n       3\tbig\n")
		filetest.Write(t, filepath.Join(dir, "predicate-matrix-continuous.txt"), " -1.00  12.34   5.00\n 1 2 3\n 50 0 99\n 3 3 20\n 50 60 7\n")
		filetest.Write(t, filepath.Join(dir, "predicate-matrix-binary.txt"), "0 1 0\n1 0 1\n1 0 1\n0 0 0\n1 1 0\n")
		lists(dir, animals)
	}
	for _, c := range []struct {
		dataset, steps string
		lay            func(dir string)
	}{
		{"shapes", "download extract attributes split train evaluate all", func(dir string) { copyTree(t, data, dir) }},
		{"awa2", "download extract attributes split train evaluate all", func(dir string) {
			awa(dir)
			for i, a := range animals {
				copyTree(t, filepath.Dir(drawn[i]), filepath.Join(dir, "JPEGImages", a))
			}
		}},
		{"awa1", "import attributes split train evaluate all", func(dir string) {
			awa(dir)
			for i, a := range animals {
				for k := range 6 {
					filetest.Write(t, filepath.Join(dir, "Features", "vgg19", a, fmt.Sprintf("%s_%04d.txt", a, k+1)), fmt.Sprintf("%d\n%d,0.5 %d\n", i, i*k, 5-i))
				}
			}
		}},
		{"imagenet", "download extract download attributes split train evaluate all", func(dir string) {
			names := []string{"tench, Tinca tinca", "goldfish", "great white shark, white shark", "tiger shark", "hammerhead"}
			var list strings.Builder
			for i, n := range names {
				wnid := fmt.Sprintf("n%08d", 1440764+i)
				fmt.Fprintf(&list, "%s %s\n", wnid, n)
				copyTree(t, filepath.Dir(drawn[i]), filepath.Join(dir, "train", wnid))
			}
			filetest.Write(t, filepath.Join(dir, "LOC_synset_mapping.txt"), list.String())
			lists(dir, names)
			have["glove"] = func() {
				filetest.Write(t, filepath.Join("data", "glove", "glove.6B.300d.txt"), "tench 1 2 3\ngoldfish 3 1 2\ngreat 1 1 1\nwhite 0 5 1\nshark 9 1 1\ntiger 3 3 7\nhammerhead 1 9 9\n")
			}
		}},
		{"sun", "download extract attributes split train evaluate all", func(dir string) {
			scenes := []string{"abbey", "desert/sand", "desert/vegetation", "desert_road", "hotel/outdoor"}
			filetest.FillMAT(t, filepath.Join(dir, "SUNAttributeDB", "attributes.mat"), func(w *matfile.Writer) error { return w.Texts("attributes", []string{"sand ", "road"}) })
			var images []string
			for i, s := range scenes {
				to := s[:1] + "/" + s
				copyTree(t, filepath.Dir(drawn[i]), filepath.Join(dir, "images", filepath.FromSlash(to)))
				files, err := filepath.Glob(filepath.Join(dir, "images", filepath.FromSlash(to), "*.png"))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					images = append(images, to+"/"+filepath.Base(f))
				}
			}
			filetest.FillMAT(t, filepath.Join(dir, "SUNAttributeDB", "images.mat"), func(w *matfile.Writer) error { return w.Texts("images", images) })
			votes := make([]float64, 2*len(images))
			for i := range votes {
				votes[i] = float64(i*7%4) / 3
			}
			filetest.FillMAT(t, filepath.Join(dir, "SUNAttributeDB", "attributeLabels_continuous.mat"), func(w *matfile.Writer) error {
				return w.Doubles("labels_cv", len(images), 2, votes)
			})
			lists(dir, scenes)
		}},
		{"flo", "download extract download attributes split train evaluate all", func(dir string) {
			flowers := []string{"pink primrose", "tiger lily", "snapdragon", "daffodil", "rose"}
			numbers := []float64{1, 6, 11, 42, 74}
			var labels []float64
			for i := range flowers {
				files, err := filepath.Glob(filepath.Join(filepath.Dir(drawn[i]), "*.png"))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					b, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					labels = append(labels, numbers[i])
					filetest.Write(t, filepath.Join(dir, "jpg", fmt.Sprintf("image_%05d.jpg", len(labels))), string(b))
				}
			}
			filetest.FillMAT(t, filepath.Join(dir, "imagelabels.mat"), func(w *matfile.Writer) error { return w.Doubles("labels", 1, len(labels), labels) })
			lists(dir, flowers)
			have["glove"] = func() { filetest.Write(t, filepath.Join("data", "glove", "glove.6B.300d.txt"), flowerWords) }
		}},
		// xlsa17 holds several datasets, aPY only there.
		{"apy", "download check import train evaluate all", func(string) { have["xlsa17"] = func() { copyTree(t, xlsa17Folder(t), "data/xlsa17/data/APY") } }},
		{"xlsa17", "download check import train evaluate all", func(string) { have["xlsa17"] = func() { copyTree(t, xlsa17Folder(t), "data/xlsa17/xlsa17/data/CUB") } }},
	} {
		t.Run(c.dataset, func(t *testing.T) {
			t.Chdir(t.TempDir())
			c.lay(filepath.Join("data", c.dataset))
			if got := follow(t, c.dataset, have); got != c.steps {
				t.Errorf("the steps were %q, not %q", got, c.steps)
			}
		})
	}
}

// layFeatures imports one feature, for a dataset of SUN's layout in scenes.
func layFeatures(t *testing.T, dataset string) {
	t.Helper()
	table := filetest.Write(t, filepath.Join(t.TempDir(), "f.csv"), "image,class,x\na/abbey/1.jpg,abbey,1\n")
	done(t, "import", "csv", table, "--dataset", dataset, "--data", "scenes", "--layout", "sun")
}

// wordVectors gives every word of some names a vector.
func wordVectors(names string) string {
	var lines strings.Builder
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(names, func(r rune) bool { return r == ' ' || r == '\n' || r == '-' }) {
		if !words[w] {
			words[w] = true
			fmt.Fprintf(&lines, "%s %d %d %d\n", w, len(w), int(w[0]), int(w[len(w)-1]))
		}
	}
	return lines.String()
}

func TestCheckFinds(t *testing.T) {
	data, _ := demoData(t)
	dir := t.TempDir()
	t.Chdir(dir)

	c := checked(t, exitFailed, "cub")
	if c.Usable || c.Next != "vzsl download cub" {
		t.Errorf("%+v", c)
	}
	if c := checked(t, exitFailed, "imagenet"); !strings.Contains(c.Next, "image-net.org") {
		t.Errorf("%+v", c)
	}
	filetest.Write(t, filepath.Join("data", "cub", "CUB_200_2011.tgz"), "x")
	if c := checked(t, exitFailed, "cub"); c.Next != "vzsl download cub --force --from data/cub" || len(c.Problems) != 2 {
		t.Errorf("%+v", c)
	}

	// What lies there is not unpacked, or not whole.
	filetest.Write(t, filepath.Join("data", "imagenet", "LOC_synset_mapping.txt"), "n01440764 tench, Tinca tinca\n")
	if c := checked(t, exitFailed, "imagenet"); !strings.Contains(c.Next, "put the images there and run 'vzsl check imagenet' again") || !strings.Contains(c.Problems[0], "no images") {
		t.Errorf("%+v", c)
	}
	filetest.Write(t, filepath.Join("data", "imagenet", "train", "n01440764.tar"), "x")
	if c := checked(t, exitFailed, "imagenet"); !strings.Contains(c.NextHint, "data/imagenet/train into a folder of its name") {
		t.Errorf("%+v", c)
	}
	lay := func(name string, fill func(w *matfile.Writer) error) {
		filetest.FillMAT(t, filepath.Join("scenes", name), fill)
	}
	lay("images.mat", func(w *matfile.Writer) error { return w.Texts("images", []string{"a/abbey/1.jpg"}) })
	filetest.Write(t, filepath.Join("scenes", "images", "a", "abbey", "1.jpg"), "x")
	filetest.Write(t, filepath.Join("models", "m.onnx"), "x")
	layFeatures(t, "sun")
	c = checked(t, exitSkipped, "sun", "scenes")
	if all := strings.Join(c.Problems, "\n"); !strings.Contains(all, "no attributes.mat in scenes; it is in SUNAttributeDB.tar.gz") || !strings.Contains(c.Next, "correct the class descriptions") {
		t.Errorf("%+v", c)
	}
	if err := os.RemoveAll("models"); err != nil {
		t.Fatal(err)
	}

	// An own folder in disorder.
	own := filepath.Join("data", "own")
	copyTree(t, data, own)
	table, err := os.ReadFile(filepath.Join(own, "classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(table), "\n")
	class, _, _ := strings.Cut(lines[1], ",")
	fields := strings.Split(strings.TrimSpace(lines[2]), ",")
	lines[2] = fields[0] + strings.Repeat(",", len(fields)-1) + "\n"
	lines[3] = strings.Replace(lines[3], ",1,", ",?,", 1)
	filetest.Write(t, filepath.Join(own, "classes.csv"), strings.Join(lines, ""))
	filetest.Write(t, filepath.Join(own, "loose.jpg"), "x")
	filetest.Write(t, filepath.Join(own, class, "deeper", "x.png"), "x")
	filetest.Write(t, filepath.Join(own, class, "empty.jpg"), "")
	filetest.Write(t, filepath.Join(own, class, "EMPTY.jpg"), "x")
	filetest.Write(t, filepath.Join(own, class, "phone.HEIC"), "x")
	pictures, latin1 := "10", "HEIC" // other systems have no such names
	if runtime.GOOS == "linux" {
		filetest.Write(t, filepath.Join(own, class, "caf\xe9.png"), "x")
		pictures, latin1 = "11", "1 images have names that are not UTF-8 text and will be skipped; rename them: "+class+`/caf\xe9.png`
	}
	c = checked(t, exitSkipped, "own")
	all := strings.Join(append(c.Problems, c.Notes...), "\n")
	for _, say := range []string{"1 images belong to no class", class + ": 1 of its " + pictures + " images are in subfolders", latin1, "loose.jpg", "1 images are empty files: " + class + "/empty.jpg",
		"EMPTY.jpg\" and", "1 images have formats that are not supported (HEIC, AVIF, JPEG XL, JPEG 2000) and will be skipped: convert them to JPEG or PNG: " + class + "/phone.HEIC", "1 classes have no attributes: " + fields[0], "--missing class-mean"} {
		if !strings.Contains(all, say) {
			t.Errorf("check does not say %q:\n%s", say, all)
		}
	}
	if !c.Usable || c.Next != "vzsl download vgg19" {
		t.Errorf("%+v", c)
	}
	// A class that the CSV does not describe.
	filetest.Write(t, filepath.Join(own, "undescribed", "1.jpg"), "x")
	c = checked(t, exitSkipped, "own")
	if all := strings.Join(c.Problems, "\n"); !strings.Contains(all, "undescribed") {
		t.Error(all)
	}
	// Two that are one.
	filetest.Write(t, filepath.Join(own, "Undescribed", "1.jpg"), "x")
	c = checked(t, exitSkipped, "own")
	if all := strings.Join(c.Problems, "\n"); !strings.Contains(all, "are they the same class?") {
		t.Error(all)
	}

	refused(t, exitUsage, []string{"arg"}, "check")
	refused(t, exitUsage, []string{"folder"}, "check", "../x")
	refused(t, exitUsage, []string{"--layout"}, "check", "x", "--layout", "y")
}

func TestCheckRealCUB(t *testing.T) {
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	abs, err := filepath.Abs(filepath.Join(dir, "cub"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Skipf("no real data in %s (set VZSL_TEST_DATA)", dir)
	}
	t.Chdir(t.TempDir())
	c := checked(t, exitSkipped, "cub", abs)
	all := strings.Join(c.Problems, "\n")
	for _, say := range []string{"4544 images; cub has 11788 as published", "123 classes have no images"} {
		if !strings.Contains(all, say) {
			t.Errorf("check does not say %q:\n%s", say, all)
		}
	}
	if c.Classes != 200 || c.Attributes != 312 || c.Next != "vzsl download vgg19" {
		t.Errorf("%+v", c)
	}
}

// TestCheckUnpictured: where no unseen class has images, what comes after training is naming images, not measuring.
func TestCheckUnpictured(t *testing.T) {
	data, model := demoData(t)
	t.Chdir(t.TempDir())
	drawn, err := filepath.Glob(filepath.Join(data, "*", "000.png"))
	if err != nil || len(drawn) < 4 {
		t.Fatal(err)
	}
	csv := "class,stripes,spots\nghost,1,1\n"
	for i, row := range []string{"horse,0,0", "leopard,0,1", "tiger,1,0", "zebra,1,0.5"} {
		class, _, _ := strings.Cut(row, ",")
		copyTree(t, filepath.Dir(drawn[i]), filepath.Join("data", "photos", class))
		csv += row + "\n"
	}
	filetest.Write(t, "data/photos/classes.csv", csv)
	network, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, "models/demo.onnx", string(network))
	done(t, "extract", "--dataset", "photos", "--model", "models/demo.onnx")
	done(t, "attributes", "--dataset", "photos")
	c := checked(t, exitDone, "photos")
	if c.Next != "vzsl split --dataset photos --split pictured" || c.NextHint != "" {
		t.Fatalf("%+v", c)
	}
	r := done(t, strings.Fields(c.Next)[1:]...)
	if r["seen_classes"] != 4.0 || r["unseen_classes"] != 1.0 {
		t.Errorf("%v", r)
	}
	done(t, "train", "--dataset", "photos", "--split", "pictured", "--method", "eszsl")
	c = checked(t, exitDone, "photos")
	words := strings.Fields(c.Next)
	if c.Next != "vzsl predict --dataset photos --run photos-pictured-eszsl IMAGE..." || len(c.Notes) == 0 {
		t.Fatalf("%+v", c)
	}
	done(t, append(words[1:len(words)-1], filepath.Join("data", "photos", "zebra"))...)
}
