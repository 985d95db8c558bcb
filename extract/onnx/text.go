package onnx

import (
	"fmt"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/ops"
	"vzsl/extract/onnx/plan"
)

// Text is an open ONNX file of a network that takes texts as token ids. What [Network] says of memory holds here too.
type Text struct {
	f  *load.File
	in load.TextInput
}

// OpenText opens a network that takes texts; it may take images beside them.
func OpenText(path string) (*Text, error) {
	f, in, err := load.OpenText(path)
	if err != nil {
		return nil, err
	}
	return &Text{f, in}, nil
}

// Close unmaps the file.
func (t *Text) Close() error { return t.f.Close() }

// Path is the file's path as given to OpenText.
func (t *Text) Path() string { return t.f.Path() }

// SHA256 is that of [Network.SHA256].
func (t *Text) SHA256() string { return t.f.SHA256() }

// Outputs are those that depend on a text alone.
func (t *Text) Outputs() []string { return t.f.FromText() }

// Length is the number of tokens that every text must have, 0 where the file leaves it open.
func (t *Text) Length() int { return t.in.Length }

// Masked reports whether the network is told which tokens fill a text up.
func (t *Text) Masked() bool { return t.in.Mask != "" }

// Plan makes the plan of an output for texts of length tokens. Its input is 2 x length numbers for each text: the ids, then 1 for
// the text's own tokens and 0 for those that fill it up. dims are the output's, for one text.
func (t *Text) Plan(output string, length int) (p *plan.Plan, dims []int, err error) {
	if length < 1 || length > 1<<14 || t.in.Length > 0 && length != t.in.Length {
		return nil, nil, fmt.Errorf("%s: texts of %d tokens, but it takes %d", t.Path(), length, t.in.Length)
	}
	b, err := ops.BuildText(t.f, t.in, output, length)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.Path(), err)
	}
	dims = b.End(output)
	p = b.Plan()
	p.Simplify()
	return p, dims, nil
}
