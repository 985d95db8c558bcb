package text

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	number  = regexp.MustCompile(`^\d+\.`)                                              // CUB: 001.Black_footed_Albatross
	folder  = regexp.MustCompile(`^[a-z]/`)                                             // SUN: a/abbey, b/bank/outdoor
	wnid    = regexp.MustCompile(`\s*\(n\d{8}\)\s*$`)                                   // ImageNet's classes of the same words: crane (n02012849)
	written = regexp.MustCompile(`(\p{Ll})(\p{Lu}\p{Ll})`)                              // camelCase
	tvs     = regexp.MustCompile(`^(tv)(monitor)$|^(potted)(plant)$|^(dining)(table)$`) // aPY's and Pascal's own spellings
)

// Readable makes of a class's name what a person would write: "001.Black_footed_Albatross" becomes "black footed albatross",
// "grizzly+bear" "grizzly bear", "b/bank/outdoor" "bank outdoor". Of a list of synonyms ("tench, Tinca tinca") the first is taken.
// A name that is written in capitals throughout keeps them.
func Readable(class string) string {
	s := strings.TrimSpace(class)
	s = wnid.ReplaceAllString(s, "")
	s = number.ReplaceAllString(s, "")
	s = folder.ReplaceAllString(s, "")
	if first, _, ok := strings.Cut(s, ","); ok && strings.TrimSpace(first) != "" {
		s = first
	}
	s = written.ReplaceAllString(s, "$1 $2")
	if strings.Count(s, "-") > 1 && !strings.ContainsAny(s, "_+/ ") { // small-red-star: hyphens for spaces
		s = strings.ReplaceAll(s, "-", " ")
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '_' || r == '+' || r == '/' || unicode.IsSpace(r) }), " ")
	s = strings.TrimSpace(tvs.ReplaceAllString(s, "$1$3$5 $2$4$6"))
	if s == "" {
		return class // there is nothing that could be read
	}
	if s != strings.ToUpper(s) {
		s = strings.ToLower(s)
	}
	return s
}

// Names describes each class by its name, made readable.
func Names(classes []string) *Descriptions {
	d := &Descriptions{Classes: classes, Source: "names"}
	for _, c := range classes {
		d.Texts = append(d.Texts, []string{Readable(c)})
	}
	return d
}
