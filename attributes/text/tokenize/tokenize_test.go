package tokenize

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func readJSON(t testing.TB, path string, to any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func same(t *testing.T, k *Tokenizer, texts []string, want [][]int32) {
	t.Helper()
	if len(texts) != len(want) || len(texts) == 0 {
		t.Fatalf("%d texts, ids of %d", len(texts), len(want))
	}
	bad := 0
	for i, s := range texts {
		if got := k.Encode(s, 0).IDs; !slices.Equal(got, want[i]) {
			if bad++; bad <= 5 {
				t.Errorf("%q\n got %v\nwant %v", s, got, want[i])
			}
		}
	}
	if bad > 5 {
		t.Errorf("%d of %d texts differ", bad, len(texts))
	}
}

// The ids that transformers.js gives; see testdata/tokenizers.js.
func TestGolden(t *testing.T) {
	raw := map[string]json.RawMessage{}
	readJSON(t, "testdata/golden.json", &raw)
	var texts []string
	if err := json.Unmarshal(raw["texts"], &texts); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"clip", "bytelevel", "wordpiece", "bytefallback"} {
		t.Run(name, func(t *testing.T) {
			k, err := Open("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want [][]int32
			if err := json.Unmarshal(raw[name], &want); err != nil {
				t.Fatal(err)
			}
			if name == "wordpiece" { // the golden is without the file's truncation to 128
				k.max = 0
			}
			same(t, k, texts, want)
		})
	}
}

// The ids that SentencePiece gives; see testdata/unigram.py.
func TestUnigram(t *testing.T) {
	k, err := Open("testdata/unigram.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Texts []string
		IDs   [][]int32
	}
	readJSON(t, "testdata/unigram_golden.json", &golden)
	same(t, k, golden.Texts, golden.IDs)
}

// A merges file in CLIP's form gives what the tokenizer.json of the same merges gives.
func TestMerges(t *testing.T) {
	var f struct{ Model struct{ Merges []string } }
	readJSON(t, "testdata/clip.json", &f)
	text := "\"bpe_simple_vocab_16e6.txt#version: 0.2\n" + strings.Join(f.Model.Merges, "\n") + "\n"
	dir := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bpe_simple_vocab_16e6.txt.gz"), z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Open("testdata/clip.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Texts []string }
	readJSON(t, "testdata/golden.json", &golden)
	for _, s := range golden.Texts {
		if a, b := got.Encode(s, 0), want.Encode(s, clipContext); !slices.Equal(a.IDs, b.IDs) || a.Cut != b.Cut {
			t.Fatalf("%q: %v of the merges, %v of tokenizer.json", s, a, b)
		}
	}
	if got.Size() != want.Size() || got.Limit() != 77 {
		t.Errorf("%d tokens, %d ids a text", got.Size(), got.Limit())
	}
}

func TestTruncation(t *testing.T) {
	k, err := Open("testdata/clip.json")
	if err != nil {
		t.Fatal(err)
	}
	full := k.Encode(strings.Repeat("warbler ", 100), 0)
	end, _ := k.ID("<|endoftext|>")
	for _, limit := range []int{3, 8, 77, len(full.IDs), len(full.IDs) + 1} {
		e := k.Encode(strings.Repeat("warbler ", 100), limit)
		if want := min(limit, len(full.IDs)); len(e.IDs) != want || e.Cut != len(full.IDs)-want {
			t.Errorf("limit %d: %d ids, %d cut", limit, len(e.IDs), e.Cut)
		}
		if last := len(e.IDs) - 1; e.IDs[last] != end || !slices.Equal(e.IDs[:last], full.IDs[:last]) {
			t.Errorf("limit %d: %v", limit, e.IDs)
		}
	}
}

func TestRefused(t *testing.T) {
	const model = `"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}`
	for name, c := range map[string]struct{ file, want string }{
		"empty":          {``, "not a tokenizer.json"},
		"another file":   {`{"architectures":["CLIPModel"]}`, "has no model"},
		"unknown model":  {`{"model":{"type":"Neural","vocab":{"a":0}}}`, `"Neural" is not known`},
		"normaliser":     {`{"normalizer":{"type":"Shout"},` + model + `}`, `normalizer: "Shout" is not known`},
		"pre-tokenizer":  {`{"pre_tokenizer":{"type":"Shout"},` + model + `}`, `pre-tokenizer: "Shout" is not known`},
		"post-processor": {`{"post_processor":{"type":"Shout"},` + model + `}`, `post-processor: "Shout" is not known`},
		"pattern":        {`{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"},` + model + `}`, "not understood"},
		"behaviour":      {`{"pre_tokenizer":{"type":"Split","pattern":{"String":"-"},"behavior":"Odd"},` + model + `}`, "not known"},
		"charsmap":       {`{"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"},` + model + `}`, "table of characters"},
		"merge":          {`{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}`, "not in its vocabulary"},
		"negative id":    {`{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}`, "has the id -1"},
		"special id":     {`{"post_processor":{"type":"BertProcessing","sep":["[SEP]",9],"cls":["[CLS]",0]},` + model + `}`, "adds the token 9, of 1"},
		"no text":        {`{"post_processor":{"type":"TemplateProcessing","single":[],"special_tokens":{}},` + model + `}`, "leaves the text out"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokenizer.json")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no tokenizer") {
		t.Errorf("%v", err)
	}
}

// How Rust's tokenizers split, by the examples of their documentation.
func TestBehaviours(t *testing.T) {
	for how, want := range map[string][]string{
		removed:      {"the", "final", "countdown"},
		isolated:     {"the", "-", "final", "-", "-", "countdown"},
		withPrevious: {"the-", "final-", "-", "countdown"},
		withNext:     {"the", "-final", "-", "-countdown"},
		contiguous:   {"the", "-", "final", "--", "countdown"},
	} {
		dash := "-"
		find, err := (&pattern{String: &dash}).compile()
		if err != nil {
			t.Fatal(err)
		}
		const s = "the-final--countdown"
		if got := divided(s, find(s), how); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", how, got, want)
		}
	}
}

func FuzzTokenizer(f *testing.F) {
	for _, stages := range []string{
		`"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"}`,
		`"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Strip"}]},"pre_tokenizer":{"type":"Metaspace"}`,
		`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\p{L}+(?!x)|."},"behavior":"MergedWithNext","invert":true}`,
		`"pre_tokenizer":{"type":"ByteLevel"},"added_tokens":[{"id":3,"content":"a","lstrip":true,"single_word":true}]`,
		`"normalizer":{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAABh"},"post_processor":{"type":"BertProcessing","sep":["a",0],"cls":["b",1]}`,
	} {
		f.Add([]byte(`{`+stages+`,"model":{"type":"BPE","unk_token":"a","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`), "A naïve ab of 2 b's.")
		f.Add([]byte(`{`+stages+`,"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0,"##b":1}}}`), "A naïve ab of 2 b's.")
	}
	f.Add([]byte(`{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1]]}}`), "ab")
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		k, err := parse(b)
		if err != nil || len(s) > 200 {
			return
		}
		for _, id := range k.Encode(s, 32).IDs {
			if id < 0 || int(id) >= k.Size() {
				t.Fatalf("id %d of %d", id, k.Size())
			}
		}
	})
}

func FuzzMerges(f *testing.F) {
	f.Add([]byte("#version: 0.2\nt h\nth e</w>\n"), "the")
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		if k, err := parseMerges(b); err == nil && len(s) < 200 {
			k.Encode(s, 0)
		}
	})
}
