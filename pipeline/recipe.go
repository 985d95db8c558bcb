package pipeline

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/extract/model"
	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
	"vzsl/pipeline/usage"
)

// addRecipe are the flags that say how pictures are prepared.
func addRecipe(cmd *cobra.Command, o *model.Overrides) {
	f := cmd.Flags()
	f.StringVar(&o.Recipe, "recipe", "", "preprocessing by `name`: "+usage.Or(preprocess.Presets())+", or a whole recipe's text (default: what the model's folder and file tell)")
	f.StringVar(&o.Size, "size", "", "`pixels` of the network's input, 224 or 320x240 (default: the network's own, else the recipe's)")
	f.StringVar(&o.Resize, "resize", "", "how pictures are resized before the crop: shorter, shorter:256 (that side), exact:256x256, squash (to the input), longest (padded) or none")
	f.StringVar(&o.Crop, "crop", "", "`share` of the resized picture's side that the centre crop takes, 0.875, or the input's size; bbox takes CUB's bounding boxes first (bbox,0.875: both)")
	f.StringVar(&o.Interpolation, "interpolation", "", "filter: "+usage.Or(preprocess.Interpolations()))
	f.StringVar(&o.Rounding, "crop-rounding", "", "where a crop lies that is half a pixel off: even (torchvision) or floor (transformers)")
	f.StringVar(&o.Rescale, "rescale", "", "`factor` of the samples 0 to 255: 1/255, 1, ...")
	f.StringVar(&o.Mean, "mean", "", "`numbers` subtracted then, one or three, in the order of --channels")
	f.StringVar(&o.Std, "std", "", "`numbers` divided by then, one or three")
	f.StringVar(&o.Channels, "channels", "", "what the network gets: "+usage.Or(preprocess.ChannelOrders()))
	f.StringVar(&o.Pad, "pad", "", "colour of what is padded: `R,G,B` (default: the recipe's, else black)")
	f.StringVar(&o.EXIF, "exif", "", "EXIF orientation of pictures: apply or ignore (default: ignore, as published features do)")
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

// findModel finds the network at path; its features are called name, or by what the model tells.
func (c *console) findModel(path, name string) (*model.Model, error) {
	if name != "" {
		if err := usage.FolderName("network", name); err != nil {
			return nil, err
		}
	}
	m, err := model.Find(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s: model file not found; %s", path, whereToGetVGG19)
	case err != nil:
		return nil, err
	}
	if m.Why != "" {
		c.log.Info("model "+m.File, "because", m.Why)
	}
	if name != "" {
		m.Name = name
	}
	if m.Name == "" {
		return nil, usage.Errorf("--network NAME is needed: neither the name of %s nor its folder's says what network it is, and its features are named after that", m.File)
	}
	return m, nil
}

// chooseRecipe finds how the model's pictures are prepared, and says where that comes from.
func (c *console) chooseRecipe(m *model.Model, net *onnx.Network, o model.Overrides) (preprocess.Recipe, error) {
	r, notes, err := m.Recipe(net, o)
	var flags model.FlagError
	if errors.As(err, &flags) {
		return r, usage.Wrap(err)
	}
	if err != nil {
		return r, err
	}
	for _, n := range notes {
		if n.Warning {
			c.log.Warn(n.Text, "because", n.Because)
		} else {
			c.log.Info(n.Text, "because", n.Because)
		}
	}
	return r, nil
}

// turnedNote tells of pictures that carry an EXIF orientation.
func turnedNote(n int, applied bool) string {
	if applied {
		return fmt.Sprintf("%d pictures carry an EXIF orientation and were turned by it", n)
	}
	return fmt.Sprintf("%d pictures carry an EXIF orientation, which was ignored, as published features do; --exif apply turns them", n)
}
