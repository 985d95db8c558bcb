package splits_test

import (
	"fmt"
	"log"

	"vzsl/datasets/splits"
)

// Seen and unseen classes become a role for every image.
func ExampleDefinition_Assign() {
	d := splits.Definition{Name: "own", Seen: []string{"ant", "bee", "cat"}, Unseen: []string{"dog"}, Validation: []string{"cat"}}
	images := []splits.Labelled{{Image: "a.jpg", Class: "ant"}, {Image: "b.jpg", Class: "bee"}, {Image: "c.jpg", Class: "cat"}, {Image: "d.jpg", Class: "dog"}}
	split, err := d.Assign([]string{"ant", "bee", "cat", "dog"}, images)
	if err != nil {
		log.Fatal(err)
	}
	for i, image := range split.Images {
		fmt.Println(image, split.Roles[i])
	}
	// Output:
	// a.jpg train
	// b.jpg train
	// c.jpg validation
	// d.jpg test_unseen
}
