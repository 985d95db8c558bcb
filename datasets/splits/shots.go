package splits

import (
	"fmt"
	"slices"

	"vzsl/features"
)

// DefaultShotPool is the number of images of each unseen class kept out of the test for shots.
const DefaultShotPool = 20

// AddShots makes a split a few-shot one. Of each unseen class that has images a pool is drawn by the seed and taken out of
// the test; the first shots images of it get the role shot, the rest none. So the test is the same for every number of
// shots up to the pool, and the shots of a smaller number are among those of a larger one. shots may be 0: the zero-shot
// setting on that test.
func AddShots(r *features.Split, images []Labelled, shots, pool int, seed uint64) (*features.Split, error) {
	if shots < 0 || pool < 1 || shots > pool {
		return nil, fmt.Errorf("split %s: %d shots from a pool of %d images: the pool must hold them", r.Name, shots, pool)
	}
	class := make(map[string]string, len(images))
	for _, m := range images {
		class[m.Image] = m.Class
	}
	byClass := map[string][]string{}
	for i, image := range r.Images {
		switch r.Roles[i] {
		case features.RoleTestUnseen:
			byClass[class[image]] = append(byClass[class[image]], image)
		case features.RoleShot:
			return nil, fmt.Errorf("split %s already has shots: start from the split without shots", r.Name)
		}
	}
	if len(byClass) == 0 {
		return nil, fmt.Errorf("split %s: no unseen class has images, so there are no shots to draw", r.Name)
	}
	role := map[string]features.Role{}
	for _, c := range r.Unseen {
		of := byClass[c]
		if len(of) == 0 {
			continue
		}
		if len(of) <= pool {
			return nil, fmt.Errorf("split %s: unseen class %q has %d images: a pool of %d for shots leaves no test images; take a smaller pool", r.Name, c, len(of), pool)
		}
		for i, image := range (Definition{Seed: seed}).draw("shots", of, pool) {
			role[image] = ""
			if i < shots {
				role[image] = features.RoleShot
			}
		}
	}
	out := *r
	out.Images, out.Roles, out.Command = nil, nil, ""
	for i, image := range r.Images {
		to, drawn := role[image]
		switch {
		case !drawn:
			to = r.Roles[i]
		case to == "":
			out.LeftOut++
			continue
		}
		out.Images, out.Roles = append(out.Images, image), append(out.Roles, to)
	}
	out.Seen, out.Validation, out.Unseen = slices.Clone(r.Seen), slices.Clone(r.Validation), slices.Clone(r.Unseen)
	out.Provenance = joined(r.Provenance, fmt.Sprintf("%d shots of each unseen class from a pool of %d images kept out of the test, drawn with seed %d", shots, pool, seed))
	return &out, nil
}
