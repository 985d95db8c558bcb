package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// matrix is features whose rows are one number, the row's index.
type matrix struct {
	images, classes []string
}

func (m *matrix) Rows() int                 { return len(m.images) }
func (m *matrix) Dim() int                  { return 1 }
func (m *matrix) Images() []string          { return m.images }
func (m *matrix) Classes() []string         { return m.classes }
func (m *matrix) Feature(row int) []float32 { return []float32{float32(row)} }

// lookup is a scorer that reads scores[row][class]: the only feature is the row, the only attribute the class.
type lookup struct {
	scores [][]float32
	calls  []int // images per call
	err    error
}

func (l *lookup) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	l.calls = append(l.calls, n)
	if l.err != nil {
		return nil, l.err
	}
	if len(features) != n {
		return nil, fmt.Errorf("%d features for %d images of one value", len(features), n)
	}
	var out []float32
	for _, f := range features {
		for _, c := range classes {
			out = append(out, l.scores[int(f)][int(c[0])])
		}
	}
	return out, nil
}

var _ Features = (*features.Cache)(nil)

type world struct {
	features *matrix
	table    *features.ClassTable
	roles    *features.Split
	model    *lookup
}

// newWorld makes seen classes s00.. and unseen ones u00.., and an image for each entry of truth (seen classes first).
func newWorld(seen, unseen int, truth []int, scores [][]float32) *world {
	w := &world{
		features: &matrix{},
		table:    &features.ClassTable{Dataset: "made up", Attributes: []string{"index"}},
		roles:    &features.Split{Name: "half", Dataset: "made up", Provenance: "test"},
		model:    &lookup{scores: scores},
	}
	for c := range seen + unseen {
		name := fmt.Sprintf("s%02d", c)
		if c >= seen {
			name = fmt.Sprintf("u%02d", c-seen)
			w.roles.Unseen = append(w.roles.Unseen, name)
		} else {
			w.roles.Seen = append(w.roles.Seen, name)
		}
		w.table.Classes = append(w.table.Classes, name)
		w.table.Values = append(w.table.Values, []float32{float32(c)})
	}
	for i, c := range truth {
		image := fmt.Sprintf("%s/%03d.jpg", w.table.Classes[c], i)
		role := features.RoleTestUnseen
		if c < seen {
			role = features.RoleTestSeen
		}
		w.features.images = append(w.features.images, image)
		w.features.classes = append(w.features.classes, w.table.Classes[c])
		w.roles.Images = append(w.roles.Images, image)
		w.roles.Roles = append(w.roles.Roles, role)
	}
	return w
}

func (w *world) run(opts Options) (*Result, error) {
	return ZeroShot(context.Background(), w.model, w.features, w.table, w.roles, opts)
}

type intervals struct {
	PerClass [2]float64 `json:"per_class"`
	PerImage [2]float64 `json:"per_image"`
}

type golden struct {
	Seen     int         `json:"seen"`
	Unseen   int         `json:"unseen"`
	Truth    []int       `json:"truth"`
	Eighths  [][]float32 `json:"scores_in_eighths"`
	Expected struct {
		PerImage    float64               `json:"per_image"`
		PerClass    float64               `json:"per_class"`
		Ranks       []int                 `json:"ranks"`
		Top5        [][]int               `json:"top5"`
		Confusion   [][]int               `json:"confusion"`
		Ties        int                   `json:"ties"`
		Hits        map[string][2]float64 `json:"hits"`
		Pictured    float64               `json:"pictured_per_class"`
		Wilson      [][2]float64          `json:"wilson"`
		OverImages  intervals             `json:"over_images"`
		OverClasses intervals             `json:"over_classes"`
		GZSL        struct {
			U, S, H    float64
			Calibrated struct{ Constant, U, S, H float64 }
			AUSUC      float64
			BestH      float64 `json:"best_h"`
		}
	}
}

func readGolden(t *testing.T) (*golden, *world) {
	t.Helper()
	g := filetest.JSON[*golden](t, "testdata/golden.json")
	for _, row := range g.Eighths {
		for i := range row {
			row[i] /= 8
		}
	}
	return g, newWorld(g.Seen, g.Unseen, g.Truth, g.Eighths)
}

