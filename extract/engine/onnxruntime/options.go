package onnxruntime

// LibraryVariable is the environment variable that names the library where Options do not.
const LibraryVariable = "VZSL_ONNXRUNTIME_LIB"

// Options say what runs the network.
type Options struct {
	Library  string // path of ONNX Runtime's shared library; "": the one that LibraryVariable names
	Provider string // one of Providers; "": cpu
}

// Providers are the execution providers that Options may name.
func Providers() []string { return []string{"cpu", "cuda", "tensorrt", "coreml"} }
