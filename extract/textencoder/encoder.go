package textencoder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"vzsl/attributes/text"
	"vzsl/attributes/text/tokenize"
	"vzsl/extract/engine/native"
	"vzsl/extract/model"
	"vzsl/extract/onnx"
)

// Options say what differs from what the model's files say.
type Options struct {
	Output string // of the network; "": the embedding
	Pool   string // one of Poolings; "": as the files say
	Tokens int    // a text has at most; 0: as the files say
}

// Encoder is an open text model.
type Encoder struct {
	net       *onnx.Text
	tokenizer *tokenize.Tokenizer
	model     *model.Model
	output    string
	pool      string // "": the output is one vector
	limit     int    // tokens of a text; 0: none
	filled    bool   // every text is filled up to the limit
	pad       int32
	lower     bool
	width     int
	scale     float64
}

// Open opens the text model at path: a folder, or an ONNX file in one.
func Open(path string, o Options) (*Encoder, error) {
	m, err := model.FindText(path)
	if err != nil {
		return nil, fmt.Errorf("text model: %w", err)
	}
	s, err := readFolder(m)
	if err != nil {
		return nil, fmt.Errorf("text model %s: %w", m.Root, err)
	}
	k, err := openTokenizer(m)
	if err != nil {
		return nil, fmt.Errorf("text model: %w", err)
	}
	net, err := onnx.OpenText(m.File)
	if err != nil {
		return nil, fmt.Errorf("text model: %w", err)
	}
	e := &Encoder{net: net, tokenizer: k, model: m, lower: s.lower, filled: s.filled, scale: s.factors}
	if err := e.settle(s, o); err != nil {
		_ = net.Close()
		return nil, fmt.Errorf("text model %s: %w", m.File, err)
	}
	return e, nil
}

// openTokenizer looks in the model's folder, then beside the network.
func openTokenizer(m *model.Model) (*tokenize.Tokenizer, error) {
	k, err := tokenize.Open(m.Root)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(m.File) != m.Root {
		return tokenize.Open(filepath.Dir(m.File))
	}
	return k, err
}

// settle decides on output, pooling, length and padding.
func (e *Encoder) settle(s *said, o Options) error {
	for _, n := range []int{s.limit, e.tokenizer.Limit(), e.net.Length(), o.Tokens} {
		if n > 0 && (e.limit == 0 || n < e.limit) {
			e.limit = n
		}
	}
	if e.net.Length() > 0 && e.limit < e.net.Length() {
		e.filled = false // filled up to what the network takes, see length
	}
	if e.filled && e.limit == 0 {
		return errors.New("its files do not say to how many tokens a text is padded: set it with --text-tokens")
	}
	e.pad = e.padding(s)
	if err := e.choose(s, o); err != nil {
		return err
	}
	p, dims, err := e.net.Plan(e.output, e.length(8))
	if err != nil {
		return err
	}
	if rows, size := p.Vocabulary(), e.tokenizer.Size(); rows > 0 && (size > rows || 4*size < 3*rows) {
		return fmt.Errorf("the tokenizer %s has %d tokens and the network %d: they do not belong together; take both from the same model", e.tokenizer.Path(), size, rows)
	}
	switch {
	case len(dims) == 3 && dims[0] == 1:
		if e.pool = cmp.Or(o.Pool, s.pool); e.pool == "" {
			return fmt.Errorf("its output %q has a vector for each token, and no file says how they are pooled: set it with --text-pool (%s), as the model's authors do", e.output, strings.Join(Poolings(), ", "))
		}
		if !slices.Contains(Poolings(), e.pool) {
			return fmt.Errorf("unknown pooling %q: one of %s", e.pool, strings.Join(Poolings(), ", "))
		}
	case len(dims) == 2 && dims[0] == 1:
		if o.Pool != "" {
			return fmt.Errorf("its output %q is one vector for a text: --text-pool does not apply to it", e.output)
		}
	default:
		return fmt.Errorf("its output %q has the shape %v for one text, expected a vector or one for each token: name another with --text-output (%s)", e.output, dims, strings.Join(e.net.Outputs(), ", "))
	}
	e.width = dims[len(dims)-1]
	return nil
}

// padding is the id that texts are filled up with. Where the network is told which tokens are a text's own it does not matter.
func (e *Encoder) padding(s *said) int32 {
	if id, ok := e.tokenizer.ID(s.pad); ok && s.pad != "" {
		return id
	}
	if id, ok := e.tokenizer.Pad(); ok {
		return id
	}
	if s.padID != nil && *s.padID >= 0 && int(*s.padID) < e.tokenizer.Size() {
		return *s.padID
	}
	return 0
}

