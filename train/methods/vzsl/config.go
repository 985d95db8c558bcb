package vzsl

import (
	"fmt"
	"strconv"

	"vzsl/attributes"
	"vzsl/train/method"
	"vzsl/train/methods/plda"
)

// Config are the model's and its training's settings.
type Config struct {
	Hidden               []int   `toml:"hidden" range:"[1, 1048576]" comment:"sizes of the encoder's hidden layers, at most three; the decoder mirrors them; an empty list gives a linear encoder and decoder"`
	Latent               int     `toml:"latent" range:"[1, 1048576]" comment:"dimensions of z"`
	Scale                float64 `toml:"scale" range:"(0, 1e6]" comment:"normalised features are multiplied by this before the encoder; the decoder reconstructs the product"`
	Margin               float64 `toml:"margin" range:"[0, 1]" comment:"lambda, the weight of the margin term, 0 to 1"`
	Reconstruction       bool    `toml:"-"` // false is VZSL#: no decoder. The method's name says it
	ReconstructionWeight float64 `toml:"reconstruction_weight" range:"[0, 1e9]" comment:"weight of the reconstruction term: the decoder's inverse variance"`
	DecoderVariance      string  `toml:"decoder_variance" range:"fixed | learned" comment:"fixed (1, so that reconstruction_weight is its inverse) or learned (one for all values of a feature)"`
	Samples              int     `toml:"samples" range:"[1, 1000]" comment:"Monte-Carlo samples of z for the reconstruction of each image"`
	Keep                 float64 `toml:"keep" range:"(0, 1]" comment:"dropout: the probability that a hidden unit is KEPT in a training step; 1 is no dropout"`
	InputKeep            float64 `toml:"input_keep" range:"(0, 1]" comment:"the same for the encoder's inputs"`
	LogVarianceBound     float64 `toml:"log_variance_bound" range:"[0, 80]" comment:"log variances t become b*tanh(t/b); 0: no bound"`
	PriorScale           float64 `toml:"prior_scale" range:"(0, 1e6]" comment:"standard deviation, at the start, of the class means in each latent dimension"`
	LearningRate         float64 `toml:"learning_rate" range:"(0, 10]" comment:"Adam's"`
	Schedule             string  `toml:"schedule" range:"constant | cosine" comment:"schedule of the learning rate over the epochs: constant or cosine (to 0 after the last)"`
	Beta1                float64 `toml:"beta1" range:"[0, 0.999999]" comment:"Adam's"`
	Beta2                float64 `toml:"beta2" range:"[0, 0.9999999]" comment:"Adam's"`
	WeightDecay          float64 `toml:"weight_decay" range:"[0, 1e6]" comment:"L2 on the weights of encoder and decoder"`
	PriorWeightDecay     float64 `toml:"prior_weight_decay" range:"[0, 1e6]" comment:"L2 on W_mu and W_sigma"`
	ClipNorm             float64 `toml:"clip_norm" range:"[0, 1e12]" comment:"the gradient is scaled down to this norm; 0 never"`
	Batch                int     `toml:"batch" range:"[1, 1048576]" comment:"mini-batch size; an incomplete mini-batch at the end of an epoch is left out"`
	Epochs               int     `toml:"epochs" range:"[1, 1e9]" comment:"maximum epochs; the number is selected on the validation classes"`
	ShotRepeat           int     `toml:"shot_repeat" range:"[0, 1048576]" comment:"few-shot: repetitions per epoch of each labelled image of an unseen class; 0: as many as give its class the weight of a seen one"`
	Warmup               int     `toml:"warmup" range:"[0, 1e9]" comment:"epochs over which KL and margin are increased to their full weight"`

	Closed        bool      `toml:"closed" comment:"a second, closed-form block of the latent space (zero-shot PLDA), used if it improves accuracy on the validation classes; false is the paper's model"`
	LearnedWeight []float64 `toml:"learned_weight" range:"[0, 1e6]" comment:"grid of the weight of the learned block's score relative to the closed one's, each in its standard deviations; 0: only the closed one; half of it or less if there are images of the candidates"`
	Score         string    `toml:"score" range:"joint | learned | closed" comment:"score of a model with both blocks: joint, learned or closed"`
	plda.Config             // of the closed block; the learned one's transductive settings follow, which hold without it

	TransductiveEpochs int     `toml:"transductive_epochs" range:"[1, 1e9]" comment:"in the transductive setting: maximum passes over the unlabelled images after the inductive epochs; the number is selected on the validation classes"`
	TransductiveRate   float64 `toml:"transductive_rate" range:"(0, 10]" comment:"Adam's learning rate in the transductive epochs"`
	UnlabelledWeight   float64 `toml:"unlabelled_weight" range:"[0, 1e6]" comment:"weight of KL(p||q), which draws the predictions for unlabelled images towards sharpened ones"`
}

const paper = "Wang et al., Zero-shot learning via class-conditioned deep generative models, arXiv 1711.05820, 2017 (AAAI 2018)"

// Spec is the method, SharpSpec the paper's VZSL#, without reconstruction.
var (
	Spec = method.Spec{
		Name: "vzsl", Title: "VZSL", Paper: paper, Own: true,
		Default: method.Of(Default), Presets: map[string]func() method.Config{"paper": method.Of(Paper)},
		Features: method.FeaturesSqrtL2, Attributes: attributes.BothCentreL2,
	}
	SharpSpec = method.Spec{
		Name: "vzsl-sharp", Title: "VZSL#", Paper: paper, Own: true,
		Default: method.Of(defaultSharp), Presets: map[string]func() method.Config{"paper": method.Of(paperSharp)},
		Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
		Settings: "vzsl", Section: "[VZSL](#vzsl) without its first term, the reconstruction: no decoder. The settings are VZSL's, under the same names.\n",
	}
)

