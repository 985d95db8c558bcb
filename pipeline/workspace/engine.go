package workspace

import (
	"vzsl/extract"
	"vzsl/extract/engine/gorgonia"
	"vzsl/extract/engine/native"
	"vzsl/extract/engine/onnxruntime"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/pipeline/usage"
)

// Engines are the names of what can compute a network.
func Engines() []string { return []string{"native", "gorgonia", "onnxruntime"} }

// Engine says what computes the network.
type Engine struct {
	Name string
	ORT  onnxruntime.Options
}

// Check refuses engines and providers that there are not.
func (e *Engine) Check() error {
	if err := usage.OneOf("engine", e.Name, Engines()...); err != nil {
		return err
	}
	return usage.OneOf("ort-provider", e.ORT.Provider, onnxruntime.Providers()...)
}

// Label is what the shards name: other hardware gives other bits.
func (e *Engine) Label() string {
	if e.Name == "onnxruntime" && e.ORT.Provider != "cpu" {
		return e.Name + "-" + e.ORT.Provider
	}
	return e.Name
}

// FindLayer finds the layer in a network that the engine can run: ONNX Runtime knows more operators than we do.
func (e *Engine) FindLayer(net *onnx.Network, name string) (onnx.Layer, error) {
	if e.Name == "onnxruntime" {
		return net.Find(name)
	}
	return net.Layer(name)
}

// New makes the engine for a layer.
func (e *Engine) New(net *onnx.Network, layer onnx.Layer, r preprocess.Recipe) (extract.Engine, error) {
	switch e.Name {
	case "gorgonia":
		return gorgonia.New(net, layer, r.Height, r.Width)
	case "onnxruntime":
		return onnxruntime.New(net, layer, r.Height, r.Width, e.ORT)
	}
	return native.New(net, layer, r.Height, r.Width)
}
