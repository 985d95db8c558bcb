package attributes

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/features/convert"
	"vzsl/internal/delimited"
)

// Phrases are what to look up for classes in place of their names.
type Phrases struct {
	Of        map[string]string // class to its phrase
	Lines     int               // of the file
	Unmatched []string          // lines that name no class, each as `line 2: "Crane"`, with what may have been meant
	Notes     []string          // how lines were taken that can be read in several ways
}

var wnidOnly = regexp.MustCompile(`^n\d{8}$`)

// ReadPhrases reads lines "class<tab>phrase, phrase". Without a tab the line begins with the name of a class and a blank, as in
// WordNet's and ILSVRC's lists of synsets. classes go by name or, where wnids holds one, by WordNet id; blank lines and comments
// (a # and a blank) are left out. A table with a column of classes and one of phrases, in any format of [convert.Open], does too. Lines that name no class are listed, but for a list that goes by WordNet ids: it names others
// too. A line is refused where it can only be a mistake: it has no phrase, its class has one already, two classes fit it, or its
// name is written otherwise than that of a class that has no line.
func ReadPhrases(path string, classes, wnids []string) (*Phrases, error) {
	r := phraseReader{class: map[string]string{}, folded: map[string]string{}, at: map[string]int{}}
	for i, w := range wnids {
		if w != "" {
			r.class[w] = classes[i]
		}
	}
	for _, c := range classes {
		r.class[norm.NFC.String(c)] = c
		r.folded[fold(norm.NFC.String(c))] = c
	}
	r.Of = map[string]string{}
	if err := r.read(path); err != nil {
		return nil, err
	}
	byID := 0 // lines of other WordNet ids
	for _, u := range r.unmatched {
		near := r.folded[fold(u.name)]
		switch {
		case near != "" && r.at[near] == 0:
			return nil, fmt.Errorf("%s:%d: there is no class %q; did you mean %q?", path, u.line, u.name, near)
		case r.byWNID && wnidOnly.MatchString(u.name):
			byID++
		default:
			said := fmt.Sprintf("line %d: %q", u.line, u.name)
			if near := r.singular(u.name); near != "" {
				said += fmt.Sprintf(" (did you mean %q?)", near)
			}
			r.Unmatched = append(r.Unmatched, said)
		}
	}
	if byID > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s: %d lines are for WordNet ids that the dataset does not have", path, byID))
	}
	return &r.Phrases, nil
}

type phraseReader struct {
	Phrases
	class     map[string]string // name or WordNet id to class
	folded    map[string]string // a class's name without case, blanks and hyphens to the class
	at        map[string]int    // class to the line of its phrase
	byWNID    bool
	unmatched []unmatchedLine
}

type unmatchedLine struct {
	line int
	name string
}

var (
	wantedClasses = convert.Wanted{What: "class names", Flag: "a header", Usual: []string{"class", "classes", "class_name", "name", "wnid"}}
	wantedPhrases = convert.Wanted{What: "phrases", Flag: "a header", Usual: []string{"phrase", "phrases", "words", "text", "synonyms", "names", "description"}}
)

// read takes a table of classes and phrases, in any format, or lines.
func (r *phraseReader) read(path string) error {
	format, err := convert.Detect(path)
	if err != nil {
		return err
	}
	if (format == "csv" || format == "text") && !hasHeader(path, wantedClasses, wantedPhrases) {
		return delimited.Lines(path, r.line)
	}
	columns, err := convert.ReadTexts(path, wantedClasses, wantedPhrases)
	if err != nil {
		return err
	}
	for i, class := range columns[0] {
		r.Lines++
		if err := r.entry(i+1, norm.NFC.String(class), columns[1][i]); err != nil {
			return fmt.Errorf("%s: row %d: %w", path, i+1, err)
		}
	}
	return nil
}

// hasHeader tells of a text whether its first row names the columns that are wanted.
func hasHeader(path string, wanted ...convert.Wanted) bool {
	r, err := delimited.Open(path)
	if err != nil {
		return false
	}
	defer r.Close()
	for _, w := range wanted {
		if !slices.ContainsFunc(r.Header(), func(h string) bool { return slices.Contains(w.Usual, strings.ToLower(h)) }) {
			return false
		}
	}
	return true
}

func (r *phraseReader) line(number int, text string) error {
	if text == "#" || strings.HasPrefix(text, "# ") || strings.HasPrefix(text, "#\t") {
		return nil
	}
	r.Lines++
	text = norm.NFC.String(text)
	name, phrase, tab := strings.Cut(text, "\t")
	if !tab {
		var err error
		if name, phrase, err = r.begins(number, text); err != nil {
			return err
		}
	}
	return r.entry(number, name, phrase)
}

// entry takes a class and its phrase.
func (r *phraseReader) entry(number int, name, phrase string) error {
	name, phrase = strings.TrimSpace(name), strings.TrimSpace(phrase)
	if phrase == "" || name == "" {
		return fmt.Errorf("expected \"class<tab>phrase, phrase\", found %q", strings.TrimSpace(name+"\t"+phrase))
	}
	class, known := r.class[name]
	if !known {
		r.unmatched = append(r.unmatched, unmatchedLine{number, name})
		return nil
	}
	if was := r.at[class]; was > 0 {
		return fmt.Errorf("class %q already has a phrase in line %d", class, was)
	}
	r.byWNID = r.byWNID || wnidOnly.MatchString(name)
	r.at[class], r.Of[class] = number, phrase
	return nil
}

// begins takes a line without a tab apart: the class is the name that it begins with, else its first word.
func (r *phraseReader) begins(number int, text string) (name, phrase string, err error) {
	var fit []string
	for i, c := range text {
		if c != ' ' {
			continue
		}
		if _, known := r.class[text[:i]]; known {
			fit = append(fit, text[:i])
		}
	}
	if _, whole := r.class[text]; whole {
		return text, "", nil
	}
	switch len(fit) {
	case 0:
		name, phrase, _ = strings.Cut(text, " ")
		return name, phrase, nil
	case 1:
		name = fit[0]
	default:
		return "", "", fmt.Errorf("%q begins with the classes %q: put a tab after the right one", text, fit)
	}
	phrase = strings.TrimSpace(text[len(name):])
	if strings.Contains(name, " ") {
		r.Notes = append(r.Notes, fmt.Sprintf("line %d has no tab: taken for the class %q and its phrase %q", number, name, phrase))
	}
	return name, phrase, nil
}

// singular is the class that name is the plural or the singular of, "" where there is none.
func (r *phraseReader) singular(name string) string {
	folded := fold(name)
	for _, end := range []string{"s", "es"} {
		if cut, plural := strings.CutSuffix(folded, end); plural && r.folded[cut] != "" {
			return r.folded[cut]
		}
		if c := r.folded[folded+end]; c != "" {
			return c
		}
	}
	return ""
}
