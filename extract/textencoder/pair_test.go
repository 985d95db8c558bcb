package textencoder

import (
	"bytes"
	"context"
	"image/png"
	"math"
	"path/filepath"
	"testing"

	"vzsl/attributes/text"
	"vzsl/datasets/demo"
	"vzsl/extract/engine/enginetest"
	"vzsl/extract/engine/native"
	"vzsl/extract/preprocess"
)

// demoPair opens the text encoder of the demo's pair, in the folder that it is written to.
func demoPair(t *testing.T) (string, *Encoder) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pair")
	if err := demo.WritePair(dir); err != nil {
		t.Fatal(err)
	}
	e, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return dir, e
}

// TestDemoPair: the demo's towers, trained on the seen classes alone, name images of its unseen classes by their names, and the
// folder says that they share a space.
func TestDemoPair(t *testing.T) {
	dir, e := demoPair(t)
	s, err := e.Source()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Towers) != 1 || s.Towers[0].Layer != "image_embeds" || s.Scale < 1 || s.Scale > 100 {
		t.Fatalf("%+v", s)
	}
	var unseen []demo.Class
	var names []string
	for _, c := range demo.Classes() {
		if !c.Seen {
			unseen, names = append(unseen, c), append(names, c.Name)
		}
	}
	templates, err := text.Templates([]string{"photo"})
	if err != nil {
		t.Fatal(err)
	}
	table, err := text.Embed(context.Background(), text.Names(names), templates, e, "text", nil)
	if err != nil {
		t.Fatal(err)
	}
	net, layer := enginetest.Layer(t, filepath.Join(dir, "vision_model.onnx"), "")
	engine, err := native.New(net, layer, 56, 56)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	recipe, err := preprocess.Preset("torchvision", 56, 56)
	if err != nil {
		t.Fatal(err)
	}
	const each = 4
	right := 0
	x, y := make([]float32, recipe.Values()), make([]float32, engine.Dim())
	for c, class := range unseen {
		for seed := range uint64(each) {
			var b bytes.Buffer
			if err := png.Encode(&b, class.Render(seed)); err != nil {
				t.Fatal(err)
			}
			im, err := preprocess.Decode(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if err := recipe.Apply(im, false, x); err != nil {
				t.Fatal(err)
			}
			if err := engine.Run(x, 1, y); err != nil {
				t.Fatal(err)
			}
			best, at := math.Inf(-1), -1
			for k, v := range table.Values {
				dot := 0.0
				for j, w := range v {
					dot += float64(w) * float64(y[j])
				}
				if dot > best {
					best, at = dot, k
				}
			}
			if at == c {
				right++
			}
		}
	}
	t.Logf("%d of %d images of %d unseen classes", right, each*len(unseen), len(unseen))
	if right*3 < each*len(unseen) { // chance is a twelfth
		t.Errorf("names %d of %d images", right, each*len(unseen))
	}
}
