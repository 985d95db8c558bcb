// Command vzsl names classes it has never seen an image of, from a description of them:
// images to features, features and class descriptions to a model, a model to a report.
package main

import (
	"os"

	"vzsl/pipeline"
)

func main() {
	os.Exit(pipeline.Main(os.Args[1:], os.Stdout, os.Stderr))
}
