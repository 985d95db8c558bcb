package attributes

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vzsl/internal/alloctest"
	"vzsl/internal/filetest"
)

// vocabulary is what a file of word vectors holds.
type vocabulary struct {
	words []string
	rows  [][]float32
}

func small(words ...string) vocabulary {
	v := vocabulary{words: words}
	for i := range words {
		v.rows = append(v.rows, []float32{float32(i + 1), -0.5 * float32(i), 1e-3})
	}
	return v
}

func (v vocabulary) dim() int { return len(v.rows[0]) }

func (v vocabulary) binary(newline bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d %d\n", len(v.words), v.dim())
	for i, w := range v.words {
		b.WriteString(w + " ")
		_ = binary.Write(&b, binary.LittleEndian, v.rows[i])
		if newline {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func (v vocabulary) text(header bool, between, end string) []byte {
	var b bytes.Buffer
	if header {
		fmt.Fprintf(&b, "%d %d%s", len(v.words), v.dim(), end)
	}
	for i, w := range v.words {
		b.WriteString(w)
		for _, x := range v.rows[i] {
			fmt.Fprintf(&b, "%s%v", between, x)
		}
		b.WriteString(end)
	}
	return b.Bytes()
}

func zip(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

func (v vocabulary) flavours() map[string][]byte {
	m := map[string][]byte{
		"binary":               v.binary(false),
		"binary with newlines": v.binary(true),
		"text":                 v.text(true, " ", "\n"),
		"text crlf":            v.text(true, " ", "\r\n"),
		"text, space at end":   v.text(true, " ", " \n"),
		"tabs":                 v.text(true, "\t", "\n"),
		"glove":                v.text(false, " ", "\n"),
		"no last newline":      bytes.TrimRight(v.text(false, " ", "\n"), "\n"),
	}
	for name, b := range m {
		if !strings.HasSuffix(name, ".gz") {
			m[name+".gz"] = zip(b)
		}
	}
	return m
}

func lookUp(b []byte, format string, phrases map[string]string, classes ...string) (*WordTable, error) {
	return readWords(context.Background(), "vectors.bin.gz", bytes.NewReader(b), int64(len(b)), classes, WordOptions{Format: format, Phrases: phrases})
}

func TestWordFormats(t *testing.T) {
	v := small("</s>", "the", "zebra", "12", "giant_panda", "z\xe9bu", "zebra", "Siamese", "cat", "of")
	for name, b := range v.flavours() {
		t.Run(name, func(t *testing.T) {
			got, err := lookUp(b, "", nil, "zebra", "giant panda", "unicorn", "siamese+cat")
			if err != nil {
				t.Fatal(err)
			}
			want := [][]float32{v.rows[2], v.rows[4], {nan, nan, nan}, {8.5, -3.75, 1e-3}}
			if d := cmp.Diff(want, got.Values, cmpopts.EquateNaNs()); d != "" {
				t.Error(d)
			}
			if got.Vocabulary != 10 || cmp.Diff([]string{"unicorn"}, got.Unknown()) != "" || len(got.Notes) > 0 {
				t.Error(got.Vocabulary, got.Unknown(), got.Notes)
			}
			if d := cmp.Diff([]string{"vectors_001", "vectors_002", "vectors_003"}, got.Names); d != "" {
				t.Error(d)
			}
		})
	}
}

// The order in which a name is looked up: each row's vocabulary has one entry less than the one before.
func TestLookupOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		order []string // best first; several with + between are averaged
	}{
		{"Giant Panda", []string{"Giant Panda", "Giant_Panda", "Giant-Panda", "giant_panda", "giant panda", "giant-panda", "Giant_panda", "Giant+Panda", "Giant"}},
		{"grizzly+bear", []string{"grizzly+bear!", "grizzly_bear", "Grizzly_bear", "grizzly+bear"}},
		{"001.Black_footed_Albatross", []string{"001.Black_footed_Albatross", "Black_footed_Albatross", "black_footed_albatross", "black-footed-albatross", "Black+footed+Albatross", "black+Albatross", "albatross"}},
		{"tench, Tinca tinca", []string{"tench, Tinca tinca", "tench", "TENCH!", "Tinca_tinca", "tinca_tinca", "Tinca+tinca"}},
		{"great white shark, white shark, man-eater", []string{"great_white_shark", "white_shark", "man-eater", "man_eater", "great+white+shark", "great+shark"}},
		{"crane (n02012849)", []string{"crane", "Crane"}},
		{"maillot, tank suit (n03710721)", []string{"maillot", "tank_suit", "tank+suit"}},
		{"a/abbey", []string{"a/abbey!", "abbey", "Abbey"}},
		{"church/outdoor", []string{"church/outdoor!", "church_outdoor", "church+outdoor", "church"}},
		{"t-shirt", []string{"t-shirt", "t_shirt", "T-shirt", "t+shirt", "shirt"}},
	} {
		for i, best := range c.order {
			if strings.HasSuffix(best, "!") { // the name itself, which has a + or may not be there
				continue
			}
			var words []string
			for _, w := range c.order[i:] {
				words = append(words, strings.Split(strings.TrimSuffix(w, "!"), "+")...)
			}
			words = append(words, "padding")
			got, err := lookUp(small(words...).text(false, " ", "\n"), WordsGloVe, map[string]string{"class": c.name}, "class")
			if err != nil {
				t.Fatal(err)
			}
			// What is averaged is named by the words found, in their own spelling.
			if have := strings.Join(got.Matches[0].Words, "+"); !strings.EqualFold(have, best) {
				t.Errorf("%s, vocabulary %q: found %q, not %q", c.name, words, have, best)
			}
		}
	}
}

func TestPartialAverage(t *testing.T) {
	got, err := lookUp(small("bird", "paradise").binary(false), "", nil, "bird of paradise")
	if err != nil {
		t.Fatal(err)
	}
	want := WordMatch{Class: "bird of paradise", Words: []string{"bird", "paradise"}, Left: []string{"of"}}
	if d := cmp.Diff(want, got.Matches[0]); d != "" {
		t.Error(d)
	}
}

// GloVe's words may hold spaces, and lines of numbers alone are words too.
func TestGloVeSpaces(t *testing.T) {
	b := []byte(". . . 0.1 0.2 0.3\n1 0.4 0.5 0.6\nat name@domain.com 1 2 3\ngiant panda 4 5 6\ngiant 7 8 9\nx\u00a0y 1 1 1\n")
	got, err := lookUp(b, "", nil, "giant panda", "giant", ". . .", "1", "x\u00a0y")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]float32{{4, 5, 6}, {7, 8, 9}, {.1, .2, .3}, {.4, .5, .6}, {1, 1, 1}}, got.Values); d != "" {
		t.Error(d)
	}
}

