package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/evaluate/result"
	"vzsl/internal/filetest"
)

func render(t testing.TB, r *evaluate.Result, run *result.Run, o Options) []byte {
	t.Helper()
	pics, err := openPictures(o.ImageRoot, o.Turn)
	if err != nil {
		t.Fatal(err)
	}
	defer pics.close()
	page, err := renderPage(r, run, o.Metrics, pics)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func attribute(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(textOf(c))
	}
	return b.String()
}

// inspect parses the page and checks what must hold for every report: nothing is loaded from outside, nothing runs but the
// one script, and it can be read without seeing it. It gives all elements by name.
func inspect(t testing.TB, page []byte) map[string][]*html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	elements := make(map[string][]*html.Node)
	ids := make(map[string]bool)
	var referred []string
	level := 0
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			elements[n.Data] = append(elements[n.Data], n)
			for _, a := range n.Attr {
				key, value := strings.ToLower(a.Key), strings.ToLower(a.Val)
				switch {
				case strings.HasPrefix(key, "on"):
					t.Errorf("<%s> has a handler %s=%q", n.Data, a.Key, a.Val)
				case key == "src" && !strings.HasPrefix(value, "data:image/jpeg;base64,"):
					t.Errorf("<%s src=%q>", n.Data, a.Val)
				case key == "href" && !strings.HasPrefix(value, "#") && value != "data:,":
					t.Errorf("<%s href=%q>", n.Data, a.Val)
				case key == "style" && strings.Contains(value, "url("):
					t.Errorf("<%s style=%q>", n.Data, a.Val)
				case key == "id":
					if ids[a.Val] {
						t.Errorf("id %q is there twice", a.Val)
					}
					ids[a.Val] = true
				case key == "aria-labelledby" || key == "for":
					referred = append(referred, a.Val)
				case key == "href":
					referred = append(referred, strings.TrimPrefix(a.Val, "#"))
				}
			}
			switch n.Data {
			case "iframe", "object", "embed", "base", "form", "audio", "video", "use", "foreignobject":
				t.Errorf("there is a <%s>", n.Data)
			case "img":
				if _, ok := attribute(n, "alt"); !ok {
					t.Error("an <img> without alt")
				}
			case "svg":
				role, _ := attribute(n, "role")
				label, _ := attribute(n, "aria-label")
				hidden, _ := attribute(n, "aria-hidden")
				if hidden != "true" && (role != "img" || label == "") {
					t.Error("an <svg> that says nothing")
				}
			case "table":
				if c := n.FirstChild; c == nil || !strings.Contains(nextElement(c), "caption") {
					t.Error("a table without a caption")
				}
			case "h1", "h2", "h3", "h4":
				l := int(n.Data[1] - '0')
				if l > level+1 {
					t.Errorf("heading %q jumps from level %d to %d", textOf(n), level, l)
				}
				level = l
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	for _, r := range referred {
		if r != "data:," && !ids[r] {
			t.Errorf("nothing has the id %q", r)
		}
	}
	scripts := elements["script"]
	if len(scripts) == 2 { // what the script opens images from
		var b browse
		if kind, _ := attribute(scripts[0], "type"); kind != "application/json" || json.Unmarshal([]byte(textOf(scripts[0])), &b) != nil {
			t.Errorf("a script of the type %q: %.100s", kind, textOf(scripts[0]))
		}
		scripts = scripts[1:]
	}
	if len(scripts) != 1 || textOf(scripts[0]) != pageJS {
		t.Errorf("%d scripts", len(scripts))
	}
	if len(elements["h1"]) != 1 || len(elements["main"]) != 1 {
		t.Error("want one h1 and one main")
	}
	if bytes.Contains(page, []byte("ZgotmplZ")) {
		t.Error("the template refused a value")
	}
	return elements
}

func nextElement(n *html.Node) string {
	for ; n != nil; n = n.NextSibling {
		if n.Type == html.ElementNode {
			return n.Data
		}
	}
	return ""
}

