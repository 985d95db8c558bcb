package attributes

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The ways to normalise, by name.
const (
	None        = "none"        // x
	L2          = "l2"          // x / ||x||, block by block
	Standardise = "standardise" // (x - mean) / standard deviation, attribute by attribute
	CentreL2    = "centre-l2"   // (x - mean) / ||x - mean||, block by block
	// SqrtCentreL2 is centre-l2 of y = sign(x) sqrt|x|: of a percentage of annotators, what an attribute's first few tell
	// weighs as much as its last.
	SqrtCentreL2 = "sqrt-centre-l2"
	// BothCentreL2 is centre-l2 and, after it, sqrt-centre-l2: twice as many values, for a model of two parts that err less
	// alike when each takes its own.
	BothCentreL2 = "both-centre-l2"
)

// The ways to treat missing values, by name.
const (
	MissingError     = "error"      // refuse them
	MissingClassMean = "class-mean" // take the attribute's mean over the classes fitted on
)

// Kinds are the names of the ways to normalise.
func Kinds() []string {
	return []string{None, L2, Standardise, CentreL2, SqrtCentreL2, BothCentreL2}
}

// MissingPolicies are the names of the ways to treat missing values.
func MissingPolicies() []string { return []string{MissingError, MissingClassMean} }

// Normaliser turns raw attribute vectors into a model's input. It is fitted on the seen classes and stored as JSON, which
// gives back the very same one.
//
// A vector joined of B descriptions has B blocks. Under l2, centre-l2 and sqrt-centre-l2 each block is brought to the length 1/sqrt(B) for
// itself, so that all count alike whatever their units and lengths, and the whole has length 1 where no block is zero. Weigh gives
// them other weights.
type Normaliser struct {
	kind    string
	missing string
	dim     int
	blocks  []int     // widths of the blocks; nil: one
	shares  []float64 // of each block in the squared length; nil: equal
	fill    []float64 // the means over the rows fitted on: class-mean takes them in place of missing values. nil: stored by a version that kept none
	mean    []float64 // standardise, centre-l2, both-centre-l2; sqrt-centre-l2: of the square roots
	roots   []float64 // both-centre-l2: the mean of the square roots
	scale   []float64 // standardise: standard deviations; 0 for an attribute that is constant
}

// Fit fits a normaliser on rows, the raw vectors of the seen classes, NaN where missing. Means and standard deviations
// (divisor n) are taken over the rows, missing values filled first. blocks are the widths of the descriptions that the rows
// are joined of, in their order; none means that they are one.
func Fit(kind string, rows [][]float32, missing string, blocks ...int) (*Normaliser, error) {
	if missing == "" {
		missing = MissingError
	}
	n := &Normaliser{kind: kind, missing: missing}
	if err := n.known(); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no classes to fit the attribute normalisation on")
	}
	n.dim = len(rows[0])
	if n.dim == 0 {
		return nil, fmt.Errorf("the classes have no attributes")
	}
	if len(blocks) > 1 {
		n.blocks = slices.Clone(blocks)
	}
	if err := n.checkBlocks(); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if len(row) != n.dim {
			return nil, fmt.Errorf("class %d has %d attributes, the first has %d", i, len(row), n.dim)
		}
		if err := n.acceptable(row); err != nil {
			return nil, fmt.Errorf("class %d: %w", i, err)
		}
	}
	n.fill = make([]float64, n.dim)
	for k := range n.fill {
		sum, count := 0.0, 0
		for _, row := range rows {
			if v := float64(row[k]); !math.IsNaN(v) {
				sum += v
				count++
			}
		}
		if count == 0 {
			return nil, fmt.Errorf("attribute %d has no value in any of the %d classes fitted on", k, len(rows))
		}
		n.fill[k] = sum / float64(count)
	}
	if n.centres() {
		n.fitMoments(rows)
	}
	if n.kind == BothCentreL2 {
		root := *n
		root.kind = SqrtCentreL2
		root.fitMoments(rows)
		n.roots = root.mean
	}
	return n, nil
}

// Weigh gives the blocks weights: shares of the squared length of a vector of l2, centre-l2 or sqrt-centre-l2, at least 0, their sum 1. A
// block's values are multiplied by sqrt(share B), under the other ways to normalise too; equal shares change nothing.
func (n *Normaliser) Weigh(shares []float64) error {
	if len(shares) != max(1, len(n.blocks)) {
		return fmt.Errorf("%d weights of %d descriptions", len(shares), max(1, len(n.blocks)))
	}
	if err := checkShares(shares); err != nil {
		return err
	}
	n.shares = nil
	if slices.Min(shares) < slices.Max(shares) {
		n.shares = slices.Clone(shares)
	}
	return nil
}

func checkShares(shares []float64) error {
	sum := 0.0
	for _, s := range shares {
		if !(s >= 0) {
			return fmt.Errorf("a weight of %v", s)
		}
		sum += s
	}
	if math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("weights %v, whose sum is not 1", shares)
	}
	return nil
}

