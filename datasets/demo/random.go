package demo

// random is SplitMix64 (Steele, Lea, Flood 2014): its sequence is part of what an image is, so it is written out here
// and not left to a library that may change.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// between draws an integer from lo..hi, both included. The spans used here are so small that the bias of the
// remainder (below span/2^64) does not matter.
func (r *random) between(lo, hi int64) int64 {
	return lo + int64(r.next()%uint64(hi-lo+1))
}

// noiseAt is noise that belongs to a place: -256..256 for a lattice point, the same whenever it is asked for.
func noiseAt(salt uint64, x, y int64) int64 {
	return int64(mix(mix(salt^uint64(x)*0x9e3779b97f4a7c15)^uint64(y)*0xc2b2ae3d27d4eb4f)%513) - 256
}

// smoothNoise interpolates noiseAt bilinearly on a lattice of w x h pixels; -256..256.
func smoothNoise(salt uint64, x, y, w, h int64) int64 {
	i, j := x/w, y/h // x, y >= 0
	fx, fy := x%w*256/w, y%h*256/h
	top := noiseAt(salt, i, j)*(256-fx) + noiseAt(salt, i+1, j)*fx
	bottom := noiseAt(salt, i, j+1)*(256-fx) + noiseAt(salt, i+1, j+1)*fx
	return (top*(256-fy) + bottom*fy) / (256 * 256)
}
