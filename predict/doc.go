// Package predict names pictures: it ranks classes that are given as attribute vectors for features, makes probabilities of
// the scores, and says which attributes spoke for and against. The command, the server and whoever else predicts go through
// it. The model is behind an interface, as in package evaluate.
package predict
