package onnx

import (
	"fmt"
	"strings"
)

// Recipe says how the network's images are to be prepared, "caffe" (BGR minus the channel means) or
// "torchvision" (RGB by mean and standard deviation), and what tells so; or "" and why it cannot be
// known. A wrong guess would give plausible but poor features, so it is made only where the file
// describes its input or bears the marks of a known exporter.
func (n *Network) Recipe() (name, why string) {
	text := n.file.Model.Doc + "\n" + n.file.Model.GraphDoc + "\n" + n.file.Model.Metadata
	if strings.Contains(text, "BGR") && strings.Contains(text, "103.9") {
		return "caffe", "the file's description asks for BGR minus means"
	}
	if strings.Contains(text, "0.485") && (strings.Contains(text, "0.229") || strings.Contains(text, ".229")) {
		return "torchvision", "the file's description names torchvision's means"
	}
	_, fc7 := n.linearFeatures()
	in := n.Input()
	switch {
	case fc7 != "" && in.NHWC:
		return "caffe", "it is a VGG-like network with channels last, as exported by Keras"
	case fc7 != "" && (in.Name == "data_0" || n.file.Output == "prob_1"):
		return "caffe", fmt.Sprintf("its input %q and output %q are named as in Caffe2", in.Name, n.file.Output)
	case strings.EqualFold(n.file.Model.Producer, "pytorch"):
		return "torchvision", exportedFromPyTorch
	}
	for _, prefix := range []string{"vgg0_", "resnetv10_", "resnetv17_", "resnetv20_", "resnetv22_", "resnetv24_", "resnetv27_", "squeezenet0_", "alexnet0_"} {
		if strings.HasPrefix(n.file.Output, prefix) {
			return "torchvision", fmt.Sprintf("its output %q is named as in MXNet Gluon's model zoo", n.file.Output)
		}
	}
	return "", "neither the file's description nor its structure tells how its images are preprocessed"
}

const exportedFromPyTorch = "it was exported from PyTorch"