func TestGolden(t *testing.T) {
	g, w := readGolden(t)
	want := &g.Expected
	var progress []int
	r, err := w.run(Options{
		Batch:       16,
		Resamples:   20000,
		Calibration: &want.GZSL.Calibrated.Constant,
		Progress:    func(done, total int) { progress = append(progress, done, total) },
	})
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("per image", r.Top1.PerImage.Value, want.PerImage)
	near("per class", r.Top1.MeanPerClass.Value, want.PerClass)
	near("chance", r.Chance, 1/float64(g.Unseen))
	near("pictured", r.Pictured.MeanPerClass.Value, want.Pictured)
	if len(r.Hits) != len(want.Hits) {
		t.Errorf("top-k for %d k, want %d", len(r.Hits), len(want.Hits))
	}
	for _, h := range r.Hits {
		near(fmt.Sprintf("top-%d per image", h.K), h.PerImage.Value, want.Hits[fmt.Sprint(h.K)][0])
		near(fmt.Sprintf("top-%d per class", h.K), h.MeanPerClass.Value, want.Hits[fmt.Sprint(h.K)][1])
	}
	if r.Ties != want.Ties || want.Ties == 0 {
		t.Errorf("%d ties, want %d", r.Ties, want.Ties)
	}
	if diff := cmp.Diff([]string{"u07", "u08"}, r.WithoutImages); diff != "" {
		t.Error(diff)
	}

	for i, p := range r.Predictions {
		if p.Rank != want.Ranks[i] {
			t.Errorf("%s: rank %d, want %d", p.Image, p.Rank, want.Ranks[i])
		}
		var order []int
		for _, c := range p.Top {
			order = append(order, c.Class)
		}
		if !reflect.DeepEqual(order, want.Top5[i]) {
			t.Errorf("%s: best %v, want %v", p.Image, order, want.Top5[i])
		}
	}
	confusion := make([][]int, g.Unseen)
	for i := range confusion {
		confusion[i] = make([]int, g.Unseen)
	}
	for _, c := range r.Confusion() {
		confusion[c.True][c.Predicted] = c.Count
	}
	if diff := cmp.Diff(want.Confusion, confusion); diff != "" {
		t.Error(diff)
	}
	for c, ci := range want.Wilson {
		near("Wilson low", r.Classes[c].Interval.Low, ci[0])
		near("Wilson high", r.Classes[c].Interval.High, ci[1])
	}

	// Two bootstraps of 20,000 resamples agree to about a percent of the interval.
	close := func(what string, got *Interval, want [2]float64) {
		t.Helper()
		if math.Abs(got.Low-want[0]) > 0.012 || math.Abs(got.High-want[1]) > 0.012 {
			t.Errorf("%s: %v, want about %v", what, *got, want)
		}
	}
	close("per image over images", r.Top1.PerImage.OverImages, want.OverImages.PerImage)
	close("per class over images", r.Top1.MeanPerClass.OverImages, want.OverImages.PerClass)
	close("per image over classes", r.Top1.PerImage.OverClasses, want.OverClasses.PerImage)
	close("per class over classes", r.Top1.MeanPerClass.OverClasses, want.OverClasses.PerClass)

	gz := r.Generalised
	near("U", gz.Plain.U.Value, want.GZSL.U)
	near("S", gz.Plain.S.Value, want.GZSL.S)
	near("H", gz.Plain.H.Value, want.GZSL.H)
	near("calibrated U", gz.Calibrated.U.Value, want.GZSL.Calibrated.U)
	near("calibrated S", gz.Calibrated.S.Value, want.GZSL.Calibrated.S)
	near("calibrated H", gz.Calibrated.H.Value, want.GZSL.Calibrated.H)
	near("AUSUC", gz.AUSUC, want.GZSL.AUSUC)
	near("best H", gz.Best.H(), want.GZSL.BestH)
	if h := gz.Plain.H; h.OverClasses.Low > h.Value || h.OverClasses.High < h.Value {
		t.Errorf("H %v outside its interval %v", h.Value, *h.OverClasses)
	}
	last := gz.Curve[len(gz.Curve)-1]
	if gz.Curve[0].U != 0 || last.S != 0 {
		t.Errorf("the curve goes from %+v to %+v, want U = 0 to S = 0", gz.Curve[0], last)
	}
	correct := 0
	for _, p := range gz.Predictions {
		if p.Correct() && p.Class >= gz.Seen {
			correct++
		}
	}
	if len(gz.Predictions) != len(g.Truth) || correct == 0 {
		t.Errorf("%d predictions among all classes, %d unseen ones right", len(gz.Predictions), correct)
	}

	n := 3*len(r.Predictions) + len(gz.Predictions) // among all unseen classes, and among each half of them
	if len(progress) != 2*n || progress[2*n-2] != n || progress[2*n-1] != n {
		t.Errorf("progress ended at %v, want %d of %d", progress[len(progress)-2:], n, n)
	}
	for _, c := range w.model.calls {
		if c > 16 {
			t.Errorf("a batch of %d, want at most 16", c)
		}
	}
}

