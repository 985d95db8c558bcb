package report

import (
	"strconv"
	"strings"
	"testing"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/evaluate/result"
)

// TestSideBySide: the four counts are those of the predictions and sum to the images; the lists hold images that one run alone has right.
func TestSideBySide(t *testing.T) {
	names, images := evaluatetest.Numbered(8, 30)
	of := func(noise float64) *evaluate.Result {
		return evaluatetest.Split{Dataset: "made up", Name: "half", Unseen: names, Images: images, Noise: noise}.Result(t)
	}
	a, b := of(0.4), of(0.7)
	compared := func(name string, r *evaluate.Result) Compared {
		return Compared{Name: name, Seeds: []*result.Report{{Result: r, Run: *anyRun()}}}
	}
	root := drawPictures(t, images)
	first := compared("a", a)
	first.ImageRoot = root
	s := Compare([]Compared{first, compared("b", b)})
	var want [4]int
	wrong := map[string]bool{}
	for i := range a.Predictions {
		p, q := a.Predictions[i].Correct(), b.Predictions[i].Correct()
		switch {
		case p && q:
			want[0]++
		case p:
			want[1]++
			wrong[a.Predictions[i].Image] = true
		case q:
			want[2]++
		default:
			want[3]++
		}
	}
	row := s.Tables[1].Rows[0]
	tables := 2
	for _, n := range want[1:3] {
		tables += min(1, n)
	}
	if len(s.Tables) != tables || want[1] == 0 || want[0]+want[1]+want[2]+want[3] != len(a.Predictions) {
		t.Fatalf("%d tables of %v", len(s.Tables), want)
	}
	for k, n := range want {
		if row[2+k].Text != strconv.Itoa(n) {
			t.Errorf("%s, want %d", row[2+k].Text, n)
		}
	}
	if list := s.Tables[2]; !strings.Contains(list.Caption, "Correct in a, wrong in b: "+strconv.Itoa(want[1])) || len(list.Rows) != min(maxListed, want[1]) {
		t.Errorf("%s, %d rows", list.Caption, len(list.Rows))
	}
	for _, row := range s.Tables[2].Rows {
		if !wrong[row[3].Text] || row[0].Picture == "" {
			t.Errorf("%+v", row)
		}
	}
	// Other images, or a run without predictions: nothing is compared.
	c := of(0.4)
	c.Predictions = c.Predictions[1:]
	if s := Compare([]Compared{first, compared("c", c)}); len(s.Tables) != 1 {
		t.Errorf("%d tables of other images", len(s.Tables))
	}
}
