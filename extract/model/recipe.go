package model

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"vzsl/extract/onnx"
	"vzsl/extract/preprocess"
)

// Overrides are what a user says of the preprocessing, each as its flag's text; "" for what is not said.
type Overrides struct {
	Recipe string // a preset's name, a preset with its size (caffe-224) or a whole recipe's text
	Size   string // 224 or 320x240
	Resize string // shorter, exact, longer or none, perhaps with its size: shorter:256
	Crop   string // the share of the resized image that the input is, or the input's size
	Interpolation, Rounding,
	Rescale, Mean, Std, Channels, Pad, EXIF string
}

// Note says where a recipe comes from, or what to mind of it.
type Note struct {
	Warning bool
	Text    string
	Because string
}

// ErrUnknownRecipe is wrapped by the error of a network of which nothing tells how its images are prepared, or only what cannot
// be done here; the flags have to say it.
var ErrUnknownRecipe = errors.New("how its images are preprocessed must be given")

// A FlagError is what the flags say wrongly, or lack.
type FlagError struct{ error }

func (e FlagError) Unwrap() error { return e.error }

// flags names what says it.
const flags = "--recipe NAME, or --resize, --crop, --interpolation, --rescale, --mean, --std, --channels"

// Recipe is how the network's images are prepared. In this order: what the user says; the files beside it
// (preprocess.ConfigFiles); what the network itself does at its input; what its file tells; a guess, which a note says.
func (m *Model) Recipe(net *onnx.Network, o Overrides) (preprocess.Recipe, []Note, error) {
	c := chooser{m: m, net: net, in: net.Input(), o: o}
	if err := c.possible(); err != nil {
		return preprocess.Recipe{}, nil, fmt.Errorf("%s: %w", m.File, err)
	}
	r, err := c.choose()
	if err == nil {
		err = c.override(&r)
	}
	if err != nil {
		return preprocess.Recipe{}, nil, FlagError{fmt.Errorf("%s: %w", m.File, err)}
	}
	if err := c.fit(&r); err != nil {
		return preprocess.Recipe{}, nil, fmt.Errorf("%s: %w", m.File, err)
	}
	return r, c.notes, nil
}

type chooser struct {
	m     *Model
	net   *onnx.Network
	in    onnx.Input
	o     Overrides
	notes []Note
	w, h  int  // of the input; 0 where it is open and was not said
	said  bool // by the user
}

func (c *chooser) note(warning bool, because, format string, args ...any) {
	c.notes = append(c.notes, Note{warning, fmt.Sprintf(format, args...), because})
}

// size settles the input's size by the network and the user.
func (c *chooser) size() error {
	c.w, c.h = c.in.Width, c.in.Height
	flag, said := "--size", c.o.Size
	if share, err := strconv.ParseFloat(c.o.Crop, 64); said == "" && (err != nil || share > 1) {
		flag, said = "--crop", c.o.Crop
	}
	if said == "" {
		return nil
	}
	w, h, err := preprocess.ParseSize(said)
	if err != nil && flag == "--crop" {
		return fmt.Errorf("--crop %s: expected a fraction of the resized image (0.875), the input's size (224) or, for CUB, bbox", said)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, said, err)
	}
	if c.w > 0 && w != c.w || c.h > 0 && h != c.h {
		return fmt.Errorf("%s %s: its input is fixed at %d x %d (width x height)", flag, said, c.in.Width, c.in.Height)
	}
	c.w, c.h, c.said = w, h, true
	return nil
}

// possible refuses networks that no recipe is for.
func (c *chooser) possible() error {
	switch n := c.in.Channels; {
	case n != 0 && n != 1 && n != 3:
		return fmt.Errorf("the network takes images of %d channels; supported are 3 channels (RGB, BGR) or 1 (grey): export it for one of these", n)
	case c.in.Width > 0 != (c.in.Height > 0):
		return fmt.Errorf("the network's input is %d x %d, with one dynamic side (0): export it with both sides fixed, or both dynamic", c.in.Width, c.in.Height)
	}
	return nil
}

