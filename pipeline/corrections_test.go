package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"

	"vzsl/datasets/demo"
	"vzsl/internal/filetest"
)

// moreImages are n images of each class of the demo, all different.
func moreImages(t *testing.T, n int) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if err := demo.Write(context.Background(), data, demo.Options{PerClass: n}); err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCorrections: over seeded draws of a class, of the groups of attributes that are described as another class's, and of five
// mistakes that are labelled: the accuracy on the class's other images never falls, and rises by far on average.
func TestCorrections(t *testing.T) {
	out, data, model := demoRun(t)
	done(t, "train", "--dataset", "demo", "--split", "demo", "--method", "plda", "--out", out, "-q")
	url := serve(t, "--run", "demo-demo-plda", "--out", out, "--model", model)
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	attributes, rows := demoClasses(t, data)
	const images = 16
	many := moreImages(t, images)
	ask := func(method, path string, body []byte, into any) {
		t.Helper()
		code, text := requested(t, method, url+path, body)
		if code/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, code, text)
		}
		if into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatal(err)
			}
		}
	}
	type reply struct{ Images []struct{ ID, Class string } }
	asJSON := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	describe := func(class string, row []string) {
		values := map[string]float64{}
		for k, a := range attributes {
			values[a], _ = strconv.ParseFloat(row[k], 64)
		}
		ask("PUT", "/classes/"+class, asJSON(map[string]any{"attributes": values}), nil)
	}
	draws, before, after, least := 0, 0.0, 0.0, 1.0
	for seed := uint64(1); draws < 10 && seed < 100; seed++ {
		r := rand.New(rand.NewPCG(seed, 0))
		order := r.Perm(len(unseen))
		class, other := unseen[order[0]], unseen[order[1]]
		groups := []string{"colour:", "shape:", "size:", "texture:", "ground:"}
		r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
		describe(class, misdescribed(attributes, rows[class], rows[other], groups[:3]...))
		var ids, wrong []string
		for i := range images {
			var a reply
			ask("POST", "/predict", filetest.Read(t, filepath.Join(many, class, fmt.Sprintf("%03d.png", i))), &a)
			ids = append(ids, a.Images[0].ID)
			if a.Images[0].Class != class {
				wrong = append(wrong, ids[i])
			}
		}
		if len(wrong) >= 5 {
			r.Shuffle(len(wrong), func(i, j int) { wrong[i], wrong[j] = wrong[j], wrong[i] })
			labelled := map[string]bool{}
			for _, id := range wrong[:5] {
				labelled[id] = true
				ask("PUT", "/labels/"+id, asJSON(map[string]any{"image": id + ".png", "class": class, "learn": true}), nil)
			}
			var a reply
			ask("POST", "/rank", asJSON(map[string]any{"pictures": ids}), &a)
			right, rest := 0, images-5
			for _, x := range a.Images {
				if !labelled[x.ID] && x.Class == class {
					right++
				}
			}
			was, is := float64(images-len(wrong))/float64(rest), float64(right)/float64(rest)
			t.Logf("seed %d, %s with %s of %s: %.3f before, %.3f after", seed, class, groups[:3], other, was, is)
			if len(a.Images) != images || is < was {
				t.Errorf("seed %d: %.3f before five corrections, %.3f after, of %d images", seed, was, is, len(a.Images))
			}
			draws, before, after, least = draws+1, before+was, after+is, min(least, is)
			for id := range labelled {
				ask("DELETE", "/labels/"+id, nil, nil)
			}
		}
		describe(class, rows[class])
	}
	if draws != 10 || after < before+0.3*10 {
		t.Errorf("%d draws: mean %.3f before, %.3f after", draws, before/10, after/10)
	}
	t.Logf("mean over %d draws: %.3f before, %.3f after, least %.3f", draws, before/10, after/10, least)
}
