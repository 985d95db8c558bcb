// Predict classifies images with the model of a run among the classes of a CSV file, which may be new ones.
//
//	predict RUN NETWORK CLASSES.csv IMAGE...
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"vzsl/attributes"
	"vzsl/extract/extractor"
	"vzsl/extract/model"
	"vzsl/predict"
	"vzsl/train/runs"
)

func main() {
	if len(os.Args) < 5 {
		log.Fatal("usage: predict RUN NETWORK CLASSES.csv IMAGE...")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir, network, classFile string, images []string) error {
	m, err := runs.Load(dir)
	if err != nil {
		return err
	}
	described, err := attributes.ReadFile(classFile, attributes.FileOptions{})
	if err != nil {
		return err
	}
	if described, err = described.Select(m.Attributes()); err != nil {
		return err
	}
	classes := &predict.Classes{Names: described.Classes, Vectors: described.Values}

	e, err := extractor.Open(network, "", model.Overrides{})
	if err != nil {
		return err
	}
	defer e.Close()
	batcher, err := e.Batcher()
	if err != nil {
		return err
	}
	defer batcher.Close()
	for _, path := range images {
		x, damage, err := batcher.File(ctx, path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if damage != "" {
			fmt.Fprintf(os.Stderr, "%s: damaged: %s\n", path, damage)
		}
		answers, err := predict.Rank(ctx, m, x, 1, classes, predict.Options{Explain: 3})
		if err != nil {
			return err
		}
		best := answers[0].Top[0]
		fmt.Printf("%s: %s (%.2f)\n", path, best.Class, best.Probability)
	}
	return nil
}
