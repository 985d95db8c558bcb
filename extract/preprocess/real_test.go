package preprocess

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// birds is the folder of real JPEGs, beside the checkout.
func birds(t testing.TB) string {
	root := os.Getenv("VZSL_TEST_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	dir := filepath.Join(root, "cub/CUB_200_2011/images")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real images: %v (set VZSL_TEST_DATA)", err)
	}
	return dir
}

// TestRealImagesEqualPIL decodes 200 real JPEGs as they are and re-encoded at other
// sizes, subsamplings and qualities, and compares each pixel with PIL's.
func TestRealImagesEqualPIL(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("set VZSL_LONG=1: runs PIL and torchvision over 200 images")
	}
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import PIL, torchvision").Run(); err != nil {
		t.Skipf("%s has no PIL and torchvision: %v", python, err)
	}
	out := t.TempDir()
	if b, err := exec.Command(python, "testdata/reencode.py", birds(t), "200", out).CombinedOutput(); err != nil {
		t.Fatalf("reencode.py: %v\n%s", err, b)
	}
	files, _ := filepath.Glob(filepath.Join(out, "*.jpg"))
	if len(files) < 1000 {
		t.Fatalf("only %d files", len(files))
	}
	recipe, err := Preset("torchvision", 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, recipe.Values())
	var pixels, differing, most, offValues int
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		im, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
			continue
		}
		want, err := os.ReadFile(strings.TrimSuffix(f, "jpg") + "rgb")
		if err != nil || len(want) != len(im.Pix) {
			t.Fatalf("%s: %d bytes of pixels, want %d (%v)", filepath.Base(f), len(im.Pix), len(want), err)
		}
		for i, v := range im.Pix {
			if d := int(v) - int(want[i]); d != 0 {
				differing++
				most = max(most, d, -d)
			}
		}
		pixels += len(want)
		if err := recipe.Apply(im, false, values); err != nil {
			t.Fatal(err)
		}
		im.Release()
		wantValues, err := os.ReadFile(strings.TrimSuffix(f, "jpg") + "t224")
		if err != nil || len(wantValues) != 4*len(values) {
			t.Fatal(err)
		}
		for i, v := range values {
			if math.Float32bits(v) != binary.LittleEndian.Uint32(wantValues[4*i:]) {
				offValues++
			}
		}
	}
	t.Logf("%d files, %d samples: %d differ from PIL's, by at most %d levels; %d preprocessed values differ from torchvision's", len(files), pixels, differing, most, offValues)
	if differing != 0 || offValues != 0 {
		t.Error("not equal to PIL and torchvision")
	}
}

// TestRecipesOnRealImages compares every recipe of testdata/recipes.txt with PIL and torchvision on 200 real JPEGs.
func TestRecipesOnRealImages(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("set VZSL_LONG=1: runs PIL and torchvision over 200 images")
	}
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import PIL, torchvision").Run(); err != nil {
		t.Skipf("%s has no PIL and torchvision: %v", python, err)
	}
	all, _ := filepath.Glob(filepath.Join(birds(t), "*", "*.jpg"))
	var files []string
	for i := 0; i < len(all) && len(files) < 200; i += max(1, len(all)/200) {
		files = append(files, all[i])
	}
	if len(files) < 200 {
		t.Fatalf("%d images", len(files))
	}
	text, err := os.ReadFile("testdata/recipes.txt")
	if err != nil {
		t.Fatal(err)
	}
	var recipes []Recipe
	for line := range strings.Lines(string(text)) {
		r, err := Parse(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		recipes = append(recipes, r)
	}
	out, err := exec.Command(python, append([]string{"testdata/recipes.py", "testdata/recipes.txt"}, files...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(out))
	if len(want) != len(files)*len(recipes) {
		t.Fatalf("%d sums for %d images and %d recipes", len(want), len(files), len(recipes))
	}
	different := map[string]int{}
	for i, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		im, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		for j, r := range recipes {
			values := make([]float32, r.Values())
			if err := r.Apply(im, false, values); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 0, 4*len(values))
			for _, v := range values {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
			if sum(b) != want[i*len(recipes)+j] {
				different[r.String()]++
			}
		}
	}
	for r, n := range different {
		t.Errorf("%s: %d of %d images differ", r, n, len(files))
	}
	t.Logf("%d images by %d recipes equal PIL's and torchvision's", len(files), len(recipes)-len(different))
}
