package native

import (
	"fmt"
	"runtime"
)

const (
	maxHalo  = 1 << 28 // elements of one image's maps with their halo
	maxFrame = 1 << 28 // elements of all buffers for one image (1 GiB)
)

// slot is a buffer that values take one after another.
type slot struct {
	size  int  // elements for one image
	early bool // holds an image for each lane, not the whole batch
}

// bytesPerImage is what the buffers take for each further image of a batch, fixed what they take for
// any.
func (c *compiler) bytesPerImage() (each, fixed int) {
	for _, s := range c.slots {
		if s.early {
			fixed += 4 * c.lanes * s.size
		} else {
			each += 4 * s.size
		}
	}
	return each, fixed
}

// split says how far the program runs an image at a time, each processor its own: at a network's beginning maps are large and
// weights small. The maps of all images, passed on as a whole, would go to memory and back between any two instructions, while
// those of one image stay in the caches, and no processor waits for another. This holds up to where the weights themselves fill
// the last-level cache, or the maps of a usual batch would not fill half of it.
func (c *compiler) split(cache int) {
	c.early, c.lanes = 0, runtime.GOMAXPROCS(0)
	for i, ins := range c.code {
		if ins.weights > cache/2 {
			break
		}
		maps := 4 * c.values[c.root(ins.out)].size()
		for _, v := range ins.in {
			maps += 4 * c.values[c.root(v)].size()
		}
		if maps > cache/usualBatch/2 {
			c.early = i + 1
		}
	}
}

// place works out lifetimes and gives every value a buffer that no other living value has.
func (c *compiler) place(in, out int) error {
	for i, ins := range c.code {
		for _, v := range []int{ins.out, ins.mean} {
			if v < 0 {
				continue
			}
			o := &c.values[c.root(v)]
			if o.first < 0 {
				o.first = i
			}
			o.last = max(o.last, i)
		}
		for _, v := range ins.in {
			r := &c.values[c.root(v)]
			r.last = max(r.last, i)
		}
	}
	c.values[c.root(out)].last = len(c.code)
	starts, ends := make([][]int, len(c.code)), make([][]int, len(c.code)+1)
	for v := range c.values {
		x := &c.values[v]
		if x.first < 0 || c.root(v) != v || v == in {
			continue
		}
		if x.maps {
			h, w := x.dims[2]+x.halo.Top+x.halo.Bottom, x.dims[3]+x.halo.Left+x.halo.Right
			if h > maxHalo || w > maxHalo/h || x.dims[1] > maxHalo/(h*w) {
				return fmt.Errorf("feature maps of shape %v with padding are too large", x.dims)
			}
		}
		// What early instructions make for later ones gathers all images; no later value is gone
		// before these begin, so that nobody had its buffer.
		x.early = x.last < c.early
		starts[x.first] = append(starts[x.first], v)
		ends[x.last] = append(ends[x.last], v)
	}
	c.slots = nil
	var free [2][]int // late, early
	which := map[bool]int{true: 1}
	for i := range c.code {
		for _, v := range starts[i] {
			x := &c.values[v]
			x.slot = c.take(&free[which[x.early]], x.size(), x.early)
		}
		for _, v := range ends[i] {
			f := &free[which[c.values[v].early]]
			*f = append(*f, c.values[v].slot)
		}
	}
	total := 0
	for _, s := range c.slots {
		if total += s.size; total > maxFrame {
			return fmt.Errorf("the network needs more than %d MB of feature maps for one image", maxFrame>>18)
		}
	}
	return nil
}

// take picks a free buffer: the smallest that is large enough, else the largest, which grows.
func (c *compiler) take(free *[]int, size int, early bool) int {
	best := -1
	for i, s := range *free {
		if best < 0 {
			best = i
			continue
		}
		b := c.slots[(*free)[best]].size
		if n := c.slots[s].size; n >= size && (b < size || n < b) || n < size && b < size && n > b {
			best = i
		}
	}
	if best < 0 {
		c.slots = append(c.slots, slot{size, early})
		return len(c.slots) - 1
	}
	s := (*free)[best]
	*free = append((*free)[:best], (*free)[best+1:]...)
	c.slots[s].size = max(c.slots[s].size, size)
	return s
}