// Shares are the blocks' weights, nil where they are equal.
func (n *Normaliser) Shares() []float64 { return slices.Clone(n.shares) }

// factors are what the blocks' values are multiplied by; nil: 1.
func (n *Normaliser) factors() []float64 {
	if n.shares == nil {
		return nil
	}
	f := make([]float64, len(n.shares))
	for i, s := range n.shares {
		f[i] = math.Sqrt(s * float64(len(f)))
	}
	return f
}

// Views is the number of normalisations of every attribute that a normalised vector holds, one after the other.
func (n *Normaliser) Views() int {
	if n.kind == BothCentreL2 {
		return 2
	}
	return 1
}

// Width is the length of a normalised vector: Views times Dim.
func (n *Normaliser) Width() int { return n.Views() * n.dim }

// views are the normalisers of the parts of a normalised vector.
func (n *Normaliser) views() []*Normaliser {
	if n.kind != BothCentreL2 {
		return []*Normaliser{n}
	}
	plain, root := *n, *n
	plain.kind, plain.roots = CentreL2, nil
	root.kind, root.mean, root.roots = SqrtCentreL2, n.roots, nil
	return []*Normaliser{&plain, &root}
}

// centres reports whether the mean over the classes fitted on is taken off.
func (n *Normaliser) centres() bool {
	return n.kind == Standardise || n.kind == CentreL2 || n.kind == SqrtCentreL2 || n.kind == BothCentreL2
}

func (n *Normaliser) checkBlocks() error {
	if n.blocks == nil {
		return nil
	}
	rest := n.dim
	for _, w := range n.blocks {
		if w < 1 || w > rest {
			return fmt.Errorf("attribute normalisation: blocks of %v attributes do not make %d", n.blocks, n.dim)
		}
		rest -= w
	}
	if rest != 0 {
		return fmt.Errorf("attribute normalisation: blocks of %v attributes do not make %d", n.blocks, n.dim)
	}
	return nil
}

func (n *Normaliser) fitMoments(rows [][]float32) {
	n.mean = make([]float64, n.dim)
	scale := make([]float64, n.dim)
	count := float64(len(rows))
	for k := range n.mean {
		sum := 0.0
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, row := range rows {
			v := n.value(row, k)
			sum += v
			lo, hi = min(lo, v), max(hi, v)
		}
		if lo == hi {
			n.mean[k] = lo // exactly, whatever the rounding of the sum
			continue
		}
		n.mean[k] = sum / count
		squares := 0.0
		for _, row := range rows {
			d := n.value(row, k) - n.mean[k]
			squares += d * d
		}
		scale[k] = math.Sqrt(squares / count)
	}
	if n.kind == Standardise {
		n.scale = scale
	}
}

// value is attribute k of a row, filled where missing; under sqrt-centre-l2 its signed square root.
func (n *Normaliser) value(row []float32, k int) float64 {
	v := float64(row[k])
	if n.fills() && math.IsNaN(v) {
		v = n.fill[k]
	}
	if n.kind == SqrtCentreL2 {
		v = math.Copysign(math.Sqrt(math.Abs(v)), v)
	}
	return v
}

func (n *Normaliser) acceptable(row []float32) error {
	for k, v := range row {
		switch v := float64(v); {
		case math.IsInf(v, 0):
			return fmt.Errorf("attribute %d is %v", k, v)
		case math.IsNaN(v) && !n.fills():
			return fmt.Errorf("attribute %d is missing and missing values are not filled (%q does)", k, MissingClassMean)
		}
	}
	return nil
}

// fills reports whether missing values are filled.
func (n *Normaliser) fills() bool { return n.missing == MissingClassMean }

// Missing is the way that missing values are treated.
func (n *Normaliser) Missing() string { return n.missing }

// Means are the attributes' raw means over the classes fitted on; nil where a version that kept none stored the normaliser.
func (n *Normaliser) Means() []float64 {
	if n.fill != nil {
		return n.fill
	}
	return n.mean
}

// WithMissing is the same normalisation with another way to treat missing values.
func (n *Normaliser) WithMissing(missing string) (*Normaliser, error) {
	m := *n
	m.missing, m.fill = missing, n.Means()
	if err := m.known(); err != nil {
		return nil, err
	}
	if m.fills() && m.fill == nil {
		return nil, fmt.Errorf("the normalisation was stored without the attributes' means, which are needed to replace missing values")
	}
	return &m, nil
}

// Kind is the way of normalising.
func (n *Normaliser) Kind() string { return n.kind }

// Dim is the number of attributes.
func (n *Normaliser) Dim() int { return n.dim }

// Blocks are the widths of the descriptions that a vector is joined of, nil where it is one.
func (n *Normaliser) Blocks() []int { return slices.Clone(n.blocks) }

