package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/features"
	"vzsl/internal/delimited"
)

// textTable is a table of text: with a header or, where the first row is of numbers alone, without one; then its columns are
// called by their number from 1. It is read from front to end, once for each question.
type textTable struct {
	path    string
	columns []Column
	forms   []cellForm
	bare    bool // no header
	rows    int
}

// cellForm is how the numbers of a column are written.
type cellForm struct{ comma, percent bool }

// openText opens a table separated by comma, semicolon, tab or, of numbers alone, blanks.
func openText(path string, o Options) (Table, error) {
	if ext := strings.ToLower(filepath.Ext(path)); o.List && ext != ".csv" && ext != ".tsv" {
		if columns, err := numberColumns(path); err != nil || columns < 2 {
			return openLines(path)
		}
	}
	t := &textTable{path: path}
	return t, t.sniff()
}

// numberColumns is the number of columns of a text table without a header; 0 where it has one.
func numberColumns(path string) (int, error) {
	r, err := delimited.Open(path)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if !headless(r) {
		return 0, nil
	}
	return len(r.Header()), nil
}

// headless: the first row is of numbers, and not of 0, 1, 2, ..., which are names that pandas gives to columns.
func headless(r *delimited.Reader) bool {
	numbered := len(r.Header()) > 1
	for i, f := range r.Header() {
		if _, err := parseCell(f, cellForm{comma: r.Separator() != ','}); err != nil {
			return false
		}
		numbered = numbered && f == strconv.Itoa(i)
	}
	return !numbered
}

// sniffed rows decide what a column holds.
const sniffed = 1000

// sniff reads the header, counts the rows and finds out what the columns hold.
func (t *textTable) sniff() error {
	r, err := delimited.Open(t.path)
	if err != nil {
		return err
	}
	t.bare = headless(r)
	for i, name := range r.Header() {
		c := Column{Name: name, Index: i == 0 && (name == "" || name == "Unnamed: 0"), Width: 1}
		if t.bare {
			c = Column{Name: strconv.Itoa(i + 1), Width: 1}
		}
		t.columns = append(t.columns, c)
	}
	if err := r.Close(); err != nil {
		return err
	}
	seen := make([]cellCount, len(t.columns))
	err = t.each(func(r *textRows, cells []string) {
		if t.rows++; t.rows <= sniffed {
			for i, s := range cells {
				seen[i].add(s, r.Separator() != ',', func() string { return r.At(i) })
			}
		}
	})
	if err != nil {
		return err
	}
	if t.rows == 0 {
		return fmt.Errorf("%s holds no rows below its header", t.path)
	}
	t.forms = make([]cellForm, len(seen))
	for i, c := range seen {
		t.columns[i].Rows = t.rows
		t.columns[i].Kind, t.columns[i].Type, t.columns[i].Why = c.kind()
		t.forms[i] = cellForm{comma: c.comma > 0, percent: c.percent > 0}
	}
	return nil
}

// textRows reads the rows of a text table from front to end.
type textRows struct {
	*delimited.Reader
	bare bool // the first row is the header's
	row  int  // that comes next
}

func (t *textTable) open() (*textRows, error) {
	r, err := delimited.Open(t.path)
	if err != nil {
		return nil, err
	}
	return &textRows{Reader: r, bare: t.bare}, nil
}

// next returns the cells of the next row; io.EOF after the last.
func (r *textRows) next() (cells []string, err error) {
	if r.row++; r.row == 1 && r.bare {
		return r.Header(), nil
	}
	cells, _, err = r.Next()
	return cells, err
}

// each calls do with every row of cells.
func (t *textTable) each(do func(r *textRows, cells []string)) error {
	r, err := t.open()
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		cells, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		do(r, cells)
	}
}

// cellCount counts the kinds of a column's cells.
type cellCount struct {
	missing, whole, number, comma, percent, truth, text int
	firstText                                           string // and where
}

func (c *cellCount) add(s string, comma bool, at func() string) {
	if isMissing(s) {
		c.missing++
		return
	}
	if _, ok := truths[strings.ToLower(s)]; ok {
		c.truth++
		return
	}
	if _, err := parseCell(s, cellForm{}); err == nil {
		if strings.Trim(s, "+-0123456789") == "" {
			c.whole++
		} else {
			c.number++
		}
		return
	}
	if _, err := parseCell(s, cellForm{comma: true}); err == nil && comma {
		c.comma++
		return
	}
	if _, err := parseCell(s, cellForm{comma: comma, percent: true}); err == nil {
		c.percent++
		return
	}
	if c.text++; c.firstText == "" {
		c.firstText = fmt.Sprintf("%s holds %s", at(), abbreviated(s))
	}
}