func TestPage(t *testing.T) {
	r, images := small(t)
	run, o := anyRun(), Options{Metrics: trained(30), ImageRoot: drawPictures(t, images)}
	page := render(t, r, run, o)
	elements := inspect(t, page)
	text := textOf(elements["body"][0])
	for _, want := range []string{
		"VZSL on made up", "on 96 test images of 8 unseen classes, with 8 candidate classes",
		percent(r.Top1.MeanPerClass.Value), intervalText(r.Top1.MeanPerClass.OverClasses), intervalText(r.Top1.PerImage.OverImages),
		"Generalised zero-shot learning", fmt.Sprintf("%.4f", r.Generalised.AUSUC), "Calibrated, constant 0.2",
		"The expected calibration error is " + percent(r.Reliability.ECE), "softmax(score / 0.8) among the 8 candidates",
		"Most confident mistakes", "KL divergence", "vzsl evaluate --run runs/vzsl-1", "89abcdef", "features.normalise", "caffe-227",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := len(elements["img"]); n < 8+1 {
		t.Errorf("%d images", n)
	}
	if strings.Contains(text, "Published results") {
		t.Error("published figures beside a made-up dataset")
	}
	if strings.Contains(string(page), "#333333") || !strings.Contains(string(page), "var(--good)") {
		t.Error("charts do not use the page's colours")
	}
	correct := 0
	for _, c := range elements["rect"] {
		if class, _ := attribute(c, "class"); class == "g" {
			correct++
		}
	}
	diagonal := 0
	for _, c := range r.Confusion() {
		if c.True == c.Predicted {
			diagonal++
		}
	}
	if correct != diagonal {
		t.Errorf("%d cells on the diagonal, want %d", correct, diagonal)
	}

	run.Config, run.Hashes, run.Command = nil, nil, ""
	r.Generalised, r.Reliability = nil, nil
	elements = inspect(t, render(t, r, run, Options{}))
	text = textOf(elements["body"][0])
	if len(elements["img"]) != 0 || strings.Contains(text, "Training") || strings.Contains(text, "Generalised") || strings.Contains(text, "Probabilities") {
		t.Error("parts are shown for which there is nothing")
	}
	inspect(t, render(t, r, &result.Run{}, Options{}))
}

func TestNoMistakes(t *testing.T) {
	names, images := evaluatetest.Numbered(3, 4)
	r := evaluatetest.Split{Dataset: "made up", Name: "easy", Unseen: names, Images: images, Noise: 0.001}.Result(t)
	text := textOf(inspect(t, render(t, r, &result.Run{}, Options{}))["body"][0])
	if !strings.Contains(text, "No image was misclassified.") || strings.Contains(text, "Most confident mistakes") {
		t.Error("a perfect result is not shown as one")
	}
}

func TestHostileNames(t *testing.T) {
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style></title></script><b>`, `{{.Title}}`,
		"a\u202eb\x00c'd&amp;", `javascript:alert(1)`, `'; background:url(//evil.example/x)`, `]]><svg onload=alert(1)>`,
	}
	var images [][]string
	for i, h := range hostile {
		var own []string
		for k := range 9 {
			own = append(own, fmt.Sprintf("%s/%d-%d.jpg", h, i, k))
		}
		images = append(images, own)
	}
	r := evaluatetest.Split{Dataset: hostile[0], Name: hostile[1], Unseen: hostile, Images: images, Seen: 2, HeldOut: 3, Noise: 0.8}.Result(t)
	r.Notes = hostile
	run := anyRun()
	run.Name, run.Method, run.Command, run.Program = hostile[2], hostile[0], hostile[1], hostile[7]
	run.Config = map[string]any{hostile[0]: hostile[1]}
	metrics := []map[string]any{{hostile[0]: 1.0, hostile[2]: 3.0, "epoch": 1.0}, {hostile[0]: 2.0, hostile[2]: 5.0, "epoch": 2.0}}
	elements := inspect(t, render(t, r, run, Options{Metrics: metrics}))
	text := textOf(elements["body"][0])
	for _, want := range []string{hostile[0], hostile[1], hostile[2], hostile[3], hostile[5], hostile[6]} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown as it is", want)
		}
	}
	for _, svg := range elements["svg"] {
		if _, ok := attribute(svg, "viewbox"); !ok {
			if _, ok := attribute(svg, "viewBox"); !ok {
				t.Error("an <svg> that is not ours")
			}
		}
	}
}

