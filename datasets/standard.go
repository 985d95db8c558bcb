package datasets

import (
	_ "embed"
	"fmt"
	"sort"
	"strings"
)

// cubStandardUnseen are the ids of the 50 classes that the standard split of CUB-200-2011 keeps for testing.
var cubStandardUnseen = []int{
	1, 4, 6, 8, 9, 14, 23, 29, 31, 33,
	34, 35, 36, 37, 38, 43, 49, 51, 53, 66,
	72, 79, 83, 84, 86, 91, 95, 96, 98, 101,
	102, 103, 112, 114, 119, 121, 130, 135, 138, 147,
	156, 163, 165, 166, 180, 183, 185, 186, 187, 197,
}

// The unseen classes of the other published splits, by name.
const (
	awaUnseen = "chimpanzee giant+panda leopard persian+cat pig hippopotamus humpback+whale raccoon rat seal"
	apyUnseen = "donkey monkey goat wolf jetski zebra centaur mug statue building bag carriage"
	sunUnseen = "archive art_school chemical_plant flea_market_indoor inn_indoor lab_classroom lake_natural mineshaft outhouse_outdoor shoe_shop"
	sunOther  = "airlock alley archive arena_basketball artists_loft auditorium ballroom bank_vault batting_cage_outdoor bazaar_indoor " +
		"bazaar_outdoor betting_shop bog bow_window_indoor brewery_indoor bus_depot_outdoor canal_natural " +
		"car_interior_frontseat casino_outdoor cemetery chemistry_lab church_indoor corral cubicle_office dirt_track " +
		"doorway_indoor elevator_interior excavation exhibition_hall field_cultivated firing_range_indoor fishpond galley " +
		"geodesic_dome_indoor hangar_indoor hoodoo hotel_room ice_shelf jacuzzi_indoor japanese_garden landing_deck lawn " +
		"monastery_outdoor mosque_indoor motel nightclub observatory_outdoor parking_lot piano_store playground promenade_deck " +
		"pub_indoor racecourse rectory sandbox savanna ski_resort temple_south_asia theater_indoor_seats ticket_booth " +
		"trading_floor train_station_platform tundra tunnel_road_outdoor vestry vineyard volleyball_court_outdoor watering_hole " +
		"workshop wrestling_ring_indoor yard ziggurat"
)

// ilsvrc2012 are the wnids of its 1000 classes.
//
//go:embed ilsvrc2012.txt
var ilsvrc2012 string

// publishedSplit is one split of one dataset.
type publishedSplit struct {
	split  func(classes, wnids []string) (seen, unseen []string, err error)
	source string
}

const lampert = "Lampert, Nickisch, Harmeling, Attribute-Based Classification for Zero-Shot Visual Object Categorization, TPAMI 2014"

var awaStandard = publishedSplit{byNames(awaUnseen, 40), "Animals with Attributes standard split, 40 seen and 10 unseen classes (testclasses.txt): " + lampert}

// publishedSplits by dataset and name.
var publishedSplits = map[string]map[string]publishedSplit{
	"cub": {"standard": {func(classes, _ []string) ([]string, []string, error) { return cubStandard(classes) },
		"CUB-200-2011 standard split, 150 seen and 50 unseen classes: Akata, Perronnin, Harchaoui, Schmid, " +
			"Label-Embedding for Attribute-Based Classification, CVPR 2013; classes taken by their official ids"}},
	"awa1": {"standard": awaStandard},
	"awa2": {"standard": awaStandard},
	"apy": {"standard": {byNames(apyUnseen, 20), "aPascal and aYahoo standard split, 20 seen classes of the one and 12 unseen of the other: " +
		"Farhadi, Endres, Hoiem, Forsyth, Describing Objects by their Attributes, CVPR 2009"}},
	"sun": {
		"standard": {byNames(sunUnseen, 707), "SUN Attribute split of 707 seen and 10 unseen classes: Jayaraman, Grauman, Zero-Shot Recognition with " +
			"Unreliable Attributes, NIPS 2014, as in Romera-Paredes, Torr, An Embarrassingly Simple Approach to Zero-Shot Learning, ICML 2015"},
		"645-72": {byNames(sunOther, 645), "SUN Attribute split of 645 seen and 72 unseen classes: testclasses.txt of xlsa17, Xian, Lampert, Schiele, Akata, TPAMI 2019"},
	},
	"imagenet": {"standard": {imageNetStandard, "ImageNet split of the 1000 classes of ILSVRC2012, seen, and the 360 of ILSVRC2010 that are not among them, unseen, by wnid"}},
}

