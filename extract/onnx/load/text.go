package load

import (
	"fmt"
	"slices"
	"strings"
)

// TextInput is what a network for text wants to be fed: for each text the ids of its tokens, and what else it asks for, all of
// N x Length. Names are "" for what it does not ask for.
type TextInput struct {
	IDs       string
	Mask      string // 1 for the text's own tokens, 0 for those that fill it up
	Types     string // which of two texts a token belongs to
	Positions string // the places of the tokens, from 0 on
	Length    int    // tokens of a text; 0: any number
	MaskType  int32  // element type of the mask
}

// OpenText is Open for a network that takes texts. One that takes images beside them may be opened so too.
func OpenText(path string) (*File, TextInput, error) {
	var in TextInput
	f, err := openFor(path, func(n *File) (err error) {
		in, err = n.findText()
		return err
	})
	return f, in, err
}

// findText tells the inputs of a text apart, by their names where there are several.
func (n *File) findText() (TextInput, error) {
	var in TextInput
	var whole []valueInfo
	var said []string
	for _, v := range n.Model.inputs {
		if n.Tensors[v.Name] != nil {
			continue
		}
		said = append(said, fmt.Sprintf("%q %s %v", v.Name, TypeName(v.Type), v.Dims))
		l := strings.ToLower(v.Name)
		matrix := !v.hasShape || len(v.Dims) == 2
		switch {
		case matrix && strings.Contains(l, "mask"):
			in.Mask, in.MaskType = v.Name, v.Type
			in.measure(v)
		case !matrix || IsFloat(v.Type):
			n.OtherInputs = append(n.OtherInputs, v.Name)
		case strings.Contains(l, "type_id"), strings.Contains(l, "segment"):
			in.Types = v.Name
			in.measure(v)
		case strings.Contains(l, "position"):
			in.Positions = v.Name
			in.measure(v)
		default:
			whole = append(whole, v)
		}
	}
	if len(whole) > 1 { // the one that is called so
		whole = slices.DeleteFunc(whole, func(v valueInfo) bool {
			l := strings.ToLower(v.Name)
			return !strings.Contains(l, "input_id") && l != "text" && l != "tokens" && l != "ids"
		})
	}
	if len(whole) != 1 {
		return in, fmt.Errorf("%s is not a text encoder: exactly one of its inputs (%s) must be token ids (whole numbers, N x T); give the file of the text encoder", n.path, strings.Join(said, ", "))
	}
	in.IDs = whole[0].Name
	in.measure(whole[0])
	if d := whole[0].Dims; len(d) == 2 && d[0] > 1 {
		return in, fmt.Errorf("%s has a fixed batch of %d texts: export it for one text, or with a dynamic batch axis", n.path, d[0])
	}
	if in.Length > 1<<14 {
		return in, fmt.Errorf("%s: texts of %d tokens are out of range", n.path, in.Length)
	}
	n.Image = whole[0] // what plans begin with
	for _, o := range n.Model.Outputs {
		if n.Producer[o.Name] != nil {
			return in, nil
		}
	}
	return in, fmt.Errorf("%s is damaged: no operator computes its output", n.path)
}

func (in *TextInput) measure(v valueInfo) {
	if len(v.Dims) == 2 && v.Dims[1] > 0 {
		in.Length = v.Dims[1]
	}
}

// FromText lists the outputs that depend on no input but a text's.
func (n *File) FromText() []string {
	var names []string
	for _, o := range n.Model.Outputs {
		if n.Producer[o.Name] == nil {
			continue
		}
		if n.FromImage(o.Name) {
			names = append(names, o.Name)
		}
	}
	return names
}
