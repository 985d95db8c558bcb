package extract_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"vzsl/datasets"
	"vzsl/extract"
	"vzsl/extract/engine/native"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/features/convert"
)

// network is a small SqueezeNet for images of 32 x 32.
const network = "engine/testdata/networks/torch_squeezenet.onnx"

// picture is a PNG file of one colour.
func picture(c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 48, 40))
	for i := range 48 * 40 {
		m.Set(i%48, i/48, c)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// folder writes a folder of images, a subfolder for each class; one file is no image.
func folder() string {
	dir, err := os.MkdirTemp("", "vzsl-example")
	if err != nil {
		log.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"red/1.png": picture(color.RGBA{200, 10, 10, 255}), "red/2.png": picture(color.RGBA{250, 0, 0, 255}),
		"blue/1.png": picture(color.RGBA{0, 0, 250, 255}), "blue/2.png": []byte("not an image"),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}

// The features of a folder of images, computed by the native engine and stored as shards. extractor.Open chooses all of this
// in one call.
func ExampleRun() {
	images := folder()
	defer os.RemoveAll(images)
	dataset, err := datasets.OpenFolder(images, "", convert.Choice{})
	if err != nil {
		log.Fatal(err)
	}

	net, err := onnx.Open(network)
	if err != nil {
		log.Fatal(err)
	}
	defer net.Close()
	layer, err := net.Layer("")
	if err != nil {
		log.Fatal(err)
	}
	recipe, err := preprocess.Preset("torchvision", 32, 32)
	if err != nil {
		log.Fatal(err)
	}
	engine, err := native.New(net, layer, recipe.Height, recipe.Width)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()

	to := filepath.Join(images, ".features")
	extractAll := func(ctx context.Context) (*extract.Result, error) {
		w, err := features.Create(to, features.Source{
			Dataset: dataset.Name, DatasetSHA256: dataset.SHA256(), Images: len(dataset.Images), ShardRows: features.DefaultShardRows,
			Network: "squeezenet", NetworkSHA256: net.SHA256(), Layer: layer.String(), Dim: engine.Dim(), Recipe: recipe.String(), Engine: "native", Program: "example",
		}, false)
		if err != nil {
			return nil, err
		}
		defer w.Close()
		return extract.Run(ctx, extract.Options{Dataset: dataset, Engine: engine, Recipe: recipe, NHWC: net.Input().NHWC, Writer: w})
	}

	// A run that is stopped leaves its finished parts; the next one continues from there.
	stopped, stop := context.WithCancel(context.Background())
	stop()
	_, err = extractAll(stopped)
	fmt.Println("stopped:", errors.Is(err, context.Canceled))

	r, err := extractAll(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d features of %s (%d values), %d skipped\n", r.Images, layer.What, engine.Dim(), r.Skipped)

	cache, err := features.OpenCache(context.Background(), to, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	for i, name := range cache.Images() {
		fmt.Println(name, len(cache.Feature(i)))
	}
	// Output:
	// stopped: true
	// 3 features of the pooled feature, the network's output (10 values), 1 skipped
	// blue/1.png 10
	// red/1.png 10
	// red/2.png 10
}