// AttributeNorm is the default attribute normalisation: the closed-form block has one of its own.
func (c *Config) AttributeNorm() string {
	if c.Closed {
		return attributes.BothCentreL2
	}
	return attributes.CentreL2
}

// Annotations are what scores depend on beside the weights.
func (c *Config) Annotations() map[string]string {
	exact := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	all := map[string]string{"scale": exact(c.Scale), "log_variance_bound": exact(c.LogVarianceBound)}
	if c.Closed {
		all["score"] = c.Score
	}
	return all
}

// Paper are the settings of the paper as far as it tells them: sizes, latent dimensions, lambda, and its 0.8 of dropout,
// read as the probability to keep. It does not tell rate, batch and epochs.
func Paper() Config {
	return Config{
		Hidden: []int{1000, 1000}, Latent: 100, Scale: 10,
		Margin: 1, Reconstruction: true, ReconstructionWeight: 1, DecoderVariance: "fixed", Samples: 1,
		Keep: 0.8, InputKeep: 1,
		LogVarianceBound: 5, PriorScale: 0.1,
		LearningRate: 3e-4, Schedule: "constant", Beta1: 0.9, Beta2: 0.999,
		ClipNorm: 10, Batch: 64, Epochs: 30,
		LearnedWeight: []float64{1, 0.3, 0}, Score: scoreJoint, Config: plda.Default(),
		TransductiveEpochs: 20, TransductiveRate: 1e-4, UnlabelledWeight: 1,
	}
}

// Default are the settings chosen on validation classes of CUB with VGG-19's fc7: 20 of the 100 seen classes of each of
// three splits, held out in one to three draws, the unseen classes not looked at. What each is worth: docs/results.md.
func Default() Config {
	return Config{
		Hidden: []int{}, Latent: 312, Scale: 10,
		Margin: 0.9, Reconstruction: true, ReconstructionWeight: 0.05, DecoderVariance: "fixed", Samples: 1,
		Keep: 0.5, InputKeep: 1,
		LogVarianceBound: 2, PriorScale: 0.06,
		LearningRate: 2e-3, Schedule: "cosine", Beta1: 0.9, Beta2: 0.999,
		WeightDecay: 0.006,
		ClipNorm:    10, Batch: 256, Epochs: 15,
		Closed: true, LearnedWeight: []float64{1, 0.3, 0}, Score: scoreJoint, Config: closedDefault(),
		TransductiveEpochs: 20, TransductiveRate: 2e-4, UnlabelledWeight: 1,
	}
}

// closedDefault are the closed block's settings beside the learned one. With a few labelled images a larger floor leaves more to
// these: on held-out seen classes the block alone is better without it, both together are with it, by 0.2 points each.
func closedDefault() plda.Config {
	c := plda.Default()
	c.ShotsFloor = []float64{0.3}
	return c
}

// defaultSharp are the default settings without reconstruction, and without the closed-form block.
func defaultSharp() Config { return sharp(Default()) }

// paperSharp are the paper's without reconstruction.
func paperSharp() Config { return sharp(Paper()) }

func sharp(c Config) Config {
	c.Reconstruction, c.Closed = false, false
	return c
}

// Absent: models from before the closed-form block existed have none.
func (c *Config) Absent(lacks func(setting string) bool) {
	if lacks("closed") {
		c.Closed = false
	}
}

// Space is what tuning searches. The reconstruction keeps its weight: 1 is that of the variational bound under a decoder
// of variance 1, and what it counts beside the rest moves with the features' scale. Layers and latent size of quite
// another order are not searched; give them as settings.
func (c *Config) Space() []method.Dimension {
	space := []method.Dimension{
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"centre-l2", "sqrt-centre-l2", "both-centre-l2"}},
		{Setting: "latent", Values: []any{200, 312, 500}},
		{Setting: "scale", Low: 3, High: 20, Log: true},
		{Setting: "margin", Values: []any{0.8, 0.9, 0.95, 1.0}},
		{Setting: "input_keep", Values: []any{0.6, 0.8, 1.0}},
		{Setting: "prior_scale", Low: 0.03, High: 0.12, Log: true},
		{Setting: "learning_rate", Low: 8e-4, High: 5e-3, Log: true},
		{Setting: "weight_decay", Low: 2e-3, High: 2e-2, Log: true},
		{Setting: "log_variance_bound", Values: []any{0.3, 1.0, 2.0}},
	}
	return space
}

// TransductiveSpace is what tuning searches in the transductive setting.
func (c *Config) TransductiveSpace() []method.Dimension {
	if c.Closed {
		return c.Config.TransductiveSpace()
	}
	return []method.Dimension{
		{Setting: "transductive_rate", Low: 3e-5, High: 1e-3, Log: true},
		{Setting: "unlabelled_weight", Low: 0.1, High: 10, Log: true},
	}
}

// Validate explains the first setting that cannot work.
func (c *Config) Validate() error {
	if len(c.Hidden) > 3 {
		return fmt.Errorf("vzsl %w: hidden has %d layers; at most three are possible", method.ErrSetting, len(c.Hidden))
	}
	if c.Margin > 1 {
		// Without reconstruction the loss is (1-lambda) KL_y + lambda CE, CE the cross-entropy of the softmax over -KL.
		return fmt.Errorf("vzsl %w: margin (lambda) = %v is above 1: without reconstruction the loss is (1-lambda) KL + lambda times a cross-entropy, "+
			"so that above 1 it falls without end as all divergences grow; use a value from 0 to 1, the paper's is 1", method.ErrSetting, c.Margin)
	}
	return method.Check("vzsl", c)
}
