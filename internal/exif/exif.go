// Package exif says how EXIF's orientation turns and mirrors an image.
package exif

// View is an image as it is shown: its size, and where its pixels are among the stored ones, which are counted row after row.
type View struct {
	Width, Height int
	First         int // the upper left pixel
	Right, Down   int // steps to the next pixel on the right, and to the one below
}

// Shown is the view of a stored image of w x h pixels by its orientation, 1 to 8, as PIL's ImageOps.exif_transpose has it. Any
// other orientation is taken as 1, which leaves the image as it is.
func Shown(orientation, w, h int) View {
	along, down := 1, w // steps in the stored image
	first := 0
	switch orientation { // left and right exchanged
	case 2, 3, 7, 8:
		first, along = w-1, -1
	}
	switch orientation { // top and bottom exchanged
	case 3, 4, 6, 7:
		first, down = first+(h-1)*w, -w
	}
	if orientation >= 5 && orientation <= 8 { // rows are columns
		return View{h, w, first, down, along}
	}
	return View{w, h, first, along, down}
}