func TestDoesNotDependOnBatchOrRun(t *testing.T) {
	_, w := readGolden(t)
	a, err := w.run(Options{Batch: 1, Seed: 3, Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.run(Options{Batch: 1000, Seed: 3, Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("batches of 1 and of 1000 differ: %s", diff)
	}
	c, err := w.run(Options{Seed: 4, Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(a.Top1, c.Top1) {
		t.Error("another seed gave the same intervals")
	}
	strip := cmpopts.IgnoreTypes(&Interval{}, Bootstrap{})
	if diff := cmp.Diff(a, c, strip); diff != "" {
		t.Errorf("the seed changed more than intervals: %s", diff)
	}
}

func TestUninformedScorerGetsChance(t *testing.T) {
	truth := []int{0, 0, 0, 1, 2, 2, 3}
	scores := make([][]float32, len(truth))
	for i := range scores {
		scores[i] = make([]float32, 4)
	}
	w := newWorld(0, 4, truth, scores)
	r, err := w.run(Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Top1.MeanPerClass.Value; got != r.Chance {
		t.Errorf("equal scores give %v per class, chance is %v", got, r.Chance)
	}
	if r.Ties != len(truth) || len(r.Hits) != 2 || r.Pictured != nil || r.Generalised != nil || r.Classes[0].TopK != 0 {
		t.Errorf("ties %d, hits %v, pictured %v, generalised %v", r.Ties, r.Hits, r.Pictured, r.Generalised)
	}
}

func TestOneClass(t *testing.T) {
	w := newWorld(0, 2, []int{0, 0}, [][]float32{{1, 0}, {0, 1}})
	r, err := w.run(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Bootstrap.Resamples != 2000 { // the documented default: another one moves every interval
		t.Errorf("%d resamples by default", r.Bootstrap.Resamples)
	}
	if e := r.Top1.MeanPerClass; e.Value != 0.5 || e.OverClasses != nil || e.OverImages == nil {
		t.Errorf("%+v", e)
	}
}

func TestSameAttributesAreSaid(t *testing.T) {
	w := newWorld(0, 3, []int{0, 1, 2}, [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}})
	w.table.Values[2] = w.table.Values[1]
	w.roles.Images = append(w.roles.Images, "skipped.jpg")
	w.roles.Roles = append(w.roles.Roles, features.RoleTestUnseen)
	r, err := w.run(Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{`"u01" and "u02" have the same attributes`, "1 test images of the split have no features"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
	if diff := cmp.Diff([]string{"skipped.jpg"}, r.Missing); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	good := func() *world {
		return newWorld(2, 2, []int{0, 2, 3}, [][]float32{{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}})
	}
	for _, c := range []struct {
		name    string
		breakIt func(w *world)
		want    []string
	}{
		{"no test images", func(w *world) {
			w.features.images, w.features.classes = w.features.images[:1], w.features.classes[:1]
			w.roles.Images, w.roles.Roles = w.roles.Images[:1], w.roles.Roles[:1]
		}, []string{`"half"`, "none of its 2 unseen classes has an image", "u00, u01", "run extract and split again"}},
		{"other features", func(w *world) {
			for i := range w.features.images {
				w.features.images[i] = "elsewhere/" + w.features.images[i]
			}
		}, []string{"names 2 test images", "none of them", "u00/001.jpg"}},
		{"no unseen class", func(w *world) { w.roles.Unseen = nil }, []string{"no unseen class"}},
		{"seen and unseen", func(w *world) { w.roles.Seen[1] = "u00" }, []string{`"u00" is both`}},
		{"named twice", func(w *world) { w.roles.Unseen[1] = "u00" }, []string{`duplicate unseen class "u00"`}},
		{"class of a test image", func(w *world) { w.features.classes[1] = "s01" }, []string{"u00/001.jpg", "s01", "split again"}},
		{"no attributes", func(w *world) { w.table.Values = nil }, []string{"run attributes"}},
		{"class not in the table", func(w *world) {
			w.table.Classes, w.table.Values = w.table.Classes[:3], w.table.Values[:3]
		}, []string{"no attribute vector for u01"}},
		{"roles cut", func(w *world) { w.roles.Roles = w.roles.Roles[:1] }, []string{"3 images but 1 roles"}},
		{"NaN", func(w *world) { w.model.scores[2][3] = float32(math.NaN()) }, []string{"u01/002.jpg", `"u01"`, "NaN"}},
		{"infinite", func(w *world) { w.model.scores[1][2] = float32(math.Inf(-1)) }, []string{"u00/001.jpg", "-Inf"}},
		{"NaN for a seen class", func(w *world) { w.model.scores[0][0] = float32(math.NaN()) }, []string{"s00/000.jpg", `"s00"`, "NaN"}},
		{"model fails", func(w *world) { w.model.err = errors.New("no weights") }, []string{"scoring 2 images", "no weights"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := good()
			if _, err := w.run(Options{Resamples: 10}); err != nil {
				t.Fatalf("before it was broken: %v", err)
			}
			w = good()
			c.breakIt(w)
			r, err := w.run(Options{Resamples: 10})
			if err == nil {
				t.Fatalf("no error, result %+v", r)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

type short struct{}

func (short) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	return make([]float32, n*len(classes)-1), nil
}

func TestWrongNumberOfScores(t *testing.T) {
	w := newWorld(0, 2, []int{0, 1}, nil)
	_, err := ZeroShot(context.Background(), short{}, w.features, w.table, w.roles, Options{})
	if err == nil || !strings.Contains(err.Error(), "3 scores for 2 images and 2 classes") {
		t.Errorf("error %v", err)
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(0, 2, []int{0, 1, 1}, [][]float32{{1, 0}, {0, 1}, {0, 1}})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := ZeroShot(ctx, w.model, w.features, w.table, w.roles, Options{Batch: 1, Progress: func(done, total int) { cancel() }})
	if !errors.Is(err, context.Canceled) || len(w.model.calls) != 1 {
		t.Errorf("error %v after %d calls", err, len(w.model.calls))
	}
}
