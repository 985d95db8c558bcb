package attributes

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPhrase bounds a class's name or lemma list; longer ones are no names.
const maxPhrase = 4096

// sameWords is what tells ImageNet's classes of the same words apart: "crane (n02012849)".
var sameWords = regexp.MustCompile(`\(n\d{8}\)\s*$`)

// A lemma is one name of a class in the forms a vocabulary may have it in, best first.
type lemma struct {
	forms []string
	words [][]string // of a name of several words: each word's forms
}

// lemmas takes a class's name, or a WordNet lemma list ("tench, Tinca tinca"), apart. The whole comes first, then the lemmas
// in their order.
func lemmas(name string) []lemma {
	name = strings.TrimSpace(sameWords.ReplaceAllString(name, ""))
	if name == "" || len(name) > maxPhrase {
		return nil
	}
	list := []string{name}
	if parts := strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == ';' }); len(parts) > 1 {
		list = append(list, parts...)
	}
	var out []lemma
	for i, s := range list {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		l := lemma{forms: phraseForms(s)}
		if i > 0 || len(list) == 1 { // a whole list is no phrase to average
			if words := splitWords(plainName(s), true); len(words) > 1 {
				for _, w := range words {
					l.words = append(l.words, wordForms(w))
				}
			}
		}
		out = append(out, l)
	}
	return out
}

// plainName takes off what datasets put before a name: CUB's number ("001.Black_footed_Albatross"), SUN's folder ("a/abbey").
func plainName(s string) string {
	if number, rest, ok := strings.Cut(s, "."); ok && rest != "" && number != "" && strings.Trim(number, "0123456789") == "" {
		s = rest
	}
	if len(s) > 2 && s[1] == '/' && s[0] >= 'a' && s[0] <= 'z' {
		s = s[2:]
	}
	return s
}

// splitWords splits where datasets do for lack of spaces; at hyphens only if asked to.
func splitWords(s string, hyphens bool) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '_' || r == '+' || r == '/' || r == ',' || hyphens && r == '-'
	})
}

// phraseForms are the spellings of a phrase, best first: as it is, its words joined by underscores, spaces and hyphens, then
// the same in lower case and with capitals (GoogleNews has "German_shepherd" and "Siamese").
func phraseForms(s string) []string {
	var f formList
	f.add(s)
	plain := plainName(s)
	f.add(plain)
	kept, split := splitWords(plain, false), splitWords(plain, true)
	for _, spell := range []func(string) string{
		func(s string) string { return s }, strings.ToLower, capital, capitals,
	} {
		for _, words := range [][]string{kept, split} {
			for _, joint := range []string{"_", " ", "-"} {
				f.add(spell(strings.Join(words, joint)))
			}
		}
	}
	return f.list
}

func wordForms(w string) []string {
	var f formList
	f.add(w)
	f.add(strings.ToLower(w))
	f.add(capital(w))
	f.add(strings.ToUpper(w))
	return f.list
}

// formList keeps the first of equal forms.
type formList struct{ list []string }

func (f *formList) add(s string) {
	if s == "" {
		return
	}
	for _, have := range f.list {
		if have == s {
			return
		}
	}
	f.list = append(f.list, s)
}

// capital makes the first letter a capital and the others small.
func capital(s string) string {
	s = strings.ToLower(s)
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// capitals does so for each word.
func capitals(s string) string {
	var b strings.Builder
	start := true
	for _, r := range strings.ToLower(s) {
		if start {
			r = unicode.ToUpper(r)
		}
		start = r == ' ' || r == '_' || r == '-'
		b.WriteRune(r)
	}
	return b.String()
}
