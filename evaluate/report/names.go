package report

import (
	"regexp"
	"strings"
)

var leadingNumber = regexp.MustCompile(`^\d+[._\-]+`)

// displayNames makes class names readable: "007.Parakeet_Auklet" is shown as "Parakeet Auklet". A name that would no
// longer be unique stays as it is.
func displayNames(names []string) []string {
	shown := make([]string, len(names))
	count := make(map[string]int)
	for i, n := range names {
		s := leadingNumber.ReplaceAllString(n, "")
		s = strings.Join(strings.Fields(strings.NewReplacer("_", " ", "+", " ").Replace(s)), " ")
		if s == "" {
			s = n
		}
		shown[i] = s
		count[s]++
	}
	for i, s := range shown {
		if count[s] > 1 {
			shown[i] = names[i]
		}
	}
	return shown
}

// wordDimension is the name of a word vector's dimension, which says nothing to a reader.
var wordDimension = regexp.MustCompile(`_\d{3,}$`)

// displayAttribute makes an attribute's name readable: "has_bill_shape::hooked" is shown as "bill shape: hooked".
func displayAttribute(name string) string {
	s := strings.NewReplacer("::", ": ", "_", " ").Replace(strings.TrimPrefix(name, "has_"))
	return strings.Join(strings.Fields(s), " ")
}
