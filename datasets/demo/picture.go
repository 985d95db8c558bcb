package demo

import "image"

// Side is the width and height of an image in pixels.
const Side = 80

// scene is what varies between the images of a class, drawn from the image's seed. Lengths are in 1/256 pixel,
// sines and cosines in 2^-14. All of it is integer arithmetic, so that a seed gives the same image on every machine.
type scene struct {
	class Class
	salt  uint64 // of the noise that belongs to places

	x, y             int64 // the object's centre
	radiusU, radiusV int64
	sin, cos         int64 // the object's rotation

	period                 int64 // the texture's repeat, shift and rotation
	shiftU, shiftV         int64
	textureSin, textureCos int64

	tones   [2]colour // of the object: ground tone and second tone of its texture
	ground  colour
	clutter []blot

	light          int64 // brightness in the middle, 1024 = as is
	slopeX, slopeY int64 // its change per pixel, in 1/1024
	shade          int64 // the same across the object alone
	grain          int64 // amplitude of the noise of single pixels
}

type colour [3]int64

// blot is a small round thing that lies about on the ground.
type blot struct {
	x, y, radius int64
	colour       colour
}

var (
	colours = [...]colour{ // red, orange, yellow, green, blue, purple
		{205, 40, 40}, {232, 128, 28}, {232, 212, 50}, {45, 155, 60}, {50, 85, 205}, {145, 55, 170},
	}
	grounds = [...]colour{ // sand, grass, water, stone
		{212, 190, 145}, {104, 150, 74}, {100, 165, 190}, {132, 130, 126},
	}
	radii = [...][2]int64{{13 * 256, 16 * 256}, {22 * 256, 25 * 256}} // small, large
)

// draw makes up a scene.
func (c Class) draw(seed uint64) *scene {
	r := random(mix(seed))
	s := &scene{class: c, salt: r.next()}
	s.x = Side*128 + r.between(-5*256, 5*256)
	s.y = Side*128 + r.between(-5*256, 5*256)
	radius := radii[c.values[kindSize]]
	s.radiusU = r.between(radius[0], radius[1])
	s.radiusV = s.radiusU * r.between(92, 108) / 100
	s.sin, s.cos = sinCos(r.between(0, 359))

	texture := c.values[kindTexture]
	s.period = r.between(periods[texture][0], periods[texture][1])
	s.shiftU, s.shiftV = r.between(0, s.period), r.between(0, s.period)
	s.textureSin, s.textureCos = sinCos(r.between(0, 359))

	s.tones[0] = colours[c.values[kindColour]].jitter(&r, 22)
	if r.between(0, 1) == 0 {
		s.tones[1] = s.tones[0].towards(colour{20, 20, 25}, r.between(50, 65))
	} else {
		s.tones[1] = s.tones[0].towards(colour{250, 250, 245}, r.between(55, 70))
	}
	s.ground = grounds[c.values[kindGround]].jitter(&r, 18)
	for range r.between(0, 5) {
		s.clutter = append(s.clutter, blot{
			x: r.between(0, Side*256), y: r.between(0, Side*256), radius: r.between(2*256, 4*256),
			colour: colours[r.between(0, int64(len(colours)-1))].jitter(&r, 40),
		})
	}

	s.light = r.between(780, 1180)
	s.slopeX, s.slopeY = r.between(-4, 4), r.between(-4, 4)
	s.shade = r.between(-6, 6)
	s.grain = r.between(3, 12)
	return s
}

func (c colour) jitter(r *random, by int64) colour {
	for i := range c {
		c[i] += r.between(-by, by)
	}
	return c
}

// towards mixes percent of the other colour in.
func (c colour) towards(other colour, percent int64) colour {
	for i := range c {
		c[i] = (c[i]*(100-percent) + other[i]*percent) / 100
	}
	return c
}

