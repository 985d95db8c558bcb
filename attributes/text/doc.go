// Package text makes class descriptions of words: what is said of each class ([Read], [Names]), the templates that it is put into
// ([Fill]), and the vectors that a text encoder gives it ([Embed]).
//
// A class's vector is made as CLIP's authors make theirs: each text is encoded and brought to length 1, the mean of them is taken,
// and that is brought to length 1 again. The encoder is an [Encoder], so that this package knows neither networks nor engines.
package text
