package attributes_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"vzsl/attributes"
)

// Class descriptions of a CSV, in the order of the classes asked for; a missing value is NaN.
func ExampleReadFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "classes.csv")
	if err := os.WriteFile(file, []byte("class,stripes,hooves\nzebra,1,1\ntiger,1,0\nhorse,?,1\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	t, err := attributes.ReadFile(file, attributes.FileOptions{Classes: []string{"horse", "zebra"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Names)
	for i, class := range t.Classes {
		fmt.Println(class, t.Values[i])
	}
	// Output:
	// [stripes hooves]
	// horse [NaN 1]
	// zebra [1 1]
}
