// Package tokenize turns text into the token ids of text encoders, as the models' own files say: tokenizer.json of Hugging
// Face's tokenizers (byte-pair encoding with CLIP's or GPT-2's pre-tokenisation, WordPiece, Unigram, whole words), or the merges
// file that CLIP was published with.
//
// A text passes through the stages that the file names, in this order: tokens that were added to the vocabulary are cut out; the
// rest is normalised, split into words, and each word into pieces of the vocabulary; the post-processor puts special tokens
// around them. A stage that is not known here is refused by its name: ids that are nearly right give vectors that are wrong.
package tokenize
