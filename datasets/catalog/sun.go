package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/internal/matfile"
)

const (
	sunPage   = "https://cs.brown.edu/~gmpatter/sunattributes.html"
	sunLabels = "attributeLabels_continuous.mat"
)

// The unseen classes of the published splits.
const (
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

var sun = Entry{
	Name: "sun", Title: "SUN",
	Files: "`images.mat`, `images/` there, beside it or in `SUNAttributeDB_Images`; a class is named after its folder without the letter, `desert/sand`; " +
		"attributes are the means of `attributeLabels_continuous.mat`",
	Obtain: "run 'vzsl download sun', or get SUNAttributeDB.tar.gz and SUNAttributeDB_Images.tar.gz from " + sunPage + ", unpack them into one folder and give it as --data",
	Counts: Counts{Classes: 717, Images: 14340, Attributes: 102},
	Open:   openSUN, Marks: []string{"images.mat"},
	Describe: describeSUN, Descriptions: "the 102 fractions of votes of " + sunLabels + ", mean over each class's images",
	Splits: []Split{
		{"standard", 707, 10, byNames(sunUnseen), "SUN Attribute split of 707 seen and 10 unseen classes: Jayaraman, Grauman, Zero-Shot Recognition with " +
			"Unreliable Attributes, NIPS 2014, as in Romera-Paredes, Torr, An Embarrassingly Simple Approach to Zero-Shot Learning, ICML 2015"},
		{"645-72", 645, 72, byNames(sunOther), "SUN Attribute split of 645 seen and 72 unseen classes: testclasses.txt of xlsa17, Xian, Lampert, Schiele, Akata, TPAMI 2019"},
	},
	Downloads: []Download{{
		Name: "sun", Title: "SUN Attribute: 14,340 images of 717 scenes, 102 attributes", Page: sunPage,
		Licence: `No licence is stated; the images belong to their owners (SUN database) and are for research. Cite:
Patterson, Hays, "SUN Attribute Database: Discovering, Annotating, and Recognizing Scene Attributes", CVPR 2012.`,
		Place: "data/sun", Unpacked: 20e9, Next: "vzsl check sun",
		Files: []RemoteFile{
			{Name: "SUNAttributeDB.tar.gz", Unpack: true, About: "0.5 MB", MD5: "883293e5b645822f6ae0046c6df54183", Source: "DeepMind's NEVIS (MD5)",
				URLs: []string{"https://cs.brown.edu/~gmpatter/Attributes/SUNAttributeDB.tar.gz", "https://cs.brown.edu/people/gmpatter/Attributes/SUNAttributeDB.tar.gz"}},
			{Name: "SUNAttributeDB_Images.tar.gz", Unpack: true, About: "1.8 GB", MD5: "5966725c7306df6e05cd3ada7f45a18b", Source: "DeepMind's NEVIS (MD5)",
				URLs: []string{"https://cs.brown.edu/~gmpatter/Attributes/SUNAttributeDB_Images.tar.gz", "https://cs.brown.edu/people/gmpatter/Attributes/SUNAttributeDB_Images.tar.gz"}},
		},
	}},
	Published: vgg19(1,
		Figure{"DAP", 72.00, 0}, Figure{"ESZSL", 82.10, 0.32}, Figure{"SSE-ReLU", 82.50, 1.32}, Figure{"SDL", 83.83, 0.29}, Figure{"JFA", 84.10, 1.51},
		Figure{"MLZSC", 84.41, 0.71}, Figure{"SAE", 84.50, 0}, Figure{"VZSL#", 85.75, 1.93}, Figure{"GFZSL", 86.50, 0}, Figure{"VZSL", 86.75, 2.02}),
}

// openSUN reads the SUN Attribute database: images.mat with the images' paths, "a/abbey/sun_aakbdcgfpksytcwj.jpg", 20 of
// each class; a class is named after its folder without the letter, "abbey", "desert/sand". dir is SUNAttributeDB, or the
// folder that holds it; the images lie in images/ there, beside it or in SUNAttributeDB_Images.
func openSUN(dir string) (*datasets.Dataset, error) {
	root, err := locate("images.mat", dir, filepath.Join(dir, "SUNAttributeDB"))
	if err != nil {
		return nil, err
	}
	if root == "" {
		return nil, fmt.Errorf("no images.mat in %s or in SUNAttributeDB below it; it is in SUNAttributeDB.tar.gz of %s", dir, sunPage)
	}
	list := filepath.Join(root, "images.mat")
	files, err := sunTexts(list, "images")
	if err != nil {
		return nil, err
	}
	d := &datasets.Dataset{Root: root, ImageRoot: sunImages(root)}
	index := map[string]int{}
	for i, file := range files {
		p, class := sunClass(file)
		if class == "" || p != path.Clean(p) || strings.HasPrefix(p, "../") {
			return nil, fmt.Errorf("%s: image %d is %q; expected a path such as a/abbey/sun_x.jpg", list, i+1, file)
		}
		k, ok := index[class]
		if !ok {
			k = len(d.Classes)
			index[class] = k
			d.Classes = append(d.Classes, datasets.Class{Name: class})
		}
		d.Images = append(d.Images, datasets.Image{Path: p, Class: k})
	}
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("%s: images is empty", list)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	d.NoteMissing(list)
	return d, nil
}

// sunClass returns the path of an image below the images folder, and its class: its folder without the letter, "" where the path has none.
func sunClass(file string) (p, class string) {
	p = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(file), `\`, "/"), "/")
	class = path.Dir(p)
	if letter, rest, ok := strings.Cut(class, "/"); ok && len(letter) == 1 {
		class = rest
	}
	if class == "." || class == "/" {
		class = ""
	}
	return p, class
}

// sunImages finds the images' folder, by default images in root.
func sunImages(root string) string {
	for _, dir := range []string{
		filepath.Join(root, "images"), filepath.Join(root, "SUNAttributeDB_Images", "images"),
		filepath.Join(root, "..", "images"), filepath.Join(root, "..", "SUNAttributeDB_Images", "images"),
	} {
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return dir
		}
	}
	return filepath.Join(root, "images")
}

// describeSUN reads the attributes of the SUN Attribute database: labels_cv of attributeLabels_continuous.mat, shares of votes
// 0..1, a row per image of images.mat. A class's attributes are the mean over its images. Names are from attributes.mat. dir
// is SUNAttributeDB or the folder that holds it.
func describeSUN(dir string, classes []string, _ string) (*attributes.Table, error) {
	root, err := locate(sunLabels, filepath.Join(dir, "SUNAttributeDB"), dir)
	if err != nil {
		return nil, err
	}
	root = cmp.Or(root, dir)
	images, err := sunTexts(filepath.Join(root, "images.mat"), "images")
	if err != nil {
		return nil, err
	}
	t := &attributes.Table{Source: "labels_cv of " + sunLabels + " of SUN Attribute, mean over each class's images"}
	if t.Names, err = sunTexts(filepath.Join(root, "attributes.mat"), "attributes"); err != nil {
		return nil, err
	}
	for i := range t.Names {
		t.Names[i] = strings.TrimSpace(t.Names[i])
	}
	file := filepath.Join(root, sunLabels)
	f, err := sunOpen(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := f.Read("labels_cv")
	if err != nil {
		return nil, err
	}
	v, err := a.Float64s()
	if err != nil {
		return nil, fmt.Errorf("%s: labels_cv: %w", file, err)
	}
	if len(a.Dims) != 2 || a.Dims[0] != len(images) || a.Dims[1] != len(t.Names) {
		return nil, fmt.Errorf("%s: labels_cv has size %v; expected %d images x %d attributes", file, a.Dims, len(images), len(t.Names))
	}
	sums, counts := map[string][]float64{}, map[string]int{}
	var order []string
	for i, image := range images {
		_, class := sunClass(image)
		if class == "" {
			return nil, fmt.Errorf("%s: image %d is %q; expected a path such as a/abbey/sun_x.jpg", filepath.Join(root, "images.mat"), i+1, image)
		}
		if sums[class] == nil {
			sums[class] = make([]float64, len(t.Names))
			order = append(order, class)
		}
		counts[class]++
		for k, s := 0, sums[class]; k < len(s); k++ {
			x := v[k*len(images)+i]
			if x-x != 0 {
				return nil, fmt.Errorf("%s: attribute %q of image %q is %v", file, t.Names[k], image, x)
			}
			s[k] += x
		}
	}
	rows := make(map[string][]float32, len(order))
	for class, s := range sums {
		row := make([]float32, len(s))
		for k := range row {
			row[k] = float32(s[k] / float64(counts[class]))
		}
		rows[class] = row
	}
	return t, t.Align(file, classes, order, rows)
}

func sunOpen(file string) (*matfile.File, error) {
	f, err := matfile.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no %s in %s; it is in SUNAttributeDB.tar.gz (%s)", filepath.Base(file), filepath.Dir(file), sunPage)
	}
	return f, err
}

func sunTexts(file, variable string) ([]string, error) {
	f, err := sunOpen(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := f.Read(variable)
	if err != nil {
		return nil, err
	}
	list, err := a.Texts()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", file, variable, err)
	}
	return list, nil
}