// Render draws the image of that seed, Side x Side pixels, opaque. The same class and seed always give the same
// pixels; different seeds give different images.
func (c Class) Render(seed uint64) *image.NRGBA {
	s := c.draw(seed)

	// What lies at the corners of the pixels: where all four agree the pixel is of that material, elsewhere it is
	// sampled 4 x 4.
	var corners [Side + 1][Side + 1]material
	for y := range int64(Side + 1) {
		for x := range int64(Side + 1) {
			corners[y][x] = s.materialAt(x*256, y*256)
		}
	}

	img := image.NewNRGBA(image.Rect(0, 0, Side, Side))
	for y := range int64(Side) {
		for x := range int64(Side) {
			var share [3]int64 // of the materials, in 1/16
			m := corners[y][x]
			if m == corners[y][x+1] && m == corners[y+1][x] && m == corners[y+1][x+1] {
				share[m] = 16
			} else {
				for sample := range int64(16) {
					share[s.materialAt(x*256+32+sample%4*64, y*256+32+sample/4*64)]++
				}
			}
			ground := s.groundAt(x, y)
			light := s.light + s.slopeX*(x-Side/2) + s.slopeY*(y-Side/2)
			shade := 1024 + s.shade*(x+y-Side)
			pixel := img.Pix[img.PixOffset(int(x), int(y)):]
			for i := range 3 {
				object := (s.tones[0][i]*share[first] + s.tones[1][i]*share[other]) * shade / 1024
				v := (ground[i]*share[none] + object) * light / (16 * 1024)
				v += s.grain * (noiseAt(s.salt+uint64(i), x, y) + noiseAt(s.salt+uint64(3+i), x, y)) / 256
				pixel[i] = uint8(min(max(v, 0), 255))
			}
			pixel[3] = 255
		}
	}
	return img
}

// material is what a point of the image shows: the ground or one of the two tones of the object.
type material uint8

const (
	none material = iota
	first
	other
)

func (s *scene) materialAt(x, y int64) material {
	x, y = x-s.x, y-s.y
	u, v := (x*s.cos+y*s.sin)>>14, (y*s.cos-x*s.sin)>>14
	if !inside[s.class.values[kindShape]](u*one/s.radiusU, v*one/s.radiusV) {
		return none
	}
	u, v = (x*s.textureCos+y*s.textureSin)>>14, (y*s.textureCos-x*s.textureSin)>>14
	if second[s.class.values[kindTexture]](u+s.shiftU, v+s.shiftV, s.period) {
		return other
	}
	return first
}

// groundAt is the colour of the ground in the middle of a pixel, with what lies on it.
func (s *scene) groundAt(x, y int64) colour {
	c := s.ground
	salt := s.salt + 100
	offset := int64(salt % 64)
	var level int64
	switch s.class.values[kindGround] {
	case 0: // sand: grains on gentle waves
		level = noiseAt(salt, x, y)*18/256 + smoothNoise(salt+1, x, y, 20, 9)*14/256
	case 1: // grass: upright blades
		level = smoothNoise(salt, x, y, 2, 9)*34/256 + smoothNoise(salt+1, x, y, 24, 24)*12/256
	case 2: // water: flat ripples
		level = smoothNoise(salt, x, y, 13, 3)*30/256 + smoothNoise(salt+1, x, y, 30, 12)*12/256
	case 3: // stone: slabs with dark joints
		row := (y + offset) / 14
		along := x + offset + row%2*10
		level = noiseAt(salt, along/20, row)*16/256 + smoothNoise(salt+1, x, y, 3, 3)*9/256
		if (y+offset)%14 == 0 || along%20 == 0 {
			level -= 40
		}
	}
	for i := range c {
		c[i] += level
	}
	for _, b := range s.clutter {
		// The share of the pixel that the blot covers, from 0 at half a pixel outside its rim to 256 at half a pixel
		// inside: with d the distance, r^2 - d^2 is about 2r(r - d).
		dx, dy := x*256+128-b.x, y*256+128-b.y
		cover := (b.radius*b.radius-dx*dx-dy*dy)/(2*b.radius) + 128
		cover = min(max(cover, 0), 256)
		for i := range c {
			c[i] += (b.colour[i] - c[i]) * cover / 256
		}
	}
	return c
}

// RGB is an image's pixels without alpha, row by row: what hashes of images are taken over.
func RGB(img *image.NRGBA) []byte {
	rgb := make([]byte, 0, len(img.Pix)/4*3)
	for i := 0; i < len(img.Pix); i += 4 {
		rgb = append(rgb, img.Pix[i:i+3]...)
	}
	return rgb
}
