package text

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"vzsl/internal/delimited"
	"vzsl/internal/spelling"
)

// Descriptions are the texts of classes: one or several each.
type Descriptions struct {
	Classes []string
	Texts   [][]string // of each class, at least one
	Source  string     // which file they come from
	Notes   []string   // what is odd but allowed, one line each
}

const (
	maxText  = 1 << 16 // bytes of a text
	maxTexts = 1 << 22 // texts of all classes
)

// Read reads what is said of classes: a table (CSV, TSV) with a column of classes and one or more of texts, where a class may have
// several rows; or a folder with a file CLASS.txt for each class, a text a line. classes are those that must have a text, in the
// order wanted; nil takes all that are there, in the file's order.
func Read(path string, classes []string) (*Descriptions, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading texts: %w", err)
	}
	r := &reader{path: path, texts: map[string][]string{}}
	if st.IsDir() {
		err = r.folder()
	} else {
		err = r.table()
	}
	if err != nil {
		return nil, err
	}
	if len(r.order) == 0 {
		return nil, fmt.Errorf("%s has no texts; expected a text per line, or a table class,text", path)
	}
	return r.align(classes)
}

type reader struct {
	path  string
	order []string // classes as they first come
	texts map[string][]string
	count int
	twice []string // texts that a class has twice
}

func (r *reader) put(at, class, s string) error {
	class, s = norm.NFC.String(strings.TrimSpace(class)), strings.TrimSpace(s)
	switch {
	case class == "":
		return fmt.Errorf("%s has a text without a class", at)
	case s == "":
		return nil // said below, where the class has no other
	case !utf8.ValidString(s) || !utf8.ValidString(class):
		return fmt.Errorf("%s is not UTF-8: save it as UTF-8 text", at)
	case len(s) > maxText:
		return fmt.Errorf("%s: a text of %d bytes; at most %d", at, len(s), maxText)
	}
	if r.count++; r.count > maxTexts {
		return fmt.Errorf("%s: more than %d texts", r.path, maxTexts)
	}
	if _, ok := r.texts[class]; !ok {
		r.order = append(r.order, class)
	}
	if slices.Contains(r.texts[class], s) {
		r.twice = append(r.twice, fmt.Sprintf("%s: %q", class, s))
		return nil
	}
	r.texts[class] = append(r.texts[class], s)
	return nil
}

func (r *reader) table() error {
	t, err := delimited.Open(r.path)
	if err != nil {
		return fmt.Errorf("reading texts: %w", err)
	}
	defer t.Close()
	header := t.Header()
	class := slices.IndexFunc(header, func(h string) bool {
		return slices.Contains([]string{"class", "classes", "class_name", "name", "label"}, strings.ToLower(h))
	})
	if class < 0 || len(header) < 2 {
		return fmt.Errorf("%s: its first row is %q; expected a header with a column \"class\" and one of texts, such as class,text", r.path, strings.Join(header, string(t.Separator())))
	}
	for {
		row, line, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, s := range row {
			if i == class {
				continue
			}
			if err := r.put(fmt.Sprintf("%s:%d", r.path, line), row[class], s); err != nil {
				return err
			}
		}
	}
}

func (r *reader) folder() error {
	files, err := os.ReadDir(r.path)
	if err != nil {
		return fmt.Errorf("reading texts: %w", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".txt")
		if !ok || f.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		file := filepath.Join(r.path, f.Name())
		err := delimited.Lines(file, func(line int, s string) error { return r.put(fmt.Sprintf("%s:%d", file, line), name, s) })
		if err != nil {
			return err
		}
	}
	if len(r.order) == 0 {
		return fmt.Errorf("%s has no texts: expected one file CLASS.txt per class, with one text per line", r.path)
	}
	return nil
}

// align brings the texts into the order of the classes.
func (r *reader) align(classes []string) (*Descriptions, error) {
	d := &Descriptions{Classes: classes, Source: filepath.Base(r.path)}
	if classes == nil {
		d.Classes = r.order
	}
	var without []string
	known := map[string]bool{}
	for _, c := range d.Classes {
		key := norm.NFC.String(c)
		known[key] = true
		if len(r.texts[key]) == 0 {
			without = append(without, c)
		}
		d.Texts = append(d.Texts, r.texts[key])
	}
	var others []string
	for _, c := range r.order {
		if !known[c] {
			others = append(others, c)
		}
	}
	if len(without) > 0 {
		hint := ""
		if near := spelling.Nearest(without[0], others); near != "" {
			hint = fmt.Sprintf("; did you mean %q by %q?", without[0], near)
		}
		return nil, fmt.Errorf("%s: no text for %d of %d classes: %s%s", r.path, len(without), len(d.Classes), spelling.First(without, listed), hint)
	}
	if len(others) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%s: texts of %d classes that the dataset does not have: %s", r.path, len(others), spelling.First(others, listed)))
	}
	if len(r.twice) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%s: %d texts are duplicates within a class and count once: %s", r.path, len(r.twice), spelling.First(r.twice, listed)))
	}
	return d, nil
}

// listed names are those that a note or an error gives of many.
const listed = 8
