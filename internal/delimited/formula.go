package delimited

import "strings"

// Spreadsheets take a cell that begins with one of these for a formula: a name in a file from elsewhere could run one.
const formulaSigns = "=+-@\t\r"

// Guarded is a text as a CSV cell that no spreadsheet takes for a formula: an apostrophe goes before one that would be, and before one
// that begins with apostrophes and would be without them, so that Unguarded gives back every text. Numbers are not to be guarded.
func Guarded(text string) string {
	if formula(text) {
		return "'" + text
	}
	return text
}

// Unguarded undoes Guarded.
func Unguarded(cell string) string {
	if strings.HasPrefix(cell, "'") && formula(cell) {
		return cell[1:]
	}
	return cell
}

// formula reports whether a text begins with a sign of a formula, after any apostrophes.
func formula(text string) bool {
	text = strings.TrimLeft(text, "'")
	return text != "" && strings.ContainsRune(formulaSigns, rune(text[0]))
}
