// Command render writes the images that the demo's network is trained on: of the seen classes only, from seeds that
// the demo's dataset never uses. train.py takes it from there.
//
//	go run ./datasets/demo/network/render FOLDER
//
// FOLDER gets train/<class>/<seed>.png, check/<class>/<seed>.png (held out, to measure the network) and render.json,
// which says what was rendered.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"vzsl/datasets/demo"
)

// part is one set of images: PerClass of each class, the seed counting up from FirstSeed, class after class.
type part struct {
	FirstSeed uint64 `json:"first_seed"`
	PerClass  int    `json:"per_class"`
	SHA256    string `json:"sha256"`           // over the images' RGB bytes, in the order of the seeds
	Firsts    string `json:"sha256_of_firsts"` // the same over the first image of each class alone
}

type record struct {
	Classes []string `json:"classes"` // the seen ones: label 0, 1, 2, ...
	Go      string   `json:"go"`
	Side    int      `json:"side"`
	Train   part     `json:"train"`
	Check   part     `json:"check"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: render FOLDER")
		os.Exit(2)
	}
	if err := render(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render(dir string) error {
	var seen []demo.Class
	rec := record{Go: runtime.Version(), Side: demo.Side}
	for _, c := range demo.Classes() {
		if c.Seen {
			seen = append(seen, c)
			rec.Classes = append(rec.Classes, c.Name)
		}
	}
	rec.Train = part{FirstSeed: demo.SeedsEnd, PerClass: 160}
	rec.Check = part{FirstSeed: 2 * demo.SeedsEnd, PerClass: 20}
	for _, p := range []struct {
		name string
		part *part
	}{{"train", &rec.Train}, {"check", &rec.Check}} {
		if err := p.part.render(filepath.Join(dir, p.name), seen); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "render.json"), append(text, '\n'), 0o644)
}

func (p *part) render(dir string, classes []demo.Class) error {
	sum, firsts := sha256.New(), sha256.New()
	seed := p.FirstSeed
	for _, c := range classes {
		folder := filepath.Join(dir, c.Name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for n := range p.PerClass {
			img := c.Render(seed)
			rgb := demo.RGB(img)
			sum.Write(rgb)
			if n == 0 {
				firsts.Write(rgb)
			}
			var file bytes.Buffer
			if err := png.Encode(&file, img); err != nil {
				return fmt.Errorf("%s, seed %d: %w", c.Name, seed, err)
			}
			if err := os.WriteFile(filepath.Join(folder, strconv.FormatUint(seed, 10)+".png"), file.Bytes(), 0o644); err != nil {
				return err
			}
			seed++
		}
	}
	p.SHA256 = hex.EncodeToString(sum.Sum(nil))
	p.Firsts = hex.EncodeToString(firsts.Sum(nil))
	return nil
}