// choose finds the output that is the text's embedding.
func (e *Encoder) choose(s *said, o Options) error {
	have := e.net.Outputs()
	if len(have) == 0 {
		return errors.New("none of its outputs depends only on a text")
	}
	if o.Output != "" {
		if !slices.Contains(have, o.Output) {
			return fmt.Errorf("it has no output %q of a text: it has %s", o.Output, strings.Join(have, ", "))
		}
		e.output = o.Output
		return nil
	}
	names := []string{"text_embeds", "text_embeddings", "text_embedding", "text_features", "sentence_embedding", "sentence_embeddings", "embeddings"}
	if s.pool != "" || o.Pool != "" {
		names = append(names, "last_hidden_state", "token_embeddings")
	}
	names = append(names, "pooler_output", "last_hidden_state", "token_embeddings")
	for _, n := range names {
		if n == "pooler_output" && (s.kind == "bert" || strings.Contains(s.kind, "roberta")) {
			continue // of a task that the model was first trained for, and no embedding
		}
		if slices.Contains(have, n) {
			e.output = n
			return nil
		}
	}
	if len(have) > 1 {
		return fmt.Errorf("it has several outputs and none is named like an embedding: choose one with --text-output (%s)", strings.Join(have, ", "))
	}
	e.output = have[0]
	return nil
}

// length is the number of tokens that a text of so many is filled up to.
func (e *Encoder) length(tokens int) int {
	switch {
	case e.net.Length() > 0:
		return e.net.Length()
	case e.filled:
		return e.limit
	case !e.net.Masked():
		return tokens // what would fill it up could not be told from it
	}
	n := (tokens + 7) / 8 * 8 // few plans for many texts
	if e.limit > 0 {
		n = min(n, e.limit)
	}
	return max(n, tokens)
}

// Close releases the memory.
func (e *Encoder) Close() error { return e.net.Close() }

// batch is the number of texts between two looks whether to stop.
const batch = 64

// Encode returns the vectors of texts. It implements [text.Encoder].
func (e *Encoder) Encode(ctx context.Context, texts []string, progress func(done, total int)) (*text.Vectors, error) {
	v := &text.Vectors{Rows: make([][]float32, len(texts)), Cut: make([]int, len(texts)), Unknown: make([]int, len(texts)), Spelled: make([]int, len(texts))}
	ids := make([][]int32, len(texts))
	groups := map[int][]int{} // texts by the length that they are filled up to
	for i, s := range texts {
		if e.lower {
			s = strings.ToLower(s)
		}
		k := e.tokenizer.Encode(s, e.limit)
		if k.Own == 0 {
			return nil, fmt.Errorf("the text %q has no tokens: it is empty, or has no characters of the model's languages", s)
		}
		ids[i], v.Cut[i], v.Unknown[i] = k.IDs, k.Cut, k.Unknown
		if 2*k.Own > 3*utf8.RuneCountInString(s) {
			v.Spelled[i] = k.Own
		}
		n := e.length(len(k.IDs))
		groups[n] = append(groups[n], i)
	}
	done := 0
	for _, n := range slices.Sorted(maps.Keys(groups)) {
		if err := e.run(ctx, n, groups[n], ids, v.Rows, func(k int) {
			if done += k; progress != nil {
				progress(done, len(texts))
			}
		}); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// run encodes the texts of one length.
func (e *Encoder) run(ctx context.Context, length int, which []int, ids [][]int32, rows [][]float32, done func(int)) error {
	p, _, err := e.net.Plan(e.output, length)
	if err != nil {
		return fmt.Errorf("text model: %w", err)
	}
	engine, err := native.OfPlan(p)
	if err != nil {
		return fmt.Errorf("text model %s: %w", e.net.Path(), err)
	}
	defer engine.Close()
	for part := range slices.Chunk(which, batch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		in, out := make([]float32, len(part)*2*length), make([]float32, len(part)*engine.Dim())
		for j, i := range part {
			row := in[j*2*length:]
			for k := range length {
				row[k] = float32(e.pad)
				if k < len(ids[i]) {
					row[k], row[length+k] = float32(ids[i][k]), 1
				}
			}
		}
		if err := engine.Run(in, len(part), out); err != nil {
			return fmt.Errorf("text model %s: %w", e.net.Path(), err)
		}
		for j, i := range part {
			rows[i] = pooled(e.pool, out[j*engine.Dim():(j+1)*engine.Dim()], e.width, len(ids[i]))
		}
		done(len(part))
	}
	return nil
}

// pooled makes one vector of those of a text's tokens, the first own of which are its own.
func pooled(how string, x []float32, width, own int) []float32 {
	out := make([]float32, width)
	switch how {
	case "", poolClass:
		copy(out, x)
	case poolLast:
		copy(out, x[(own-1)*width:])
	case poolMax:
		copy(out, x)
		for i := 1; i < own; i++ {
			for k := range out {
				out[k] = max(out[k], x[i*width+k])
			}
		}
	case poolMean:
		for k := range out {
			sum := 0.0
			for i := range own {
				sum += float64(x[i*width+k])
			}
			out[k] = float32(sum / float64(own))
		}
	}
	return out
}
