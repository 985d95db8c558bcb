// Package report writes what an evaluation found: report.html for people, report.json for programs, predictions.parquet
// with the ranking of every image.
//
// The page is one file. It loads nothing, reads without scripts (a small script sorts a table and tells of a tapped cell), follows the
// reader's light or dark setting and prints. Images, where the folder of the images is known, are scaled down and
// carried inside. Every figure on it was computed from the given result; figures from the literature appear only beside a
// run on the same classes, marked as published, with their source.
package report