// choose finds the recipe that the flags start from.
func (c *chooser) choose() (r preprocess.Recipe, err error) {
	if err := c.size(); err != nil {
		return r, err
	}
	told, why := c.net.Recipe()
	if name := c.o.Recipe; name != "" {
		if r, err = c.named(name); err != nil {
			return r, err
		}
		if told != "" && !c.net.GuessedRecipe() && !strings.HasPrefix(name, told) && !strings.Contains(name, "=") {
			c.note(true, why, "--recipe %s differs from what the network specifies, %s", name, told)
		}
		return r, nil
	}
	for _, file := range preprocess.ConfigFiles {
		b, path, err := c.m.read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			r, err = preprocess.FromConfig(file, b, c.w, c.h)
		}
		if errors.Is(err, preprocess.ErrNoRecipe) {
			continue
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w: %w: %s", path, err, ErrUnknownRecipe, flags)
		}
		switch same := r.Width == c.w && r.Height == c.h; {
		case c.w > 0 && !same && c.said:
			c.note(false, path, "made for images of %d x %d, resized and cropped in the same proportion to %d x %d", r.Width, r.Height, c.w, c.h)
			r.ResizeW, r.ResizeH = r.ResizeW*c.w/r.Width, r.ResizeH*c.h/r.Height
			r.Width, r.Height = c.w, c.h
		case c.w > 0 && !same:
			return r, fmt.Errorf("%s makes images of %d x %d, the network's input is %d x %d: %w: --size %dx%d (in proportion), or %s", path, r.Width, r.Height, c.w, c.h, ErrUnknownRecipe, c.w, c.h, flags)
		}
		if c.m.shared() {
			c.note(true, path, "preprocessing taken from %s, which is beside several networks: check that it belongs to this one; %s set it", file, flags)
		} else {
			c.note(false, path, "preprocessing taken from %s", file)
		}
		return r, nil
	}
	if n := c.net.Normalisation(); n != nil {
		if r, err = c.preset("torchvision"); err != nil {
			return r, err
		}
		r.Mean, r.Std, r.Rescale = [3]float64{}, [3]float64{1, 1, 1}, n.Most/255
		if c.in.Channels == 1 {
			r.Channels = preprocess.ChannelsGrey
		} else if n.BGR() {
			r.Channels = preprocess.ChannelsBGR
		}
		c.note(true, n.String(), "values are %s of 0 to %g; how the image is resized is a guess: as by torchvision", r.Channels, n.Most)
		return r, nil
	}
	if told != "" && c.in.Channels != 1 {
		if c.net.GuessedRecipe() {
			c.note(true, why, "preprocessing is a guess: %s's; %s set it", told, flags)
		} else {
			c.note(false, why, "preprocessing recipe %s", told)
		}
		return c.preset(told)
	}
	if c.o.Mean != "" || c.o.Std != "" || c.o.Rescale != "" {
		if r, err = c.preset("torchvision"); err != nil {
			return r, err
		}
		r.Mean, r.Std = [3]float64{}, [3]float64{1, 1, 1}
		if c.in.Channels == 1 {
			r.Channels = preprocess.ChannelsGrey
		}
		c.note(true, "it is not known", "what the flags do not set of preprocessing is a guess: resized as by torchvision, values of 0 to 1")
		return r, nil
	}
	if c.in.Channels == 1 {
		return r, fmt.Errorf("the network takes images of 1 channel (grey), and the range of their values is not known: %w: --channels grey with --rescale 1/255 (values of 0 to 1) or --rescale 1 (0 to 255), and --mean and --std if it wants them", ErrUnknownRecipe)
	}
	return r, fmt.Errorf("%s: %w: --recipe is needed (one of %s), or %s", why, ErrUnknownRecipe, strings.Join(preprocess.Presets(), ", "), strings.TrimPrefix(flags, "--recipe NAME, or "))
}

// named is the recipe that --recipe names.
func (c *chooser) named(name string) (preprocess.Recipe, error) {
	for _, p := range preprocess.Presets() {
		if p == name {
			return c.preset(name)
		}
	}
	r, err := preprocess.Parse(name)
	if err != nil {
		if !strings.Contains(name, "=") {
			err = fmt.Errorf("unknown recipe %q: choose one of %s, or give a whole recipe's text", name, strings.Join(preprocess.Presets(), ", "))
		}
		return r, err
	}
	if c.w > 0 && (r.Width != c.w || r.Height != c.h) {
		return r, fmt.Errorf("--recipe %s makes images of %d x %d, its input is %d x %d", name, r.Width, r.Height, c.w, c.h)
	}
	return r, nil
}

