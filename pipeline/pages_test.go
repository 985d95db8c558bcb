package pipeline

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vzsl/internal/delimited"
	"vzsl/internal/filetest"
	"vzsl/internal/pagetest"
)

// named copies n images of each class into one folder, as class--000.png, and gives their paths. Copies beyond the images that there
// are get other bytes.
func named(t *testing.T, data string, classes []string, n int) []string {
	t.Helper()
	dir := t.TempDir()
	var all []string
	for _, c := range classes {
		files, err := filepath.Glob(filepath.Join(data, c, "*.png"))
		if err != nil || len(files) == 0 {
			t.Fatal(c, err)
		}
		for i := range n {
			text := filetest.Read(t, files[i%len(files)])
			if i >= len(files) {
				text = withText(text, i)
			}
			path := filepath.Join(dir, fmt.Sprintf("%s--%04d.png", c, i))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			all = append(all, path)
		}
	}
	return all
}

// demoClasses are the rows of the demo's class descriptions.
func demoClasses(t *testing.T, data string) (attributes []string, rows map[string][]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(filetest.Read(t, filepath.Join(data, "classes.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string][]string{}
	for _, r := range all[1:] {
		rows[r[0]] = r[1:]
	}
	return all[0][1:], rows
}

func classFile(t *testing.T, path string, attributes []string, names []string, rows map[string][]string) string {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(append([]string{"class"}, attributes...))
	for _, n := range names {
		_ = w.Write(append([]string{delimited.Guarded(n)}, rows[n]...))
	}
	w.Flush()
	return filetest.Write(t, path, b.String())
}

// TestPagesServe works in the page of vzsl serve: classes that were never seen are described, mistakes corrected, answers saved.
func TestPagesServe(t *testing.T) {
	pagetest.Script(t) // skips where there is no browser
	out, data, model := demoRun(t)
	done(t, "train", "--dataset", "demo", "--split", "demo", "--method", "plda", "--out", out, "-q")
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	attributes, rows := demoClasses(t, data)
	script := filepath.Join("testdata", "serve_page.js")
	page := func(t *testing.T, part string, given map[string]any, args ...string) string {
		t.Helper()
		text, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		url := serve(t, append([]string{"--run", "demo-demo-plda", "--out", out, "--model", model, "--data", data}, args...)...)
		said := pagetest.Script(t)(script, part, url+"/", filetest.Write(t, filepath.Join(t.TempDir(), "given.json"), string(text)))
		t.Logf("%s:\n%s", part, said)
		return said
	}
	described := func(c string) map[string]float64 {
		values := map[string]float64{}
		for k, a := range attributes {
			values[strings.ToUpper(a[:1])+strings.Replace(a[1:], ":", ": ", 1)], _ = strconv.ParseFloat(rows[c][k], 64)
		}
		return values
	}

	few := named(t, data, unseen, 8)
	hidden := unseen[2]
	others := slices.DeleteFunc(slices.Clone(unseen), func(c string) bool { return c == hidden })
	classes := classFile(t, filepath.Join(t.TempDir(), "classes.csv"), attributes, others, rows)
	t.Run("describe", func(t *testing.T) {
		page(t, "describe", map[string]any{"files": few, "class": hidden, "attributes": described(hidden), "like": others[0]}, "--classes", classes)
		if text := string(filetest.Read(t, classes)); !strings.Contains(text, "\n"+hidden+",") || strings.Count(text, "\n") != len(unseen)+1 {
			t.Errorf("the file of classes is now\n%s", text)
		}
	})
	t.Run("restarted", func(t *testing.T) {
		page(t, "restarted", map[string]any{"files": few[:8], "class": hidden, "labels": 0}, "--classes", classes)
	})

	labels, to := filepath.Join(t.TempDir(), "labels.csv"), t.TempDir()
	many := moreImages(t, 16) // no copies, which would be learned with the corrected images
	t.Run("correct", func(t *testing.T) {
		bad := map[string][]string{}
		for c, row := range rows {
			bad[c] = slices.Clone(row)
		}
		bad[hidden] = misdescribed(attributes, rows[hidden], rows[others[1]], "colour:", "shape:", "size:")
		classFile(t, classes, attributes, unseen, bad)
		page(t, "correct", map[string]any{"files": named(t, many, unseen, 16), "class": hidden, "to": to}, "--classes", classes, "--labels", labels)
		if n := strings.Count(string(filetest.Read(t, labels)), "\n"); n != 5 { // the header, and four after undo
			t.Errorf("%d lines of labels\n%s", n, filetest.Read(t, labels))
		}
		downloads(t, to)
	})
	t.Run("learned again", func(t *testing.T) {
		page(t, "restarted", map[string]any{"files": named(t, many, []string{hidden}, 16), "class": hidden, "labels": 4}, "--classes", classes, "--labels", labels)
	})
	t.Run("names", func(t *testing.T) {
		odd := []string{`<img src=x onerror="window.hacked=1">`, `<script>window.hacked=1</script>`, `=cmd|'/C calc'!A1`, `"quoted" & 'single'`, "-1+2", "'=2", "@SUM(A1)"}
		to := t.TempDir()
		var files []string
		for i, c := range odd {
			rows[c] = rows[unseen[i]]
		}
		for i, name := range []string{"<b>bold<", "=1+1.png", `"a' & b.png`} {
			path := filepath.Join(to, name)
			if err := os.WriteFile(path, filetest.Read(t, few[i*9]), 0o600); err != nil {
				t.Skipf("the file system takes no %q: %v", name, err)
			}
			files = append(files, path)
		}
		file := classFile(t, filepath.Join(to, "odd.csv"), attributes, odd, rows)
		page(t, "names", map[string]any{"files": files, "names": odd, "to": to}, "--classes", file)
		for _, row := range csvRows(t, filepath.Join(to, "predictions.csv"))[1:] {
			for _, cell := range row {
				if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
					t.Errorf("a cell is a formula: %q", cell)
				}
			}
		}
	})
	t.Run("slide", func(t *testing.T) {
		names := make([]string, 200)
		for i := range names {
			names[i] = fmt.Sprintf("class %03d", i)
			row := make([]string, len(attributes))
			for k := range row {
				row[k] = strconv.Itoa((i*7 + k*(i+3)) % 5 % 2)
			}
			rows[names[i]] = row
		}
		file := classFile(t, filepath.Join(t.TempDir(), "many.csv"), attributes, names, rows)
		page(t, "slide", map[string]any{"files": named(t, data, unseen[:10], 50)}, "--classes", file)
	})
	t.Run("many", func(t *testing.T) {
		page(t, "many", map[string]any{"files": named(t, data, unseen[:10], 200)})
	})
	t.Run("widths", func(t *testing.T) {
		check := pagetest.Browser(t)
		check(serve(t, "--run", "demo-demo-plda", "--out", out, "--model", model) + "/")
		path := filepath.Join(t.TempDir(), "gallery.html")
		done(t, append([]string{"predict", "--run", "demo-demo-plda", "--out", out, "--model", model, "--html", path, "-q"}, few...)...)
		check(path)
	})
}

// TestPagesReport takes the screenshots of a report with groups of classes, and checks its page.
func TestPagesReport(t *testing.T) {
	run := pagetest.Script(t)
	out, data, _ := demoRun(t)
	groups := "class,shape,background\n"
	for _, c := range lines(t, filepath.Join(data, "unseen.txt")) {
		of, background, ok := strings.Cut(c, "-on-")
		if !ok {
			t.Fatal(c)
		}
		groups += c + "," + of[strings.LastIndex(of, "-")+1:] + "," + background + "\n"
	}
	done(t, "evaluate", "--run", "demo-demo-eszsl", "--dataset", "demo", "--split", "demo", "--out", out, "--data", data, "-q",
		"--groups", filetest.Write(t, filepath.Join(t.TempDir(), "groups.csv"), groups))
	page := filepath.Join(out, "reports", "demo-demo-eszsl", "report.html")
	t.Log(run(filepath.Join("testdata", "report_page.cjs"), page, serve(t, "--reports", "--out", out)+"/"))
	pagetest.Browser(t)(page)
}

// misdescribed is a row with another's values of some groups of attributes.
func misdescribed(attributes, row, other []string, groups ...string) []string {
	row = slices.Clone(row)
	for k, a := range attributes {
		if slices.ContainsFunc(groups, func(g string) bool { return strings.HasPrefix(a, g) }) {
			row[k] = other[k]
		}
	}
	return row
}

func csvRows(t *testing.T, path string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(filetest.Read(t, path))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// downloads checks what the page has saved: each says the same of the same images.
func downloads(t *testing.T, dir string) {
	t.Helper()
	var predictions struct {
		ModelVersion string `json:"model_version"`
		Images       []struct {
			Image, Class string
			Label        *string
		}
	}
	var tasks []struct {
		Data        struct{ Image string }
		Predictions []struct {
			ModelVersion string `json:"model_version"`
			Score        float64
			Result       []struct{ Value struct{ Choices []string } }
		}
		Annotations []struct {
			Result []struct{ Value struct{ Choices []string } }
		}
	}
	var coco struct {
		Images []struct {
			ID   int
			File string `json:"file_name"`
		}
		Categories  []struct{ ID int }
		Annotations []struct {
			Image int `json:"image_id"`
		}
	}
	for name, v := range map[string]any{"predictions.json": &predictions, "label-studio.json": &tasks, "coco.json": &coco} {
		if err := json.Unmarshal(filetest.Read(t, filepath.Join(dir, name)), v); err != nil {
			t.Fatal(name, err)
		}
	}
	rows := csvRows(t, filepath.Join(dir, "predictions.csv"))[1:]
	if n := len(predictions.Images); n == 0 || len(rows) != n || len(tasks) != n || len(coco.Images) != n || len(coco.Annotations) != n || len(coco.Categories) != 12 {
		t.Fatalf("%d images, %d rows, %d tasks, %d and %d of COCO", n, len(rows), len(tasks), len(coco.Images), len(coco.Annotations))
	}
	labelled := 0
	for i, x := range predictions.Images {
		task := tasks[i]
		if rows[i][0] != x.Image || rows[i][1] != x.Class || task.Data.Image != x.Image || coco.Images[i].File != x.Image ||
			task.Predictions[0].Result[0].Value.Choices[0] != x.Class || task.Predictions[0].ModelVersion != predictions.ModelVersion {
			t.Fatalf("image %d: %v %v %v", i, x, rows[i], task)
		}
		if x.Label != nil {
			labelled++
			if task.Annotations[0].Result[0].Value.Choices[0] != *x.Label {
				t.Errorf("%v", task)
			}
		}
	}
	if n := len(csvRows(t, filepath.Join(dir, "labels.csv"))) - 1; labelled != 5 || n != 5 {
		t.Errorf("%d and %d labels", labelled, n)
	}
	if text := string(filetest.Read(t, filepath.Join(dir, "predictions.parquet"))); !strings.HasPrefix(text, "PAR1") || !strings.HasSuffix(text, "PAR1") {
		t.Error("no Parquet")
	}
}

// withText is a PNG with a chunk of text before the last one, which is 12 bytes: the same image of other bytes.
func withText(png []byte, n int) []byte {
	end := len(png) - 12
	return slices.Concat(png[:end], pngText(fmt.Sprint(n)), png[end:])
}

// pngText is a chunk of text of a PNG.
func pngText(text string) []byte {
	body := append([]byte("tEXtcopy\x00"), text...)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	return binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
}
