package onnx

import (
	"fmt"
	"math"

	"vzsl/extract/onnx/load"
)

// Normalisation is what a network does to its images before anything else: it subtracts Mean and divides by Std, per
// channel, of values from 0 to Most, 1 or 255.
type Normalisation struct {
	Most      float64
	Mean, Std []float64 // one per channel, in the network's order
	Nodes     string    // what does it, for people
}

// BGR reports whether the means are those of blue, green and red in that order, as ImageNet's go.
func (n *Normalisation) BGR() bool {
	return len(n.Mean) == 3 && n.Mean[0] < n.Mean[1] && n.Mean[1] < n.Mean[2] && n.Mean[2]-n.Mean[0] > 0.02*n.Most
}

// Normalisation finds out whether the network normalises its images itself: whether it begins with subtractions, divisions and
// the like by constants, or a batch normalisation, that bring values of 0 to 1 or of 0 to 255 to about -2 to 2. nil where it does not.
func (n *Network) Normalisation() *Normalisation {
	in := n.Input()
	if in.Channels < 1 || in.Channels > 4 {
		return nil
	}
	c := affine{channels: in.Channels, last: in.NHWC}
	c.a, c.b = make([]float64, in.Channels), make([]float64, in.Channels)
	for i := range c.a {
		c.a[i] = 1
	}
	nodes := ""
	for name := in.Name; ; {
		d := n.next(name)
		if d == nil || len(d.Outputs) == 0 || !n.follow(&c, d, name) {
			break
		}
		switch d.Op {
		case "Identity", "Cast", "Transpose":
		default:
			if nodes != "" {
				nodes += ", "
			}
			nodes += d.Op
		}
		name = d.Outputs[0]
	}
	if nodes == "" {
		return nil
	}
	out := &Normalisation{Nodes: nodes}
	unit, bytes := true, true
	for i := range c.a {
		if c.a[i] == 0 || math.IsNaN(c.a[i]) || math.IsInf(c.a[i], 0) {
			return nil
		}
		mean, std := -c.b[i]/c.a[i], 1/c.a[i]
		out.Mean, out.Std = append(out.Mean, mean), append(out.Std, std)
		unit = unit && mean >= 0.1 && mean <= 0.9 && std >= 0.05 && std <= 1
		bytes = bytes && mean >= 0 && mean <= 255 && (std >= 8 && std <= 512 || mean >= 64 && std >= 0.5 && std <= 512)
	}
	switch {
	case bytes:
		out.Most = 255
	case unit:
		out.Most = 1
	default:
		return nil
	}
	return out
}

// affine is what becomes of an image's value x: a*x+b, per channel.
type affine struct {
	channels int
	last     bool // channels are the last axis
	a, b     []float64
}

// follow takes an operator on the value called name into account; false where there is none that does the same to every pixel.
func (n *Network) follow(c *affine, d *load.Node, name string) bool {
	switch d.Op {
	case "Identity", "Cast":
		return true
	case "Transpose":
		perm, _ := d.Attrs["perm"].([]int64)
		if len(perm) != 4 || perm[0] != 0 {
			return false
		}
		if c.last && perm[1] == 3 {
			c.last = false
		} else if !c.last && perm[3] == 1 {
			c.last = true
		} else {
			return false
		}
		return true
	case "BatchNormalization":
		if c.last || d.Input(0) != name {
			return false
		}
		var v [4][]float64
		for i := range v {
			if v[i] = n.perChannel(c, d.Input(i+1), true); v[i] == nil {
				return false
			}
		}
		for i := range c.a {
			s := v[0][i] / math.Sqrt(v[3][i]+float64(d.Float("epsilon", 1e-5)))
			c.a[i], c.b[i] = c.a[i]*s, (c.b[i]-v[2][i])*s+v[1][i]
		}
		return true
	case "Sub", "Div", "Add", "Mul":
		other := d.Input(1)
		if d.Input(0) != name {
			if d.Op == "Sub" || d.Op == "Div" {
				return false
			}
			other = d.Input(0)
		}
		v := n.perChannel(c, other, false)
		if v == nil {
			return false
		}
		for i, x := range v {
			switch d.Op {
			case "Sub":
				c.b[i] -= x
			case "Add":
				c.b[i] += x
			case "Mul":
				c.a[i], c.b[i] = c.a[i]*x, c.b[i]*x
			case "Div":
				c.a[i], c.b[i] = c.a[i]/x, c.b[i]/x
			}
		}
		return true
	}
	return false
}

// perChannel is a constant that is one number or one per channel; nil for any other. list tells that its only axis is the channels'.
func (n *Network) perChannel(c *affine, name string, list bool) []float64 {
	t := n.weightOf(name)
	if t == nil || !t.IsFloat() || t.Len() != 1 && t.Len() != c.channels {
		return nil
	}
	if t.Len() > 1 && !list {
		axis := len(t.Dims) - 3 // of N x C x H x W, counted from the end
		if c.last {
			axis = len(t.Dims) - 1
		}
		if axis < 0 || t.Dims[axis] != c.channels {
			return nil
		}
	}
	values, err := t.Float32s()
	if err != nil {
		return nil
	}
	out := make([]float64, c.channels)
	for i := range out {
		out[i] = float64(values[i%len(values)])
	}
	return out
}

// String is for people: what the network does.
func (n *Normalisation) String() string {
	return fmt.Sprintf("the network itself normalises its input (%s): it expects values of 0 to %g", n.Nodes, n.Most)
}

// GuessedRecipe reports whether Recipe's answer is a guess by who exported the file, and not by what the file says.
func (n *Network) GuessedRecipe() bool {
	name, why := n.Recipe()
	return name != "" && why == exportedFromPyTorch
}
