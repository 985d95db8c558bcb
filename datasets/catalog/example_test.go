package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"

	"vzsl/datasets/catalog"
)

// A miniature of Animals with Attributes: its classes, their attributes, and the sizes as published.
func ExampleOpen() {
	d, err := catalog.Open("awa1", filepath.Join("testdata", "layouts", "awa"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	e := catalog.Lookup("awa1")
	t, err := e.Describe(d.Root, d.ClassNames(), "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(d.ClassNames())
	fmt.Println(len(t.Values), "x", len(t.Names))
	fmt.Println(e.Counts.Classes, "classes,", e.Splits[0].Seen, "of them seen in split", e.Splits[0].Name)
	// Output:
	// [antelope grizzly+bear killer+whale lion]
	// 4 x 3
	// 50 classes, 40 of them seen in split standard
}
