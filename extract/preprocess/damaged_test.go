package preprocess

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDamagedEqualsPIL makes images of every kind that are damaged or unfinished and compares with what PIL reads.
func TestDamagedEqualsPIL(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("set VZSL_LONG=1: makes 4,000 images by PIL and cjpeg")
	}
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import PIL, numpy").Run(); err != nil {
		t.Skipf("%s has no PIL and NumPy: %v", python, err)
	}
	if _, err := exec.LookPath("cjpeg"); err != nil {
		t.Skip(err)
	}
	count, seed := "4000", "1"
	if s := os.Getenv("VZSL_SEED"); s != "" {
		seed = s
	}
	out := t.TempDir()
	if b, err := exec.Command(python, "testdata/damaged.py", out, count, seed).CombinedOutput(); err != nil {
		t.Fatalf("damaged.py: %v\n%s", err, b)
	}
	files, _ := filepath.Glob(filepath.Join(out, "*.???*"))
	kind := regexp.MustCompile(`^\d+-(.*)$`)
	same, both, ours, differ, theirs := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, f := range files {
		if ext := filepath.Ext(f); ext == ".rgb" || ext == ".bad" {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		k := kind.FindStringSubmatch(filepath.Base(f))[1]
		want, bad := os.ReadFile(f + ".rgb")
		im, err := Decode(data)
		switch {
		case err != nil && bad != nil:
			both[k]++
		case err != nil:
			theirs[k]++
			t.Logf("%s: %v", filepath.Base(f), err)
		case bad != nil:
			ours[k]++
			why, _ := os.ReadFile(f + ".bad")
			t.Logf("%s: read here, not by PIL: %s", filepath.Base(f), why)
		case im.W != int(binary.LittleEndian.Uint32(want)) || im.H != int(binary.LittleEndian.Uint32(want[4:])) || !bytes.Equal(im.Pix, want[8:]):
			differ[k]++
			n := 0
			for i := range min(len(im.Pix), len(want)-8) {
				if im.Pix[i] != want[8+i] {
					n++
				}
			}
			t.Logf("%s differs in %d of %d samples", filepath.Base(f), n, len(im.Pix))
		default:
			same[k]++
		}
	}
	total := func(m map[string]int) (n int) {
		for _, v := range m {
			n += v
		}
		return n
	}
	// FF FF 00 within the data of a JPEG is read twice by libjpeg-turbo, the first time wrongly, and both leave their marks.
	if total(differ) > 2 || total(same) < len(files)/4 {
		t.Error("not equal to PIL")
	}
	for k, n := range theirs {
		// x/image/tiff has no grey with alpha and no JPEG within.
		if !strings.HasPrefix(k, "LA-") && !strings.HasSuffix(k, "-jpeg.tif") && n > 1 {
			t.Errorf("%d files like %s are refused, which PIL reads", n, k)
		}
	}
	t.Logf("equal %d, refused by both %d, read here alone %d %v, refused here alone %d %v, different %d %v", total(same), total(both), total(ours), ours, total(theirs), theirs, total(differ), differ)
}
