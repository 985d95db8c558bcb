package native

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx/plan"
	"vzsl/internal/filetest"
)

func TestSqueezeNetOnBirds(t *testing.T) {
	n := 20
	if os.Getenv("VZSL_LONG") != "" {
		n = 100
	}
	enginetest.TestBirds(t, newEngine, "models/squeezenet1.1-imagenet-gap512.onnx", "caffe", 227, n)
}

func TestVGG19ConvolutionsOnBirds(t *testing.T) {
	filetest.Slow(t)
	enginetest.TestBirds(t, newEngine, "models/vgg19-imagenet-conv3_4-gap256.onnx", "caffe", 224, 4)
}

func TestVGG19(t *testing.T) { enginetest.TestVGG19(t, newEngine, 100) }

// TestTorchvision writes the table of networks in docs/networks.md where VZSL_UPDATE is set.
func TestTorchvision(t *testing.T) {
	list := enginetest.TestTorchvision(t, newEngine, enginetest.Networks("alexnet", "vgg11_bn", "squeezenet1_1", "resnet18", "resnet101", "resnext50_32x4d", "densenet121", "googlenet", "inception_v3",
		"mobilenet_v2", "mobilenet_v3_large", "mnasnet0_5", "shufflenet_v2_x1_0", "regnet_y_400mf", "efficientnet_b0", "efficientnet_v2_s", "convnext_tiny", "vit_b_16", "swin_t", "maxvit_t")...)
	var b strings.Builder
	b.WriteString("| Network | default layer | values | difference |\n|---|---|---|---|\n")
	for _, n := range list {
		fmt.Fprintf(&b, "| %s | %s | %d | %.1g |\n", n.Name, n.Layer, n.Features, n.Difference)
	}
	t.Log("\n" + b.String())
	if os.Getenv("VZSL_UPDATE") != "" {
		filetest.InDocs(t, networksPage, "networks", b.String())
	}
}

// TestBirdsInBatches: on a real network, too, features do not depend on batches and threads.
func TestBirdsInBatches(t *testing.T) {
	filetest.Slow(t)
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

// TestConvolutionsDirectly compares each convolution of a real network, on real images, with the sum
// that defines it, in double precision at some of its places, from the engine's own values before it.
func TestConvolutionsDirectly(t *testing.T) {
	filetest.Slow(t)
	path := enginetest.Shared(t, "models/vgg19-imagenet-conv3_4-gap256.onnx")
	const n, size = 2, 224
	x := enginetest.Birds(t, n, "caffe", size)
	net, l := enginetest.Layer(t, path, "")
	p, err := net.Plan(l.Tensor, size, size)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	in := x
	convs := 0
	for _, s := range p.Steps {
		from, to := p.Values[s.In[0]].Dims, p.Values[s.Out]
		if len(to.Dims) != 4 {
			break
		}
		out, _ := enginetest.Run(t, newEngine, path, to.Name, size, x, n)
		op, ok := s.Op.(*plan.Conv)
		if !ok {
			in = out
			continue
		}
		convs++
		var sum, square, top float64
		const places = 60
		err := op.Weight.Use(func(w []float32) error {
			for range places {
				i, oy, ox := rng.IntN(n), rng.IntN(to.Dims[2]), rng.IntN(to.Dims[3])
				for oc := range op.Out {
					sum = float64(op.Bias[oc])
					for c := range op.In {
						for ky := range op.KernelH {
							for kx := range op.KernelW {
								y, x := oy*op.StrideH+ky-op.Top, ox*op.StrideW+kx-op.Left
								if y >= 0 && y < from[2] && x >= 0 && x < from[3] {
									sum += float64(in[((i*op.In+c)*from[2]+y)*from[3]+x]) * float64(w[((oc*op.In+c)*op.KernelH+ky)*op.KernelW+kx])
								}
							}
						}
					}
					if op.Relu {
						sum = max(sum, 0)
					}
					d := float64(out[((i*op.Out+oc)*to.Dims[2]+oy)*to.Dims[3]+ox]) - sum
					square += d * d
					top = max(top, math.Abs(d))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		largest := float64(slices.Max(out))
		rms := math.Sqrt(square / float64(places*op.Out))
		t.Logf("%s: difference at most %.2g of the largest value, rms %.2g", s.Node, top/largest, rms/largest)
		if op.Groups > 1 || op.Scale != nil || !(top <= 1e-5*largest) || !(rms <= 2e-6*largest) {
			t.Errorf("%s: too much", s.Node)
		}
		in = out
	}
	if convs < 8 {
		t.Errorf("%d convolutions compared", convs)
	}
}
