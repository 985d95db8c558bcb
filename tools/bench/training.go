package main

import (
	"context"
	"fmt"
)

// training compares a training step with PyTorch's.
func (b *bench) training(ctx context.Context) error {
	if b.python == "" {
		b.printf("%s\n", noTorch)
		return nil
	}
	b.printf("VZSL at the paper's size: %d features, hidden layers as below, 100 latent dimensions, the decoder mirrored; %d\n", trainFeatures, trainClasses)
	b.printf("classes of %d attributes; batches of %d with dropout and noise, the gradient clipped, Adam. Random data. PyTorch has\n", trainAttributes, trainBatch)
	b.printf("the same model and objective, all divergences by matrix products.\n\n")
	b.printf("| hidden layers | vzsl, ms | PyTorch, ms | | vzsl is faster by |\n|---|---|---|---|---|\n")
	for _, hidden := range []string{"1000", "1000,1000"} {
		if b.small {
			hidden = "50"
		}
		err := func() error {
			ours, err := b.own(ctx, "vzsl", nil, "train", hidden)
			if err != nil {
				return err
			}
			defer ours.close()
			torch, err := b.torch(ctx, "train", hidden)
			if err != nil {
				return err
			}
			defer torch.close()
			note("training, hidden layers %s, %s", hidden, torch.version)
			// Past the first steps, which fill caches and optimisers.
			for _, p := range []*peer{ours, torch} {
				if _, err := p.run(trainBatch, 5); err != nil {
					return err
				}
			}
			rounds := 15
			if b.small {
				rounds = 2
			}
			r, err := pairs(ours, torch, trainBatch, rounds)
			if err != nil {
				return err
			}
			b.printf("| %s | %.1f | %.1f | %s | **%.2f** [%.2f to %.2f] |\n", hidden, 1e3*trainBatch*median(r.ours), 1e3*trainBatch*median(r.theirs),
				torch.version, median(r.ratios), quantile(r.ratios, .25), quantile(r.ratios, .75))
			return nil
		}()
		if err != nil {
			return fmt.Errorf("hidden layers %s: %w", hidden, err)
		}
		if b.small {
			break
		}
	}
	return nil
}
