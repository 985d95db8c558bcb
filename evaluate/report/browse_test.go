package report

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/evaluate/evaluatetest"
	"vzsl/internal/pagetest"
)

// browsed is the data of a page's script.
func browsed(t *testing.T, page []byte) *browse {
	t.Helper()
	_, rest, ok := strings.Cut(string(page), `<script type="application/json" id="browse-data">`)
	text, _, more := strings.Cut(rest, "</script>")
	var b browse
	if err := json.Unmarshal([]byte(text), &b); err != nil || !ok || !more {
		t.Fatalf("%v: %.100s", err, text)
	}
	return &b
}

// TestBrowse: every image is in the page once with its classes, rank and thumbnail, every point of a map leads to its own, and the
// groups count what the predictions say.
func TestBrowse(t *testing.T) {
	names, images := evaluatetest.Numbered(6, 14)
	r := evaluatetest.Split{Dataset: "made up", Name: "half", Unseen: names, Images: images, Noise: 0.6, Whole: true}.Result(t)
	page := render(t, r, anyRun(), Options{ImageRoot: drawPictures(t, images)})
	b := browsed(t, page)
	if len(b.Images) != len(r.Predictions) || b.All != len(r.Predictions) || b.Tile != tileSizes[0] {
		t.Fatalf("%d of %d images, tiles of %d", len(b.Images), len(r.Predictions), b.Tile)
	}
	tiles := map[[2]int]bool{}
	for i, m := range b.Images {
		p := &r.Predictions[i]
		if m[0] != p.Class || m[1] != p.Rank || m[3] != p.Top[0].Class || b.Names[i] != p.Image || m[2] < 0 || tiles[[2]int{m[0], m[2]}] {
			t.Errorf("image %d: %v of %+v", i, m, p)
		}
		tiles[[2]int{m[0], m[2]}] = true
	}
	if len(b.Maps) == 0 || len(b.Points) != len(r.Maps.Of) || len(b.Maps[0]) != len(b.Points) {
		t.Fatalf("%d maps of %d points", len(b.Maps), len(b.Points))
	}
	for k, i := range b.Points {
		if b.Images[i][0] != r.Maps.Of[k] {
			t.Errorf("point %d is of class %d and leads to an image of %d", k, r.Maps.Of[k], b.Images[i][0])
		}
	}
	if len(b.Attributes) != 2 || len(b.Raw) != 6 || len(b.Seen) != 6 || *b.Raw[2][1] != *r.Described.Classes[2][1] {
		t.Errorf("%v", b.Attributes)
	}
	groups := newGroups(r)
	right := map[string][2]int{}
	for i := range r.Predictions {
		p := &r.Predictions[i]
		g := r.Groups[0].Of[p.Class]
		n := right[g]
		n[0]++
		if r.Groups[0].Of[p.Top[0].Class] == g {
			n[1]++
		}
		right[g] = n
	}
	for _, row := range groups[0].Rows {
		if n := right[row.Name]; row.Images != n[0] || row.Group != float64(n[1])/float64(n[0]) || row.Class > row.Group || row.Classes != 3 || !(row.GroupInterval.Low >= 0 && row.GroupInterval.High <= 1) {
			t.Errorf("%+v, want %v", row, n)
		}
	}
	counts := 0
	m := groups[0].Matrix
	for _, c := range m.Cells {
		counts += c.Count
		if want := right[c.True]; c.Right && c.Count != want[1] || c.Images != want[0] || c.Right != (c.True == c.Predicted) {
			t.Errorf("%+v, want %v", c, want)
		}
	}
	if counts != len(r.Predictions) || len(m.Rows) != 2 || m.RowOf != m.ColOf || m.Grouping != 0 || m.Name != r.Groups[0].Name {
		t.Errorf("%d images in the cells of %+v", counts, m)
	}
	if g := b.Groups[0]; len(g.Names) != 2 || g.Names[g.Of[5]] != r.Groups[0].Of[5] {
		t.Errorf("%+v", b.Groups)
	}
	// Without images the page opens names; without any image there is nothing to open.
	if b := browsed(t, render(t, r, anyRun(), Options{})); b.Tile != 0 || b.Images[0][2] != -1 {
		t.Errorf("%+v", b.Images[0])
	}
}

// TestPagesWork: the page is worked in as by a reader: with keys and with a pointer, in a browser.
func TestPagesWork(t *testing.T) {
	run := pagetest.Script(t)
	names, images := evaluatetest.Numbered(12, 20)
	r := evaluatetest.Split{Dataset: "made up", Name: "half", Unseen: names, Images: images, Seen: 6, HeldOut: 5, Noise: 0.6, Whole: true}.Result(t)
	paths, err := Write(t.TempDir(), r, anyRun(), Options{ImageRoot: drawPictures(t, images), Metrics: trained(30)})
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/work.cjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(run(script, paths.HTML))
}
