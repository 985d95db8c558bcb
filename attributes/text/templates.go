package text

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// place is where a template takes a class's name or text.
const place = "{}"

// sets are templates under a name. Those of CLIP are of the notebooks that OpenAI published with it (MIT licence).
var sets = map[string][]string{
	"photo":   {"a photo of a {}."},
	"birds":   {"a photo of a {}, a type of bird."},
	"flowers": {"a photo of a {}, a type of flower."},
	"animals": {"a photo of a {}, a type of animal."},
	"scenes":  {"a photo of a {}.", "a photo of the {}."},
	"siglip":  {"This is a photo of {}."},
	"clip7": {
		"itap of a {}.", "a bad photo of the {}.", "a origami {}.", "a photo of the large {}.", "a {} in a video game.",
		"art of the {}.", "a photo of the small {}.",
	},
	"clip80": {
		"a bad photo of a {}.", "a photo of many {}.", "a sculpture of a {}.", "a photo of the hard to see {}.", "a low resolution photo of the {}.",
		"a rendering of a {}.", "graffiti of a {}.", "a bad photo of the {}.", "a cropped photo of the {}.", "a tattoo of a {}.",
		"the embroidered {}.", "a photo of a hard to see {}.", "a bright photo of a {}.", "a photo of a clean {}.", "a photo of a dirty {}.",
		"a dark photo of the {}.", "a drawing of a {}.", "a photo of my {}.", "the plastic {}.", "a photo of the cool {}.",
		"a close-up photo of a {}.", "a black and white photo of the {}.", "a painting of the {}.", "a painting of a {}.", "a pixelated photo of the {}.",
		"a sculpture of the {}.", "a bright photo of the {}.", "a cropped photo of a {}.", "a plastic {}.", "a photo of the dirty {}.",
		"a jpeg corrupted photo of a {}.", "a blurry photo of the {}.", "a photo of the {}.", "a good photo of the {}.", "a rendering of the {}.",
		"a {} in a video game.", "a photo of one {}.", "a doodle of a {}.", "a close-up photo of the {}.", "a photo of a {}.",
		"the origami {}.", "the {} in a video game.", "a sketch of a {}.", "a doodle of the {}.", "a origami {}.",
		"a low resolution photo of a {}.", "the toy {}.", "a rendition of the {}.", "a photo of the clean {}.", "a photo of a large {}.",
		"a rendition of a {}.", "a photo of a nice {}.", "a photo of a weird {}.", "a blurry photo of a {}.", "a cartoon {}.",
		"art of a {}.", "a sketch of the {}.", "a embroidered {}.", "a pixelated photo of a {}.", "itap of the {}.",
		"a jpeg corrupted photo of the {}.", "a good photo of a {}.", "a plushie {}.", "a photo of the nice {}.", "a photo of the small {}.",
		"a photo of the weird {}.", "the cartoon {}.", "art of the {}.", "a drawing of the {}.", "a photo of the large {}.",
		"a black and white photo of a {}.", "the plushie {}.", "a dark photo of a {}.", "itap of a {}.", "graffiti of the {}.",
		"a toy {}.", "itap of my {}.", "a photo of a cool {}.", "a photo of a small {}.", "a tattoo of the {}.",
	},
}

// Sets are the names of the built-in sets of templates.
func Sets() []string { return slices.Sorted(maps.Keys(sets)) }

// Templates returns the templates that are asked for: names of built-in sets, or templates themselves, which have the place {}.
func Templates(asked []string) ([]string, error) {
	var out []string
	for _, a := range asked {
		switch set := sets[a]; {
		case set != nil:
			out = append(out, set...)
		case strings.Contains(a, place):
			out = append(out, a)
		default:
			return nil, fmt.Errorf("the template %q has no %s where the class's name goes, and is not a set of templates (these are %s)", a, place, strings.Join(Sets(), ", "))
		}
	}
	for i, t := range out {
		if slices.Contains(out[:i], t) {
			return nil, fmt.Errorf("duplicate template %q", t)
		}
	}
	return out, nil
}

// fill puts each text of a class into each template; without templates the texts stay as they are.
func fill(templates, texts []string) []string {
	if len(templates) == 0 {
		return texts
	}
	var out []string
	for _, s := range texts {
		for _, t := range templates {
			out = append(out, strings.ReplaceAll(t, place, s))
		}
	}
	return out
}
