package problem

import (
	"strings"
	"testing"

	"vzsl/features"
)

func TestSharedSpace(t *testing.T) {
	text := func(towers ...features.ImageTower) *features.TextSource {
		return &features.TextSource{Model: features.TextModel{Name: "m", Width: 2, Scale: 50, Towers: towers}}
	}
	table := func(s *features.TextSource, more ...features.Block) *features.ClassTable {
		return &features.ClassTable{Dataset: "birds", Blocks: append([]features.Block{{Name: "names", Width: 2, Kind: features.KindText, Text: s}}, more...)}
	}
	of := features.Source{Network: "clip", NetworkSHA256: "aa", Layer: "image_embeds"}
	own := features.ImageTower{SHA256: "aa", Layer: "image_embeds"}
	if s, err := SharedSpace(of, table(text(own))); err != nil || s.Model.Scale != 50 {
		t.Errorf("%v, %v", s, err)
	}
	for name, c := range map[string]struct {
		f    features.Source
		t    *features.ClassTable
		want string
	}{
		"attributes alone": {of, &features.ClassTable{Dataset: "birds"}, "has no vectors of texts"},
		"side by side":     {of, table(text(own), features.Block{Name: "own", Width: 3, Kind: features.KindAttributes}), "--descriptions text"},
		"text alone":       {of, table(text()), "has no image network in its folder"},
		"another network":  {features.Source{Network: "vit", NetworkSHA256: "bb", Layer: "image_embeds"}, table(text(own)), "their vectors are not in the same embedding space"},
		"another layer":    {features.Source{Network: "clip", NetworkSHA256: "aa", Layer: "pooler_output"}, table(text(own)), `of layer "pooler_output"`},
		"imported":         {features.Source{Network: "clip"}, table(text(own)), "were imported"},
	} {
		if _, err := SharedSpace(c.f, c.t); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
