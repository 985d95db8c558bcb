package inspect

import (
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/pipeline/usage"
)

func (x *inspection) counts() {
	found := x.found
	found.Classes, found.Images = len(x.set.Classes), len(x.set.Images)
	own := catalog.Lookup(x.ds.Layout).Features
	if own == nil {
		found.there("%d classes, %d images", found.Classes, found.Images)
	} else {
		if found.Images == 0 && own.Find != nil {
			x.ownFeatures, found.Images = own.Find(x.set.Root)
		}
		found.there("%d classes, features of %d images", found.Classes, found.Images)
		if found.Images == 0 {
			found.problem("no features in %s: unpack their archive there", x.set.Root)
			found.Usable = len(x.networks()) > 0
		}
	}
	p := catalog.Lookup(x.ds.Name).Counts
	if p.Classes == 0 {
		return
	}
	for _, n := range []struct {
		what            string
		have, published int
	}{{"classes", found.Classes, p.Classes}, {"images", found.Images, p.Images}} {
		if n.have != n.published {
			found.problem("%d %s; %s has %d as published", n.have, n.what, x.ds.Name, n.published)
		}
	}
}

// classes finds names that are too much alike and classes without images.
func (x *inspection) classes() {
	x.perName = map[string]int{}
	for _, m := range x.set.Images {
		if m.Class != features.Unlabelled {
			x.perName[x.set.Classes[m.Class].Name]++
		}
	}
	alike := map[string]string{}
	var empty []string
	for _, c := range x.set.Classes {
		plain := strings.ToLower(strings.NewReplacer("_", " ", "+", " ", "-", " ").Replace(c.Name))
		if other, twice := alike[plain]; twice {
			x.found.problem("classes %q and %q differ only in case or spacing: are they the same class?", other, c.Name)
		}
		alike[plain] = c.Name
		if x.perName[c.Name] == 0 {
			empty = append(empty, c.Name)
		}
	}
	if len(empty) > 0 && len(x.set.Images) > 0 && x.ds.Layout != catalog.Folder { // own classes without images are what this is for
		x.found.problem("%d classes have no images: %s", len(empty), usage.FirstOf(empty))
	}
}