func TestWordErrors(t *testing.T) {
	v := small("the", "zebra", "panda")
	bin := v.binary(false)
	spoilt := v.binary(false)
	binary.LittleEndian.PutUint32(spoilt[bytes.Index(spoilt, []byte("zebra "))+6+4:], math.Float32bits(float32(math.Inf(1))))
	half := v.text(true, " ", "\n")
	for name, c := range map[string]struct {
		b      []byte
		format string
		says   []string
	}{
		"empty":                  {nil, "", []string{"is empty"}},
		"zip":                    {[]byte("PK\x03\x04abc"), "", []string{"zip archive", "unpack"}},
		"fasttext model":         {[]byte("\xba\x16\x4f\x2f\x0c\x00\x00\x00"), "", []string{"fastText", ".vec"}},
		"pointer":                {[]byte("version https://git-lfs.github.com/spec/v1\n"), "", []string{"git lfs pull"}},
		"web page":               {[]byte("<!DOCTYPE html><html>Quota exceeded"), "", []string{"web page"}},
		"pickle":                 {[]byte("\x80\x04\x95abc"), "", []string{"save_word2vec_format"}},
		"bzip2":                  {[]byte("BZh91AY"), "", []string{"unpack it first"}},
		"prose":                  {[]byte("It was a dark night.\n"), "", []string{"vectors.bin.gz:1", "not word vectors"}},
		"no values":              {[]byte("3 0\nthe\n"), "", []string{":1", "vectors of 0 values"}},
		"too many values":        {[]byte("3 100000000\nthe\n"), "", []string{":1", "100000000"}},
		"cut binary":             {bin[:len(bin)-5], "", []string{"word 3 of 3", "get it again"}},
		"cut binary, gzip":       {zip(bin[:len(bin)-5]), "", []string{"word 3 of 3", "get it again"}},
		"words missing, gzip":    {zip(bin[:len(bin)-18]), "", []string{"header gives 3", "ends after 2"}},
		"cut gzip":               {zip(bin)[:30], "", []string{"gzip", "get it again"}},
		"infinite":               {spoilt, "", []string{"word 2 of 3", `"zebra"`, "+Inf", "position 2"}},
		"no spaces":              {append([]byte("9 1\n"), bytes.Repeat([]byte{1}, 9000)...), WordsWord2Vec, []string{"word 1 of 9", "no word within"}},
		"cut text":               {half[:len(half)-9], "", []string{":4", "last line", "incomplete"}},
		"cut within a number":    {half[:len(half)-20], "", []string{"incomplete"}},
		"short line":             {[]byte("3 3\nthe 1 2 3\nzebra 4 5\npanda 7 8 9\n"), "", []string{":3", "a word and 3 numbers", "3 fields"}},
		"not a number":           {[]byte("3 3\nthe 1 2 3\nzebra 4 x 6\npanda 7 8 9\n"), "", []string{":3", "value 2", `"zebra"`, `"x"`}},
		"text without header":    {v.text(false, " ", "\n"), WordsText, []string{":1", "format text begins with", "glove"}},
		"binary without header":  {bin[4:], WordsWord2Vec, []string{":1", "format word2vec begins with"}},
		"unknown format":         {bin, "elmo", []string{"elmo", "glove"}},
		"line without end":       {append([]byte("2 3\nthe 1 2 3\n"), bytes.Repeat([]byte("x"), 3<<20)...), "", []string{":3", "a line of more than"}},
		"another's header":       {[]byte("3 5\nthe 1 2 3\nzebra 4 5 6\npanda 7 8 9\n"), "", []string{":1", "gives 5 values per word, the lines below have 3"}},
		"as many of two kinds":   {[]byte("the 1 2 3\nzebra 4 5\n"), "", []string{"as many lines have 2 numbers as have 3"}},
		"one field":              {[]byte("2 3\nthe 1 2 3\nzebra\n"), "", []string{":3", "a word and 3 numbers"}},
		"promises more than fit": {[]byte("3000000 300\n\x01\x02\x03 \x04"), "", []string{"3000000 words of 300", "incomplete"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lookUp(c.b, c.format, nil, "zebra", "panda")
			filetest.WantError(t, err, append(c.says, "")...)
		})
	}
	_, err := lookUp(bin, "", nil, "zebra", "zebra")
	filetest.WantError(t, err, "twice")
	_, err = ReadWords(context.Background(), t.TempDir(), nil, WordOptions{})
	filetest.WantError(t, err, "is a folder")
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := readWords(ctx, "x", bytes.NewReader(bin), 0, nil, WordOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Any vocabulary, in any flavour, gives each of its words back.
func TestWordsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(8, 40).Draw(t, "dim")
		words := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zé0-9.'!]{1,12}`), 1, 30, rapid.ID).Draw(t, "words")
		v := vocabulary{words: words}
		for range words {
			row := make([]float32, dim)
			for k := range row {
				row[k] = rapid.Float32Range(-1e6, 1e6).Draw(t, "x")
			}
			v.rows = append(v.rows, row)
		}
		for name, b := range v.flavours() {
			if strings.HasPrefix(name, "glove") || strings.HasPrefix(name, "no last") { // words that are numbers
				continue
			}
			got, err := lookUp(b, "", nil, words...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i, row := range got.Values {
				if m := got.Matches[i].Words; len(m) != 1 || m[0] != words[i] {
					t.Fatalf("%s: %q is found as %q", name, words[i], m)
				}
				if !cmp.Equal(row, v.rows[i]) {
					t.Fatalf("%s: %q", name, words[i])
				}
			}
		}
	})
}

