package pipeline

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/extract/model"
	"vzsl/extract/preprocess"
	"vzsl/pipeline/usage"
)

// addRecipe are the flags that say how images are prepared.
func addRecipe(cmd *cobra.Command, o *model.Overrides) {
	f := cmd.Flags()
	f.StringVar(&o.Recipe, "recipe", "", "preprocessing by `name`: "+usage.Or(preprocess.Presets())+", or the text of a whole recipe (default: from the model's folder and file)")
	f.StringVar(&o.Size, "size", "", "`pixels` of the network's input, 224 or 320x240 (default: the network's own, otherwise the recipe's)")
	f.StringVar(&o.Resize, "resize", "", "how images are resized before the crop: shorter, shorter:256 (that side), exact:256x256, squash (to the input), longest (padded) or none")
	f.StringVar(&o.Crop, "crop", "", "`fraction` of the resized image's side for the centre crop, such as 0.875, or the input's size; bbox first crops to CUB's bounding boxes (bbox,0.875: both)")
	f.StringVar(&o.Interpolation, "interpolation", "", "filter: "+usage.Or(preprocess.Interpolations()))
	f.StringVar(&o.Rounding, "crop-rounding", "", "rounding of crop offsets at half a pixel: even (torchvision) or floor (transformers)")
	f.StringVar(&o.Rescale, "rescale", "", "`factor` that samples from 0 to 255 are multiplied by: 1/255, 1, ...")
	f.StringVar(&o.Mean, "mean", "", "`numbers` subtracted after rescaling, one or three, in the order of --channels")
	f.StringVar(&o.Std, "std", "", "`numbers` to divide by after that, one or three")
	f.StringVar(&o.Channels, "channels", "", "channels of the network's input: "+usage.Or(preprocess.ChannelOrders()))
	f.StringVar(&o.Pad, "pad", "", "padding colour `R,G,B` (default: the recipe's, otherwise black)")
	f.StringVar(&o.EXIF, "exif", "", "EXIF orientation of images: apply or ignore (default: ignore, as published features do)")
	for flag, words := range map[string][]string{"recipe": preprocess.Presets(), "interpolation": preprocess.Interpolations(), "channels": preprocess.ChannelOrders(),
		"exif": {"apply", "ignore"}, "crop-rounding": {"even", "floor"}, "resize": {"shorter", "exact", "squash", "longest", "none"}, "crop": {"bbox"}} {
		must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// splitCrop takes bbox, which is of the dataset, out of --crop; none stands for nothing.
func (o *extractOptions) splitCrop() {
	words := strings.Split(o.prepared.Crop, ",")
	o.bbox = slices.Contains(words, "bbox")
	words = slices.DeleteFunc(words, func(w string) bool { return w == "bbox" || w == "none" })
	o.prepared.Crop = strings.Join(words, ",")
}
