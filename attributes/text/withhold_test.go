package text

import (
	"reflect"
	"testing"
)

func TestWithhold(t *testing.T) {
	d := &Descriptions{Source: "said.csv", Classes: []string{"001.Black_footed_Albatross", "Blue_Jay", "ox"}, Texts: [][]string{
		{"The black-footed albatross is dark.", "A dark bird; Black footed Albatrosses nest on islands."},
		{"Blue jays are blue; a blue jay, Blue_Jay", "a crested bird"},
		{"an ox ox is boxy"},
	}}
	out, named := Withhold(d, "it")
	want := [][]string{
		{"The it is dark.", "A dark bird; it nest on islands."},
		{"it are blue; a it, it", "a crested bird"},
		{"an it it is boxy"},
	}
	if named != 4 || !reflect.DeepEqual(out.Texts, want) {
		t.Errorf("%d of %q", named, out.Texts)
	}
	got := Rename(d, []string{"Blue_Jay", "ox", "001.Black_footed_Albatross"}).Texts
	want = [][]string{
		{"The blue jay is dark.", "A dark bird; blue jay nest on islands."},
		{"ox are blue; a ox, ox", "ox: a crested bird"},
		{"an black footed albatross black footed albatross is boxy"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if d.Texts[2][0] != "an ox ox is boxy" {
		t.Error("the descriptions themselves were changed")
	}
}

// FuzzWithhold: nothing panics, and what was taken out is gone.
func FuzzWithhold(f *testing.F) {
	f.Add("001.Black_footed_Albatross", "a black footed albatross")
	f.Add("a+b (c)", "a b (c) a b (c)")
	f.Add("_", "_ __")
	f.Fuzz(func(t *testing.T, class, s string) {
		d := &Descriptions{Classes: []string{class}, Texts: [][]string{{s}}}
		out, named := Withhold(d, "\x00")
		if again, more := Withhold(out, "\x01"); named == 0 && more > 0 || more > 0 && mention(class).MatchString(again.Texts[0][0]) {
			t.Errorf("%q in %q: %q, then %q", class, s, out.Texts[0][0], again.Texts[0][0])
		}
		Rename(d, []string{class})
	})
}
