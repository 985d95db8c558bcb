package report

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"runtime"

	"golang.org/x/image/draw"
	"golang.org/x/sync/errgroup"

	"vzsl/evaluate"
)

// The thumbnails of a class are one image, a sheet of square tiles: in separate small JPEGs the headers would take most
// of the bytes.
const (
	sheetColumns = 10
	sheetQuality = 62
	maxTiled     = 4000      // images with thumbnails, the same number for each class
	maxSheets    = 2_700_000 // characters of all sheets together
)

// tileSizes, in pixels, are tried in this order until the sheets are small enough.
var tileSizes = []int{56, 48, 40, 32}

// sheets holds the thumbnails of a report.
type sheets struct {
	Tile int      // side in pixels
	URI  []string // sheet of each candidate; "": none
	At   []int    // for each prediction, the tile on its class's sheet; -1: none
}

// newSheets makes thumbnails of all test images, or of as many of each class as fit; nil: there are no image files.
func newSheets(r *evaluate.Result, pics *pictures) *sheets {
	if pics == nil || len(r.Predictions) == 0 {
		return nil
	}
	s := &sheets{At: make([]int, len(r.Predictions))}
	of := make([][]int, len(r.Candidates))
	for i := range r.Predictions {
		s.At[i] = -1
		c := r.Predictions[i].Class
		of[c] = append(of[c], i)
	}
	if each := maxTiled / max(1, len(r.Candidates)-len(r.WithoutImages)); len(r.Predictions) > maxTiled {
		for c := range of {
			of[c] = evaluate.EvenlySpaced(of[c], max(1, each))
		}
	}
	tiles := make([]*image.RGBA, len(r.Predictions)) // at the largest size
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for _, list := range of {
		for _, i := range list {
			work.Go(func() error {
				tiles[i] = pics.tile(r.Predictions[i].Image, tileSizes[0])
				return nil
			})
		}
	}
	_ = work.Wait() // no error: an image that cannot be read has no tile
	any := false
	for c, list := range of {
		n := 0
		for _, i := range list {
			if tiles[i] != nil {
				s.At[i] = n
				list[n], n, any = i, n+1, true
			}
		}
		of[c] = list[:n]
	}
	if !any {
		return nil
	}
	for k, size := range tileSizes {
		total := 0
		s.Tile, s.URI = size, make([]string, len(of))
		for c, list := range of {
			if len(list) > 0 {
				s.URI[c] = sheet(tiles, list, size)
				total += len(s.URI[c])
			}
		}
		if total <= maxSheets || k == len(tileSizes)-1 {
			break
		}
	}
	return s
}

// tile returns the central square of an image, scaled to size x size pixels, on white; nil: it cannot be read.
func (p *pictures) tile(name string, size int) *image.RGBA {
	img, err := p.decode(name)
	if err != nil {
		return nil
	}
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	x, y := b.Min.X+(b.Dx()-side)/2, b.Min.Y+(b.Dy()-side)/2
	out := image.NewRGBA(image.Rect(0, 0, size, size))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, image.Rect(x, y, x+side, y+side), draw.Over, nil)
	return out
}

// sheet returns tiles as one JPEG data URI.
func sheet(tiles []*image.RGBA, list []int, size int) string {
	rows := (len(list) + sheetColumns - 1) / sheetColumns
	out := image.NewRGBA(image.Rect(0, 0, min(len(list), sheetColumns)*size, rows*size))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for k, i := range list {
		at := image.Rect(k%sheetColumns*size, k/sheetColumns*size, (k%sheetColumns+1)*size, (k/sheetColumns+1)*size)
		draw.ApproxBiLinear.Scale(out, at, tiles[i], tiles[i].Bounds(), draw.Src, nil)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: sheetQuality}); err != nil {
		return ""
	}
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}
