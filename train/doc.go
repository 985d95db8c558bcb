// Package train makes models: it takes features, a class table and a split's roles, runs a method on them and leaves a
// run folder.
//
// A run has two fits. The first trains on the seen classes without the validation classes and chooses by the mean
// per-class accuracy among these: for VZSL the number of epochs, for a closed form the coefficients of its grid. The
// second, the refit, trains again on all seen classes, validation classes included, with what was chosen; it can be
// switched off, and is left out where the split has no validation classes. Unseen classes take no part in either: the
// samples handed to a method hold none.
//
// In the few-shot setting the split gives a few images of each unseen class the role shot: they are trained on with their
// labels in the refit. In the first fit as many images of each validation class play their part.
//
// The run folder holds config.toml (all settings, seeds and what the data were), metrics.jsonl (one line per epoch),
// checkpoints/ (last and best) and model.safetensors (weights, normalisations, attribute names, hashes of the data).
// A run that was interrupted or killed continues from its last checkpoint to the same bytes that an undisturbed one
// leaves.
package train
