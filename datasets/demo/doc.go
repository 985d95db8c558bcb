// Package demo is a dataset that needs no download: it renders its own images and carries its own small network.
//
// An image shows one object. Its class is a combination of five attributes, size, colour, texture, shape and
// ground, and everything else varies from image to image: place, rotation, proportions, tint, light, clutter and
// noise. 48 classes are seen and 12 are not. No seen class has both the shape and the colour of an unseen one, so an
// unseen class can only be named through its description.
//
// The network is of VGG's kind (3x3 convolutions, three linear layers fc6, fc7 and fc8) and was trained to name the
// seen classes alone, on images rendered from other seeds than the dataset's. network/render and network/train.py
// make it again; network/training.json is the record of how the one carried here was made.
package demo