func TestPublished(t *testing.T) {
	names, images := evaluatetest.Numbered(50, 2)
	base := func() (*evaluate.Result, *result.Run) {
		r := evaluatetest.Split{Dataset: "cub", Name: "standard", Unseen: names, Images: images, Noise: 0.4}.Result(t)
		r.SeenCount = 150
		run := anyRun()
		run.Features.Network, run.Features.Dim = "vgg19-7", 4096
		return r, run
	}
	for _, c := range []struct {
		name   string
		change func(r *evaluate.Result, run *result.Run)
		mark   string // "": not shown
		why    string // it is not shown
		beside string // mark where it is asked for all the same
	}{
		{"same features", func(*evaluate.Result, *result.Run) {}, "published", "", ""},
		{"other features", func(_ *evaluate.Result, a *result.Run) { a.Features.Network, a.Features.Dim = "resnet101", 2048 }, "published, other features", "", ""},
		{"other split", func(r *evaluate.Result, _ *result.Run) { r.Split = "validation1" }, "", "This run is on another split,", "published, other classes"},
		{"other classes", func(r *evaluate.Result, _ *result.Run) { r.SeenCount = 100 }, "", "This run is on another split,", "published, other classes"},
		{"not all pictured", func(r *evaluate.Result, _ *result.Run) { r.WithoutImages = names[:1] }, "", "This run has images of only 49 of them,", "published, fewer classes with images"},
		{"few-shot", func(r *evaluate.Result, _ *result.Run) { r.Shots = 5 }, "", "This run is few-shot,", "published, other setting"},
		{"transductive", func(_ *evaluate.Result, a *result.Run) { a.Transductive = true }, "", "This run is transductive,", "published, other setting"},
		{"other dataset", func(r *evaluate.Result, _ *result.Run) { r.Dataset = "flowers" }, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, run := base()
			c.change(r, run)
			p := publishedFor(r, run)
			if c.mark == "" {
				if p != nil {
					t.Errorf("shown as %q", p.Mark)
				}
				published, other := compare(r, run)
				if published != nil || !strings.Contains(other, c.why) || (other == "") != (c.why == "") {
					t.Errorf("%+v, %q", published, other)
				}
				if beside, _, _ := publishedBeside(r.Dataset, r, run); beside != nil && beside.Mark != c.beside {
					t.Errorf("where it is asked for it is %q, want %q", beside.Mark, c.beside)
				}
				return
			}
			if p == nil || p.Mark != c.mark || !strings.Contains(p.Source, "arXiv:1711.05820") {
				t.Fatalf("%+v", p)
			}
			text := textOf(inspect(t, render(t, r, run, Options{}))["body"][0])
			for _, want := range []string{"57.42", "± 0.63", c.mark, "This run", "measured here", "arXiv:1711.05820"} {
				if !strings.Contains(text, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
		})
	}
}

// ImageNet's 360 classes with 150 images each, a quarter of them right, the wrong ones all over: most of the 5 MB is left to
// images. Every image is in the matrix, and no more cells say so than can.
func TestSizeOfMatrix(t *testing.T) {
	names, images := evaluatetest.Numbered(360, 1)
	for i := range names {
		names[i] = fmt.Sprintf("n%08d long-winged parakeet auklet %d", i, i)
	}
	r := evaluatetest.Split{Dataset: "ImageNet", Name: "standard", Unseen: names, Images: images, Noise: 0.4}.Result(t)
	draw := rand.New(rand.NewSource(1))
	r.Predictions = nil
	for c := range r.Classes {
		r.Classes[c].Images = 150
		for k := range 150 {
			p := evaluate.Prediction{Image: fmt.Sprintf("%s/%d.jpg", names[c], k), Class: c, Rank: 1, Top: []evaluate.Choice{{Class: c, Score: 1}}}
			if draw.Float64() > 0.25 {
				p.Top[0].Class, p.Rank = draw.Intn(len(names)), 2
			}
			r.Predictions = append(r.Predictions, p)
		}
	}
	r.Images = len(r.Predictions)
	page := render(t, r, anyRun(), Options{Metrics: trained(30)})
	if len(page) > 3_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	m, _ := newMatrix(r, names)
	most, cells := 0, len(m.Cells)
	for _, c := range m.Cells {
		most = max(most, c.Count)
		if c.Count < m.Least {
			t.Errorf("a cell of %d images, but the page says at least %d", c.Count, m.Least)
		}
	}
	for _, f := range m.Faint {
		cells += strings.Count(f.D, "M")
	}
	if m.Least < 2 || most < 30 || len(m.Cells) > maxCounted || cells != len(r.Confusion()) {
		t.Errorf("%d of %d cells, from %d images on, %d in all", len(m.Cells), cells, m.Least, len(r.Confusion()))
	}
	if !strings.Contains(textOf(inspect(t, page)["body"][0]), fmt.Sprintf("Without scripts, only cells of at least %d images have counts", m.Least)) {
		t.Error("the page does not say which cells have their counts")
	}
	t.Logf("%d bytes, %d of %d cells with counts, from %d images on", len(page), len(m.Cells), cells, m.Least)
}

// All of CUB's 200 classes, the images of those that are here: the page stays under 5 MB.
func TestSizeForCUB(t *testing.T) {
	filetest.Slow(t)
	root := os.Getenv("VZSL_TEST_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	root = filepath.Join(root, "cub", "CUB_200_2011")
	f, err := os.Open(filepath.Join(root, "classes.txt"))
	if err != nil {
		t.Skipf("CUB is not here: %v", err)
	}
	defer f.Close()
	u := evaluatetest.Split{Dataset: "cub", Name: "all", Noise: 0.7}
	for s := bufio.NewScanner(f); s.Scan(); {
		name := strings.Fields(s.Text())[1]
		var images []string
		if entries, err := os.ReadDir(filepath.Join(root, "images", name)); err == nil {
			for _, e := range entries {
				images = append(images, name+"/"+e.Name())
			}
		}
		for len(images) < 60 {
			images = append(images, fmt.Sprintf("%s/not here %d.jpg", name, len(images)))
		}
		u.Unseen, u.Images = append(u.Unseen, name), append(u.Images, images)
	}
	page := render(t, u.Result(t), anyRun(), Options{Metrics: trained(30), ImageRoot: filepath.Join(root, "images")})
	elements := inspect(t, page)
	if n := len(elements["img"]); n < 77 {
		t.Errorf("%d images, want at least one for each of 77 classes", n)
	}
	if len(page) > 5_000_000 {
		t.Errorf("%d bytes", len(page))
	}
}
