package features_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"vzsl/features"
)

// Features are written, opened, and the rows that a split trains on are gone through.
func ExampleOpenCache() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w, err := features.Create(dir, features.Source{Dataset: "pets", Network: "tiny", Dim: 2, Images: 3}, false)
	if err != nil {
		log.Fatal(err)
	}
	part := features.Part{
		Images: []string{"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"}, Classes: []string{"cat", "cat", "dog"}, Labels: []int32{0, 0, 1},
		Features: []float32{1, 2, 3, 4, 5, 6},
	}
	if err := w.WritePart(0, part); err != nil {
		log.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		log.Fatal(err)
	}
	split := &features.Split{
		Name: "own", Dataset: "pets", Seen: []string{"cat"}, Unseen: []string{"dog"},
		Images: part.Images, Roles: []features.Role{features.RoleTrain, features.RoleTrain, features.RoleTestUnseen},
	}
	if err := features.WriteSplit(filepath.Join(dir, "own.parquet"), split); err != nil {
		log.Fatal(err)
	}

	f, err := features.OpenCache(ctx, dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	role := map[string]features.Role{}
	for i, image := range split.Images {
		role[image] = split.Roles[i]
	}
	for row := range f.Rows() {
		if role[f.Images()[row]] == features.RoleTrain {
			fmt.Println(f.Images()[row], f.Classes()[row], f.Feature(row))
		}
	}
	// Output:
	// cat/1.jpg cat [1 2]
	// cat/2.jpg cat [3 4]
}