// kind is what the column holds; why says of a column mostly of numbers what is none.
func (c *cellCount) kind() (kind Kind, form, why string) {
	numbers := c.whole + c.number + c.comma
	switch {
	case c.text == 0 && c.truth == 0 && c.percent == 0 && c.number+c.comma == 0 && c.whole > 0:
		return Integer, "text", ""
	case c.text+c.truth+c.percent+numbers == 0:
		return Number, "empty", ""
	case c.text == 0 && c.truth == 0 && c.percent == 0:
		return Number, "text", ""
	case c.text == 0 && c.truth == 0 && numbers == 0:
		return Number, "percentages", ""
	case c.text == 0 && numbers+c.percent == 0:
		return Bool, "text", ""
	case c.text == 0 && c.percent > 0 && numbers > 0:
		return Text, "text", "it holds both percentages (5%) and plain numbers: write all in one form"
	case c.text > 0 && numbers+c.truth+c.percent > c.text:
		return Text, "text", c.firstText + ", the others numbers or true/false"
	case c.text == 0:
		return Text, "text", "it holds both numbers and true/false: write all in one form"
	case strings.Contains(c.firstText, `holds "[`):
		return Text, "text", c.firstText + ", a list written as text: write the table as Parquet, which has lists (to_parquet)"
	}
	return Text, "text", ""
}

// missingMarks stand for a value that is not given, in any case.
var missingMarks = map[string]bool{"": true, "na": true, "n/a": true, "?": true, "nan": true, "null": true, "none": true, "-": true}

func isMissing(s string) bool { return missingMarks[strings.ToLower(s)] }

var truths = map[string]float32{"true": 1, "yes": 1, "false": 0, "no": 0}

// parseCell reads a number; too large a one becomes infinite. 40% is 0.4.
func parseCell(s string, form cellForm) (float32, error) {
	share := false
	if form.percent {
		if s, share = strings.CutSuffix(s, "%"); !share {
			return 0, errors.New("not a percentage")
		}
		s = strings.TrimSpace(s)
	}
	if form.comma && strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	bits := 32
	if share {
		bits = 64
	}
	v, err := strconv.ParseFloat(s, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) || strings.ContainsAny(s, "xXpP_") { // a hexadecimal number is a name
		return 0, errors.New("not a number")
	}
	if share {
		v /= 100
	}
	return float32(v), nil
}

func (t *textTable) Path() string            { return t.path }
func (t *textTable) Columns() []Column       { return t.columns }
func (t *textTable) SHA256() (string, error) { return features.FileSHA256(t.path) }
func (t *textTable) Close() error            { return nil }

func (t *textTable) Texts(columns ...int) ([][]string, error) {
	all := make([][]string, len(columns))
	err := t.each(func(_ *textRows, cells []string) {
		for i, c := range columns {
			all[i] = append(all[i], strings.Clone(cells[c]))
		}
	})
	return all, err
}

func (t *textTable) Values(columns ...int) (Values, error) {
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	return &textValues{t: t, columns: columns, r: r}, nil
}

type textValues struct {
	t       *textTable
	columns []int
	r       *textRows
}

func (v *textValues) Close() error { return v.r.Close() }

func (v *textValues) Read(ctx context.Context, lo, hi int, dst []float32) error {
	for v.r.row < hi {
		at := v.r.row
		if at%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		cells, err := v.r.next()
		if err != nil {
			return fmt.Errorf("%s: row %d: %w", v.t.path, at, err)
		}
		if at < lo {
			continue
		}
		row := dst[(at-lo)*len(v.columns):]
		for k, i := range v.columns {
			if row[k], err = v.t.value(i, cells[i]); err != nil {
				return fmt.Errorf("%s: column %s holds %s: %w", v.r.At(i), v.t.columns[i].label(), abbreviated(cells[i]), err)
			}
		}
	}
	return nil
}

func (t *textTable) value(column int, s string) (float32, error) {
	if isMissing(s) {
		return float32(math.NaN()), nil
	}
	if t.columns[column].Kind == Bool {
		v, ok := truths[strings.ToLower(s)]
		if !ok {
			return 0, errors.New("not true or false like the rows above it")
		}
		return v, nil
	}
	return parseCell(s, t.forms[column])
}

// lineList is a text file of a value per line.
type lineList struct {
	path  string
	lines []string
	kind  Kind
}

func openLines(path string) (Table, error) {
	l := &lineList{path: path}
	var c cellCount
	err := delimited.Lines(path, func(n int, text string) error {
		l.lines = append(l.lines, text)
		c.add(text, false, func() string { return fmt.Sprintf("%s:%d", path, n) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(l.lines) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	if l.kind, _, _ = c.kind(); l.kind == Bool {
		l.kind = Text
	}
	return l, nil
}

func (l *lineList) Path() string { return l.path }
func (l *lineList) Columns() []Column {
	return []Column{{Name: "lines", Kind: l.kind, Type: "text", Rows: len(l.lines), Width: 1}}
}
func (l *lineList) SHA256() (string, error) { return features.FileSHA256(l.path) }
func (l *lineList) Close() error            { return nil }
func (l *lineList) Texts(columns ...int) ([][]string, error) {
	all := make([][]string, len(columns))
	for i := range all {
		all[i] = l.lines
	}
	return all, nil
}
func (l *lineList) Values(...int) (Values, error) {
	return nil, fmt.Errorf("%s is a list, not a table of features", l.path)
}