func (c *chooser) preset(name string) (preprocess.Recipe, error) {
	r, err := preprocess.Preset(name, c.w, c.h)
	if err == nil && c.w == 0 {
		c.note(false, "the network's input size is dynamic; --size sets another", "images of %d x %d", r.Width, r.Height)
	}
	return r, err
}

// override applies the flags.
func (c *chooser) override(r *preprocess.Recipe) error {
	o := &c.o
	if o.Resize != "" {
		how, to, sized := strings.Cut(o.Resize, ":")
		switch how {
		case "squash":
			how = string(preprocess.ResizeExact)
		case "longest":
			how = string(preprocess.ResizeLonger)
		case "shortest":
			how = string(preprocess.ResizeShorter)
		}
		switch {
		case sized:
			how += ":" + to
		case how == string(preprocess.ResizeShorter) && r.Resize == preprocess.ResizeShorter:
			how += fmt.Sprintf(":%dx%d", r.ResizeW, r.ResizeH)
		case how != string(preprocess.ResizeNone):
			how += fmt.Sprintf(":%dx%d", r.Width, r.Height)
		}
		if err := r.Set("resize", how); err != nil {
			return fmt.Errorf("--resize %s: %w", o.Resize, err)
		}
	}
	if share, err := strconv.ParseFloat(o.Crop, 64); err == nil && share <= 1 {
		if !(share > 0.05) {
			return fmt.Errorf("--crop %s: expected the input's fraction of the resized image's side (0.875), or the input's size", o.Crop)
		}
		if r.Resize == preprocess.ResizeNone {
			return fmt.Errorf("--crop %s: a fraction of the resized image, but --resize none does not resize", o.Crop)
		}
		r.ResizeW, r.ResizeH = int(math.Floor(float64(r.Width)/share)), int(math.Floor(float64(r.Height)/share))
	}
	if o.Channels != "" {
		was := r.Channels
		if err := r.Set("channels", o.Channels); err != nil {
			return err
		}
		if was != r.Channels && was != preprocess.ChannelsGrey && r.Channels != preprocess.ChannelsGrey { // the colours keep their values
			r.Mean[0], r.Mean[2] = r.Mean[2], r.Mean[0]
			r.Std[0], r.Std[2] = r.Std[2], r.Std[0]
		}
	}
	for key, value := range map[string]string{"interpolation": o.Interpolation, "crop": o.Rounding, "rescale": o.Rescale, "mean": o.Mean, "std": o.Std, "pad": o.Pad, "exif": o.EXIF} {
		if value != "" {
			if err := r.Set(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// fit holds the recipe against the network.
func (c *chooser) fit(r *preprocess.Recipe) error {
	n := r.Channels.Count()
	if c.in.Channels == 1 && n == 3 {
		return fmt.Errorf("the network takes images of 1 channel (grey), the recipe gives 3 (%s): --channels grey, with --rescale, --mean and --std of one value each", r.Channels)
	}
	if c.in.Channels == 3 && n == 1 {
		return errors.New("the network takes images of 3 channels, the recipe gives grey ones: --channels rgb or bgr")
	}
	if n == 1 && (r.Mean[0] != r.Mean[1] || r.Mean[1] != r.Mean[2] || r.Std[0] != r.Std[1] || r.Std[1] != r.Std[2]) {
		return fmt.Errorf("grey images have 1 channel, the recipe's mean and std are for 3: --mean and --std of one value each")
	}
	if err := r.Check(); err != nil {
		return err
	}
	if own := c.net.Normalisation(); own != nil {
		most := 255 * r.Rescale
		if r.Mean != ([3]float64{}) || r.Std != ([3]float64{1, 1, 1}) || math.Abs(most-own.Most) > 0.01*own.Most {
			c.note(true, own.String(), "the recipe gives it other values: %s", r)
		}
	}
	return nil
}
