package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vzsl/internal/kernels"
)

// compared are what the engines run: the network whole and cut at fc7, images, and the whole one's description for the peer that
// does not read ONNX.
func (b *bench) compared() (whole, cut *network, images, description string, err error) {
	if whole, err = b.vgg19(false); err != nil {
		return
	}
	if cut, err = b.vgg19(true); err != nil {
		return
	}
	if images, err = b.inputs(whole); err != nil {
		return
	}
	description, err = whole.description()
	return
}

// engine compares the native engine with its peers.
func (b *bench) engine(ctx context.Context) error {
	whole, cut, images, description, err := b.compared()
	if err != nil {
		return err
	}
	native := []string{"native", whole.Path, whole.shape(), images}
	ours, err := b.own(ctx, "vzsl", nil, native...)
	if err != nil {
		return err
	}
	defer func() { ours.close() }()
	ort, err := b.ort(ctx, cut, images)
	if err != nil {
		return err
	}
	defer ort.close()
	torch, err := b.torch(ctx, "vgg", description, whole.Path, images)
	if err != nil {
		return err
	}
	defer func() { torch.close() }()

	b.printf("Random images of %d x %d, float32, seconds per image; %.1f GFLOP each by direct convolution.\n", whole.Size, whole.Size, whole.GFLOP)
	want, err := ours.features(b.work, 2)
	if err != nil {
		return err
	}
	var peers []*peer
	for _, p := range []*peer{ort, torch} {
		if p == nil {
			continue
		}
		got, err := p.features(b.work, 2)
		if err != nil {
			return err
		}
		d := difference(want, got)
		if !(d < 1e-3) {
			return fmt.Errorf("%s has other features: they differ by %.3g of the largest value", p.version, d)
		}
		b.printf("The features of %s differ from vzsl's by at most %.1e of the largest value.\n", p.version, d)
		peers = append(peers, p)
	}
	b.printf("\n")
	if ort == nil {
		b.printf("%s\n\n", noORT)
	}
	if torch == nil {
		b.printf("%s\n\n", noTorch)
	}
	b.printf("| batch | vzsl | peer | | vzsl is faster by |\n|---|---|---|---|---|\n")
	var at8 float64
	for _, batch := range []int{1, 8, 16} {
		rounds := 11
		if batch == 1 {
			rounds = 15
		}
		if b.small {
			rounds = 3
		}
		for _, p := range peers {
			note("batch %d, %s", batch, p.version)
			r, err := pairs(ours, p, batch, rounds)
			if err != nil {
				return err
			}
			b.row(fmt.Sprint(batch), p.version, r)
			if batch == 8 && at8 == 0 {
				at8 = median(r.ours)
			}
		}
	}
	torch.close()
	torch = nil
	if ort != nil && kernels.Levels()[0] != "avx2" && slices.Contains(kernels.Levels(), "avx2") {
		note("avx2")
		avx2, err := b.own(ctx, "vzsl, avx2", []string{"VZSL_KERNELS=avx2"}, native...)
		if err != nil {
			return err
		}
		r, err := pairs(avx2, ort, 8, map[bool]int{false: 7, true: 2}[b.small])
		avx2.close()
		if err != nil {
			return err
		}
		b.row("8, VZSL_KERNELS=avx2", ort.version, r)
	}
	note("gorgonia")
	slow, err := b.own(ctx, "gorgonia", nil, "gorgonia", whole.Path, whole.shape(), images)
	if err != nil {
		return err
	}
	defer slow.close()
	if _, err := slow.run(1, 1); err != nil {
		return err
	}
	var r pairing
	for range 2 {
		time.Sleep(pause)
		s, err := slow.run(1, 1)
		if err != nil {
			return err
		}
		time.Sleep(pause)
		o, err := ours.run(8, 1)
		if err != nil {
			return err
		}
		r.add(o, s)
	}
	b.row("8", "onnx-go + Gorgonia, gonum's BLAS (*)", &r)
	b.printf("\n(*) `--engine gorgonia` runs a batch image by image; one image is timed and compared with an image of vzsl's batch.\n")
	if at8 > 0 {
		b.printf("\nAt batch 8 vzsl does %.0f GFLOP/s by the multiplications of direct convolution: %.0f images a minute.\n", whole.GFLOP/at8, 60/at8)
	}
	return nil
}

// row tables a pairing.
func (b *bench) row(batch, name string, r *pairing) {
	b.printf("| %s | %.3g | %.3g | %s | **%.2f** [%.2f to %.2f] |\n", batch, median(r.ours), median(r.theirs), name,
		median(r.ratios), quantile(r.ratios, .25), quantile(r.ratios, .75))
}

// memory tables peak memory and the time from a process's start to its first feature.
func (b *bench) memory(ctx context.Context) error {
	whole, cut, images, description, err := b.compared()
	if err != nil {
		return err
	}
	for _, n := range []*network{whole, cut} {
		if err := warm(n.Path); err != nil {
			return err
		}
	}
	b.printf("Processes of their own, the network's file in the page cache. The first feature is counted from the start of\n")
	b.printf("the process: loading the program, the network (%s), preparing its weights, one image. The peak is that\nof the whole process after batches of 8.\n\n", fileSize(whole.Path))
	b.printf("| | start to first feature, s | peak RSS at batch 8, MiB |\n|---|---|---|\n")
	rounds := 3
	if b.small {
		rounds = 1
	}
	for _, side := range []struct {
		start func() (*peer, error)
		none  string
	}{
		{func() (*peer, error) {
			return b.own(ctx, "vzsl", nil, "native", whole.Path, whole.shape(), images)
		}, ""},
		{func() (*peer, error) { return b.ort(ctx, cut, images) }, noORT},
		{func() (*peer, error) { return b.torch(ctx, "vgg", description, whole.Path, images) }, noTorch},
	} {
		var first, peak []float64
		var name string
		for range rounds {
			p, err := side.start()
			if err != nil {
				return err
			}
			if p == nil {
				break
			}
			err = func() error {
				defer p.close()
				if _, err := p.run(1, 1); err != nil {
					return err
				}
				first = append(first, time.Since(p.started).Seconds())
				_, err := p.run(8, 3)
				peak = append(peak, p.peak())
				return err
			}()
			if err != nil {
				return err
			}
			name = p.version
			if side.none == "" {
				name = "vzsl, " + p.version
			}
		}
		if first == nil {
			b.printf("| %s | | |\n", side.none)
			continue
		}
		b.printf("| %s | %.2f | %s |\n", name, median(first), mib(slices.Max(peak)))
	}
	return nil
}

func mib(v float64) string {
	if v == 0 {
		return "not measured on this system"
	}
	return fmt.Sprintf("%.0f", v)
}
