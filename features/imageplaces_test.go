package features

import (
	"fmt"
	"testing"

	"vzsl/internal/filetest"
)

func TestImagePlaces(t *testing.T) {
	var images []Image
	for i := range 1000 {
		images = append(images, Image{Path: fmt.Sprintf("%d/%d.png", i%7, i*7919%1000)})
	}
	p, err := newImagePlaces(images)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range images {
		if at, ok := p.find(m.Path); !ok || at != int32(i) {
			t.Errorf("%s: %d %v, not %d", m.Path, at, ok, i)
		}
	}
	for _, path := range []string{"", "0", "7/0.png"} {
		if at, ok := p.find(path); ok {
			t.Errorf("%q is at %d", path, at)
		}
	}
	if _, err := newImagePlaces(append(images, images[400])); err == nil {
		t.Error("an image that is there twice")
	} else {
		filetest.WantError(t, err, "duplicate image", images[400].Path)
	}
}
