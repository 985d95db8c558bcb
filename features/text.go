package features

// TextModel identifies what makes vectors of texts.
type TextModel struct {
	Name      string       `json:"name"`
	SHA256    string       `json:"sha256"`           // of the network
	Tokenizer string       `json:"tokenizer_sha256"` // of the tokenizer's file
	Output    string       `json:"output"`           // of the network
	Pool      string       `json:"pool,omitempty"`   // how one vector is made of those of the tokens; "": the output is one
	Tokens    int          `json:"tokens,omitempty"` // of a text at most; 0: no limit
	Width     int          `json:"width"`
	Scale     float64      `json:"logit_scale,omitempty"` // what cosines with images are multiplied by; 0: the model's files do not say
	Towers    []ImageTower `json:"towers,omitempty"`      // the networks for images whose features lie in the same space
}

// ImageTower is a layer of a network for images.
type ImageTower struct {
	SHA256 string `json:"network_sha256"`
	Layer  string `json:"layer"`
}

// TextSource says how a block of attributes was made of texts: each text of a class in each template gives a vector, which is brought
// to length 1; the mean of them is brought to length 1 again.
type TextSource struct {
	Model     TextModel `json:"model"`
	Templates []string  `json:"templates,omitempty"`
}

// Same reports whether two sources give a text the same vector.
func (s *TextSource) Same(other *TextSource) bool {
	a, b := s.Model, other.Model
	return a.SHA256 == b.SHA256 && a.Tokenizer == b.Tokenizer && a.Output == b.Output && a.Pool == b.Pool && a.Tokens == b.Tokens
}

// SharesSpace reports whether features of a network's layer lie in the space of the texts.
func (s *TextSource) SharesSpace(networkSHA256, layer string) bool {
	for _, t := range s.Model.Towers {
		if t.SHA256 != "" && t.SHA256 == networkSHA256 && t.Layer == layer {
			return true
		}
	}
	return false
}
