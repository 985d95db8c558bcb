package text

import (
	"regexp"
	"strings"
)

// mention finds a class's name in a text as people write it: in any case, with spaces, hyphens or underscores between its words, in
// the singular or with an s.
func mention(class string) *regexp.Regexp {
	words := strings.FieldsFunc(Readable(class), func(r rune) bool { return r == ' ' || r == '-' })
	if len(words) == 0 {
		return regexp.MustCompile(`^()()()\b\B`) // a name of separators alone: nothing mentions it
	}
	for i := range words {
		words[i] = regexp.QuoteMeta(words[i])
	}
	return regexp.MustCompile(`(?i)(^|[^\pL\pN])` + strings.Join(words, `[\s_-]+`) + `(e?s)?($|[^\pL\pN])`)
}

// Withhold returns the descriptions with each class's own name replaced by other words, and the number of texts that held it. Parts of
// a name that stand by themselves stay.
func Withhold(d *Descriptions, other string) (out *Descriptions, named int) {
	out = &Descriptions{Classes: d.Classes, Source: d.Source + " without the classes' names"}
	for i, class := range d.Classes {
		m := mention(class)
		var texts []string
		for _, s := range d.Texts[i] {
			changed := replaceAll(m, s, other)
			if changed != s {
				named++
			}
			texts = append(texts, changed)
		}
		out.Texts = append(out.Texts, texts)
	}
	return out, named
}

// Rename returns the descriptions with each class's own name replaced by another: of class i by names[i]. A text without it gets the
// name before it, "name: text".
func Rename(d *Descriptions, names []string) *Descriptions {
	out := &Descriptions{Classes: d.Classes, Source: d.Source + " and names"}
	for i, class := range d.Classes {
		m, name := mention(class), Readable(names[i])
		var texts []string
		for _, s := range d.Texts[i] {
			if m.MatchString(s) {
				s = replaceAll(m, s, name)
			} else {
				s = name + ": " + s
			}
			texts = append(texts, s)
		}
		out.Texts = append(out.Texts, texts)
	}
	return out
}

// replaceAll replaces what lies between the first and the third group, also where two follow each other with one character between.
func replaceAll(m *regexp.Regexp, s, by string) string {
	var b strings.Builder
	for {
		at := m.FindStringSubmatchIndex(s)
		if at == nil {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:at[3]])
		b.WriteString(by)
		s = s[at[6]:]
	}
}
