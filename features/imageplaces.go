package features

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// imagePlaces finds images by their paths: a table sorted by hash, since a map of a million paths takes four times the memory.
type imagePlaces struct {
	images []Image
	sorted []hashedPlace
}

type hashedPlace struct {
	hash uint64
	at   int32
}

// newImagePlaces refuses a path that is there twice.
func newImagePlaces(images []Image) (*imagePlaces, error) {
	p := &imagePlaces{images, make([]hashedPlace, len(images))}
	for i := range images {
		p.sorted[i] = hashedPlace{xxh3.HashString(images[i].Path), int32(i)}
	}
	slices.SortFunc(p.sorted, func(a, b hashedPlace) int { return cmp.Compare(a.hash, b.hash) })
	for i := range p.sorted {
		for k := i + 1; k < len(p.sorted) && p.sorted[k].hash == p.sorted[i].hash; k++ {
			if path := images[p.sorted[i].at].Path; path == images[p.sorted[k].at].Path {
				return nil, fmt.Errorf("duplicate image %q", path)
			}
		}
	}
	return p, nil
}

func (p *imagePlaces) find(path string) (int32, bool) {
	h := xxh3.HashString(path)
	i, _ := slices.BinarySearchFunc(p.sorted, h, func(a hashedPlace, h uint64) int { return cmp.Compare(a.hash, h) })
	for ; i < len(p.sorted) && p.sorted[i].hash == h; i++ {
		if at := p.sorted[i].at; p.images[at].Path == path {
			return at, true
		}
	}
	return 0, false
}
