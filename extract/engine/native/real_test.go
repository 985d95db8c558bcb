package native

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"vzsl/extract/engine/enginetest"
)

func TestSqueezeNetOnBirds(t *testing.T) {
	n := 20
	if os.Getenv("VZSL_LONG") != "" {
		n = 100
	}
	enginetest.TestBirds(t, newEngine, "models/squeezenet1.1-imagenet-gap512.onnx", "caffe", 227, n)
}

func TestVGG19ConvolutionsOnBirds(t *testing.T) {
	enginetest.TestBirds(t, newEngine, "models/vgg19-imagenet-conv3_4-gap256.onnx", "caffe", 224, 4)
}

func TestVGG19(t *testing.T) { enginetest.TestVGG19(t, newEngine, 100) }

func TestTorchvision(t *testing.T) {
	enginetest.TestTorchvision(t, newEngine, "alexnet", "vgg11_bn", "squeezenet1_1", "resnet18", "resnet101", "mobilenet_v2")
}

// TestBirdsInBatches: on a real network, too, features do not depend on batches and threads.
func TestBirdsInBatches(t *testing.T) {
	path := enginetest.Shared(t, "models/squeezenet1.1-imagenet-gap512.onnx")
	const n, per = 5, 3 * 227 * 227
	x := enginetest.Birds(t, n, "caffe", 227)
	want, _ := enginetest.Run(t, newEngine, path, "", 227, x, n)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, threads := range []int{1, 3} {
		runtime.GOMAXPROCS(threads)
		var got []float32
		for lo := 0; lo < n; lo += threads {
			hi := min(n, lo+threads)
			f, _ := enginetest.Run(t, newEngine, path, "", 227, x[lo*per:hi*per], hi-lo)
			got = append(got, f...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("features change with batches of %d on %d threads", threads, threads)
		}
	}
}
