// Package readable shows the names that datasets give to classes and attributes as people write them.
package readable

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Label is an attribute's name as shown: a value of a group, or a name of its own.
type Label struct {
	Group string `json:"group"` // "": none
	Name  string `json:"name"`
}

// String is "Bill shape: curved".
func (l Label) String() string {
	if l.Group == "" {
		return l.Name
	}
	return l.Group + ": " + l.Name
}

// Attribute reads an attribute's name: "has_bill_shape::curved_(up_or_down)" is the value "curved (up or down)" of the group
// "Bill shape", "colour:red" the value "red" of "Colour", "long_leg" the name "Long leg".
func Attribute(name string) Label {
	group, value, ok := strings.Cut(name, "::")
	if !ok {
		group, value, ok = strings.Cut(name, ":")
	}
	if group, value = spaced(strings.TrimPrefix(group, "has_")), spaced(value); !ok || group == "" || value == "" {
		return Label{Name: capital(spaced(name))}
	}
	return Label{capital(group), value}
}

var leadingNumber = regexp.MustCompile(`^\d+[._\-]+`)

// Classes reads class names: "007.Parakeet_Auklet" is "Parakeet Auklet". One that would no longer be unique stays as it is.
func Classes(names []string) []string {
	shown := make([]string, len(names))
	count := make(map[string]int)
	for i, n := range names {
		if shown[i] = spaced(leadingNumber.ReplaceAllString(n, "")); shown[i] == "" {
			shown[i] = n
		}
		count[shown[i]]++
	}
	for i, s := range shown {
		if count[s] > 1 {
			shown[i] = names[i]
		}
	}
	return shown
}

// spaced is a name with spaces for the signs that stand for them.
func spaced(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("_", " ", "+", " ").Replace(s)), " ")
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
