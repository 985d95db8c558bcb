// Extract computes features of a folder of images, one subfolder for each class, with a network.
//
//	extract IMAGES NETWORK FEATURES
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"vzsl/datasets"
	"vzsl/extract/extractor"
	"vzsl/extract/model"
	"vzsl/features/convert"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: extract IMAGES NETWORK FEATURES")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, images, network, to string) error {
	dataset, err := datasets.OpenFolder(images, "", convert.Choice{})
	if err != nil {
		return err
	}
	e, err := extractor.Open(network, "", model.Overrides{})
	if err != nil {
		return err
	}
	defer e.Close()
	r, err := e.Extract(ctx, dataset, to, "example", nil)
	if err != nil {
		return err
	}
	fmt.Printf("%d features of %d values\n", r.Images, e.Dim())
	return nil
}
