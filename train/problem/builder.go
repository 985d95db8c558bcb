// Package problem makes what a method is fitted to of features, a class table and a split.
package problem

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"unsafe"

	"vzsl/features"
	"vzsl/train/method"
)

// Features are all images' features. *features.Cache is one.
type Features interface {
	Rows() int
	Dim() int
	Images() []string
	Classes() []string // class of each row
	Labels() []int32   // row of each in the class table
	Feature(row int) []float32
	Source() features.Source
}

// samples are some rows of the features, normalised as they are read.
type samples struct {
	f      Features
	kind   string
	rows   []int
	labels []int // in the problem's classes
}

func (s *samples) Len() int        { return len(s.rows) }
func (s *samples) Dim() int        { return s.f.Dim() }
func (s *samples) Label(i int) int { return s.labels[i] }
func (s *samples) Row(i int, dst []float32) {
	method.Normalise(s.kind, s.f.Feature(s.rows[i]), dst)
}

// Builder are the images with roles that training knows; nothing else of the features is ever read.
type Builder struct {
	f                 Features
	Train, Validation []int                // rows
	Unlabelled        []int                // rows of test images of unseen classes; none in the inductive setting
	Shots             []int                // rows: the few-shot setting's labelled images of unseen classes
	MostShots         int                  // the most shots that a class has
	names             []string             // of all classes, by label
	vectors           map[string][]float32 // raw attributes by class name
	blocks            []int                // widths of the descriptions that these are joined of
	roles             *features.Split
}

// New finds the rows of the roles and the vectors of the classes. Rows of unseen classes' images are taken, without
// their labels, in the transductive setting only.
func New(f Features, table *features.ClassTable, roles *features.Split, transductive bool) (*Builder, error) {
	p := &Builder{f: f, names: table.Classes, blocks: table.BlockWidths(), roles: roles, vectors: make(map[string][]float32, len(table.Classes))}
	for i, c := range table.Classes {
		if i < len(table.Values) {
			p.vectors[c] = table.Values[i]
		}
	}
	for _, list := range [][]string{roles.Seen, roles.Unseen} {
		for _, c := range list {
			if p.vectors[c] == nil {
				return nil, fmt.Errorf("the class table has no attributes for class %q of split %q: run attributes for this dataset again", c, roles.Name)
			}
		}
	}
	role := make(map[string]features.Role, len(roles.Images))
	for i, image := range roles.Images {
		role[image] = roles.Roles[i]
	}
	seen := make(map[string]bool, len(roles.Seen))
	for _, c := range roles.Seen {
		seen[c] = true
	}
	held := make(map[string]bool, len(roles.Validation))
	for _, c := range roles.Validation {
		held[c] = true
	}
	unseen := make(map[string]bool, len(roles.Unseen))
	for _, c := range roles.Unseen {
		unseen[c] = true
	}
	labels, classes := f.Labels(), f.Classes()
	shots := map[string]int{}
	found := 0
	for row, image := range f.Images() {
		r, ok := role[image]
		if !ok {
			continue
		}
		found++
		if r == features.RoleTestUnseen && transductive {
			p.Unlabelled = append(p.Unlabelled, row)
		}
		if r != features.RoleTrain && r != features.RoleValidation && r != features.RoleShot {
			continue
		}
		if l := labels[row]; l < 0 || int(l) >= len(p.names) {
			return nil, fmt.Errorf("image %q has label %d; the class table has %d classes: run attributes for this dataset again", image, l, len(p.names))
		}
		name := p.names[labels[row]]
		if name != classes[row] {
			return nil, fmt.Errorf("image %q is of class %q, but its label %d is %q in the class table: run attributes for this dataset again", image, classes[row], labels[row], name)
		}
		// Roles written by anything but the split command are not trusted with unseen classes.
		allowed := seen[name] && held[name] == (r == features.RoleValidation)
		if r == features.RoleShot {
			allowed = unseen[name]
		}
		if !allowed {
			return nil, fmt.Errorf("split %q gives image %q of class %q the role %q, which its class lists do not allow", roles.Name, image, name, r)
		}
		switch r {
		case features.RoleTrain:
			p.Train = append(p.Train, row)
		case features.RoleValidation:
			p.Validation = append(p.Validation, row)
		default:
			p.Shots = append(p.Shots, row)
			shots[name]++
			p.MostShots = max(p.MostShots, shots[name])
		}
	}
	if transductive && len(p.Unlabelled) == 0 {
		return nil, fmt.Errorf("split %q has no image of an unseen class with features: the transductive setting needs some", roles.Name)
	}
	if len(p.Train) == 0 {
		return nil, fmt.Errorf("split %q has no image to train on among the %d with features (%d of them are in the split): check that it was made for these features", roles.Name, f.Rows(), found)
	}
	return p, nil
}

