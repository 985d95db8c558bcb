package onnx_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"

	"vzsl/extract/onnx"
)

// The layer that features are taken from, found by the network's structure.
func ExampleNetwork_Layer() {
	net, err := onnx.Open("../engine/testdata/networks/vgg_keras.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer net.Close()
	layer, err := net.Layer("")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d values for each image\n", layer.What, layer.Dim)
	_, err = net.Layer("fc8")
	fmt.Println(err != nil, len(net.Candidates()) > 1)
	// Output:
	// fc7 after ReLU: 20 values for each image
	// true true
}

// Errors tell what can be done about them.
func ExampleOpen_errors() {
	_, err := onnx.Open("no-such-network.onnx")
	fmt.Println(errors.Is(err, fs.ErrNotExist))

	_, err = onnx.Open("doc.go")
	fmt.Println(err)
	// Output:
	// true
	// doc.go is a text file beginning "// Package onnx opens a network in an ON", not a network
}
