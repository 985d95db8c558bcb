package load

import (
	"fmt"
	"math"
)

// Attributes as onnx-go hands them over: int64, float32, string, []int64, []float32. One of another
// type counts as missing where a default is given; files that mean it are damaged beyond use.

func (n *Node) Int(name string, def int) int {
	if v, ok := n.Attrs[name].(int64); ok && v > math.MinInt32 && v < math.MaxInt32 {
		return int(v)
	}
	return def
}

func (n *Node) Float(name string, def float32) float32 {
	if v, ok := n.Attrs[name].(float32); ok {
		return v
	}
	return def
}

func (n *Node) Str(name, def string) string {
	if v, ok := n.Attrs[name].(string); ok {
		return v
	}
	return def
}

func (n *Node) Has(name string) bool { _, ok := n.Attrs[name]; return ok }

// Ints reads a list of count non-negative integers; def fills in where the attribute is missing.
func (n *Node) Ints(name string, count, def int) ([]int, error) {
	v, ok := n.Attrs[name].([]int64)
	if !ok || len(v) == 0 {
		out := make([]int, count)
		for i := range out {
			out[i] = def
		}
		return out, nil
	}
	if len(v) != count {
		return nil, fmt.Errorf("attribute %s has %d entries, expected %d", name, len(v), count)
	}
	out := make([]int, count)
	for i, x := range v {
		if x < 0 || x > MaxExtent {
			return nil, fmt.Errorf("attribute %s is %v, which is out of range", name, v)
		}
		out[i] = int(x)
	}
	return out, nil
}

// AxisOrEnd brings an axis, which may count from the end, into [0, rank].
func AxisOrEnd(v int64, rank int) (int, error) {
	if v < 0 {
		v += int64(rank)
	}
	if v < 0 || v > int64(rank) {
		return 0, fmt.Errorf("axis %d is out of range for %d dimensions", v, rank)
	}
	return int(v), nil
}

// Axis is axis within [0, rank).
func Axis(v int64, rank int) (int, error) {
	a, err := AxisOrEnd(v, rank)
	if err == nil && a == rank {
		err = fmt.Errorf("axis %d is out of range for %d dimensions", v, rank)
	}
	return a, err
}
