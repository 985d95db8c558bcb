// Package result stores what an evaluation found: report.json for programs, with every figure and what was run, and
// predictions.parquet with the ranking of every image. Write stores a result, Read and ReadPredictions give it back.
// Package report makes pages of it.
package result
