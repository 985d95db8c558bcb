package textencoder

import (
	"context"
	"strings"
	"testing"

	"vzsl/attributes/text"
)

// TestOddTexts: what a text model can make little of is an error, or a note that lists it.
func TestOddTexts(t *testing.T) {
	_, e := demoPair(t)
	embed := func(texts ...string) (notes string, err error) {
		d := &text.Descriptions{Source: "x"}
		for _, s := range texts {
			d.Classes, d.Texts = append(d.Classes, s), append(d.Texts, []string{s})
		}
		table, err := text.Embed(context.Background(), d, nil, e, "text", nil)
		if err != nil {
			return "", err
		}
		return strings.Join(table.Notes, "\n"), nil
	}
	for _, c := range []struct {
		texts  []string
		note   string
		refuse string
	}{
		{[]string{"a red disc", "a blue ring"}, "", ""},
		{[]string{"a red disc", strings.Repeat("a red disc on grass ", 40)}, "1 of 2 texts are longer than the text model allows", ""},
		{[]string{"a red disc", "a red disc."}, "", ""},
		{[]string{"a red disc", "赤い円盤と青い輪"}, "does not know", ""},
		{[]string{"a red disc", ""}, "", "no tokens"},
		{[]string{"a red disc", " A  RED disc "}, "the same vector as another", ""},
	} {
		notes, err := embed(c.texts...)
		switch {
		case c.refuse != "":
			if err == nil || !strings.Contains(err.Error(), c.refuse) {
				t.Errorf("%q: %v", c.texts, err)
			}
		case err != nil:
			t.Errorf("%q: %v", c.texts, err)
		case c.note == "" && notes != "" || !strings.Contains(notes, c.note):
			t.Errorf("%q: notes %q", c.texts, notes)
		}
	}
}