// Lines that are odd change nothing for the others, wherever they stand: too short, of an empty word, of a word with spaces and
// numbers, blank, twice.
func TestOddLines(t *testing.T) {
	odd := []string{"junk 0.1 0.2", " 0.1 0.2 0.3", "junk", "a b 0.1 0.2 0.3", "at 5 1 2 3", "12 1 2 3", "", " ", "zebra 9 9 9", "nan 1 2 3", "x", "e\u0301t\u00e9 7 8 9"}
	for _, end := range []string{"\n", "\r\n"} {
		for _, header := range []string{"", fmt.Sprintf("99 3%s", end)} {
			for at := range 5 {
				for _, line := range odd {
					lines := []string{"the 1 1 1", "zebra 1 2 3", "panda 4 5 6", "of 0 0 0", "and 1 0 1"}
					if strings.HasPrefix(line, "zebra") && at < 2 {
						continue
					}
					lines = slices.Insert(lines, at, line)
					got, err := lookUp([]byte(header+strings.Join(lines, end)+end), "", nil, "zebra", "panda")
					if err != nil {
						t.Errorf("%q at %d, header %q: %v", line, at, header, err)
						continue
					}
					if d := cmp.Diff([][]float32{{1, 2, 3}, {4, 5, 6}}, got.Values); d != "" {
						t.Errorf("%q at %d, header %q: %s", line, at, header, d)
					}
				}
			}
		}
	}
	// In either Unicode form.
	got, err := lookUp([]byte("the 1 1 1\n\u00e9te\u0301 7 8 9\nof 1 2 3\n"), "", nil, "e\u0301t\u00e9")
	if err != nil || got.Values[0][0] != 7 {
		t.Error(got, err)
	}
	// The binary format: an empty word, the same word again, bytes that are no text.
	v := small("", "zebra", "z\xff", "zebra", "panda")
	for _, newline := range []bool{false, true} {
		if got, err := lookUp(v.binary(newline), "", nil, "zebra", "panda"); err != nil || !cmp.Equal(got.Values, [][]float32{v.rows[1], v.rows[4]}) {
			t.Error(newline, got, err)
		}
	}
}

