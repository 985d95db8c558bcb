package convert_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"vzsl/features/convert"
)

// A table of another program is read into memory: its columns first, then names and numbers.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "features.csv")
	if err := os.WriteFile(file, []byte("image,f0,f1\nant/1.jpg,0.5,1\nbee/2.jpg,2,40%\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	t, err := convert.Open(file, convert.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	fmt.Println(convert.Kinds(t.Columns()))
	images, err := t.Texts(0)
	if err != nil {
		log.Fatal(err)
	}
	v, err := t.Values(1)
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	x := make([]float32, 2)
	if err := v.Read(context.Background(), 0, 2, x); err != nil {
		log.Fatal(err)
	}
	fmt.Println(images[0], x)
	// Output:
	// "image" (text), "f0" (numbers), "f1" (text)
	// [ant/1.jpg bee/2.jpg] [0.5 2]
}
