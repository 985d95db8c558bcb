package matfile

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is the text of a char array of one row; an array without characters is the empty text.
func (a *Array) Text() (string, error) {
	rows, err := a.rows()
	switch {
	case err != nil:
		return "", err
	case len(rows) == 0:
		return "", nil
	case len(rows) > 1:
		return "", a.refused("expected one line of text", false)
	}
	return rows[0], nil
}

// Texts are the texts of a cell array of them, or the rows of a char array less the blanks that fill them up.
func (a *Array) Texts() ([]string, error) {
	if a.Class == Char {
		rows, err := a.rows()
		for i := range rows {
			rows[i] = strings.TrimRight(rows[i], " \x00")
		}
		return rows, err
	}
	if a.Class != Cell {
		return nil, a.refused("expected a cell array of texts", false)
	}
	out := make([]string, len(a.Cells))
	for i, c := range a.Cells {
		// Some tools wrap each text in a cell of its own.
		for depth := 0; c.Class == Cell && len(c.Cells) == 1 && depth < maxDepth; depth++ {
			c = c.Cells[0]
		}
		var err error
		if out[i], err = c.Text(); err != nil {
			return nil, fmt.Errorf("cell %d of %d: %w", i+1, len(out), err)
		}
	}
	return out, nil
}

// rows are the lines of a char array, which lies column after column.
func (a *Array) rows() ([]string, error) {
	if a.Class != Char {
		if a.Len() == 0 {
			return nil, nil // [] for ''
		}
		return nil, a.refused("expected text", false)
	}
	n := a.Dims[0]
	if n <= 1 || a.Len() == 0 {
		if a.re.len() == 0 {
			return nil, nil
		}
		return []string{a.decode(a.re.b)}, nil
	}
	// Code units are put in rows before they are decoded: a pair of surrogates lies in one row.
	units, width := a.units(), a.Len()/n
	if len(units) != n*width {
		return nil, fmt.Errorf("%d characters for a char array of %v: %w", len(units), a.Dims, errCut)
	}
	out := make([]string, n)
	row := make([]rune, width)
	for i := range out {
		for j := range row {
			row[j] = units[j*n+i]
		}
		out[i] = joined(row)
	}
	return out, nil
}

// decode reads characters in the order they are stored.
func (a *Array) decode(b []byte) string {
	if a.re.kind == miUTF8 || a.re.kind == miInt8 || a.re.kind == miUint8 {
		if utf8.Valid(b) {
			return string(b)
		}
	}
	return joined(a.units())
}

// units are the characters or, of UTF-16, the code units.
func (a *Array) units() []rune {
	if a.re.kind == miUTF8 && utf8.Valid(a.re.b) {
		return []rune(string(a.re.b))
	}
	// Bytes that are not UTF-8 are treated as Latin-1, as old MATLAB wrote it.
	out := make([]rune, a.re.len())
	for i := range out {
		out[i] = rune(a.re.integer(a.order, i))
	}
	return out
}

// joined makes text of characters, pairs of surrogates put together and what is no character replaced.
func joined(units []rune) string {
	var s strings.Builder
	for i := 0; i < len(units); i++ {
		r := units[i]
		if utf16.IsSurrogate(r) && i+1 < len(units) {
			if pair := utf16.DecodeRune(r, units[i+1]); pair != utf8.RuneError {
				r = pair
				i++
			}
		}
		s.WriteRune(r)
	}
	return s.String()
}
