package report

import "regexp"

// wordDimension matches the name of a word vector's dimension, which means nothing to a reader.
var wordDimension = regexp.MustCompile(`_\d{3,}$`)
