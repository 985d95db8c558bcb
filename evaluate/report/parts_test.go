package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/evaluate/result"
	"vzsl/internal/filetest"
	"vzsl/internal/readable"
)

func TestDisplayNames(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"007.Parakeet_Auklet", "010.Red_winged_Blackbird"}, []string{"Parakeet Auklet", "Red winged Blackbird"}},
		{[]string{"grizzly+bear", "n01440764"}, []string{"grizzly bear", "n01440764"}},
		{[]string{"1.a", "2.a", "b"}, []string{"1.a", "2.a", "b"}},
		{[]string{"042.", "_", "3-d"}, []string{"042.", "_", "d"}},
	} {
		if diff := cmp.Diff(c.want, readable.Classes(c.in)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNumbersInWords(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1454): "1,454", count(1234567): "1,234,567", count(-1234): "-1,234",
		ordinal(1): "1st", ordinal(2): "2nd", ordinal(3): "3rd", ordinal(11): "11th", ordinal(112): "112th", ordinal(1022): "1,022nd",
		plainPercent(0.574): "57.4", plainPercent(0): "0.0", plainPercent(0.0005): "0.05", plainPercent(1): "100.0",
		quantity("kl"): "KL divergence", quantity("top5_accuracy"): "Top-5 accuracy", quantity("top1"): "Top-1", quantity(""): "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTrainingPanels(t *testing.T) {
	records := trained(30)
	records[3]["kl"] = math.NaN()                        // a number that cannot be drawn is left out
	records[4]["train_loss"] = json.Number("2.5")        // however it was decoded
	records[5]["inner"] = map[string]any{"grad_norm": 3} // nested, but only once: no line
	records[6]["inner"] = map[string]any{"grad_norm": 4}
	panels, err := trainingPanels(records)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range panels {
		s := p.Title
		for _, x := range p.Series {
			s += "/" + x.Name
		}
		got = append(got, s)
	}
	want := []string{"Loss/training/validation", "Top-1, in percent/validation", "KL divergence/", "Reconstruction/", "Inner grad norm/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := panels[0].Series[1]; !s.Dashed || !strings.Contains(s.Summary, "at epoch") {
		t.Errorf("%+v", s)
	}
	if svg := string(panels[0].SVG); !strings.Contains(svg, "stroke-dasharray") || strings.Contains(svg, "#") || !strings.Contains(svg, ">epoch<") {
		t.Error("the second line is not dashed, the axis not named, or a colour of the library is left")
	}
	for _, none := range [][]map[string]any{nil, {}, {{"epoch": 1.0, "loss": 2.0}}, {{"loss": 1.0}, {"loss": 1.0}}, {{"seconds": 1.0}, {"seconds": 2.0}}} {
		panels, err := trainingPanels(none)
		if err != nil || len(panels) != 0 {
			t.Errorf("%v: %d panels, %v", none, len(panels), err)
		}
	}
}

// Phases that count their epochs from one are lines of their own, not one line that jumps back.
func TestTrainingPhases(t *testing.T) {
	var records []map[string]any
	for _, phase := range []string{"choose", "refit"} {
		for e := 1; e <= 5; e++ {
			r := map[string]any{"phase": phase, "epoch": e, "of": 5, "seconds": 0.1 * float64(e), "loss": 5 / float64(e)}
			if phase == "choose" {
				r["validation_accuracy"] = 0.1 * float64(e)
			}
			records = append(records, r)
		}
	}
	panels, err := trainingPanels(records)
	if err != nil {
		t.Fatal(err)
	}
	if len(panels) != 2 {
		t.Fatalf("%d panels", len(panels))
	}
	want := []series{{"during selection", "5 to 1", false}, {"final fit on all seen classes", "5 to 1", true}}
	if diff := cmp.Diff(want, panels[0].Series); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]series{{"validation, during selection", "10 to 50", false}}, panels[1].Series); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(panels[0].SVG), ">epoch<") {
		t.Error("the axis is not in epochs")
	}

	grid := []map[string]any{
		{"phase": "choose", "epoch": 1, "of": 2, "gamma": 1.0, "lambda": 1.0, "validation_accuracy": 0.5},
		{"phase": "choose", "epoch": 2, "of": 2, "gamma": 10.0, "lambda": 1.0, "validation_accuracy": 0.6},
	}
	panels, err = trainingPanels(grid)
	if err != nil || len(panels) != 1 || panels[0].Title != "Accuracy, in percent" || !strings.Contains(string(panels[0].SVG), ">trial<") {
		t.Errorf("grid: %+v, %v", panels, err)
	}
}

// Whatever the range, a few ticks inside it, in order.
func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e6, 1e6).Draw(t, "from")
		hi := lo + rapid.Float64Range(0, 1e6).Draw(t, "length")
		ticks := fewTicks{}.Ticks(lo, hi)
		if len(ticks) > 7 || hi-lo > 1e-3 && len(ticks) < 2 {
			t.Fatalf("%d ticks from %v to %v", len(ticks), lo, hi)
		}
		for i, k := range ticks {
			slack := 1e-6*(hi-lo+1e-6) + 1e-15*max(math.Abs(lo), math.Abs(hi)) // the second: rounding of a tick itself
			if k.Value < lo-slack || k.Value > hi+slack || i > 0 && k.Value < ticks[i-1].Value {
				t.Fatalf("ticks %v from %v to %v", ticks, lo, hi)
			}
		}
	})
}