// Apply normalises a raw row of Dim values into dst, of Width values, which may be the row itself where it is as long. A block of zero length after centring stays
// zero under l2, centre-l2 and sqrt-centre-l2; an attribute that was constant over the classes fitted on becomes zero under standardise,
// whatever its value now, because nothing could be learned from it. A missing value is an error unless it can be filled.
func (n *Normaliser) Apply(row, dst []float32) error {
	if len(row) != n.dim {
		return fmt.Errorf("a class with %d attributes; the model was fitted on %d", len(row), n.dim)
	}
	if len(dst) != n.Width() {
		return fmt.Errorf("space for %d normalised attributes, but there are %d", len(dst), n.Width())
	}
	if err := n.acceptable(row); err != nil {
		return err
	}
	if n.kind == BothCentreL2 {
		for i, v := range n.views() {
			if err := v.Apply(row, dst[i*n.dim:(i+1)*n.dim]); err != nil {
				return err
			}
		}
		return nil
	}
	if n.kind == None && !n.fills() && n.shares == nil {
		copy(dst, row)
		return nil
	}
	at := func(k int) float64 {
		v := n.value(row, k)
		if n.mean != nil {
			v -= n.mean[k]
		}
		return v
	}
	switch n.kind {
	case None:
		for k := range dst {
			dst[k] = float32(at(k))
		}
	case Standardise:
		for k := range dst {
			if n.scale[k] == 0 {
				dst[k] = 0
			} else {
				dst[k] = float32(at(k) / n.scale[k])
			}
		}
	default:
		blocks := n.blocks
		if blocks == nil {
			blocks = []int{n.dim}
		}
		from := 0
		for _, w := range blocks {
			squares := 0.0
			for k := from; k < from+w; k++ {
				squares += at(k) * at(k)
			}
			factor := 0.0
			if squares > 0 {
				factor = 1 / math.Sqrt(squares*float64(len(blocks)))
			}
			for k := from; k < from+w; k++ {
				dst[k] = float32(at(k) * factor)
			}
			from += w
		}
	}
	if factors := n.factors(); factors != nil {
		from := 0
		for i, w := range n.blocks {
			for k := from; k < from+w; k++ {
				dst[k] = float32(float64(dst[k]) * factors[i])
			}
			from += w
		}
	}
	return nil
}

// stored is a Normaliser as JSON. Numbers are written with as many digits as give back the same float64.
type stored struct {
	Kind    string    `json:"kind"`
	Missing string    `json:"missing"`
	Dim     int       `json:"dim"`
	Blocks  []int     `json:"blocks,omitempty"`
	Shares  []float64 `json:"shares,omitempty"`
	Fill    []float64 `json:"fill,omitempty"`
	Mean    []float64 `json:"mean,omitempty"`
	Roots   []float64 `json:"roots,omitempty"`
	Scale   []float64 `json:"scale,omitempty"`
}

// MarshalJSON writes the fitted normaliser.
func (n *Normaliser) MarshalJSON() ([]byte, error) {
	return json.Marshal(stored{n.kind, n.missing, n.dim, n.blocks, n.shares, n.fill, n.mean, n.roots, n.scale})
}

// UnmarshalJSON reads a fitted normaliser and checks that it is whole.
func (n *Normaliser) UnmarshalJSON(b []byte) error {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("attribute normalisation: %w", err)
	}
	m := Normaliser{s.Kind, s.Missing, s.Dim, s.Blocks, s.Shares, s.Fill, s.Mean, s.Roots, s.Scale}
	if err := m.known(); err != nil {
		return err
	}
	want := func(needed bool) int {
		if needed {
			return s.Dim
		}
		return 0
	}
	if s.Dim < 1 || len(s.Fill) != want(s.Missing == MissingClassMean || s.Fill != nil) ||
		len(s.Mean) != want(m.centres()) || len(s.Roots) != want(s.Kind == BothCentreL2) || len(s.Scale) != want(s.Kind == Standardise) {
		return fmt.Errorf("attribute normalisation %q of %d attributes: %d fills, %d means, %d scales do not fit", s.Kind, s.Dim, len(s.Fill), len(s.Mean), len(s.Scale))
	}
	if err := m.checkBlocks(); err != nil {
		return err
	}
	if s.Shares != nil {
		if err := checkShares(s.Shares); err != nil || len(s.Shares) != len(s.Blocks) {
			return fmt.Errorf("attribute normalisation: shares %v of %d blocks", s.Shares, len(s.Blocks))
		}
	}
	for _, v := range s.Scale {
		if v < 0 {
			return fmt.Errorf("attribute normalisation: a standard deviation of %v", v)
		}
	}
	*n = m
	return nil
}

func (n *Normaliser) known() error {
	if !slices.Contains(Kinds(), n.kind) {
		return fmt.Errorf("unknown attribute normalisation %q; known: %s", n.kind, strings.Join(Kinds(), ", "))
	}
	if !slices.Contains(MissingPolicies(), n.missing) {
		return fmt.Errorf("unknown treatment of missing values %q; known: %s", n.missing, strings.Join(MissingPolicies(), ", "))
	}
	return nil
}
