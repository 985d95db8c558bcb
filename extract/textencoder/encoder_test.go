package textencoder

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

// words is a tokenizer of 60 words, w0 to w59, split at white space; tail is put after every text.
func words(count int, tail bool) string {
	vocab := map[string]int{}
	for i := range count {
		vocab[fmt.Sprintf("w%d", i)] = i
	}
	b, err := json.Marshal(vocab)
	if err != nil {
		panic(err)
	}
	post := "null"
	if tail {
		post = fmt.Sprintf(`{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"end"}}],"special_tokens":{"end":{"id":"end","ids":[%d]}}}`, count-1)
	}
	return fmt.Sprintf(`{"model":{"type":"WordLevel","vocab":%s,"unk_token":"w2"},"pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":%s}`, b, post)
}

// folder makes a model's folder of a tower of testdata; files are name and content.
func folder(t *testing.T, tower string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join("testdata", tower+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	files["model.onnx"] = string(b)
	if files["tokenizer.json"] == "" {
		files["tokenizer.json"] = words(60, false)
	}
	for name, s := range files {
		filetest.Write(t, filepath.Join(dir, name), s)
	}
	return dir
}

type golden map[string]struct {
	Texts   [][]int
	Vectors [][]float32
}

func readGolden(t *testing.T) golden {
	t.Helper()
	return filetest.JSON[golden](t, "testdata/golden.json")
}

func sentences(ids [][]int) []string {
	var list []string
	for _, t := range ids {
		var w []string
		for _, i := range t {
			w = append(w, fmt.Sprintf("w%d", i))
		}
		list = append(list, strings.Join(w, " "))
	}
	return list
}

// TestTowers: texts, not ids, give the vectors that ONNX Runtime computes of the ids as the models' own code would feed them.
func TestTowers(t *testing.T) {
	g := readGolden(t)
	pad := func(token string) string {
		return `{"pad_token":{"content":"` + token + `"},"model_max_length":1000000000000000019884624838656}`
	}
	for name, c := range map[string]struct {
		tower string
		files map[string]string
		o     Options
		from  func(row []float32) []float32 // the part of the golden's row
	}{
		"clip":        {"clip", map[string]string{"config.json": `{"model_type":"clip","text_config":{"model_type":"clip_text_model"}}`, "tokenizer_config.json": pad("w0")}, Options{}, nil},
		"openai":      {"openai", map[string]string{}, Options{}, nil},
		"siglip":      {"siglip", map[string]string{"config.json": `{"model_type":"siglip","text_config":{"max_position_embeddings":12}}`, "tokenizer_config.json": pad("w1")}, Options{}, nil},
		"e5":          {"roberta", map[string]string{"config.json": `{"model_type":"xlm-roberta","max_position_embeddings":34,"pad_token_id":1}`}, Options{}, nil},
		"bert, mean":  {"bert", map[string]string{"1_Pooling/config.json": `{"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true,"word_embedding_dimension":16}`, "config.json": `{"model_type":"bert","max_position_embeddings":32}`}, Options{}, func(r []float32) []float32 { return r[16:] }},
		"bert, class": {"bert", map[string]string{"config.json": `{"model_type":"bert","max_position_embeddings":32}`}, Options{Pool: "cls"}, func(r []float32) []float32 { return r[:16] }},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Open(folder(t, c.tower, c.files), c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			v, err := e.Encode(context.Background(), sentences(g[c.tower].Texts), nil)
			if err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i, want := range g[c.tower].Vectors {
				if c.from != nil {
					want = c.from(want)
				}
				if len(v.Rows[i]) != len(want) || len(want) != e.width {
					t.Fatalf("%d values, want %d", len(v.Rows[i]), len(want))
				}
				for k, w := range want {
					worst = max(worst, math.Abs(float64(v.Rows[i][k]-w)))
				}
				if v.Cut[i] != 0 || v.Unknown[i] != 0 {
					t.Errorf("text %d: %d cut, %d unknown", i, v.Cut[i], v.Unknown[i])
				}
			}
			if !(worst < 1e-4) {
				t.Errorf("off by %v", worst)
			}
		})
	}
}

func TestLongAndUnknown(t *testing.T) {
	e, err := Open(folder(t, "clip", map[string]string{"tokenizer.json": words(60, true)}), Options{Tokens: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	v, err := e.Encode(context.Background(), []string{"w5 w6 w7 w8 w9 w10", "w5 w6 w7 w8", "w5 nobody knows"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Cut, []int{2, 0, 0}) || !slices.Equal(v.Unknown, []int{0, 0, 2}) {
		t.Errorf("%v cut, %v unknown", v.Cut, v.Unknown)
	}
	if !slices.Equal(v.Rows[0], v.Rows[1]) {
		t.Error("a text that is cut has another vector than what is left of it")
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := e.Encode(ctx, []string{"w5"}, nil); err == nil {
		t.Error("goes on when stopped")
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		tower string
		files map[string]string
		o     Options
		want  string
	}{
		"another tokenizer":  {"clip", map[string]string{"tokenizer.json": words(90, false)}, Options{}, "has 90 tokens and the network 60: they do not belong together"},
		"a small tokenizer":  {"clip", map[string]string{"tokenizer.json": words(10, false)}, Options{}, "has 10 tokens and the network 60"},
		"no pooling":         {"bert", map[string]string{}, Options{}, "set it with --text-pool"},
		"needless pooling":   {"clip", map[string]string{}, Options{Pool: "mean"}, "does not apply to it"},
		"unknown pooling":    {"bert", map[string]string{}, Options{Pool: "sum"}, "unknown pooling"},
		"two poolings":       {"bert", map[string]string{"1_Pooling/config.json": `{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}`}, Options{}, "not supported"},
		"unknown output":     {"clip", map[string]string{}, Options{Output: "logits"}, `no output "logits"`},
		"damaged config":     {"clip", map[string]string{"config.json": "{"}, Options{}, "config.json"},
		"unmeasured filling": {"siglip", map[string]string{"config.json": `{"model_type":"siglip"}`}, Options{}, "--text-tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(folder(t, c.tower, c.files), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	dir := folder(t, "clip", map[string]string{})
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "holds no tokenizer") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(words(60, false)), 0o600); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile("../../extract/engine/testdata/networks/" + someNetwork(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "is not a text encoder") {
		t.Errorf("%v", err)
	}
}

func someNetwork(t *testing.T) string {
	t.Helper()
	list, err := filepath.Glob("../../extract/engine/testdata/networks/*.onnx")
	if err != nil || len(list) == 0 {
		t.Fatal("no networks for images")
	}
	return filepath.Base(list[0])
}

func TestSource(t *testing.T) {
	e, err := Open(folder(t, "clip", map[string]string{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.Source()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.SHA256) != 64 || len(s.Tokenizer) != 64 || s.Output != "text_embeds" || s.Width != 8 || len(s.Towers) != 0 {
		t.Errorf("%+v", s)
	}
}