func TestMoreThanPromised(t *testing.T) {
	v := small("the", "zebra", "panda")
	for name, b := range map[string][]byte{"binary": v.binary(true), "text": v.text(true, " ", "\n")} {
		got, err := lookUp(append([]byte("2"), b[1:]...), "", nil, "zebra")
		if err != nil || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "header") {
			t.Error(name, err, got)
		}
	}
}

// The expected numbers are those of testdata/words.py.
func TestRealWord2Vec(t *testing.T) {
	path := filepath.Join(filetest.Data(t), "word2vec", "gutenberg-vectors.bin")
	var seen int
	got, err := ReadWords(context.Background(), path, []string{"the", "man", "volunteers", "</s>", "the man"}, WordOptions{Progress: func(done, total int) { seen = done * 1000 / total }})
	if err != nil {
		t.Fatal(err)
	}
	if got.Format != WordsWord2Vec || got.Vocabulary != 786 || len(got.Names) != 200 || len(got.Unknown()) != 0 || len(got.Notes) != 0 || seen != 1000 {
		t.Error(got.Format, got.Vocabulary, len(got.Names), got.Unknown(), got.Notes, seen)
	}
	the, man := got.Values[0], got.Values[1]
	if the[0] != 0.064269684 || the[199] != 0.017119542 || man[0] != 0.071502365 || man[199] != 0.01162679 {
		t.Error(the[0], the[199], man[0], man[199])
	}
	if m := got.Values[4][0]; m != float32((float64(the[0])+float64(man[0]))/2) {
		t.Error(m)
	}
}

func FuzzWords(f *testing.F) {
	v := small("the", "zebra", "giant panda")
	for _, b := range v.flavours() {
		f.Add(b)
	}
	f.Add([]byte("3000000 300\nab"))
	f.Add([]byte("0 65536\n"))
	f.Add([]byte("0 65536\n0 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		there := len(b)
		if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			n, _ := io.Copy(io.Discard, z)
			there += int(n)
		}
		for _, format := range WordFormats() {
			// The buffers, those of gzip too, and what is there.
			alloctest.AtMost(t, 1<<18+2*wordBuffer+textBuffer+256*there, func() {
				got, err := lookUp(b, format, nil, "zebra", "giant panda", "x, y z")
				if err == nil && (len(got.Values) != 3 || len(got.Values[0]) != len(got.Names)) {
					t.Fatalf("%d rows of %d values", len(got.Values), len(got.Names))
				}
			})
		}
	})
}

func FuzzLemmas(f *testing.F) {
	f.Add("tench, Tinca tinca")
	f.Add("001.Black_footed_Albatross")
	f.Fuzz(func(t *testing.T, s string) {
		for _, l := range lemmas(s) {
			if len(l.forms) == 0 || l.forms[0] == "" {
				t.Fatalf("%q", l)
			}
		}
	})
}
