package splits

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"vzsl/features"
)

// Extend gives the images of a split's classes that have no role in it one, and leaves the others theirs: those of unseen classes
// test_unseen, of validation classes validation, of other seen classes train, but where images of seen classes are tested the share of
// them that is. Which of a class's are tested is drawn by their names. added counts the new roles.
func Extend(r *features.Split, images []Labelled) (out *features.Split, added map[features.Role]int, err error) {
	if r.LeftOut > 0 {
		return nil, nil, fmt.Errorf("split %s: it leaves %d images of its classes out on purpose (a pool of shots, a table of images) and does not record which, so new ones cannot be distinguished: draw the split again under another name", r.Name, r.LeftOut)
	}
	role := make(map[string]features.Role, len(r.Seen)+len(r.Unseen))
	for _, c := range r.Seen {
		role[c] = features.RoleTrain
	}
	for _, c := range r.Validation {
		role[c] = features.RoleValidation
	}
	for _, c := range r.Unseen {
		role[c] = features.RoleTestUnseen
	}
	has := make(map[string]features.Role, len(r.Images))
	for i, image := range r.Images {
		has[image] = r.Roles[i]
	}
	fresh := map[string][]string{} // by class
	tested, all := map[string]int{}, map[string]int{}
	testSeen, seen := 0, 0
	for _, m := range images {
		is, known := role[m.Class]
		if !known {
			continue
		}
		now, old := has[m.Image]
		if !old {
			fresh[m.Class] = append(fresh[m.Class], m.Image)
			continue
		}
		if is != features.RoleTestUnseen {
			all[m.Class]++
			seen++
			if now == features.RoleTestSeen {
				tested[m.Class]++
				testSeen++
			}
		}
	}
	out = &features.Split{}
	*out = *r
	out.Images, out.Roles = slices.Clone(r.Images), slices.Clone(r.Roles)
	added = map[features.Role]int{}
	share := float64(testSeen) / max(1, float64(seen))
	for _, class := range slices.Sorted(maps.Keys(fresh)) {
		of := fresh[class]
		slices.Sort(of)
		test := map[string]bool{}
		if role[class] != features.RoleTestUnseen {
			n := int(math.Round(share*float64(all[class]+len(of)))) - tested[class]
			for _, image := range (Definition{}).draw("extend", of, max(0, min(n, len(of)))) {
				test[image] = true
			}
		}
		for _, image := range of {
			is := role[class]
			if test[image] {
				is = features.RoleTestSeen
			}
			out.Images, out.Roles = append(out.Images, image), append(out.Roles, is)
			added[is]++
		}
	}
	if n := len(out.Images) - len(r.Images); n > 0 {
		out.Provenance = joined(r.Provenance, fmt.Sprintf("extended by %d images", n))
	}
	return out, added, nil
}
