package demo

import "math"

// one is the unit of an object's own coordinates: the radius of the circle around it.
const one = 1024

// inside reports whether a point, in an object's own coordinates, belongs to the shape of that index.
var inside = [...]func(u, v int64) bool{
	func(u, v int64) bool { return within(u, v, 920) },                                         // disc
	func(u, v int64) bool { return abs(u) <= 790 && abs(v) <= 790 },                            // square
	func(u, v int64) bool { return inPolygon(triangle, u, v) },                                 // triangle
	func(u, v int64) bool { return inPolygon(star, u, v) },                                     // star
	func(u, v int64) bool { return within(u, v, 960) && !within(u, v, 470) },                   // ring
	func(u, v int64) bool { return min(abs(u), abs(v)) <= 310 && max(abs(u), abs(v)) <= 1000 }, // cross
}

func within(u, v, radius int64) bool { return u*u+v*v <= radius*radius }

func abs(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}

type point struct{ u, v int64 }

var (
	triangle = spokes(1090, 1090, 1090)
	star     = spokes(1060, 450, 1060, 450, 1060, 450, 1060, 450, 1060, 450)
)

// spokes is the polygon with corners at these distances from the centre, at equal angles, the first one on top.
func spokes(radii ...int64) []point {
	polygon := make([]point, len(radii))
	for i, r := range radii {
		s, c := sinCos(int64(i * 360 / len(radii)))
		polygon[i] = point{u: r * s >> 14, v: -r * c >> 14}
	}
	return polygon
}

// inPolygon counts the edges that a ray from the point to the right crosses.
func inPolygon(polygon []point, u, v int64) bool {
	in := false
	a := polygon[len(polygon)-1]
	for _, b := range polygon {
		if (a.v > v) != (b.v > v) {
			// The crossing lies right of u where (b.u-a.u)*(v-a.v)/(b.v-a.v) + a.u > u.
			left := (b.u-a.u)*(v-a.v) - (u-a.u)*(b.v-a.v)
			if (left > 0) == (b.v > a.v) {
				in = !in
			}
		}
		a = b
	}
	return in
}

// second reports whether a point of an object shows the second tone of the texture of that index. The point is in
// 1/256 pixel, in the texture's own rotation; period is the length of a repeat.
var second = [...]func(u, v, period int64) bool{
	func(u, v, period int64) bool { return false },                        // plain
	func(u, v, period int64) bool { return modulo(u, period)*2 < period }, // striped
	func(u, v, period int64) bool { // dotted
		du, dv := modulo(u, period)-period/2, modulo(v, period)-period/2
		return within(du, dv, period*31/100)
	},
	func(u, v, period int64) bool { // checked
		return (modulo(u, period)*2 < period) != (modulo(v, period)*2 < period)
	},
}

// periods are the lengths of a repeat of each texture, from and to, in 1/256 pixel.
var periods = [...][2]int64{{256, 256}, {1400, 1900}, {1500, 2000}, {2100, 2800}}

func modulo(a, b int64) int64 {
	if a %= b; a < 0 {
		a += b
	}
	return a
}

// sinCos returns sine and cosine of whole degrees in units of 2^-14.
func sinCos(degrees int64) (sin, cos int64) {
	return sines[modulo(degrees, 360)], sines[modulo(degrees+90, 360)]
}

var sines = func() (table [360]int64) {
	for d := range table {
		table[d] = int64(math.Round(math.Sin(float64(d)*math.Pi/180) * (1 << 14)))
	}
	return table
}()
