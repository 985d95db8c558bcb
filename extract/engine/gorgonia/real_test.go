package gorgonia

import (
	"slices"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/engine/native"
	"vzsl/extract/onnx"
	"vzsl/internal/filetest"
)

func TestSqueezeNetOnBirds(t *testing.T) {
	filetest.Slow(t)
	enginetest.TestBirds(t, create, "models/squeezenet1.1-imagenet-gap512.onnx", "caffe", 227, 10)
}

func TestVGG19(t *testing.T) { enginetest.TestVGG19(t, create, 10) }

// TestMixed compares the two engines where the backend lacks what the end of a golden network needs:
// uneven padding, depthwise convolution, Clip, gates, average pooling and ceil_mode are written in
// other terms for it.
func TestMixed(t *testing.T) {
	const dir = "../testdata"
	for _, g := range enginetest.Goldens(t, dir) {
		if g.Name != "mixed" {
			continue
		}
		x := enginetest.Pictures(t, dir, g.NHWC)
		got, _ := enginetest.Run(t, create, g.Path, "twice", enginetest.Size, x, enginetest.Images)
		want, _ := enginetest.Run(t, func(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
			return native.New(net, l, h, w)
		}, g.Path, "twice", enginetest.Size, x, enginetest.Images)
		if slices.Max(want) == 0 {
			t.Fatal("nothing to compare")
		}
		enginetest.Close(t, got, want, enginetest.Images, 1e-5)
	}
}

func TestTorchvision(t *testing.T) {
	enginetest.TestTorchvision(t, create, enginetest.Networks("squeezenet1_1", "resnet18", "vgg11_bn")...)
}
