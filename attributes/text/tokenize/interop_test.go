package tokenize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/interop"
)

const data = "../../../../shared/data"

// Ten thousand texts, names of CUB, AwA, SUN and ImageNet among them, get the ids that transformers.js gives them.
func TestInteropTransformersJS(t *testing.T) {
	node := func(args ...string) []byte {
		return interop.Output(t, interop.Node(t, []string{"@huggingface/tokenizers"}, append([]string{filepath.Join("testdata", "tokenizers.js")}, args...)...))
	}
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	texts := manyTexts(t)
	b, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	list := put("texts.json", b)
	files := map[string]string{}
	for _, name := range []string{"clip", "bytelevel", "wordpiece", "bytefallback"} {
		files[name+", small"] = filepath.Join("testdata", name+".json")
	}
	merges := filepath.Join(data, "tokenizers/openai-clip/bpe_simple_vocab_16e6.txt.gz")
	if _, err := os.Stat(merges); err == nil {
		files["CLIP"] = put("clip.json", node("clip", merges))
	} else {
		t.Log("CLIP's own merges are not at hand")
	}
	if more := os.Getenv("VZSL_TOKENIZERS"); more != "" { // further tokenizer.json, with commas between
		for _, f := range strings.Split(more, ",") {
			files[f] = f
		}
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			k, err := Open(file)
			if err != nil {
				t.Fatal(err)
			}
			k.max = 0 // transformers.js cuts where it is told to, not where the file says
			var want [][]int32
			if err := json.Unmarshal(node("encode", file, list), &want); err != nil {
				t.Fatal(err)
			}
			same(t, k, texts, want)
			if name == "CLIP" {
				own, err := Open(merges)
				if err != nil {
					t.Fatal(err)
				}
				own.max = 0
				same(t, own, texts, want)
			}
		})
	}
}

// manyTexts are names where the data are at hand, sentences made of them, and characters at random.
func manyTexts(t *testing.T) []string {
	const count = 10000
	var names []string
	take := func(file string, name func(line string) string) {
		b, err := os.ReadFile(filepath.Join(data, file))
		if err != nil {
			t.Logf("%s is not at hand", file)
			return
		}
		for _, l := range strings.Split(string(bytes.TrimSpace(b)), "\n") {
			if n := name(strings.TrimSpace(l)); n != "" {
				names = append(names, n)
			}
		}
	}
	last := func(l string) string { f := strings.Fields(l); return f[len(f)-1] }
	take("cub/CUB_200_2011/classes.txt", last)
	take("cub/attributes.txt", last)
	take("awa/classes.txt", last)
	take("xlsa17/SUN/trainvalclasses.txt", last)
	take("xlsa17/SUN/testclasses.txt", last)
	take("imagenet/ilsvrc2012_wnid_name.tsv", func(l string) string { _, n, _ := strings.Cut(l, "\t"); return n })
	if len(names) == 0 {
		names = []string{"001.Black_footed_Albatross", "grizzly+bear", "great white shark, white shark, man-eater", "abbey"}
	}
	templates := []string{"a photo of a %s.", "a bad photo of the %s.", "itap of my %s!", "The %s, which doesn't live here; we've seen 12 of %[1]s's kin.", "%s"}
	r := rand.New(rand.NewPCG(3, 9))
	texts := append([]string{"", " ", strings.Repeat("albatross ", 90), strings.Repeat("a", 300), "👩‍👩‍👧‍👦🇩🇪🏳️‍🌈", "<|endoftext|> [SEP] </s>"}, names...)
	for _, n := range names {
		plain := strings.Join(strings.FieldsFunc(n, func(c rune) bool { return strings.ContainsRune("_+.", c) }), " ")
		texts = append(texts, plain, fmt.Sprintf(templates[r.IntN(len(templates))], plain))
	}
	// Without what transformers.js and the original treat differently, see testdata/tokenizers.js.
	ranges := [][2]rune{{0x20, 0x7e}, {0xa0, 0x17f}, {0x3b1, 0x3c9}, {0x400, 0x4ff}, {0x5d0, 0x5ea}, {0x620, 0x64a}, {0x904, 0x939}, {0x3041, 0x30fa}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0x1f300, 0x1f64f}, {0x300, 0x36f}, {0x2000, 0x2044}, {0xff21, 0xff5a}, {0x1d400, 0x1d433}}
	for len(texts) < count {
		var b strings.Builder
		in := ranges[r.IntN(len(ranges))]
		for range 1 + r.IntN(40) {
			if r.IntN(4) == 0 {
				in = ranges[r.IntN(len(ranges))]
			}
			c := in[0] + rune(r.IntN(int(in[1]-in[0])+1))
			if r.IntN(7) == 0 {
				c = ' '
			}
			b.WriteRune(c)
		}
		texts = append(texts, b.String())
	}
	return texts[:count]
}