func TestSettings(t *testing.T) {
	got, err := settings(struct {
		Lambda float64           `json:"lambda"`
		Hidden []int             `json:"hidden"`
		Norm   map[string]string `json:"normalise"`
		Seed   uint64            `json:"seed"`
	}{0.1, []int{1000, 1000}, map[string]string{"features": "sqrt-l2"}, math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	want := []result.Field{field("hidden", "[1000,1000]"), field("lambda", "0.1"), field("normalise.features", "sqrt-l2"), field("seed", "18446744073709551615")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestThumbnails(t *testing.T) {
	parent := t.TempDir()
	root := filepath.Join(parent, "images")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	clear := image.NewNRGBA(image.Rect(0, 0, 300, 100)) // fully transparent: white below
	var b bytes.Buffer
	if err := png.Encode(&b, clear); err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, filepath.Join(root, "clear.jpg"), b.String()) // by content, not by name
	filetest.Write(t, filepath.Join(parent, "secret.png"), b.String())
	filetest.Write(t, filepath.Join(root, "cut.png"), b.String()[:b.Len()/2])
	filetest.Write(t, filepath.Join(root, "text.jpg"), "not an image")
	filetest.Write(t, filepath.Join(root, "empty.jpg"), "")
	bomb := append([]byte(nil), b.Bytes()...)
	copy(bomb[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65,536 x 65,536 in the header
	filetest.Write(t, filepath.Join(root, "bomb.png"), string(bomb))
	if err := os.Symlink(filepath.Join(parent, "secret.png"), filepath.Join(root, "link.png")); err != nil {
		t.Logf("no symbolic links here: %v", err)
	}

	pics, err := openPictures(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pics.close()
	uri, w, h := pics.thumbnail("clear.jpg", 96)
	if w != 96 || h != 32 {
		t.Fatalf("%d x %d, want 96 x 32", w, h)
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(uri), "data:image/jpeg;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if c := color.GrayModel.Convert(img.At(50, 16)).(color.Gray); c.Y < 250 {
		t.Errorf("transparent came out as grey %d", c.Y)
	}
	if _, w, h := pics.thumbnail("clear.jpg", 1000); w != 300 || h != 100 {
		t.Errorf("a small image was scaled to %d x %d", w, h)
	}
	for _, bad := range []string{"../secret.png", "/etc/passwd", "link.png", "cut.png", "text.jpg", "empty.jpg", "bomb.png", "absent.jpg", ".", ""} {
		if uri, _, _ := pics.thumbnail(bad, 96); uri != "" {
			t.Errorf("%q gave an image", bad)
		}
	}

	if p, err := openPictures(filepath.Join(parent, "moved away"), nil); p != nil || err != nil {
		t.Errorf("a folder that is gone: %v, %v", p, err)
	}
	if _, err := openPictures(filepath.Join(parent, "secret.png"), nil); err == nil {
		t.Error("a file as folder of the images: no error")
	}
}

// Each mistake says which attributes contributed, as cards or as a table; a class shows some of its images.
func TestContributionsAndSamples(t *testing.T) {
	names, images := evaluatetest.Numbered(8, 12)
	r := evaluatetest.Split{Dataset: "made up", Name: "half", Unseen: names, Images: images, Noise: 0.5, Whole: true}.Result(t)
	lists := 0
	for _, m := range r.Mistakes {
		if len(m.Contributions) > 0 {
			lists++
		}
	}
	if lists == 0 {
		t.Fatal("no contributions")
	}
	for _, root := range []string{"", drawPictures(t, images)} {
		elements := inspect(t, render(t, r, anyRun(), Options{ImageRoot: root}))
		n := 0
		for _, ul := range elements["ul"] {
			if class, _ := attribute(ul, "class"); class == "contributions" {
				n++
				if text := textOf(ul); !strings.Contains(text, "Place: ") || !strings.Contains(text, "against") {
					t.Error(text)
				}
			}
		}
		if n != lists {
			t.Errorf("%d lists of attributes, want %d", n, lists)
		}
		samples := 0
		for _, img := range elements["img"] {
			if width, _ := attribute(img, "width"); width == "44" {
				samples++
			}
		}
		if want := map[bool]int{true: 0, false: 8 * classSamples}[root == ""]; samples != want {
			t.Errorf("%d sample images, want %d", samples, want)
		}
	}
	r.Mistakes[0].Contributions = []evaluate.Contribution{{Attribute: "w2v_017", Weight: 1}}
	r.Mistakes = r.Mistakes[:1]
	if newMistakes(r, r.Candidates, nil).Contributions {
		t.Error("the dimension of a word vector is shown")
	}
	// Attributes below the dimensions of word vectors are shown, four of them.
	for k := range 6 {
		r.Mistakes[0].Contributions = append([]evaluate.Contribution{{Attribute: fmt.Sprintf("w2v_%03d", k), Weight: float64(10 + k)}}, r.Mistakes[0].Contributions...)
		r.Mistakes[0].Contributions = append(r.Mistakes[0].Contributions, evaluate.Contribution{Attribute: fmt.Sprintf("colour %d", k), Weight: 0.9 - 0.1*float64(k)})
	}
	for _, m := range newMistakes(r, r.Candidates, nil).Shown {
		if m.Image == r.Mistakes[0].Image && (len(m.Contributions) != 4 || m.Contributions[0].Attribute != "Colour 0" || m.Contributions[3].Attribute != "Colour 3") {
			t.Errorf("%+v", m.Contributions)
		}
	}
}

func TestDisplayAttribute(t *testing.T) {
	for name, want := range map[string]string{"has_bill_shape::hooked": "Bill shape: hooked", "black": "Black", "has_x::y_z": "X: y z"} {
		if got := readable.Attribute(name).String(); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	for v, want := range map[float32]string{0: "0", 4.26: "4.3", 61.4: "61", -0.733: "−0.73", 100: "100"} {
		if got := valueText(&v); got != want {
			t.Errorf("%v is shown as %q, want %q", v, got, want)
		}
	}
	if valueText(nil) != "?" {
		t.Error("a missing value")
	}
}
