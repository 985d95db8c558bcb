package preprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ConfigFiles are the files beside a network that say how its images are prepared, in the order in which they count.
var ConfigFiles = []string{"preprocessor_config.json", "processor_config.json", "config.json", "open_clip_config.json"}

// ErrNoRecipe is wrapped by the error of a config file that does not speak of images.
var ErrNoRecipe = errors.New("has no preprocessing")

// FromConfig reads the recipe in one of ConfigFiles: Hugging Face's of image processors and of the older feature extractors,
// timm's and OpenCLIP's. width and height are the network's fixed input size, 0 x 0 if that is open. What a
// file asks for that no recipe can do is an error, as is a part of which nothing is known.
func FromConfig(name string, data []byte, width, height int) (Recipe, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return Recipe{}, fmt.Errorf("not a JSON object: %w", err)
	}
	var bad error
	c := &config{keys: top, width: width, height: height, err: &bad}
	var r Recipe
	switch {
	case name == "preprocessor_config.json":
		r = c.processor()
	case name == "processor_config.json":
		inner, ok := c.object("image_processor")
		if !ok {
			return r, ErrNoRecipe
		}
		r = inner.processor()
	case name == "open_clip_config.json":
		r = c.openCLIP()
	case c.has("pretrained_cfg") || c.has("architecture"):
		r = c.timm()
	default:
		return r, ErrNoRecipe
	}
	if bad == nil {
		bad = r.check()
	}
	return r, bad
}

// config reads the keys of a JSON object; the first error stays.
type config struct {
	keys          map[string]json.RawMessage
	width, height int
	err           *error // shared with the objects within
}

func (c *config) fail(format string, args ...any) {
	if *c.err == nil {
		*c.err = fmt.Errorf(format, args...)
	}
}

// has reports whether a key is there and not null.
func (c *config) has(key string) bool {
	v, ok := c.keys[key]
	return ok && string(v) != "null"
}

// object is the object of a key.
func (c *config) object(key string) (*config, bool) {
	inner := *c
	inner.keys = nil
	if !c.has(key) || json.Unmarshal(c.keys[key], &inner.keys) != nil {
		return nil, false
	}
	return &inner, true
}

// get reads a key into v, which stays where the key is absent.
func (c *config) get(key string, v any) {
	if c.has(key) {
		if err := json.Unmarshal(c.keys[key], v); err != nil {
			c.fail("%s: %w", key, err)
		}
	}
}

func (c *config) flag(key string, def bool) bool {
	c.get(key, &def)
	return def
}

// channels reads one number or three.
func (c *config) channels(key string) (v [3]float64, there bool) {
	var many []float64
	var one float64
	switch raw := c.keys[key]; {
	case !c.has(key):
		return v, false
	case json.Unmarshal(raw, &one) == nil:
		return [3]float64{one, one, one}, true
	case json.Unmarshal(raw, &many) == nil && len(many) == 3:
		return [3]float64(many), true
	case len(many) == 1:
		return [3]float64{many[0], many[0], many[0]}, true
	}
	c.fail("%s: expected one number or three", key)
	return v, false
}

// size is a size as image processors write it.
type size struct {
	w, h    int // a size that is meant whole
	shorter int
	plain   bool // a bare number, whose meaning the processor's kind tells
}

func (c *config) size(key string) (s size) {
	if !c.has(key) {
		return s
	}
	var n int
	var list []int
	var object struct {
		Height, Width int
		Shortest      int `json:"shortest_edge"`
		Longest       int `json:"longest_edge"`
	}
	raw := c.keys[key]
	switch {
	case json.Unmarshal(raw, &n) == nil:
		s = size{w: n, h: n, plain: true}
	case json.Unmarshal(raw, &list) == nil && len(list) == 2:
		s = size{w: list[1], h: list[0]} // height first
	case json.Unmarshal(raw, &object) == nil && object.Longest == 0 && object.Shortest > 0 && object.Height == 0:
		s = size{shorter: object.Shortest}
	case json.Unmarshal(raw, &object) == nil && object.Longest == 0 && object.Height > 0 && object.Width > 0:
		s = size{w: object.Width, h: object.Height}
	default:
		c.fail("%s %s is not understood", key, compact(raw))
	}
	if max(s.w, s.h, s.shorter) > maxSize || min(s.w, s.h, s.shorter) < 0 {
		c.fail("%s %s is not within 1..%d", key, compact(raw), maxSize)
	}
	return s
}

func compact(raw json.RawMessage) string {
	s := strings.Join(strings.Fields(string(raw)), " ")
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return s
}

// kindOf is what a processor's name tells and its file leaves out.
type kindOf struct {
	shorter bool // a bare number is the shorter side
	crops   bool // a centre crop where the file does not say
	resample,
	size int
	raw  bool     // no mean and std, where the file does not say
	only []string // keys that change the images in ways that only this kind knows, and that are minded here
}