// PublishedSplits are the names of a dataset's published splits, sorted.
func PublishedSplits(dataset string) []string {
	var names []string
	for n := range publishedSplits[dataset] {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// PublishedSplit is a split of the literature by its name, in the names and order of classes, and where it comes from. wnids
// are those of classes, nil where they have none.
func PublishedSplit(name, dataset string, classes, wnids []string) (seen, unseen []string, source string, err error) {
	s, ok := publishedSplits[dataset][name]
	if !ok {
		var all []string
		for d := range publishedSplits {
			for _, n := range PublishedSplits(d) {
				all = append(all, n+" of "+d)
			}
		}
		sort.Strings(all)
		return nil, nil, "", fmt.Errorf("no %s split is known for dataset %q (known: %s); give files of seen and unseen class names instead",
			name, dataset, strings.Join(all, ", "))
	}
	seen, unseen, err = s.split(classes, wnids)
	if err != nil {
		return nil, nil, "", fmt.Errorf("%s split of %s: %w", name, dataset, err)
	}
	return seen, unseen, s.source, nil
}

// StandardSplit is the split that the literature calls standard for a dataset whose classes have no wnids.
func StandardSplit(dataset string, classes []string) (seen, unseen []string, source string, err error) {
	return PublishedSplit("standard", dataset, classes, nil)
}

// byNames takes the unseen classes by name, SUN's "desert/sand" also as "desert_sand", and wants so many others.
func byNames(unseenNames string, wantSeen int) func(classes, _ []string) (seen, unseen []string, err error) {
	want := strings.Fields(unseenNames)
	return func(classes, _ []string) (seen, unseen []string, err error) {
		left := make(map[string]bool, len(want))
		for _, n := range want {
			left[n] = true
		}
		for _, c := range classes {
			if n := flatName(c); left[n] {
				delete(left, n)
				unseen = append(unseen, c)
			} else {
				seen = append(seen, c)
			}
		}
		var missing []string
		for _, n := range want {
			if left[n] {
				missing = append(missing, n)
			}
		}
		switch {
		case len(missing) > 0:
			return nil, nil, fmt.Errorf("%d of the %d unseen classes are missing: %s", len(missing), len(want), some(missing))
		case len(seen) != wantSeen:
			return nil, nil, fmt.Errorf("%d seen classes; it is one of %d", len(seen), wantSeen)
		}
		return seen, unseen, nil
	}
}

// imageNetStandard takes classes apart by their wnids.
func imageNetStandard(classes, wnids []string) (seen, unseen []string, err error) {
	if wnids == nil {
		return nil, nil, fmt.Errorf("the classes have no wnids; the class table of layout imagenet has them")
	}
	first := map[string]bool{}
	for _, w := range strings.Fields(ilsvrc2012) {
		first[w] = true
	}
	for i, c := range classes {
		if first[wnids[i]] {
			seen = append(seen, c)
		} else {
			unseen = append(unseen, c)
		}
	}
	if len(seen) != 1000 || len(unseen) != 360 {
		return nil, nil, fmt.Errorf("%d classes of ILSVRC2012 and %d others; 1000 and 360 are wanted: put the development kits of 2012 and of 2010 into the dataset's folder, they name the classes",
			len(seen), len(unseen))
	}
	return seen, unseen, nil
}

// cubStandard takes classes apart by the number in front of their names, "001.Black_footed_Albatross".
func cubStandard(classes []string) (seen, unseen []string, err error) {
	byID := make(map[int]string, len(classes))
	for _, c := range classes {
		number, _, ok := strings.Cut(c, ".")
		id, err := positive(number)
		if !ok || err != nil || id > 200 {
			return nil, nil, fmt.Errorf("class %q does not start with a number from 1 to 200 and a dot", c)
		}
		if was, twice := byID[id]; twice {
			return nil, nil, fmt.Errorf("classes %q and %q have the same number", was, c)
		}
		byID[id] = c
	}
	held := make(map[string]bool, len(cubStandardUnseen))
	var missing []string
	for id := 1; id <= 200; id++ {
		if byID[id] == "" {
			missing = append(missing, fmt.Sprintf("%03d", id))
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("%d of the 200 classes are missing: %s", len(missing), some(missing))
	}
	for _, id := range cubStandardUnseen {
		held[byID[id]] = true
	}
	for _, c := range classes {
		if held[c] {
			unseen = append(unseen, c)
		} else {
			seen = append(seen, c)
		}
	}
	return seen, unseen, nil
}
