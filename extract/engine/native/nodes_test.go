package native

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
	"vzsl/extract/onnx/ops"
	"vzsl/internal/filetest"
)

// TestNodes runs the ONNX project's tests of single operators, and the like for newer ones: with every argument
// from the image, with the first alone, and on constants. Each passes or is refused by an error that names the
// operator; none is wrong. What passes is the table in docs/networks.md.
func TestNodes(t *testing.T) {
	type row struct {
		right, refused [3]int
		why            map[string]bool
	}
	rows := map[string]*row{}
	at := func(op string) *row {
		if rows[op] == nil {
			rows[op] = &row{why: map[string]bool{}}
		}
		return rows[op]
	}
	for _, n := range enginetest.Nodes(t, "../testdata") {
		for way := range 3 {
			v := &enginetest.Verdict{}
			n.Try(t, newEngine, way, v)
			r := at(n.Op)
			r.right[way] += v.Pass
			v.Refused = slices.DeleteFunc(v.Refused, func(f enginetest.Refusal) bool { // a shape, say
				return strings.Contains(f.Err.Error(), "does not depend on the image")
			})
			r.refused[way] += len(v.Refused)
			for _, w := range v.Wrong {
				t.Errorf("%s, arguments %d: %s", n.Op, way, w)
			}
			for _, f := range v.Refused {
				var u *onnx.UnsupportedError
				switch {
				case errors.As(f.Err, &u) && (strings.HasPrefix(u.Node, n.Op) || strings.Contains(u.Reason, n.Op)):
					r.why[reason(u.Reason)] = true
				case strings.Contains(f.Err.Error(), "reduction over no elements"):
				case strings.Contains(f.Err.Error(), n.Op), errors.As(f.Err, &u):
					r.why[reason(f.Err.Error())] = true
				default:
					t.Errorf("%s: refused without its operator's name: %v", f.Test, f.Err)
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString("| Operator | from the image | on constants | refused |\n|---|---|---|---|\n")
	for _, op := range slices.Sorted(maps.Keys(rows)) {
		r := rows[op]
		cell := func(right, refused int) string {
			switch {
			case right+refused == 0:
				return ""
			case right == 0:
				return "refused"
			case refused == 0:
				return fmt.Sprint(right)
			}
			return fmt.Sprintf("%d of %d", right, right+refused)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", op, cell(r.right[0]+r.right[1], r.refused[0]+r.refused[1]), cell(r.right[2], r.refused[2]), strings.Join(slices.Sorted(maps.Keys(r.why)), "; "))
	}
	for _, op := range ops.Operators() {
		name := strings.TrimPrefix(op, "com.microsoft.")
		if r := rows[name]; (r == nil || r.right[0]+r.right[1]+r.right[2] == 0) && name != "Constant" {
			t.Errorf("%s is read, and no test of it passes", op)
		}
	}
	filetest.InDocs(t, networksPage, "operators", b.String())
}

const networksPage = "../../../docs/networks.md"

// reason shortens an error to what tells the cases apart.
func reason(s string) string {
	if s == "" {
		return "on images"
	}
	for text, short := range map[string]string{
		"a constant is required":      "inputs that must be constant",
		"no reference implementation": "on constants alone",
		"quantised activations":       "quantised activations",
		"feature maps per image":      "several feature maps per image",
		"its input has shape":         "several feature maps per image",
		"secondary output":            "secondary outputs",
		"control flow":                "conditions that depend on the image",
		"casts values":                "integers that depend on the image",
		"integers, expected":          "integers that depend on the image",
		"reduction \"":                "reductions",
		"align_corners":               "align_corners with a fractional size",
	} {
		if strings.Contains(s, text) {
			return short
		}
	}
	return strings.ReplaceAll(s, "|", "\\|")
}
