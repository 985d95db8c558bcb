package report

import (
	"regexp"
	"strings"
)

var leadingNumber = regexp.MustCompile(`^\d+[._\-]+`)

// datasetName writes the known datasets as their authors do.
func datasetName(name string) string {
	switch strings.ToLower(name) {
	case "cub":
		return "CUB"
	case "awa", "awa1", "awa2":
		return "AwA" + name[3:]
	case "sun":
		return "SUN"
	case "imagenet":
		return "ImageNet"
	}
	return name
}

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
