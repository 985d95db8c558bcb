package report

import (
	"encoding/json"
	"html/template"
	"math"

	"vzsl/evaluate"
	"vzsl/internal/readable"
)

// browse is the data of the page's image viewer (browse.js). A class is its index among the candidates, an image its index in Images.
type browse struct {
	Tile    int            `json:"tile"`    // pixels of a thumbnail's side; 0: there are none
	Columns int            `json:"columns"` // tiles in a row of a sheet
	Classes []browseClass  `json:"classes"`
	Images  [][]int        `json:"images"` // true class, its rank, tile (-1: none), then the best classes
	Names   []string       `json:"names"`  // of each of Images
	All     int            `json:"all"`    // number of test images, also those that are not in Images
	Maps    [][][2]int     `json:"maps"`   // for each map, the coordinates of the points, 0 to 1000
	Points  []int          `json:"points"` // for each point of the maps, its index in Images; -1: not there
	Groups  []browseGroups `json:"groups,omitempty"`
	// Attributes; Raw has their raw values by class, Seen the means of the model's estimates for the images of each
	// class.
	Attributes []string     `json:"attributes,omitempty"`
	Raw        [][]*float32 `json:"raw,omitempty"`
	Seen       [][]float32  `json:"seen,omitempty"`
}

// browseGroups is a grouping: names of the groups, in the order of its matrix's indices, and the group of each class.
type browseGroups struct {
	Names []string `json:"n"`
	Of    []int    `json:"of"`
}

type browseClass struct {
	Name   string `json:"n"`
	Sheet  string `json:"s,omitempty"`
	Images int    `json:"i"`
	Right  int    `json:"r"`
}

// maxBrowsed is the largest number of images in the page; of more, as many are taken of each class.
const maxBrowsed = 12_000

// newBrowse returns the data as JSON without <, > and &, which html/template need not escape.
func newBrowse(r *evaluate.Result, shown []string, s *sheets, maps *mapSection) (template.JS, error) {
	b := &browse{Columns: sheetColumns, All: len(r.Predictions), Images: [][]int{}, Names: []string{}, Maps: [][][2]int{}, Points: []int{}}
	for c, name := range shown {
		class := browseClass{Name: name, Images: r.Classes[c].Images, Right: r.Classes[c].Correct}
		if s != nil {
			class.Sheet, b.Tile = s.URI[c], s.Tile
		}
		b.Classes = append(b.Classes, class)
	}
	keep := make([]bool, len(r.Predictions))
	of := make([][]int, len(r.Candidates))
	for i := range r.Predictions {
		of[r.Predictions[i].Class] = append(of[r.Predictions[i].Class], i)
	}
	for _, list := range of {
		if len(r.Predictions) > maxBrowsed {
			list = evaluate.EvenlySpaced(list, max(1, maxBrowsed/max(1, len(r.Candidates)-len(r.WithoutImages))))
		}
		for _, i := range list {
			keep[i] = true
		}
	}
	at := make([]int, len(r.Predictions))
	for i := range r.Predictions {
		p := &r.Predictions[i]
		if at[i] = -1; !keep[i] {
			continue
		}
		at[i] = len(b.Images)
		tile := -1
		if s != nil {
			tile = s.At[i]
		}
		row := []int{p.Class, p.Rank, tile}
		for _, t := range p.Top {
			row = append(row, t.Class)
		}
		b.Images, b.Names = append(b.Images, row), append(b.Names, p.Image)
	}
	if m := r.Maps; m != nil && maps != nil && len(m.Images) == len(m.Of) {
		for _, i := range m.Images {
			if i < 0 || i >= len(at) {
				b.Points, maps = nil, nil
				break
			}
			b.Points = append(b.Points, at[i])
		}
		if maps != nil {
			for _, d := range maps.Drawings {
				var places [][2]int
				for _, p := range d.places {
					places = append(places, [2]int{int(math.Round(p[0])), int(math.Round(p[1]))})
				}
				b.Maps = append(b.Maps, places)
			}
		}
	}
	for _, g := range r.Groups {
		names, of := groupsOf(&g)
		b.Groups = append(b.Groups, browseGroups{names, of})
	}
	if d := r.Described; d != nil {
		for _, a := range d.Attributes {
			b.Attributes = append(b.Attributes, readable.Attribute(a).String())
		}
		b.Raw, b.Seen = d.Classes, d.Seen
	}
	text, err := json.Marshal(b)
	return template.JS(text), err
}
