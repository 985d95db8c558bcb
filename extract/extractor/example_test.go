package extractor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log"

	"vzsl/extract"
	"vzsl/extract/extractor"
	"vzsl/extract/model"
)

// Features of single images as they come: concurrent callers share the engine's batches.
func ExampleExtractor_Batcher() {
	e, err := extractor.Open("../engine/testdata/networks/torch_squeezenet.onnx", "", model.Overrides{Recipe: "torchvision"})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	batcher, err := e.Batcher()
	if err != nil {
		log.Fatal(err)
	}
	defer batcher.Close()

	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 48, 40))); err != nil {
		log.Fatal(err)
	}
	feature, _, err := batcher.Picture(context.Background(), picture.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(feature), "values of", e.Layer.What)

	_, _, err = batcher.Picture(context.Background(), []byte("not an image"))
	var refused *extract.Refusal
	fmt.Println("refused:", errors.As(err, &refused))
	// Output:
	// 10 values of the pooled feature, the network's output
	// refused: true
}
