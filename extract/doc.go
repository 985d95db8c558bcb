// Package extract computes a network's features for all images of a dataset and
// stores them as shards.
//
// Run takes the parts that the shard folder still lacks. A pool of workers reads,
// decodes and preprocesses images a little ahead, across the bounds of parts; the
// engine computes one batch after another in dataset order; a finished part is
// written while the next one computes. What is in memory at a time is a few
// batches of images and two or three parts of features, whatever the dataset's
// size.
//
// A file that is no usable image is skipped and listed with the reason. Which
// image is in which row of which shard depends on the dataset alone, so a run
// that was stopped at any moment and resumed leaves the same bytes as one
// that was not.
package extract
