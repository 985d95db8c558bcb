// Package textencoder turns texts into vectors with a text model as people have it: a folder with an ONNX network, its tokenizer
// and the files that say how its vectors are made (CLIP's and SigLIP's text towers, MiniLM, BGE, E5 and the like), on the native
// engine.
package textencoder
