package textencoder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"vzsl/extract/model"
)

// The ways in which one vector is made of those of a text's tokens.
const (
	poolClass = "cls"  // the first token's
	poolMean  = "mean" // the mean of the text's own tokens
	poolMax   = "max"  // the largest value of each number over the text's own tokens
	poolLast  = "last" // the last of the text's own tokens
)

// Poolings are the ways to pool, for help texts.
func Poolings() []string { return []string{poolClass, poolMean, poolMax, poolLast} }

// said is what a model's files say of its texts. Numbers are 0, names "" where they say nothing.
type said struct {
	limit   int    // tokens of a text
	pool    string // of the tokens' vectors
	filled  bool   // every text is filled up to the limit, as the network is not told where it ends
	pad     string // the token that fills up
	padID   *int32
	lower   bool
	kind    string // config.json's model_type
	factors float64
}

// config is config.json of the transformers library, whose parts for texts may stand by themselves.
type config struct {
	Type     string  `json:"model_type"`
	Longest  int     `json:"max_position_embeddings"`
	Pad      *int32  `json:"pad_token_id"`
	Text     *config `json:"text_config"`
	LogScale float64 `json:"logit_scale"`
}

// readFolder reads what a model's files say.
func readFolder(m *model.Model) (*said, error) {
	s := &said{}
	var errs []error
	read := func(name string, to any) bool {
		b, path, err := m.Read(name)
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if err == nil {
			err = json.Unmarshal(b, to)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
		return err == nil
	}
	limit := func(n int) {
		if n > 0 && n < 1<<20 && (s.limit == 0 || n < s.limit) {
			s.limit = n
		}
	}
	var c config
	if read("config.json", &c) {
		s.kind, s.factors = c.Type, c.LogScale
		t := &c
		if c.Text != nil {
			t = c.Text
			if t.Longest == 0 && strings.HasPrefix(c.Type, "clip") {
				t.Longest = 77 // the library's own, which files leave out
			}
			if t.Longest == 0 && strings.HasPrefix(c.Type, "siglip") {
				t.Longest = 64
			}
		}
		longest := t.Longest
		if slices.Contains([]string{"roberta", "xlm-roberta", "camembert", "mpnet"}, t.Type) {
			longest -= 2 // their first places are not for tokens
		}
		limit(longest)
		s.padID = t.Pad
		s.filled = strings.HasPrefix(c.Type, "siglip")
	}
	var k struct {
		Longest float64 `json:"model_max_length"` // 1e30 where there is none
		Pad     token   `json:"pad_token"`
		Lower   bool    `json:"do_lower_case"`
	}
	if read("tokenizer_config.json", &k) {
		if k.Longest < 1<<20 {
			limit(int(k.Longest))
		}
		s.pad = string(k.Pad)
	}
	var b struct {
		Longest int  `json:"max_seq_length"`
		Lower   bool `json:"do_lower_case"`
	}
	if read("sentence_bert_config.json", &b) {
		limit(b.Longest)
		s.lower = b.Lower
	}
	var p map[string]any
	if read("1_Pooling/config.json", &p) {
		var on []string
		for key, v := range p {
			if yes, ok := v.(bool); ok && yes && strings.HasPrefix(key, "pooling_mode_") {
				on = append(on, key)
			}
		}
		ways := map[string]string{"pooling_mode_cls_token": poolClass, "pooling_mode_mean_tokens": poolMean, "pooling_mode_max_tokens": poolMax, "pooling_mode_lasttoken": poolLast}
		if len(on) != 1 || ways[on[0]] == "" {
			slices.Sort(on)
			errs = append(errs, fmt.Errorf("1_Pooling/config.json asks for %s, which is not supported: choose another pooling with --text-pool", strings.Join(on, " and ")))
		} else {
			s.pool = ways[on[0]]
		}
	}
	return s, errors.Join(errs...)
}

// token reads a token that is named, or described.
type token string

func (t *token) UnmarshalJSON(b []byte) error {
	var name string
	if json.Unmarshal(b, &name) == nil {
		*t = token(name)
		return nil
	}
	var d struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(b, &d)
	*t = token(d.Content)
	return err
}
