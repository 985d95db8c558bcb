package preprocess

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// String is the recipe's whole text, which Parse reads:
//
//	size=224x224 resize=shorter:256 interpolation=bilinear crop=even channels=rgb rescale=1/255 mean=0.485,0.456,0.406 std=0.229,0.224,0.225 exif=ignore
//
// pad=R,G,B is there where it is not black.
func (r Recipe) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "size=%dx%d resize=%s", r.Width, r.Height, r.Resize)
	switch {
	case r.Resize == ResizeNone:
	case r.ResizeW == r.ResizeH && r.Resize != ResizeExact:
		fmt.Fprintf(&b, ":%d", r.ResizeW)
	default:
		fmt.Fprintf(&b, ":%dx%d", r.ResizeW, r.ResizeH)
	}
	fmt.Fprintf(&b, " interpolation=%s crop=%s", r.Interpolation, r.Rounding)
	if r.Pad != [3]uint8{} {
		fmt.Fprintf(&b, " pad=%d,%d,%d", r.Pad[0], r.Pad[1], r.Pad[2])
	}
	n := r.Channels.Count()
	fmt.Fprintf(&b, " channels=%s rescale=%s mean=%s std=%s exif=%s", r.Channels, factor(r.Rescale), numbers(r.Mean[:n]), numbers(r.Std[:n]),
		map[bool]string{true: "apply", false: "ignore"}[r.EXIF])
	return b.String()
}

// factor writes a number, as 1/n where it is that.
func factor(x float64) string {
	if n := 1 / x; x < 1 && n < 1e6 && n == float64(int(n)) && 1/float64(int(n)) == x {
		return fmt.Sprintf("1/%d", int(n))
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func numbers(v []float64) string {
	var words []string
	for _, x := range v {
		words = append(words, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strings.Join(words, ",")
}

func list(words []string) string { return strings.Join(words, ", ") }

// Parse reads a recipe: its text (String), or a preset's name with the input's size, "caffe-224", which version 0.1.0
// wrote. What the text leaves out is an error.
func Parse(text string) (Recipe, error) {
	if !strings.Contains(text, "=") {
		at := strings.LastIndexByte(text, '-')
		size, err := strconv.Atoi(text[at+1:])
		if at < 0 || err != nil || size < 1 {
			return Recipe{}, fmt.Errorf("%q is not a preprocessing recipe: expected its text (size=224x224 resize=shorter:256 ...) or a name and size such as torchvision-224", text)
		}
		return Preset(text[:at], size, size)
	}
	var r Recipe
	seen := map[string]bool{}
	for _, word := range strings.Fields(text) {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return r, fmt.Errorf("preprocessing recipe: %q is not key=value", word)
		}
		if seen[key] {
			return r, fmt.Errorf("preprocessing recipe: duplicate %s", key)
		}
		seen[key] = true
		if err := r.Set(key, value); err != nil {
			return r, err
		}
	}
	for _, key := range []string{"size", "resize", "interpolation", "crop", "channels", "rescale", "mean", "std", "exif"} {
		if !seen[key] {
			return r, fmt.Errorf("preprocessing recipe: %s is missing", key)
		}
	}
	return r, r.check()
}

// Set changes one part of the recipe, named as in its text.
func (r *Recipe) Set(key, value string) (err error) {
	bad := func(want string) error {
		return fmt.Errorf("preprocessing: %s %q: %s", key, value, want)
	}
	switch key {
	case "size":
		if r.Width, r.Height, err = ParseSize(value); err != nil {
			return bad(err.Error())
		}
	case "resize":
		how, size, _ := strings.Cut(value, ":")
		r.Resize, r.ResizeW, r.ResizeH = Resize(how), 0, 0
		if r.Resize == ResizeNone && size == "" {
			return nil
		}
		if r.ResizeW, r.ResizeH, err = ParseSize(size); err != nil {
			return bad(err.Error())
		}
	case "interpolation":
		r.Interpolation = Interpolation(value)
	case "crop":
		r.Rounding = Rounding(value)
	case "pad":
		v, err := parseNumbers(value)
		if err != nil {
			return bad(err.Error())
		}
		for i, x := range v {
			if x != float64(uint8(x)) {
				return bad("a colour is three whole numbers from 0 to 255")
			}
			r.Pad[i] = uint8(x)
		}
	case "channels":
		r.Channels = Channels(value)
	case "rescale":
		over, below, fraction := strings.Cut(value, "/")
		if r.Rescale, err = strconv.ParseFloat(over, 64); err != nil {
			return bad("expected a number, or 1/255")
		}
		if fraction {
			n, err := strconv.ParseFloat(below, 64)
			if err != nil {
				return bad("expected a number, or 1/255")
			}
			r.Rescale /= n
		}
	case "mean", "std":
		v, err := parseNumbers(value)
		if err != nil {
			return bad(err.Error())
		}
		if key == "mean" {
			r.Mean = v
		} else {
			r.Std = v
		}
	case "exif":
		if value != "apply" && value != "ignore" {
			return bad("expected apply or ignore")
		}
		r.EXIF = value == "apply"
	default:
		return fmt.Errorf("preprocessing recipe: unknown key %q", key)
	}
	return nil
}

// ParseSize reads "224" or "320x240", width first.
func ParseSize(text string) (w, h int, err error) {
	a, b, two := strings.Cut(text, "x")
	if w, err = strconv.Atoi(a); err == nil && two {
		h, err = strconv.Atoi(b)
	} else {
		h = w
	}
	if err != nil || w < 1 || h < 1 || w > maxSize || h > maxSize {
		return 0, 0, fmt.Errorf("expected a size in pixels, 224 or 320x240 (width x height), each within 1..%d", maxSize)
	}
	return w, h, nil
}

// parseNumbers reads one number, which holds for all channels, or three.
func parseNumbers(text string) (v [3]float64, err error) {
	words := strings.Split(text, ",")
	if len(words) != 1 && len(words) != 3 {
		return v, errors.New("expected one number or three, separated by commas")
	}
	for i := range v {
		if v[i], err = strconv.ParseFloat(strings.TrimSpace(words[min(i, len(words)-1)]), 64); err != nil {
			return v, errors.New("expected one number or three, separated by commas")
		}
	}
	return v, nil
}