// OfRoles knows a split alone, for Digests.
func OfRoles(roles *features.Split) *Builder { return &Builder{roles: roles} }

// Play makes validation classes play the unseen ones of the few-shot setting: as many images of each as an unseen class has
// shots, drawn by the seed, join the rows to train on; a class with fewer keeps one to validate by.
func (p *Builder) Play(train, validation []int, seed uint64) (withShots, rest []int) {
	labels := p.f.Labels()
	byLabel := make([][]int, len(p.names))
	for _, r := range validation {
		byLabel[labels[r]] = append(byLabel[labels[r]], r)
	}
	withShots = slices.Clone(train)
	for l, rows := range byLabel {
		if len(rows) == 0 {
			continue
		}
		order := rand.New(rand.NewPCG(seed, uint64(l))).Perm(len(rows))
		n := max(1, min(p.MostShots, len(rows)-1))
		for i, o := range order {
			if i < n {
				withShots = append(withShots, rows[o])
			} else {
				rest = append(rest, rows[o])
			}
		}
	}
	return withShots, rest
}

// Digests identify what a run is trained on (without features: of its roles and classes alone), and find features that are no numbers before they reach a model.
func (p *Builder) Digests(table *features.ClassTable) (features, classes, split string, err error) {
	h := sha256.New()
	text := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	sum := func() string {
		defer h.Reset()
		return hex.EncodeToString(h.Sum(nil))
	}
	var images []string
	var labels []int32
	if p.f != nil {
		images, labels = p.f.Images(), p.f.Labels()
	}
	image := func(r int) error {
		x := p.f.Feature(r)
		for j, v := range x {
			if v-v != 0 {
				return fmt.Errorf("the feature of image %q has the value %v at %d: extract it again (vzsl verify finds more)", images[r], v, j)
			}
		}
		text(images[r])
		h.Write(littleEndian(x))
		return nil
	}
	all := [][]int{p.Train, p.Validation}
	if len(p.Shots) > 0 {
		all = append(all, p.Shots)
	}
	for _, rows := range all {
		text(fmt.Sprint(len(rows)))
		for _, r := range rows {
			if err := image(r); err != nil {
				return "", "", "", err
			}
			text(p.names[labels[r]])
		}
	}
	for _, r := range p.Unlabelled { // their labels are not looked at
		if err := image(r); err != nil {
			return "", "", "", err
		}
	}
	features = sum()
	for i, c := range table.Classes {
		text(c)
		if i < len(table.Values) {
			h.Write(littleEndian(table.Values[i]))
		}
	}
	for _, a := range table.Attributes {
		text(a)
	}
	if table.Blocks != nil { // they are normalised each for itself
		text(fmt.Sprint("blocks ", table.BlockWidths()))
	}
	classes = sum()
	for _, list := range [][]string{p.roles.Seen, p.roles.Validation, p.roles.Unseen} {
		text(fmt.Sprint(len(list)))
		for _, c := range list {
			text(c)
		}
	}
	return features, classes, sum(), nil
}

// littleEndian is v's memory, or a swapped copy.
func littleEndian(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*len(v))
	}
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