// processors are Hugging Face's, by their names without FeatureExtractor, ImageProcessor and Fast.
var processors = map[string]kindOf{
	"CLIP":         {shorter: true, crops: true, resample: 3, size: 224},
	"ChineseCLIP":  {shorter: true, crops: true, resample: 3, size: 224},
	"Bit":          {shorter: true, crops: true, resample: 3, size: 224},
	"ViT":          {resample: 2, size: 224},
	"ViTHybrid":    {shorter: true, crops: true, resample: 3, size: 224},
	"DeiT":         {crops: true, resample: 3, size: 256},
	"Beit":         {resample: 3, size: 256},
	"Siglip":       {resample: 3, size: 224},
	"Blip":         {resample: 3, size: 384},
	"ConvNext":     {shorter: true, resample: 2, size: 384, only: []string{"crop_pct"}},
	"MobileNetV1":  {shorter: true, crops: true, resample: 2, size: 256},
	"MobileNetV2":  {shorter: true, crops: true, resample: 2, size: 256},
	"MobileViT":    {shorter: true, crops: true, resample: 2, size: 224, raw: true, only: []string{"do_flip_channel_order"}},
	"Levit":        {shorter: true, crops: true, resample: 3, size: 224},
	"EfficientNet": {resample: 0, size: 346, only: []string{"rescale_offset", "include_top"}},
	"DINOv3ViT":    {resample: 2, size: 224},
	"Segformer":    {resample: 2, size: 512, only: []string{"reduce_labels", "do_reduce_labels"}},
}

// pilFilters are PIL's numbers of the filters.
var pilFilters = []Interpolation{nearest, lanczos, bilinear, bicubic, box, hamming}

// processor reads preprocessor_config.json.
func (c *config) processor() Recipe {
	r := defaultRecipe
	r.Rounding = RoundDown
	var name string
	c.get("feature_extractor_type", &name)
	c.get("image_processor_type", &name)
	fast := strings.HasSuffix(name, "Fast")
	short := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "Fast"), "ImageProcessor"), "FeatureExtractor")
	kind, known := processors[short]
	if short == "TimmWrapper" {
		return c.timm()
	}
	if !known && !c.has("size") && !c.has("crop_size") {
		c.fail("the processor %q is not known and no size is given", name)
		return r
	}
	for _, key := range []string{"do_pad", "do_thumbnail", "do_align_long_axis", "do_flip_channel_order", "rescale_offset", "crop_pct", "do_image_splitting", "do_color_quantize", "do_grayscale", "keep_aspect_ratio", "max_num_patches", "patch_size", "min_pixels", "max_pixels"} {
		if slices.Contains(kind.only, key) || !c.has(key) || string(c.keys[key]) == "false" {
			continue
		}
		c.fail("%s = %s of the processor %q is not understood", key, compact(c.keys[key]), name)
	}
	if fast { // torchvision, on tensors
		r.Rounding = RoundEven
	}
	resample := kind.resample
	if !known {
		resample = -1
	}
	c.get("resample", &resample)
	if c.flag("do_resize", true) {
		if resample < 0 || resample >= len(pilFilters) {
			c.fail("resample is missing")
			return r
		}
		r.Interpolation = pilFilters[resample]
		if fast && r.Interpolation == bilinear {
			r.Interpolation = bilinearTensor
		}
		if fast && r.Interpolation == bicubic {
			r.Interpolation = bicubicTensor
		}
	}
	s, crop := c.size("size"), c.size("crop_size")
	if s == (size{}) {
		s = size{w: kind.size, h: kind.size, plain: true}
	}
	if s.plain && !known {
		c.fail("size %d may mean both sides or the shorter one, and the processor %q is not known", s.w, name)
	}
	if s.plain && kind.shorter {
		s = size{shorter: s.w}
	}
	crops := c.flag("do_center_crop", kind.crops || !known && c.has("crop_size"))
	if crops && crop == (size{}) {
		crop = size{w: 224, h: 224}
	}
	switch {
	case !c.flag("do_resize", true):
		r.Resize = ResizeNone
	case short == "ConvNext": // below 384 a share of the shorter side, from there on the whole
		share := 224. / 256
		c.get("crop_pct", &share)
		if !(share > 0.1 && share <= 1) {
			c.fail("crop_pct %v", share)
			return r
		}
		n := max(s.shorter, s.w)
		crops, crop = true, size{w: n, h: n}
		r.Resize, r.ResizeW = ResizeExact, n
		if n < 384 {
			r.Resize, r.ResizeW = ResizeShorter, int(float64(n)/share)
		}
		r.ResizeH = r.ResizeW
	case s.shorter > 0:
		n := s.shorter
		if short == "Levit" {
			n = 256 * n / 224
		}
		r.Resize, r.ResizeW, r.ResizeH = ResizeShorter, n, n
	default:
		r.Resize, r.ResizeW, r.ResizeH = ResizeExact, s.w, s.h
	}
	switch {
	case crops:
		r.Width, r.Height = crop.w, crop.h
	case r.Resize == ResizeExact:
		r.Width, r.Height = r.ResizeW, r.ResizeH
	default:
		c.fail("without do_center_crop its images have different sizes")
	}
	r.Rescale = 1
	if c.flag("do_rescale", true) {
		r.Rescale = unit
		c.get("rescale_factor", &r.Rescale)
	}
	r.Mean, r.Std = zeros, ones
	if c.flag("do_normalize", !kind.raw) {
		mean, a := c.channels("image_mean")
		std, b := c.channels("image_std")
		if !a || !b {
			c.fail("image_mean and image_std are missing")
		}
		r.Mean, r.Std = mean, std
	}
	if c.flag("do_flip_channel_order", false) || short == "MobileViT" && !c.has("do_flip_channel_order") {
		r.Channels = ChannelsBGR
	}
	if short == "EfficientNet" {
		c.efficientNet(&r)
	}
	return r
}

