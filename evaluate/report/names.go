package report

import (
	"regexp"
	"strings"
)

// wordDimension matches the name of a word vector's dimension, which means nothing to a reader.
var wordDimension = regexp.MustCompile(`_\d{3,}$`)

// displayAttribute makes an attribute's name readable: "has_bill_shape::hooked" is shown as "bill shape: hooked".
func displayAttribute(name string) string {
	s := strings.NewReplacer("::", ": ", "_", " ").Replace(strings.TrimPrefix(name, "has_"))
	return strings.Join(strings.Fields(s), " ")
}
