package features

import (
	"fmt"
	"regexp"
	"strconv"
)

// oldRecipe is how version 0.1.0 wrote a preprocessing recipe: its name and the input's size, and the boxes cut to.
var oldRecipe = regexp.MustCompile(`^(torchvision|caffe|caffe-crop)-([1-9]\d{0,3})(\+.*)?$`)

// wholeRecipe is a recipe's text, for the names of version 0.1.0 too: what was made by a name is the same as what is made by
// its text. Other texts stay as they are. (preprocess.Parse reads both; a test there compares.)
func wholeRecipe(recipe string) string {
	m := oldRecipe.FindStringSubmatch(recipe)
	if m == nil {
		return recipe
	}
	size, err := strconv.Atoi(m[2])
	if err != nil {
		return recipe
	}
	resize, values := fmt.Sprintf("shorter:%d", size*256/224), "channels=bgr rescale=1 mean=103.939,116.779,123.68 std=1,1,1"
	switch m[1] {
	case "torchvision":
		values = "channels=rgb rescale=1/255 mean=0.485,0.456,0.406 std=0.229,0.224,0.225"
	case "caffe":
		resize = fmt.Sprintf("exact:%dx%d", size, size)
	}
	return fmt.Sprintf("size=%dx%d resize=%s interpolation=bilinear crop=even %s exif=ignore%s", size, size, resize, values, m[3])
}

// SameRecipe reports whether two preprocessing recipes, as sources have them, are one.
func SameRecipe(a, b string) bool { return wholeRecipe(a) == wholeRecipe(b) }