// efficientNet knows two ways of its own: an offset of -1 behind the rescaling, and a second division by the deviation.
func (c *config) efficientNet(r *Recipe) {
	if c.flag("rescale_offset", false) {
		for i := range 3 {
			r.Mean[i]++
		}
	}
	if c.flag("include_top", true) && c.flag("do_normalize", true) {
		for i := range 3 {
			r.Std[i] *= r.Std[i]
		}
	}
}

// timm reads the config.json of timm's models, in both forms: the values in pretrained_cfg, or at the top.
func (c *config) timm() Recipe {
	r := defaultRecipe
	if inner, ok := c.object("pretrained_cfg"); ok {
		c = inner
	}
	if !c.has("mean") || !c.has("std") {
		c.fail("timm's mean and std are missing")
		return r
	}
	r.Mean, _ = c.channels("mean")
	r.Std, _ = c.channels("std")
	input := []int{3, 224, 224}
	c.get("input_size", &input)
	if len(input) != 3 || input[0] != 3 && input[0] != 1 {
		c.fail("input_size %v is not understood", input)
		return r
	}
	w, h := input[2], input[1]
	if c.width > 0 && c.height > 0 { // exported for another size
		w, h = c.width, c.height
	}
	if input[0] == 1 {
		r.Channels = ChannelsGrey
	}
	interpolation, share, mode := "bilinear", 0.875, "center"
	c.get("interpolation", &interpolation)
	c.get("crop_pct", &share)
	c.get("crop_mode", &mode)
	if interpolation == "random" || interpolation == "" {
		interpolation = "bilinear"
	}
	r.Interpolation = Interpolation(interpolation)
	if !(share > 0.1 && share <= 1) || min(w, h) < 1 || max(w, h) > maxSize {
		c.fail("crop_pct %v, input_size %v", share, input)
		return r
	}
	switch mode {
	case "center", "":
		r.Resize = ResizeShorter
	case "squash":
		r.Resize = ResizeExact
	case "border": // padded by the mean colour
		r.Resize = ResizeLonger
		for i := range 3 {
			r.Pad[i] = uint8(min(max(math.RoundToEven(255*r.Mean[i]), 0), 255))
		}
	default:
		c.fail("crop_mode %q is not understood", mode)
	}
	r = r.sized(w, h, share)
	if r.Resize == ResizeShorter && r.ResizeW != r.ResizeH {
		r.Interpolation = bilinear // timm's own default, whatever the config says
	}
	return r
}

// openCLIP reads open_clip_config.json.
func (c *config) openCLIP() Recipe {
	r := with(ResizeShorter, bicubic, clipMean, clipStd)
	n := size{w: 224, h: 224}
	if model, ok := c.object("model_cfg"); ok {
		if vision, ok := model.object("vision_cfg"); ok {
			if s := vision.size("image_size"); s != (size{}) {
				n = s
			}
		}
	}
	if p, ok := c.object("preprocess_cfg"); ok {
		c := p
		if s := c.size("size"); s != (size{}) {
			n = s
		}
		interpolation, mode, fill := "bicubic", "shortest", 0
		c.get("interpolation", &interpolation)
		c.get("resize_mode", &mode)
		c.get("fill_color", &fill)
		if interpolation == "bilinear" {
			r.Interpolation = bilinear
		}
		switch mode {
		case "shortest":
		case "longest":
			r.Resize = ResizeLonger
		case "squash":
			r.Resize = ResizeExact
		default:
			c.fail("resize_mode %q is not understood", mode)
		}
		r.Pad = [3]uint8{uint8(fill), uint8(fill), uint8(fill)}
		if v, ok := c.channels("mean"); ok {
			r.Mean = v
		}
		if v, ok := c.channels("std"); ok {
			r.Std = v
		}
	} else if !c.has("model_cfg") {
		c.fail("%w", ErrNoRecipe)
	}
	if n.w < 1 || n.h < 1 {
		c.fail("the size is not understood")
	}
	return r.sized(n.w, n.h, 1)
}
