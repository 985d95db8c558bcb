package preprocess

import (
	"fmt"
	"strings"
)

// The constants of the published recipes, in the order of the network's channels.
var (
	imageNetMean  = [3]float64{0.485, 0.456, 0.406}
	imageNetStd   = [3]float64{0.229, 0.224, 0.225}
	clipMean      = [3]float64{0.48145466, 0.4578275, 0.40821073}
	clipStd       = [3]float64{0.26862954, 0.26130258, 0.27577711}
	caffeMean     = [3]float64{103.939, 116.779, 123.68} // blue, green, red
	half          = [3]float64{0.5, 0.5, 0.5}
	zeros         = [3]float64{0, 0, 0}
	ones          = [3]float64{1, 1, 1}
	unit          = 1.0 / 255
	defaultRecipe = Recipe{Resize: ResizeShorter, Interpolation: bilinear, Rounding: RoundEven,
		Channels: ChannelsRGB, Rescale: unit, Mean: imageNetMean, Std: imageNetStd}
)

// preset is a published recipe for any input size.
type preset struct {
	name, about string
	recipe      Recipe  // without its sizes
	share       float64 // of the resized image that the input is; the resized size is rounded down
	size        int     // usual input size
}

var presets = []preset{
	{"torchvision", "shorter side to 256/224 of the input, bilinear, centre crop, RGB, ImageNet's mean and std", defaultRecipe, 224. / 256, 224},
	{"caffe", "whole image squashed to the input, bilinear, BGR minus Caffe's mean", caffe(ResizeExact), 1, 224},
	{"caffe-crop", "shorter side to 256/224 of the input, bilinear, centre crop, BGR minus Caffe's mean", caffe(ResizeShorter), 224. / 256, 224},
	{"clip", "shorter side to the input, bicubic, centre crop, RGB, CLIP's mean and std", with(ResizeShorter, bicubic, clipMean, clipStd), 1, 224},
	{"siglip", "whole image squashed to the input, bicubic, RGB, mean and std 0.5", with(ResizeExact, bicubic, half, half), 1, 224},
	{"dinov2", "shorter side to 256/224 of the input, bicubic, centre crop, RGB, ImageNet's mean and std", with(ResizeShorter, bicubic, imageNetMean, imageNetStd), 224. / 256, 224},
	{"timm-inception", "shorter side to 1/0.875 of the input, bicubic, centre crop, RGB, mean and std 0.5", with(ResizeShorter, bicubic, half, half), 0.875, 299},
}

func with(how Resize, i Interpolation, mean, std [3]float64) Recipe {
	r := defaultRecipe
	r.Resize, r.Interpolation, r.Mean, r.Std = how, i, mean, std
	return r
}

func caffe(how Resize) Recipe {
	r := with(how, bilinear, caffeMean, ones)
	r.Channels, r.Rescale = ChannelsBGR, 1
	return r
}

// Presets are the names that Preset knows.
func Presets() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// PresetHelp says what a preset does, in one line.
func PresetHelp(name string) string {
	p, err := findPreset(name)
	if err != nil {
		return ""
	}
	return p.about
}

func findPreset(name string) (*preset, error) {
	for i := range presets {
		if presets[i].name == name {
			return &presets[i], nil
		}
	}
	return nil, fmt.Errorf("unknown preprocessing recipe %q: choose one of %s", name, strings.Join(Presets(), ", "))
}

// Preset is the published recipe of that name for inputs of width x height; 0 x 0 stands for its usual size.
func Preset(name string, width, height int) (Recipe, error) {
	p, err := findPreset(name)
	if err != nil {
		return Recipe{}, err
	}
	if width == 0 && height == 0 {
		width, height = p.size, p.size
	}
	r := p.recipe.sized(width, height, p.share)
	if err := r.check(); err != nil {
		return Recipe{}, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// sized is the recipe for inputs of width x height that are share of the resized image on each side.
func (r Recipe) sized(width, height int, share float64) Recipe {
	r.Width, r.Height = width, height
	if r.Resize != ResizeNone {
		r.ResizeW, r.ResizeH = shared(width, share), shared(height, share)
	}
	return r
}

// shared is floor(size/share), as timm has it; the shares that are 224/256 are computed in whole numbers.
func shared(size int, share float64) int {
	if share == 224./256 {
		return size * 256 / 224
	}
	return int(float64(size) / share)
}
