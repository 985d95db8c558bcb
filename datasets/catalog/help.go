package catalog

import (
	"fmt"
	"strings"
)

// DescriptionsHelp lists what each dataset describes its classes by, a line each, for help.
func DescriptionsHelp() string {
	type row struct{ names, text string }
	var rows []row
	for _, e := range entries {
		if e.Open == nil {
			continue
		}
		text := e.Descriptions
		if text == "" {
			text = "none in the dataset: word vectors, --words"
		}
		if n := len(rows); n > 0 && rows[n-1].text == text {
			rows[n-1].names += ", " + e.Name
			continue
		}
		rows = append(rows, row{e.Name, text})
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-14s  %s\n", r.names, r.text)
	}
	return b.String()
}

// SplitsHelp lists the datasets with a published standard split, and their other published splits.
func SplitsHelp() string {
	var standard []string
	var others string
	for _, e := range entries {
		for i, s := range e.Splits {
			if i == 0 {
				standard = append(standard, e.Name)
			} else {
				others += "; " + e.Name + " has " + s.Name + " besides"
			}
		}
	}
	return strings.Join(standard, ", ") + others
}
