package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/kernels"
)

// exported is a network that networks.py makes.
type exported struct {
	name, title string
	shape       string // of one input: channels x height x width
	allowed     float64
}

// What features may differ by, as a part of the largest value.
const (
	convolutional = 1e-5
	transformer   = 1e-4
)

var exports = []exported{
	{"vgg19", "VGG-19 to fc7", "3x224x224", convolutional},
	{"vgg16_bn", "VGG-16-BN", "3x224x224", convolutional},
	{"resnet50", "ResNet-50", "3x224x224", convolutional},
	{"resnet101", "ResNet-101", "3x224x224", convolutional},
	{"densenet121", "DenseNet-121", "3x224x224", convolutional},
	{"googlenet", "GoogLeNet", "3x224x224", convolutional},
	{"inception_v3", "Inception v3", "3x299x299", convolutional},
	{"alexnet", "AlexNet", "3x224x224", convolutional},
	{"mobilenet_v2", "MobileNetV2", "3x224x224", convolutional},
	{"mobilenet_v3_large", "MobileNetV3-L", "3x224x224", convolutional},
	{"efficientnet_b0", "EfficientNet-B0", "3x224x224", convolutional},
	{"convnext_tiny", "ConvNeXt-T", "3x224x224", transformer},
	{"vit_b_16", "ViT-B/16", "3x224x224", transformer},
	{"swin_t", "Swin-T", "3x224x224", transformer},
	{"dinov2_vits14", "ViT-S/14 at 224", "3x224x224", transformer},
	{"dinov2_vits14_518", "ViT-S/14 at 518", "3x518x518", transformer},
	{"clip_image", "CLIP ViT-B/32, images", "3x224x224", transformer},
	{"clip_text", "CLIP ViT-B/32, text from embedded tokens", "1x77x512", transformer},
	{"minilm", "MiniLM-L6, texts of 32 tokens from embedded tokens", "1x32x384", transformer},
}

// networks tables how many times faster than ONNX Runtime the networks run.
func (b *bench) networks(ctx context.Context) error {
	if !b.haveORT(ctx) {
		b.printf("%s\n", noORT)
		return nil
	}
	if !b.haveTorchvision(ctx) {
		b.printf("Torchvision, which makes the networks, is not installed here (Debian: python3-torchvision), so this is left out.\n")
		return nil
	}
	avx2 := kernels.Levels()[0] != "avx2" && slices.Contains(kernels.Levels(), "avx2")
	b.printf("Networks as torchvision exports them (random weights, opset 17), random images, run to their features by turns with\n")
	b.printf("ONNX Runtime: milliseconds per image, and how many times faster vzsl is. Then how many times less of the processors'\n")
	b.printf("time it takes, ONNX Runtime's threads sleeping where they wait, not spinning: on a busy machine that is the fairer figure.\n")
	b.printf("The peaks are those of the processes' memory so far, the difference the largest of the features, as a part of the largest value.\n\n")
	if text := busy(); text != "" {
		b.printf("%s\n\n", text)
	}
	head, rule := "| network | batch | vzsl, ms | ONNX Runtime, ms | times faster | by CPU time |", "|---|---|---|---|---|---|"
	if avx2 {
		head, rule = head+" with VZSL_KERNELS=avx2 | by CPU time |", rule+"---|---|"
	}
	b.printf("%s peak MiB: vzsl, ONNX Runtime | difference |\n%s---|---|\n", head, rule)
	list := exports
	if b.small {
		list = exports[8:9]
	}
	for _, n := range list {
		if b.nets != "" && !slices.Contains(strings.Split(b.nets, ","), n.name) {
			continue
		}
		if err := b.network(ctx, n, avx2); err != nil {
			if ctx.Err() != nil {
				return err
			}
			b.printf("| %s | | %v |\n", n.title, strings.ReplaceAll(err.Error(), "\n", " "))
			b.failed = errors.Join(b.failed, fmt.Errorf("%s: %w", n.name, err))
		}
	}
	return nil
}

func (b *bench) haveTorchvision(ctx context.Context) bool {
	return b.python != "" && exec.CommandContext(ctx, b.python, "-c", "import torchvision").Run() == nil
}

func (b *bench) network(ctx context.Context, n exported, avx2 bool) error {
	path, err := b.export(ctx, n)
	if err != nil {
		return err
	}
	images, err := b.inputsOf(n.shape)
	if err != nil {
		return err
	}
	ours, err := b.own(ctx, "vzsl", nil, "native", path, n.shape, images, "output")
	if err != nil {
		return err
	}
	defer ours.close()
	ort := []string{script("ort.js"), path, n.shape, images, fmt.Sprint(b.threads)}
	theirs, err := start(ctx, "ONNX Runtime", []string{b.nodePath()}, "node", ort...)
	if err != nil {
		return err
	}
	defer theirs.close()
	quiet, err := start(ctx, "ONNX Runtime", []string{b.nodePath()}, "node", append(ort, "sleep")...)
	if err != nil {
		return err
	}
	defer quiet.close()
	var narrow *peer
	if avx2 {
		if narrow, err = b.own(ctx, "vzsl, avx2", []string{"VZSL_KERNELS=avx2"}, "native", path, n.shape, images, "output"); err != nil {
			return err
		}
		defer narrow.close()
	}
	want, err := theirs.features(b.work, 2)
	if err != nil {
		return err
	}
	got, err := ours.features(b.work, 2)
	if err != nil {
		return err
	}
	d := difference(got, want)
	if !(d <= n.allowed) {
		return fmt.Errorf("its outputs differ from ONNX Runtime's by %.2g of the largest value, more than %.0g", d, n.allowed)
	}
	for _, batch := range []int{1, 8, 16} {
		if batch == 16 && n.name != "vgg19" && !strings.HasPrefix(n.shape, "1x") { // texts come in larger mini-batches than images
			continue
		}
		note("%s, batch %d", n.name, batch)
		r, err := pairs(ours, theirs, batch, b.rounds)
		if err != nil {
			return err
		}
		cpu, err := cpuPairs(ours, quiet, batch, max(2, b.rounds/2))
		if err != nil {
			return err
		}
		b.printf("| %s | %d | %.2f | %.2f | **%.2f** [%.2f to %.2f] | %.2f |", n.title, batch, 1e3*median(r.ours), 1e3*median(r.theirs), median(r.ratios),
			quantile(r.ratios, .25), quantile(r.ratios, .75), median(cpu.ratios))
		if narrow != nil {
			r, err := pairs(narrow, theirs, batch, max(2, b.rounds/2))
			if err != nil {
				return err
			}
			cpu, err := cpuPairs(narrow, quiet, batch, 2)
			if err != nil {
				return err
			}
			b.printf(" %.2f | %.2f |", median(r.ratios), median(cpu.ratios))
		}
		b.printf(" %.0f, %.0f | %.1e |\n", ours.peak(), theirs.peak(), d)
	}
	return nil
}

// export makes the network's file, once.
func (b *bench) export(ctx context.Context, n exported) (string, error) {
	path := filepath.Join(b.work, "torchvision-"+n.name+".onnx") // the VGG-19 of other parts is another
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	note("exporting %s", n.name)
	part := path + ".part"
	name, _ := strings.CutSuffix(n.name, "_518")
	size := n.shape[strings.LastIndex(n.shape, "x")+1:]
	out, err := exec.CommandContext(ctx, b.python, script("networks.py"), name, size, part).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("networks.py: %w\n%s", err, out)
	}
	return path, os.Rename(part, path)
}
