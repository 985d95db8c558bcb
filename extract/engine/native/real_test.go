package native

import (
	"os"
	"testing"

	"vzsl/extract/engine/enginetest"
)

func TestSqueezeNetOnBirds(t *testing.T) {
	n := 20
	if os.Getenv("VZSL_LONG") != "" {
		n = 100
	}
	enginetest.TestBirds(t, create, "models/squeezenet1.1-imagenet-gap512.onnx", "caffe", 227, n)
}

func TestVGG19ConvolutionsOnBirds(t *testing.T) {
	enginetest.TestBirds(t, create, "models/vgg19-imagenet-conv3_4-gap256.onnx", "caffe", 224, 4)
}

func TestVGG19(t *testing.T) { enginetest.TestVGG19(t, create, 100) }

func TestTorchvision(t *testing.T) {
	enginetest.TestTorchvision(t, create, "alexnet", "vgg11_bn", "squeezenet1_1", "resnet18", "resnet101", "mobilenet_v2")
}
