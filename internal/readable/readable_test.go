package readable

import (
	"slices"
	"testing"
	"unicode/utf8"
)

func TestAttribute(t *testing.T) {
	for name, want := range map[string]Label{
		"has_bill_shape::curved_(up_or_down)": {"Bill shape", "curved (up or down)"},
		"colour:red":                          {"Colour", "red"},
		"long_leg":                            {"", "Long leg"},
		"has_tail":                            {"", "Has tail"},
		"a::":                                 {"", "A::"},
		"::b":                                 {"", "::b"},
		"":                                    {},
		"<script>alert(1)</script>":           {"", "<script>alert(1)</script>"},
		"élan_vital":                          {"", "Élan vital"},
		"ratio:1:2":                           {"Ratio", "1:2"},
	} {
		if got := Attribute(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestClasses(t *testing.T) {
	got := Classes([]string{"007.Parakeet_Auklet", "1_a", "2_a", "123", "grizzly+bear", "12."})
	if want := []string{"Parakeet Auklet", "1_a", "2_a", "123", "grizzly bear", "12."}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzAttribute(f *testing.F) {
	f.Add("has_a::b")
	f.Fuzz(func(t *testing.T, name string) {
		if l := Attribute(name); utf8.ValidString(name) && !utf8.ValidString(l.String()) {
			t.Errorf("%q: %q", name, l)
		}
	})
}
