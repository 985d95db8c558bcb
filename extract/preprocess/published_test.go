package preprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"vzsl/features"
)

// TestPublishedConfigs: config files as they are published, and what they come to.
func TestPublishedConfigs(t *testing.T) {
	const imageNet, clip, half = "mean=0.485,0.456,0.406 std=0.229,0.224,0.225", "mean=0.48145466,0.4578275,0.40821073 std=0.26862954,0.26130258,0.27577711", "mean=0.5,0.5,0.5 std=0.5,0.5,0.5"
	mean := `"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]`
	clipMean := `"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]`
	halves := `"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]`
	for _, c := range []struct {
		what, file, json string
		w, h             int // the network's
		want             string
	}{
		{"CLIP, feature extractor", "preprocessor_config.json",
			`{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true, "feature_extractor_type": "CLIPFeatureExtractor", ` + clipMean + `, "resample": 3, "size": 224}`, 224, 224,
			"size=224x224 resize=shorter:224 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + clip},
		{"CLIP, image processor", "preprocessor_config.json",
			`{"crop_size": {"height": 336, "width": 336}, "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "image_processor_type": "CLIPImageProcessor", ` + clipMean + `, "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 336}}`, 0, 0,
			"size=336x336 resize=shorter:336 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + clip},
		{"CLIP, fast", "preprocessor_config.json",
			`{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "image_processor_type": "CLIPImageProcessorFast", ` + clipMean + `, "resample": 3, "size": {"shortest_edge": 224}}`, 0, 0,
			"size=224x224 resize=shorter:224 interpolation=bicubic-tensor crop=even channels=rgb rescale=1/255 " + clip},
		{"DINOv2", "preprocessor_config.json",
			`{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "image_processor_type": "BitImageProcessor", ` + mean + `, "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}}`, 0, 0,
			"size=224x224 resize=shorter:256 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + imageNet},
		{"SigLIP", "preprocessor_config.json",
			`{"do_normalize": true, "do_rescale": true, "do_resize": true, "image_processor_type": "SiglipImageProcessor", ` + halves + `, "processor_class": "SiglipProcessor", "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"height": 384, "width": 384}}`, 384, 384,
			"size=384x384 resize=exact:384x384 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + half},
		{"ViT, feature extractor", "preprocessor_config.json",
			`{"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor", ` + halves + `, "resample": 2, "size": 224}`, 0, 0,
			"size=224x224 resize=exact:224x224 interpolation=bilinear crop=floor channels=rgb rescale=1/255 " + half},
		{"DeiT", "preprocessor_config.json",
			`{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true, "feature_extractor_type": "DeiTFeatureExtractor", ` + mean + `, "resample": 3, "size": 256}`, 0, 0,
			"size=224x224 resize=exact:256x256 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + imageNet},
		{"ConvNeXt below 384", "preprocessor_config.json",
			`{"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "feature_extractor_type": "ConvNextFeatureExtractor", ` + mean + `, "resample": 3, "size": 224}`, 0, 0,
			"size=224x224 resize=shorter:256 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + imageNet},
		{"ConvNeXt at 384", "preprocessor_config.json",
			`{"crop_pct": 0.875, "image_processor_type": "ConvNextImageProcessor", ` + mean + `, "resample": 3, "size": {"shortest_edge": 384}}`, 0, 0,
			"size=384x384 resize=exact:384x384 interpolation=bicubic crop=floor channels=rgb rescale=1/255 " + imageNet},
		{"MobileViT", "preprocessor_config.json",
			`{"crop_size": {"height": 256, "width": 256}, "do_center_crop": true, "do_flip_channel_order": true, "do_rescale": true, "do_resize": true, "image_processor_type": "MobileViTImageProcessor", "resample": 2, "size": {"shortest_edge": 288}}`, 0, 0,
			"size=256x256 resize=shorter:288 interpolation=bilinear crop=floor channels=bgr rescale=1/255 mean=0,0,0 std=1,1,1"},
		{"within a processor", "processor_config.json",
			`{"image_processor": {"image_processor_type": "SiglipImageProcessorFast", ` + halves + `, "resample": 2, "size": {"height": 224, "width": 224}}, "processor_class": "SiglipProcessor"}`, 0, 0,
			"size=224x224 resize=exact:224x224 interpolation=bilinear-tensor crop=even channels=rgb rescale=1/255 " + half},
		{"timm", "config.json",
			`{"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {"tag": "a1_in1k", "input_size": [3, 224, 224], "test_input_size": [3, 288, 288], "fixed_input_size": false, "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}`, 0, 0,
			"size=224x224 resize=shorter:235 interpolation=bicubic crop=even channels=rgb rescale=1/255 " + imageNet},
		{"timm, exported at another size", "config.json",
			`{"architecture": "resnet50", "pretrained_cfg": {"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.95, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}`, 288, 288,
			"size=288x288 resize=shorter:303 interpolation=bicubic crop=even channels=rgb rescale=1/255 " + imageNet},
		{"timm, squash", "config.json",
			`{"architecture": "vit_base_patch16_siglip_224", "pretrained_cfg": {"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "squash", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}`, 0, 0,
			"size=224x224 resize=exact:248x248 interpolation=bicubic crop=even channels=rgb rescale=1/255 " + half},
		{"timm, border", "config.json",
			`{"architecture": "x", "pretrained_cfg": {"input_size": [3, 224, 224], "interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": "border", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}`, 0, 0,
			"size=224x224 resize=longer:224 interpolation=bilinear crop=even pad=124,116,104 channels=rgb rescale=1/255 " + imageNet},
		{"timm, values at the top", "config.json",
			`{"architecture": "inception_v3", "input_size": [3, 299, 299], "interpolation": "bicubic", "crop_pct": 0.875, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}`, 0, 0,
			"size=299x299 resize=shorter:341 interpolation=bicubic crop=even channels=rgb rescale=1/255 " + half},
		{"OpenCLIP", "open_clip_config.json",
			`{"model_cfg": {"embed_dim": 512, "vision_cfg": {"image_size": 240, "layers": 12}}, "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}}`, 0, 0,
			"size=240x240 resize=shorter:240 interpolation=bicubic crop=even channels=rgb rescale=1/255 " + clip},
		{"OpenCLIP, SigLIP", "open_clip_config.json",
			`{"model_cfg": {"vision_cfg": {"image_size": 256}}, "preprocess_cfg": {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear", "resize_mode": "squash"}}`, 0, 0,
			"size=224x224 resize=exact:224x224 interpolation=bilinear crop=even channels=rgb rescale=1/255 " + half},
		{"OpenCLIP, longest", "open_clip_config.json",
			`{"model_cfg": {"vision_cfg": {"image_size": 224}}, "preprocess_cfg": {"resize_mode": "longest", "fill_color": 7}}`, 0, 0,
			"size=224x224 resize=longer:224 interpolation=bicubic crop=even pad=7,7,7 channels=rgb rescale=1/255 " + clip},
	} {
		r, err := FromConfig(c.file, []byte(c.json), c.w, c.h)
		if err != nil || r.String() != c.want+" exif=ignore" {
			t.Errorf("%s: %v, %v\nwant %s", c.what, r, err, c.want)
		}
	}
}

// TestStrangeConfigs: what no recipe can do, or is not said, is refused by its name; what speaks of something else is passed over.
func TestStrangeConfigs(t *testing.T) {
	mean := `, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}`
	for _, c := range []struct{ file, json, want string }{
		{"preprocessor_config.json", `{"image_processor_type": "DetrImageProcessor", "resample": 2, "size": {"shortest_edge": 800, "longest_edge": 1333}` + mean, "longest_edge"},
		{"preprocessor_config.json", `{"image_processor_type": "DonutImageProcessor", "do_align_long_axis": true, "do_thumbnail": true, "resample": 2, "size": {"height": 10, "width": 10}` + mean, "do_thumbnail"},
		{"preprocessor_config.json", `{"image_processor_type": "SamImageProcessor", "do_pad": true, "pad_size": {"height": 1024, "width": 1024}, "resample": 2, "size": {"longest_edge": 1024}` + mean, "do_pad"},
		{"preprocessor_config.json", `{"image_processor_type": "Siglip2ImageProcessor", "patch_size": 16, "max_num_patches": 256, "resample": 2, "size": {"height": 1, "width": 1}` + mean, "max_num_patches"},
		{"preprocessor_config.json", `{"image_processor_type": "NewImageProcessor", "size": 224, "resample": 2` + mean, "both sides or the shorter one"},
		{"preprocessor_config.json", `{"image_processor_type": "NewImageProcessor", "size": {"height": 224, "width": 224}` + mean, "resample is missing"},
		{"preprocessor_config.json", `{"image_processor_type": "NewImageProcessor"` + mean, "no size is given"},
		{"preprocessor_config.json", `{"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}}`, "image_mean and image_std"},
		{"preprocessor_config.json", `{"image_processor_type": "CLIPImageProcessor", "do_center_crop": false, "size": {"shortest_edge": 224}` + mean, "different sizes"},
		{"preprocessor_config.json", `{"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 99999}` + mean, "size"},
		{"preprocessor_config.json", `[1]`, "not a JSON object"},
		{"preprocessor_config.json", `{"image_processor_type": "ViTImageProcessor", "size": 224, "image_mean": [0, 0], "image_std": 1}`, "image_mean"},
		{"config.json", `{"architecture": "x", "pretrained_cfg": {"input_size": [3, 224, 224]}}`, "mean and std"},
		{"config.json", `{"architecture": "x", "pretrained_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1], "crop_pct": 7}}`, "crop_pct"},
		{"config.json", `{"architecture": "x", "pretrained_cfg": {"mean": [0, 0, 0], "std": [0, 1, 1]}}`, "std"},
		{"open_clip_config.json", `{"model_cfg": {}, "preprocess_cfg": {"resize_mode": "tile"}}`, "resize_mode"},
	} {
		if r, err := FromConfig(c.file, []byte(c.json), 0, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, %v; want an error with %q", c.file, c.json, r, err, c.want)
		}
	}
	for _, c := range [][2]string{
		{"config.json", `{"model_type": "vit", "image_size": 224, "architectures": ["ViTModel"]}`},
		{"processor_config.json", `{"processor_class": "CLIPProcessor"}`},
		{"open_clip_config.json", `{}`},
	} {
		if r, err := FromConfig(c[0], []byte(c[1]), 0, 0); !errors.Is(err, ErrNoRecipe) {
			t.Errorf("%s %s: %v, %v", c[0], c[1], r, err)
		}
	}
}

// FuzzFromConfig: whatever comes of a config file can be applied.
func FuzzFromConfig(f *testing.F) {
	f.Add(0, `{"crop_size": 224, "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": 0.5, "image_std": [0.5, 0.5, 0.5], "resample": 3, "size": 224}`)
	f.Add(2, `{"architecture": "x", "pretrained_cfg": {"input_size": [3, 8, 9], "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "border", "mean": [1, 0, 0.4], "std": [1, 2, 3]}}`)
	f.Add(3, `{"model_cfg": {"vision_cfg": {"image_size": [224, 225]}}, "preprocess_cfg": {"resize_mode": "longest", "fill_color": 7}}`)
	f.Fuzz(func(t *testing.T, file int, text string) {
		r, err := FromConfig(ConfigFiles[(file%4+4)%4], []byte(text), 0, 0)
		if err != nil {
			return
		}
		if again, err := Parse(r.String()); err != nil || again != r {
			t.Fatalf("%s: %v, %v", r, again, err)
		}
	})
}

// TestOldNames: the names that version 0.1.0 wrote stand for the same recipes wherever features are compared.
func TestOldNames(t *testing.T) {
	for _, name := range []string{"torchvision", "caffe", "caffe-crop"} {
		for _, size := range []int{224, 227, 56, 299} {
			r, err := Preset(name, size, size)
			if err != nil {
				t.Fatal(err)
			}
			old := fmt.Sprintf("%s-%d", name, size)
			if !features.SameRecipe(old, r.String()) || !features.SameRecipe(old+"+bbox-0a1b2c3d", r.String()+"+bbox-0a1b2c3d") {
				t.Errorf("%s is not %s", old, r)
			}
			if features.SameRecipe(old, r.String()+"+bbox-0a1b2c3d") || features.SameRecipe(old, fmt.Sprintf("%s-%d", name, size+1)) {
				t.Errorf("%s is another recipe, too", old)
			}
		}
	}
}

// TestProcessors compares with the processors of transformers.js (testdata/processors.mjs), from the same config files. Where a
// image keeps its size the values are the same; where it is resized, sharp does it there, and they are near.
func TestProcessors(t *testing.T) {
	b, err := os.ReadFile("testdata/processors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name, Config, File string
		Dims               []int
		Values             []float64
	}
	if err := json.Unmarshal(b, &list); err != nil || len(list) < 8 {
		t.Fatal(len(list), err)
	}
	same := 0
	for _, want := range list {
		r, err := FromConfig("preprocessor_config.json", []byte(want.Config), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want.Dims, []int{3, r.Height, r.Width}) {
			t.Errorf("%s: %s, want %v", want.Name, r, want.Dims)
			continue
		}
		im := open(t, want.File)
		got := make([]float32, r.Values())
		if err := r.Apply(im, false, got); err != nil {
			t.Fatal(err)
		}
		most, sum := 0.0, 0.0
		for i, v := range want.Values {
			d := math.Abs(float64(got[i]) - v)
			most, sum = max(most, d), sum+d
		}
		w, h := r.resized(im.W, im.H)
		if kept := w == im.W && h == im.H; kept && most > 2e-6 || !kept && sum/float64(len(got)) > 0.08 {
			t.Errorf("%s of %s: values differ by up to %g, %g on average", want.Name, want.File, most, sum/float64(len(got)))
		} else if kept {
			same++
		}
	}
	if same < 6 {
		t.Errorf("only %d images keep their size", same)
	}
}
