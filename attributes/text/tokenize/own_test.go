package tokenize

import (
	"path/filepath"
	"testing"
	"unicode/utf8"

	"vzsl/internal/filetest"
)

// TestOwn: a script that CLIP's vocabulary has no words of takes more than one and a half tokens a letter, a language of Latin letters less.
func TestOwn(t *testing.T) {
	k, err := Open(filepath.Join(filetest.Data(t), "tokenizers", "openai-clip"))
	if err != nil {
		t.Fatal(err)
	}
	for s, spelled := range map[string]bool{"黑脚信天翁": true, "Schwarzfußalbatros": false, "albatros à pieds noirs": false, "чернопятый альбатрос": false} {
		e := k.Encode(s, 6)
		if got := 2*e.Own > 3*utf8.RuneCountInString(s); got != spelled || e.Own != len(e.IDs)-2+e.Cut {
			t.Errorf("%s: %d tokens of %d letters, %+v", s, e.Own, utf8.RuneCountInString(s), e)
		}
	}
}
