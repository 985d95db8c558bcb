package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
)

// special reads which tokens a post-processor puts before and after a text.
func (t *Tokenizer) special(b json.RawMessage, depth int) (head, tail []int32, err error) {
	if absent(b) {
		return nil, nil, nil
	}
	var c struct {
		Type       string            `json:"type"`
		Processors []json.RawMessage `json:"processors"`
		Cls, Sep   tokenID
		Single     []struct {
			Special *struct {
				ID string `json:"id"`
			} `json:"SpecialToken"`
			Sequence *struct{} `json:"Sequence"`
		} `json:"single"`
		Tokens map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, nil, err
	}
	switch c.Type {
	case "ByteLevel": // changes the places in the text alone
		return nil, nil, nil
	case "BertProcessing", "RobertaProcessing":
		return t.known([]int32{int32(c.Cls)}, []int32{int32(c.Sep)})
	case "TemplateProcessing":
		seen := false
		for _, p := range c.Single {
			switch {
			case p.Sequence != nil:
				if seen {
					return nil, nil, errors.New("it repeats the text")
				}
				seen = true
			case p.Special != nil:
				s, ok := c.Tokens[p.Special.ID]
				if !ok {
					return nil, nil, fmt.Errorf("it has no id for %q", p.Special.ID)
				}
				if seen {
					tail = append(tail, s.IDs...)
				} else {
					head = append(head, s.IDs...)
				}
			}
		}
		if !seen {
			return nil, nil, errors.New("it leaves the text out")
		}
		return t.known(head, tail)
	case "Sequence":
		if depth > maxNesting {
			return nil, nil, errors.New("sequences are nested too deep")
		}
		for _, p := range c.Processors {
			h, e, err := t.special(p, depth+1)
			if err != nil {
				return nil, nil, err
			}
			head, tail = append(h, head...), append(tail, e...)
		}
		return head, tail, nil
	}
	return nil, nil, fmt.Errorf("%q is not known", c.Type)
}

func (t *Tokenizer) known(head, tail []int32) ([]int32, []int32, error) {
	for _, list := range [][]int32{head, tail} {
		for _, id := range list {
			if id < 0 || int(id) >= t.size {
				return nil, nil, fmt.Errorf("it adds the token %d, of %d", id, t.size)
			}
		}
	}
	return head, tail, nil
}

// tokenID reads ["token", id].
type tokenID int32

func (d *tokenID) UnmarshalJSON(b []byte) error {
	var name string
	var id int32
	if err := json.Unmarshal(b, &[]any{&name, &id}); err != nil {
		return err
	}
	*d = tokenID(id)
	return nil
}
