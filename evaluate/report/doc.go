// Package report writes the results of an evaluation: report.html for people, report.json for programs,
// predictions.parquet with the ranking of every image.
//
// The page is one file. It loads nothing, is readable without scripts (a script sorts tables and opens images), follows
// the reader's light or dark setting and prints. If the folder of the images is known, thumbnails are embedded. Every
// metric on it is computed from the given result; results from the literature appear only beside a run on the same
// classes, marked as published, with their source.
package report
