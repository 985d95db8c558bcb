//go:build onnxruntime && cgo

package onnxruntime

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
)

// needLibrary skips a test where there is no library.
func needLibrary(t *testing.T) {
	t.Helper()
	if os.Getenv(LibraryVariable) == "" {
		t.Skip("needs ONNX Runtime's library, named in " + LibraryVariable)
	}
}

func create(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
	return New(net, l, h, w, Options{})
}

var tooOld = map[string]string{
	"vgg_caffe2_3": "ONNX Runtime runs operator sets from 7 on",
	"vgg_caffe2_6": "ONNX Runtime runs operator sets from 7 on",
}

func TestGoldens(t *testing.T) {
	needLibrary(t)
	skip := maps.Clone(tooOld)
	skip["hub_timm_half"] = "ONNX Runtime computes in 16 bits; TestSixteenBits looks at it"
	skip["hub_timm_int8"] = "ONNX Runtime computes with the integers, less exactly"
	enginetest.TestGoldens(t, create, skip)
}

// TestSixteenBits: a network of 16-bit numbers takes and gives such, as exact as they are.
func TestSixteenBits(t *testing.T) {
	needLibrary(t)
	for _, g := range enginetest.Goldens(t, testdata) {
		if g.Name == "hub_timm_half" {
			x := enginetest.Pictures(t, testdata, false)
			got, _ := enginetest.Run(t, create, g.Path, "", enginetest.Size, x, enginetest.Images)
			for i := range enginetest.Images {
				if cos, top := enginetest.Difference(got[i*g.Dim:][:g.Dim], g.Features[i*g.Dim:][:g.Dim]); cos > 1e-5 || top > 1e-2 {
					t.Errorf("image %d: 1-cosine %v, difference %v", i, cos, top)
				}
			}
		}
	}
}

func TestSqueezeNetOnBirds(t *testing.T) {
	needLibrary(t)
	enginetest.TestBirds(t, create, "models/squeezenet1.1-imagenet-gap512.onnx", "caffe", 227, 10)
}

func TestVGG19(t *testing.T) {
	needLibrary(t)
	enginetest.TestVGG19(t, create, 10)
}

func TestTorchvision(t *testing.T) {
	needLibrary(t)
	enginetest.TestTorchvision(t, create, enginetest.Networks("squeezenet1_1", "resnet18", "vgg11_bn", "convnext_tiny", "vit_b_16", "swin_t")...)
}

// TestAgain: equal calls give equal bits, on another engine, too; that is what lets an extraction
// that was interrupted end with the same bytes.
func TestAgain(t *testing.T) {
	needLibrary(t)
	for _, g := range enginetest.Goldens(t, testdata) {
		if tooOld[g.Name] != "" {
			continue
		}
		x := enginetest.Pictures(t, testdata, g.NHWC)
		var want []float32
		for range 3 {
			got, _ := enginetest.Run(t, create, g.Path, "", enginetest.Size, x, enginetest.Images)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: the features change from run to run", g.Name)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	net, l := enginetest.Layer(t, enginetest.Goldens(t, testdata)[0].Path, "")
	fails := func(o Options, words ...string) {
		t.Helper()
		_, err := New(net, l, enginetest.Size, enginetest.Size, o)
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%+v: %v; does not say %q", o, err, w)
			}
		}
	}
	fails(Options{Library: "nowhere/libonnxruntime.so"}, "nowhere/libonnxruntime.so", "no such file", "https://", "--ort-library")
	if library.path == "" {
		fails(Options{Library: "engine.go"}, "engine.go", "--ort-library")
	}
	if os.Getenv(LibraryVariable) == "" {
		fails(Options{}, "https://", "--ort-library", LibraryVariable)
		return
	}
	fails(Options{Provider: "steam"}, "steam", "cuda")
	fails(Options{Provider: "coreml"}, "coreml", "provider")
	fails(Options{Library: "doc.go"}, "already loaded")
}
